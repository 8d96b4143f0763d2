"""Architectures held against each other on one's own data: cost, error, and whether a difference is one."""

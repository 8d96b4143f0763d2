"""Measurements, each with its own command; results stand in RESULTS.md with machine, date and commit."""

"""Measuring a running service: its process, the process that loads it, when frames are sent, what the times come to."""

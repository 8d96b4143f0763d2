"""A load test: readings on a schedule, whatever becomes of those before them, and what came of it."""

"""Series tables: readers, checks, the grid of time, and the bundled example data."""

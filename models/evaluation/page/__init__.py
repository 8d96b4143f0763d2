"""The page of an evaluation: one HTML file to show to a colleague, every figure of it one of the metrics."""

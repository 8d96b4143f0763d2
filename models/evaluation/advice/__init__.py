"""What to try next: rules over the figures of an evaluation, each with its reason and the command to type."""

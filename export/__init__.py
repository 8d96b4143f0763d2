"""From a trained run to a bundle that has been proved by the code that will serve it."""

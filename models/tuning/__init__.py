"""How the best settings are looked for: a declared space, trials in a study that outlives its process, and results."""

"""What `gatecast journal` does, one file for each thing that takes more than a few lines."""

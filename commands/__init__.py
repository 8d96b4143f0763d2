"""The `gatecast` command: one file a subcommand, each importing what it needs when it runs."""

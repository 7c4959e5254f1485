"""Settings: their rules and defaults, params files, the command line, --help, and the first lines."""

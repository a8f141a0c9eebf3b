"""One file for each subcommand of `hrm`: its arguments, and what it prints."""

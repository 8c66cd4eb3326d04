"""The commands on a stack: options in, output and exit code out. Each imports its work when it runs."""

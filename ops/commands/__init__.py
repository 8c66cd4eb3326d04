"""The commands on a stack, a module for each concern; `ops.cli` puts them together."""

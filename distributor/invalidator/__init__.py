"""Turns messages of the invalidation queue into one invalidation for each distribution."""

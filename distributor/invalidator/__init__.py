"""Messages of the invalidation queue in, one invalidation for each distribution out."""

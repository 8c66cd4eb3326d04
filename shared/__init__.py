"""Code of both packages: the contract of the published files, settings, AWS clients, logs, metrics and traces."""

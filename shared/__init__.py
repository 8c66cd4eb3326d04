"""What both Lambdas need: the contract of the published files, settings read at the edge, logs and metrics."""

"""The `feed` command and the embedded cloud. The Lambdas never import this package."""

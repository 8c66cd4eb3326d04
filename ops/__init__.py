"""The `feed` command. The Lambdas never import this package.

`commands` holds each command's options and output, the other modules its work; `cli` puts the commands together.
"""

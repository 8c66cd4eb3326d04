"""Logs and metrics under common names, and text from outside made safe to log."""

import os

from aws_lambda_powertools import Logger, Metrics

NAMESPACE = "AwsServicesFeed"
_LONGEST = 1100  # a whole key, which has up to 1,024 bytes


def logger_for(service: str) -> Logger:
    """A JSON logger; every line carries the service's name, and the request id once a handler has begun."""
    return Logger(service=service)


def metrics_for(service: str) -> Metrics:
    """Metrics in CloudWatch's embedded format: written as log lines, so they cost no call.

    The template gives each stack a namespace of its own.
    """
    return Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE), service=service)


def printable(text: str) -> str:
    """The text with control and undecodable characters escaped, cut to a length that a log line can bear."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escaped if len(escaped) <= _LONGEST else escaped[: _LONGEST - 1] + "…"

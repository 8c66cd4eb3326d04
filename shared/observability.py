"""Logs and metrics under common names."""

import os

from aws_lambda_powertools import Logger, Metrics

NAMESPACE = "AwsServicesFeed"


def logger_for(service: str) -> Logger:
    """A JSON logger; every line carries the service's name, and the request id once a handler has begun."""
    return Logger(service=service)


def metrics_for(service: str) -> Metrics:
    """Metrics in CloudWatch's embedded format: written as log lines, so they cost no call.

    The template gives each stack a namespace of its own.
    """
    return Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE), service=service)

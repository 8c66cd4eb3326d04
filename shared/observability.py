"""Loggers and metrics with common names."""

import logging
import os

from aws_lambda_powertools import Logger, Metrics

NAMESPACE = "AwsServicesFeed"


def logger_for(service: str) -> Logger:
    """A JSON logger; every line has the service's name and, inside a handler, the request id."""
    logger = Logger(service=service)
    # Powertools gives its logger the level of Lambda's filter, which stays at INFO for the metrics' sake.
    logging.getLogger(service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    return logger


def metrics_for(service: str) -> Metrics:
    """Metrics in CloudWatch's embedded format: written as log lines, so they need no request.

    The template gives each stack its own namespace.
    """
    return Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE), service=service)

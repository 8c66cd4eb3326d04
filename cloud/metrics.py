"""Log lines and what a service knows of itself in, what CloudWatch gets of them out. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Dimensions = frozenset[tuple[str, str]]

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass(frozen=True, slots=True)
class MetricName:
    """What tells one metric from another."""

    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One value of one metric at one time."""

    metric: MetricName
    time: datetime
    value: float


def delivered(log: str, lowest: str) -> str:
    """The lines that Lambda's filter lets through to CloudWatch Logs. JSON without a valid level counts as INFO.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    lines = log.splitlines(keepends=True)
    return "".join(line for line in lines if LEVELS.index(_level(line)) >= LEVELS.index(lowest))


def _level(line: str) -> str:
    if not line.startswith("{"):
        return LEVELS[-1]  # the emulator's own lines, which another setting filters
    level = str(json.loads(line).get("level", "")).upper()
    return level if level in LEVELS else "INFO"


def from_log(log: str) -> Iterator[Datapoint]:
    """The data points that CloudWatch Logs extracts: those of the lines in the embedded metric format.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for line in log.splitlines():
        if line.startswith("{") and '"_aws"' in line:
            yield from _from_line(json.loads(line))


def from_lambda(function: str, values: Mapping[str, float], time: datetime) -> Iterator[Datapoint]:
    """What Lambda itself measures of a function.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    for name, value in values.items():
        yield Datapoint(MetricName("AWS/Lambda", name, frozenset({("FunctionName", function)})), time, value)


def from_queue(queue: str, values: Mapping[str, float], time: datetime) -> Iterator[Datapoint]:
    """What SQS itself measures of a queue.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    for name, value in values.items():
        yield Datapoint(MetricName("AWS/SQS", name, frozenset({("QueueName", queue)})), time, value)


def _from_line(line: dict[str, Any]) -> Iterator[Datapoint]:
    time = datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(line[name])) for name in names)
            for described in directive["Metrics"]:
                name, values = described["Name"], line[described["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield Datapoint(MetricName(directive["Namespace"], name, dimensions), time, float(value))

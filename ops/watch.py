"""A stack in, what CloudWatch says of it out: its alarms, and how long the oldest message of a queue has waited."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.checks.check import Check
from ops.observation import Unavailable, attempt, queue_urls
from ops.stack import DeployedStack

LOOK_BACK = timedelta(minutes=15)  # SQS reports every five minutes, of queues that were used in the last six hours


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the stack; `state` is OK, ALARM or INSUFFICIENT_DATA, `reason` CloudWatch's own."""

    name: str
    state: str
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class Watch:
    """The alarms, and the seconds that each queue's oldest message has waited, where CloudWatch knows."""

    alarms: list[Alarm] | Unavailable
    oldest_seconds: dict[str, float]


def watch(stack: DeployedStack) -> Watch:
    """Ask CloudWatch; what it does not show to this person is no error."""
    cloudwatch = stack.client("cloudwatch")
    oldest = attempt(_oldest, cloudwatch, queue_urls(stack))
    return Watch(attempt(_alarms, cloudwatch, stack), {} if isinstance(oldest, Unavailable) else oldest)


def check_alarms(alarms: list[Alarm] | Unavailable) -> Iterator[Check]:
    """A check for each alarm; one that has too little data to say anything does not count."""
    if isinstance(alarms, Unavailable):
        advice = "ask for the right cloudwatch:DescribeAlarms"
        yield Check("Alarms", "the alarms can be read", holds=False, found=alarms.reason, advice=advice)
        return
    for alarm in alarms:
        advice = alarm.description or "feed logs has the queries that show why"
        yield Check("Alarms", f"{alarm.name} is quiet", alarm.state != "ALARM", alarm.reason, advice)


def _alarms(cloudwatch: Any, stack: DeployedStack) -> list[Alarm]:  # noqa: ANN401 - one type for each service
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}-")
    found = [one for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for one in page.get(kind, [])]
    return [
        Alarm(one["AlarmName"], one["StateValue"], one.get("StateReason", ""), one.get("AlarmDescription", ""))
        for one in found
        if not _of_another_stack(one, stack)
    ]


def _of_another_stack(alarm: dict[str, Any], stack: DeployedStack) -> bool:
    """Whether it only begins like ours: aws-services-feed-staging-… is no alarm of aws-services-feed.

    Ours watch this stack's namespace, or have one of its functions, queues or buckets as a dimension. A composite alarm
    has no metric; its name has to do.
    """
    metrics = [alarm, *(one.get("MetricStat", {}).get("Metric", {}) for one in alarm.get("Metrics", []))]
    namespaces = {one["Namespace"] for one in metrics if "Namespace" in one}
    values = {dimension["Value"] for one in metrics for dimension in one.get("Dimensions", [])}
    ours = {value.rpartition("/")[2] for value in stack.outputs.values()}  # a queue's URL ends with its name
    return bool(namespaces) and f"AwsServicesFeed/{stack.name}" not in namespaces and values.isdisjoint(ours)


def _oldest(cloudwatch: Any, queues: dict[str, str]) -> dict[str, float]:  # noqa: ANN401
    now = datetime.now(UTC)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=list(_queries(queues.values())), StartTime=now - LOOK_BACK, EndTime=now
    )
    values = {one["Id"]: one["Values"] for one in answer["MetricDataResults"]}
    return {name: max(values[f"q{index}"]) for index, name in enumerate(queues) if values.get(f"q{index}")}


def _queries(urls: Iterable[str]) -> Iterator[dict[str, Any]]:
    for index, url in enumerate(urls):
        metric = {
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": [{"Name": "QueueName", "Value": url.rpartition("/")[2]}],
        }
        yield {"Id": f"q{index}", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}

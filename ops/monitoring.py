"""Reads a stack's alarms, and the age of the oldest message in each queue, from CloudWatch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.observation import Unavailable, or_unavailable, queue_urls
from ops.stack import DeployedStack

# SQS reports every five minutes, of queues that were used in the last six hours; the invalidator at each of its tries,
# which are 15 minutes apart at most.
LOOK_BACK = timedelta(minutes=20)
PUT_OFF = "again"


@dataclass(frozen=True, slots=True)
class AlarmState:
    """An alarm of the stack; `state` is OK, ALARM or INSUFFICIENT_DATA `since` then, `reason` CloudWatch's own."""

    name: str
    state: str
    since: datetime
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class Listeners:
    """How many subscriptions the alarms' topic has, and how many more nobody has confirmed yet."""

    confirmed: int
    pending: int


def observe_alarms(stack: DeployedStack) -> list[AlarmState] | Unavailable:
    """Every alarm of the stack that watches a metric. Those that only join others for one mail are left out."""
    return or_unavailable(_alarms, stack.client("cloudwatch"), stack)


def observe_listeners(stack: DeployedStack) -> Listeners | Unavailable:
    """Who hears of the alarms."""
    return or_unavailable(_listeners, stack.client("sns"), stack.output("AlarmTopicArn"))


def observe_oldest_messages(stack: DeployedStack) -> dict[str, float]:
    """The seconds that each queue's oldest message has waited; a queue is left out if CloudWatch has no value."""
    ages = or_unavailable(_oldest_messages, stack.client("cloudwatch"), stack.name, queue_urls(stack))
    return {} if isinstance(ages, Unavailable) else ages


def _listeners(sns: Any, topic: str) -> Listeners:  # noqa: ANN401 - one type for each service
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    arns = [subscription["SubscriptionArn"] for page in pages for subscription in page["Subscriptions"]]
    confirmed = sum(arn.startswith("arn:") for arn in arns)  # others are PendingConfirmation, or Deleted for some days
    return Listeners(confirmed, arns.count("PendingConfirmation"))


def _alarms(cloudwatch: Any, stack: DeployedStack) -> list[AlarmState]:  # noqa: ANN401
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}-")
    return [
        AlarmState(
            name=alarm["AlarmName"],
            state=alarm["StateValue"],
            since=alarm.get("StateTransitionedTimestamp", alarm["StateUpdatedTimestamp"]),
            reason=alarm.get("StateReason", ""),
            description=alarm.get("AlarmDescription", ""),
        )
        for page in pages
        for alarm in page["MetricAlarms"]
        if not _of_another_stack(alarm, stack)
    ]


def _of_another_stack(alarm: dict[str, Any], stack: DeployedStack) -> bool:
    """Whether only its name begins like ours: aws-services-feed-staging-… is no alarm of aws-services-feed.

    Our alarms watch this stack's namespace, or have one of its functions, queues or buckets as a dimension.
    """
    metrics = [alarm, *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", []))]
    namespaces = {metric["Namespace"] for metric in metrics if "Namespace" in metric}
    values = {dimension["Value"] for metric in metrics for dimension in metric.get("Dimensions", [])}
    ours = {value.rpartition("/")[2] for value in stack.outputs.values()}  # a queue's URL ends with its name
    return bool(namespaces) and f"AwsServicesFeed/{stack.name}" not in namespaces and values.isdisjoint(ours)


def _oldest_messages(cloudwatch: Any, stack: str, queues: dict[str, str]) -> dict[str, float]:  # noqa: ANN401
    now = datetime.now(UTC)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=list(_queries(stack, queues.values())), StartTime=now - LOOK_BACK, EndTime=now
    )
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    ages = {name: values.get(f"q{index}", []) for index, name in enumerate(queues)}
    if "Invalidations" in ages:
        ages["Invalidations"] += values.get(PUT_OFF, [])
    return {name: max(measured) for name, measured in ages.items() if measured}


def _queries(stack: str, urls: Iterable[str]) -> Iterator[dict[str, Any]]:
    for index, url in enumerate(urls):
        yield _query(
            f"q{index}", "AWS/SQS", "ApproximateAgeOfOldestMessage", Name="QueueName", Value=url.rpartition("/")[2]
        )
    # SQS does not count messages that were received three times or more: those that the invalidator puts off.
    yield _query(PUT_OFF, f"AwsServicesFeed/{stack}", "InvalidationWait", Name="service", Value="invalidator")


def _query(id_: str, namespace: str, name: str, **dimension: str) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": [dimension]}
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}

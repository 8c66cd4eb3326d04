"""CloudWatch's part of the embedded cloud: metrics of what happened, alarms over them, messages to their topics.

moto keeps metrics, alarms and their states, but never evaluates an alarm and asks no topic's policy; that is done here.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.cloudwatch.models import MetricDatum, cloudwatch_backends
from moto.sqs.models import sqs_backends

from cloud.alarms import ALARM, OK, Alarm, UnknownAlarmError, evaluate, read_alarm, read_rule
from cloud.metrics import Datapoint, MetricName, from_lambda, from_log, from_queue
from cloud.template import ACCOUNT, REGION, Resource, Stack

SERVICE = "cloudwatch.amazonaws.com"
REGION_NAME = "US East (N. Virginia)"
POISONED = 3  # SQS leaves a message that was received so often out of the age of the oldest one
MOST_DATA = 25  # in one PutMetricData call: boto3 compresses those over 10 kB, whose signature moto then refuses
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions"}

Client = Callable[[str], Any]


class CloudWatch:
    """The alarms of a stack, over whatever is recorded and whatever others put into moto's CloudWatch."""

    def __init__(self, stack: Stack, client: Client) -> None:
        """UnknownAlarmError if an alarm uses what is not known; `client` has an operator's rights."""
        self._client = cache(client)
        self._queues = [queue.name for queue in stack.of_type("AWS::SQS::Queue")]
        self._alarms: dict[str, tuple[Resource, Alarm]] = {
            resource.logical_id: (resource, read_alarm(resource.properties))
            for resource in stack.of_type("AWS::CloudWatch::Alarm")
        }
        arns = {resource.name: resource.arn for resource, _ in self._alarms.values()}
        self._composites = [
            (resource, _children(resource, arns)) for resource in stack.of_type("AWS::CloudWatch::CompositeAlarm")
        ]
        self._pending: list[Datapoint] = []
        self._lock = threading.Lock()

    def record(self, function: str, measured: Mapping[str, float], log: str, time: datetime) -> None:
        """Keep what Lambda measured of a function at a time, and the metrics in its log."""
        points = [*from_lambda(function, measured, time), *from_log(log)]
        with self._lock:
            self._pending += points

    @property
    def has_news(self) -> bool:
        """Whether a function has run since the alarms were last evaluated."""
        with self._lock:
            return bool(self._pending)

    def datapoints(self) -> list[Datapoint]:
        """Everything that was ever measured, from whomever."""
        self._flush()
        return [
            Datapoint(
                MetricName(datum.namespace, datum.name, _dimensions(datum)),
                datum.timestamp.astimezone(UTC),
                datum.value,
            )
            for datum in cloudwatch_backends[ACCOUNT][REGION].metric_data
            if isinstance(datum, MetricDatum)
        ]

    def evaluate(self, now: datetime) -> dict[str, str]:
        """Every metric alarm's state at this time, by its logical id; a change is published to its topic.

        A composite alarm then follows from the states of its children. It has one of its own, which is published too.
        """
        self._measure_queues(now)
        points, states = self.datapoints(), self._states()
        after = {
            id_: evaluate(alarm, points, now, states[resource.name]) for id_, (resource, alarm) in self._alarms.items()
        }
        for id_, state in after.items():
            resource, _ = self._alarms[id_]
            if state != states[resource.name]:
                self._change(resource, states[resource.name], state, now)
        on = {self._alarms[id_][0].name for id_, state in after.items() if state == ALARM}
        for resource, children in self._composites:
            raising = [arn for name, arn in children.items() if name in on]
            state = ALARM if raising else OK
            if state != states[resource.name]:
                self._change(resource, states[resource.name], state, now, raising)
        return after

    def _flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, []
        by_namespace: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for point in pending:
            dimensions = [{"Name": name, "Value": value} for name, value in sorted(point.metric.dimensions)]
            datum = {"MetricName": point.metric.name, "Dimensions": dimensions}
            by_namespace[point.metric.namespace].append(datum | {"Timestamp": point.time, "Value": point.value})
        for namespace, data in by_namespace.items():
            for start in range(0, len(data), MOST_DATA):
                batch = data[start : start + MOST_DATA]
                self._client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=batch)

    def _measure_queues(self, now: datetime) -> None:
        # Straight from moto: receiving a message would count as a try, and no attribute gives the oldest one's age.
        for name in self._queues:
            queue = sqs_backends[ACCOUNT][REGION].queues[name]
            sent = [
                int(message.sent_timestamp or 0) / 1000
                for message in queue._messages  # noqa: SLF001
                if message.approximate_receive_count < POISONED
            ]
            values = {
                "ApproximateNumberOfMessagesVisible": len(queue.messages),
                "ApproximateAgeOfOldestMessage": max(0, now.timestamp() - min(sent)) if sent else 0,
            }
            with self._lock:
                self._pending += from_queue(name, values, now)

    def _states(self) -> dict[str, str]:
        pages = self._client("cloudwatch").get_paginator("describe_alarms").paginate()
        kinds = ("MetricAlarms", "CompositeAlarms")
        alarms = (alarm for page in pages for kind in kinds for alarm in page[kind])
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    def _change(self, alarm: Resource, before: str, after: str, now: datetime, raising: Iterable[str] = ()) -> None:
        reason = f"evaluated by the embedded cloud at {now.isoformat()}"
        self._client("cloudwatch").set_alarm_state(AlarmName=alarm.name, StateValue=after, StateReason=reason)
        message = {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.properties.get("AlarmDescription"),
            "AWSAccountId": ACCOUNT,
            "NewStateValue": after,
            "NewStateReason": reason,
            "StateChangeTime": now.isoformat(),
            "Region": REGION_NAME,
            "AlarmArn": alarm.arn,
            "OldStateValue": before,
        }
        if alarm.type == "AWS::CloudWatch::CompositeAlarm":
            message["TriggeringChildren"] = [{"Arn": arn, "State": {"Value": ALARM}} for arn in raising]
        for topic in alarm.properties.get(ACTIONS[after], []):
            self._publish(topic, f'{after}: "{alarm.name}" in {REGION_NAME}', message)

    def _publish(self, topic: str, subject: str, message: Mapping[str, Any]) -> None:
        """As CloudWatch does: if the topic does not let it, the alarm changes its state and nobody hears of it."""
        sns = self._client("sns")
        attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        if may_publish(topic, attributes):
            sns.publish(TopicArn=topic, Subject=subject, Message=json.dumps(message))


def _children(composite: Resource, arns: Mapping[str, str]) -> dict[str, str]:
    """The ARNs of the alarms that its rule names, by their names; UnknownAlarmError if the stack lacks one."""
    names = read_rule(composite.properties["AlarmRule"])
    if missing := set(names) - arns.keys():
        msg = f"{composite.logical_id} watches alarms that the stack does not have: {sorted(missing)}"
        raise UnknownAlarmError(msg)
    return {name: arns[name] for name in names}


def may_publish(topic: str, attributes: Mapping[str, str]) -> bool:
    """Whether a topic's own policy lets this account's alarms publish, and its key lets them encrypt.

    A new topic's policy, which knows the account by AWS:SourceOwner, does not count: the template states its own.
    """
    if "alias/aws/sns" in attributes.get("KmsMasterKeyId", ""):
        return False
    statements = json.loads(attributes.get("Policy", "{}")).get("Statement", [])
    return any(_lets_publish(topic, statement) for statement in statements)


def _lets_publish(topic: str, statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    return (
        statement["Effect"] == "Allow"
        and isinstance(principal, dict)
        and SERVICE in _listed(principal.get("Service", []))
        and "sns:Publish" in _listed(statement["Action"])
        and topic in _listed(statement["Resource"])
        and statement.get("Condition") == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    )


def _listed(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _dimensions(datum: MetricDatum) -> frozenset[tuple[str, str]]:
    return frozenset((str(dimension.name), str(dimension.value)) for dimension in datum.dimensions)

"""Outcomes in, a message for each published key on the invalidation queue out; what it did not take is handed back."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from distributor.outcomes import Copied, NotQueued, Outcome
from distributor.settings import Location
from shared.text import utc_stamp

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

TEN = 10  # the most that one request to SQS takes


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent; the reason, if there is one, goes into an attribute, so that the body stays as it is."""

    body: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InvalidationQueue:
    """Asks for an invalidation of every key that is published on the website."""

    client: "SQSClient"
    url: str
    website: Location

    def send(self, outcomes: Iterable[Outcome]) -> list[NotQueued]:
        """Send a message for each key that was copied to the website. Never raises: what was not taken is returned."""
        published = {
            one.task.destination_key: one
            for one in outcomes
            if isinstance(one, Copied) and one.task.destination == self.website
        }
        now = utc_stamp(datetime.now(UTC))
        reasons = send(self.client, self.url, [Message(_body(one, now)) for one in published.values()])
        return [
            NotQueued(copied.task.source_key, reason)
            for copied, reason in zip(published.values(), reasons, strict=True)
            if reason
        ]


@dataclass(frozen=True, slots=True)
class NoInvalidations:
    """In place of the queue where invalidations are off."""

    def send(self, _outcomes: Iterable[Outcome]) -> list[NotQueued]:
        """Ask for nothing."""
        return []


Invalidations: TypeAlias = InvalidationQueue | NoInvalidations


def _body(copied: Copied, now: str) -> str:
    message = {
        "key": copied.task.destination_key,
        "etag": copied.etag.strip('"'),
        "correlation_id": copied.correlation_id,
        "time": now,
    }
    return json.dumps(message)


def send(client: "SQSClient", url: str, messages: Sequence[Message]) -> list[str]:
    """Send in tens; for each message why the queue did not take it, empty if it did. Never raises.

    After a request that failed as a whole no further one is made: each would take as long to fail.
    """
    reasons: list[str] = []
    try:
        for start in range(0, len(messages), TEN):
            reasons += _send(client, url, messages[start : start + TEN])
    except (ClientError, BotoCoreError) as error:
        reasons += [f"{type(error).__name__}: {error}"] * (len(messages) - len(reasons))
    return reasons


def _send(client: "SQSClient", url: str, messages: Sequence[Message]) -> list[str]:
    answer = client.send_message_batch(
        QueueUrl=url, Entries=[_entry(str(number), message) for number, message in enumerate(messages)]
    )
    taken = {one["Id"] for one in answer.get("Successful", [])}
    refused = {one["Id"]: f"{one['Code']}: {one.get('Message', '')}" for one in answer.get("Failed", [])}
    return [
        "" if number in taken else refused.get(number, "SQS did not say that it took the message")
        for number in map(str, range(len(messages)))
    ]


def _entry(number: str, message: Message) -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": number, "MessageBody": message.body}
    if message.reason:
        entry["MessageAttributes"] = {"reason": {"DataType": "String", "StringValue": message.reason}}
    return entry


def connect(url: str, website: Location) -> Invalidations:
    """The queue; with an empty URL the absence of one. Gives up within some ten seconds."""
    if not url:
        return NoInvalidations()
    config = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=3)
    return InvalidationQueue(boto3.client("sqs", config=config), url, website)

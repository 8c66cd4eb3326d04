"""Outcomes in, messages on the invalidation queue and the failure queue out. The distributor calls SQS only here."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from distributor.outcomes import Cause, Copied, NotQueued, Outcome, Rejected, describe
from distributor.settings import Location
from shared.text import utc_stamp

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MESSAGES_PER_REQUEST = 10  # the most that SQS takes
KEYS_PER_MESSAGE = 25  # each up to 1,024 bytes, six times that in JSON; 256 KB are safe in a message


class InvalidationsNotQueuedError(Exception):
    """Keys were published, and no queue keeps that they are to be invalidated. Only publishing them again helps."""


@dataclass(frozen=True, slots=True)
class InvalidationQueue:
    """Takes a message for every key that is published on the website."""

    client: "SQSClient"
    url: str
    website: Location

    def send(self, outcomes: Iterable[Outcome]) -> list[NotQueued]:
        """Send a message for each key that was copied to the website. Never raises: what was not taken is returned."""
        copies = {
            outcome.task.destination_key: outcome
            for outcome in outcomes
            if isinstance(outcome, Copied) and outcome.task.destination == self.website
        }
        now = utc_stamp(datetime.now(UTC))
        messages = [OutgoingMessage(_body(copied, now)) for copied in copies.values()]
        reasons = send_messages(self.client, self.url, messages)
        return [
            NotQueued(copied.key, reason) for copied, reason in zip(copies.values(), reasons, strict=True) if reason
        ]


@dataclass(frozen=True, slots=True)
class NoInvalidations:
    """In place of the queue where invalidations are off."""

    def send(self, _outcomes: Iterable[Outcome]) -> list[NotQueued]:
        """Send nothing."""
        return []


Invalidations: TypeAlias = InvalidationQueue | NoInvalidations


@dataclass(frozen=True, slots=True)
class FailureQueue:
    """Keeps what needs a person, with the reason. An empty URL: rejections are only logged and counted."""

    client: "SQSClient"
    url: str

    def keep_rejections(self, outcomes: Iterable[Outcome]) -> None:
        """Send one message for each rejection. botocore's error if the queue does not take it; then retry the event."""
        if not self.url:
            return
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                # With the keys as they are, so that the message is itself an event that can be tried again.
                message = {**describe(outcome), "keys": [outcome.key] if outcome.cause is Cause.OBJECT else []}
                self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(message))

    def keep_not_queued(self, not_queued: Sequence[NotQueued]) -> None:
        """Keep the keys for which the invalidation queue took no message; publishing them again sends it again.

        Cheaper than Lambda's retry, which would make every copy of the event anew and fail alike where a right is
        missing. Where this queue can't keep them either, the retry is what is left: InvalidationsNotQueuedError
        without a queue, botocore's error if it does not take the message.
        """
        if not_queued and not self.url:
            msg = f"{len(not_queued)} published object(s) not invalidated, and there is no failure queue to keep them"
            raise InvalidationsNotQueuedError(msg)
        for start in range(0, len(not_queued), KEYS_PER_MESSAGE):
            part = not_queued[start : start + KEYS_PER_MESSAGE]
            message = {"outcome": "not invalidated", "reason": part[0].reason, "keys": [entry.key for entry in part]}
            self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(message))


def _body(copied: Copied, now: str) -> str:
    message = {
        "key": copied.task.destination_key,
        "etag": copied.etag.strip('"'),
        "correlation_id": copied.correlation_id,
        "time": now,
    }
    return json.dumps(message)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send; the reason, if there is one, goes into an attribute, so that the body stays as it is."""

    body: str
    reason: str = ""


def send_messages(client: "SQSClient", url: str, messages: Sequence[OutgoingMessage]) -> list[str]:
    """Send in tens; for each message why the queue did not take it, empty if it did. Never raises.

    After a request that failed as a whole no further one is made: each would take as long to fail.
    """
    reasons: list[str] = []
    try:
        for start in range(0, len(messages), MESSAGES_PER_REQUEST):
            reasons += _send_batch(client, url, messages[start : start + MESSAGES_PER_REQUEST])
    except (ClientError, BotoCoreError) as error:
        reasons += [f"{type(error).__name__}: {error}"] * (len(messages) - len(reasons))
    return reasons


def _send_batch(client: "SQSClient", url: str, messages: Sequence[OutgoingMessage]) -> list[str]:
    numbers = [str(number) for number in range(len(messages))]
    answer = client.send_message_batch(QueueUrl=url, Entries=list(map(_entry, numbers, messages)))
    taken = {entry["Id"] for entry in answer.get("Successful", [])}
    refused = {entry["Id"]: f"{entry['Code']}: {entry.get('Message', '')}" for entry in answer.get("Failed", [])}
    return [
        "" if number in taken else refused.get(number, "SQS did not say that it took the message") for number in numbers
    ]


def _entry(number: str, message: OutgoingMessage) -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": number, "MessageBody": message.body}
    if message.reason:
        entry["MessageAttributes"] = {"reason": {"DataType": "String", "StringValue": message.reason}}
    return entry

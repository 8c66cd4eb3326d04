"""Outcomes in, messages on the invalidation queue and the failure queue out. The distributor calls SQS only here."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from distributor.outcomes import Cause, NotSent, Omission, Outcome, Rejected, describe
from shared.text import utc_stamp

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MESSAGES_PER_REQUEST = 10  # the most that SQS takes
KEYS_PER_MESSAGE = 25  # a key has up to 1,024 bytes, in JSON six times that; a message of 256 KB is safe


class NotSentError(Exception):
    """What should follow published keys was not sent, and is recorded nowhere. Publishing them again is the remedy."""


@dataclass(frozen=True, slots=True)
class InvalidationQueue:
    """Gets a message for every key that was written, or may have been, in the website's bucket.

    The distributions show the whole bucket, so that a replica in it, below another prefix, is invalidated too.
    """

    client: "SQSClient"
    url: str
    bucket: str

    def send(self, outcomes: Iterable[Outcome]) -> list[NotSent]:
        """Send a message for each key of the bucket that a copy has written, also if the outcome is another.

        An earlier pass, or a request without an answer, may have written it. Never raises; returns what was not queued.
        """
        written = {
            outcome.landed.destination_key: outcome
            for outcome in outcomes
            if outcome.landed and outcome.landed.destination.bucket == self.bucket
        }
        now = utc_stamp(datetime.now(UTC))
        messages = [
            OutgoingMessage(json.dumps({"key": key, "correlation_id": outcome.correlation_id, "time": now}))
            for key, outcome in written.items()
        ]
        reasons = send_messages(self.client, self.url, messages)
        return [
            NotSent(outcome.key, Omission.NOT_INVALIDATED, reason)
            for outcome, reason in zip(written.values(), reasons, strict=True)
            if reason
        ]


@dataclass(frozen=True, slots=True)
class NoInvalidations:
    """Replaces the queue if invalidations are switched off."""

    def send(self, _outcomes: Iterable[Outcome]) -> list[NotSent]:
        """Send nothing."""
        return []


Invalidations: TypeAlias = InvalidationQueue | NoInvalidations


@dataclass(frozen=True, slots=True)
class FailureQueue:
    """Keeps what an operator must handle, with the reason. Without a URL, rejections are only logged and counted."""

    client: "SQSClient"
    url: str

    def keep_rejections(self, outcomes: Iterable[Outcome]) -> None:
        """Send a message for each key and reason. botocore's error if the queue takes none; then retry the event."""
        if not self.url:
            return
        # Each destination has rejected the same object.
        distinct = {(outcome.key, outcome.reason): outcome for outcome in outcomes if isinstance(outcome, Rejected)}
        for outcome in distinct.values():
            # `keys` is not escaped, so the message itself is an event that can be tried again.
            message = {**describe(outcome), "keys": [outcome.key] if outcome.cause is Cause.OBJECT else []}
            self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(message))

    def keep_not_sent(self, not_sent: Sequence[NotSent]) -> None:
        """Keep the keys whose invalidation or event was not sent; publishing them again sends it again.

        This is cheaper than Lambda's retry, which would repeat all copies of the event, and fail again if a permission
        is missing. Only if this queue can't keep them either, an error causes the retry: NotSentError without a queue,
        botocore's error if the queue does not take the message.
        """
        if not_sent and not self.url:
            msg = f"{not_sent[0].omission}: {len(not_sent)} key(s), and there is no failure queue to keep them"
            raise NotSentError(msg)
        for omission in Omission:
            entries = [entry for entry in not_sent if entry.omission is omission]
            for start in range(0, len(entries), KEYS_PER_MESSAGE):
                part = entries[start : start + KEYS_PER_MESSAGE]
                message = {"outcome": omission, "reason": part[0].reason, "keys": [entry.key for entry in part]}
                self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(message))


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send; the reason, if there is one, is sent as an attribute, so the body does not change."""

    body: str
    reason: str = ""


def send_messages(client: "SQSClient", url: str, messages: Sequence[OutgoingMessage]) -> list[str]:
    """Send in batches of ten; returns for each message why it was not queued, empty if it was. Never raises.

    After a request that failed as a whole, no more are sent: each would take as long to fail.
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

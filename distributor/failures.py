"""What needs a person in, messages on the failure queue out, where it is found with the reason."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from distributor.outcomes import Cause, NotQueued, Outcome, Rejected
from distributor.report import describe

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

KEYS_OF_A_MESSAGE = 25  # each up to 1,024 bytes, six times that in JSON; 256 KB are safe in a message


class InvalidationsNotQueuedError(Exception):
    """Keys were published, and no queue keeps that they are to be invalidated. Only publishing them again helps."""


@dataclass(frozen=True, slots=True)
class FailureQueue:
    """Keeps what was rejected. An empty URL: rejections are only logged and counted."""

    client: "SQSClient"
    url: str

    def keep(self, outcomes: Iterable[Outcome]) -> None:
        """Send one message for each rejection. botocore's error if the queue does not take it; then retry the event."""
        if not self.url:
            return
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                # With the keys as they are, so that the message is itself an event that can be tried again.
                message = {**describe(outcome), "keys": [outcome.key] if outcome.cause is Cause.OBJECT else []}
                self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(message))

    def keep_not_queued(self, not_queued: Sequence[NotQueued]) -> None:
        """Keep the keys whose invalidation could not be asked for; publishing them again asks for it again.

        Cheaper than Lambda's retry, which would make every copy of the event anew and fail alike where a right is
        missing. Where this queue can't keep them either, the retry is what is left: InvalidationsNotQueuedError
        without a queue, botocore's error if it does not take the message.
        """
        if not_queued and not self.url:
            msg = f"{len(not_queued)} published object(s) not invalidated, and there is no failure queue to keep them"
            raise InvalidationsNotQueuedError(msg)
        for start in range(0, len(not_queued), KEYS_OF_A_MESSAGE):
            some = not_queued[start : start + KEYS_OF_A_MESSAGE]
            message = {"outcome": "not invalidated", "reason": some[0].reason, "keys": [one.key for one in some]}
            self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(message))


def connect(url: str) -> FailureQueue:
    """The queue through a client with the SDK's standard retries."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=8)
    return FailureQueue(boto3.client("sqs", config=config), url)

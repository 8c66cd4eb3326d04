"""Rejected records in, messages on the failure queue out, where a person finds them with the reason."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from distributor.outcomes import Cause, Outcome, Rejected
from distributor.report import describe

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


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


def connect(url: str) -> FailureQueue:
    """The queue through a client with the SDK's standard retries."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=8)
    return FailureQueue(boto3.client("sqs", config=config), url)

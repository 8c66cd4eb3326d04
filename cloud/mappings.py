"""An SQS queue in, a function run: the event source mappings of the embedded cloud.

Like Lambda's, a mapping collects what comes within a window, invokes the function with the function's own rights on the
queue, deletes what was done and leaves the rest to come again. Times are scaled down: nobody waits 20 seconds here.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cloud.lambdas import PausedError
from cloud.runtimes import Answer
from cloud.work import Work

SCALE = 0.01  # of the window, and of the time after which a message that failed comes again
LARGEST_EVENT = 6_000_000  # bytes; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_RECEIVED_AT_ONCE = 10
_IDLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class MappingConfiguration:
    """What a mapping needs to know; `window` and `visibility` in seconds of AWS."""

    queue_arn: str
    queue_url: str
    function: str
    batch_size: int
    window: float
    visibility: float
    reports_failures: bool


@dataclass
class Mapping:
    """One poller, from `start` to `close`. `waiting` says, without a request, how many messages could be received."""

    configuration: MappingConfiguration
    sqs: Any
    invoke: Callable[[str, str], Answer]
    waiting: Callable[[], int]
    work: Work
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Poll from now on. botocore's error at once if the function's role may not receive, as AWS refuses then."""
        self.sqs.get_queue_attributes(QueueUrl=self.configuration.queue_url, AttributeNames=["QueueArn"])
        self._receive(1, visibility=0)
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the batch under way."""
        self._stopped.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stopped.wait(_IDLE_SECONDS):
            if self.waiting():
                self.work.begin("batches")
                try:
                    self._handle(self._collect())
                except Exception as error:  # noqa: BLE001 - raised by whoever waits
                    self.work.end("batches", error)
                    return
                self.work.end("batches")

    def _collect(self) -> list[dict[str, Any]]:
        """What comes within the window, up to the batch's size and that of an event."""
        batch: list[dict[str, Any]] = []
        size, ends = 0, time.monotonic() + self.configuration.window * SCALE
        while len(batch) < self.configuration.batch_size and size < LARGEST_EVENT and not self._stopped.is_set():
            most = min(_RECEIVED_AT_ONCE, self.configuration.batch_size - len(batch))
            received = self._receive(most) if self.waiting() else []
            batch += received
            size += len(json.dumps(received))
            if not received:
                if time.monotonic() > ends:
                    break
                time.sleep(_IDLE_SECONDS)
        return batch

    def _receive(self, most: int, visibility: float | None = None) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = self.sqs.receive_message(
            QueueUrl=self.configuration.queue_url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=round(self.configuration.visibility if visibility is None else visibility),
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        return received

    def _handle(self, batch: list[dict[str, Any]]) -> None:
        if not batch:
            return
        event = json.dumps({"Records": [self._record(message) for message in batch]})
        try:
            answer = self.invoke(self.configuration.function, event)
        except PausedError:
            answer = Answer("null", is_error=True, log="")
        again = self._again(answer, {message["MessageId"] for message in batch})
        for message in batch:
            handle = {"QueueUrl": self.configuration.queue_url, "ReceiptHandle": message["ReceiptHandle"]}
            if message["MessageId"] not in again:
                self.sqs.delete_message(**handle)
            elif answer.is_error:
                # The visibility time-out runs out; here a hundred times as fast, now that the function has ended.
                self.sqs.change_message_visibility(
                    **handle, VisibilityTimeout=round(self.configuration.visibility * SCALE)
                )

    def _again(self, answer: Answer, ids: set[str]) -> set[str]:
        """The ids of what must come again: all of them after an error, or if an unknown one is named.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        """
        if answer.is_error:
            return ids
        if not self.configuration.reports_failures or not answer.content:
            return set()
        named = {failure.get("itemIdentifier") for failure in answer.content.get("batchItemFailures") or []}
        return ids if named - ids else named

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.configuration.queue_arn,
            "awsRegion": self.configuration.queue_arn.split(":")[3],
        }

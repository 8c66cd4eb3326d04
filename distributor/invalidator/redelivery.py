"""Delays unfinished messages in the invalidation queue, or moves them to its dead-letter queue with the reason.

Lambda deletes finished messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from distributor.invalidator.messages import Delivery, Refusal, delay
from distributor.queues import MESSAGES_PER_REQUEST, OutgoingMessage, send_messages

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Redelivery:
    """The invalidation queue and its dead-letter queue."""

    client: "SQSClient"
    url: str
    failures_url: str

    def put_off(self, deliveries: Sequence[Delivery], jitter: float) -> int:
        """Delay each message, for longer the more often it was received; returns how many could be delayed.

        All get the same jitter: messages that come again together are again one invalidation. Never raises: a message
        that can't be delayed comes again after the queue's visibility time-out.
        """
        put_off = 0
        try:
            for start in range(0, len(deliveries), MESSAGES_PER_REQUEST):
                batch = deliveries[start : start + MESSAGES_PER_REQUEST]
                answer = self.client.change_message_visibility_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {
                            "Id": str(number),
                            "ReceiptHandle": delivery.receipt,
                            "VisibilityTimeout": delay(delivery.receives, jitter),
                        }
                        for number, delivery in enumerate(batch)
                    ],
                )
                put_off += len(answer.get("Successful", []))
        except (ClientError, BotoCoreError):
            return put_off
        return put_off

    def move_to_dead_letters(self, refused: Sequence[Refusal]) -> list[Delivery]:
        """Move each message, unchanged and with the reason, to the dead-letter queue; returns those not moved.

        They are moved here, since SQS itself would do so only after 250 failed receives, and without a reason.
        """
        messages = [OutgoingMessage(refusal.delivery.body, refusal.reason[:LONGEST_REASON]) for refusal in refused]
        reasons = send_messages(self.client, self.failures_url, messages)
        return [refusal.delivery for refusal, reason in zip(refused, reasons, strict=True) if reason]

"""Messages that are not done in; put off in the invalidation queue, or moved to its dead-letter queue with the reason.

What is done is deleted by Lambda.
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
        """Let each be received again after a delay that grows with its receives; how many could be put off.

        One jitter for all: messages that come again together are again one invalidation. Never raises: what can't be
        put off comes again after the queue's visibility time-out.
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
        """Move each to the dead-letter queue, its body as it is and the reason beside it; what could not be moved.

        It is moved here, at once, since SQS itself would do so only after many vain receives, and without a reason.
        """
        messages = [OutgoingMessage(refusal.delivery.body, refusal.reason[:LONGEST_REASON]) for refusal in refused]
        reasons = send_messages(self.client, self.failures_url, messages)
        return [refusal.delivery for refusal, reason in zip(refused, reasons, strict=True) if reason]

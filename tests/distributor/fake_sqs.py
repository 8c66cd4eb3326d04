"""SQS and its event source mapping in memory and in virtual time, for storms that would take hours otherwise."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LARGEST_EVENT = 6_000_000


@dataclass
class Clock:
    """Seconds that pass when told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Message:
    number: int
    body: str
    sent: float
    visible_at: float
    receives: int = 0

    @property
    def id(self) -> str:
        return f"message-{self.number:06}"

    def record(self) -> dict[str, Any]:
        return {
            "messageId": self.id,
            "receiptHandle": f"{self.id}/{'x' * 300}",
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives), "SentTimestamp": f"{self.sent * 1000:.0f}"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:invalidations",
        }


@dataclass
class FakeSqs:
    """Queues by URL behind the calls of a boto3 client; `sizes` are of the batches sent."""

    clock: Clock
    visibility: float = 720
    queues: dict[str, dict[str, Message]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        queue = self.queues.setdefault(request["QueueUrl"], {})
        self.sizes.append(len(request["Entries"]))
        for entry in request["Entries"]:
            message = Message(sum(self.sizes[:-1]) + int(entry["Id"]), entry["MessageBody"], self.clock(), self.clock())
            queue[message.id] = message
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        queue = self.queues[request["QueueUrl"]]
        for entry in request["Entries"]:
            message = queue[entry["ReceiptHandle"].partition("/")[0]]
            message.visible_at = self.clock() + entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}

    def receive(self, url: str, most: int) -> list[Message]:
        """As many as are visible, fit into one event and are not more than asked for."""
        received: list[Message] = []
        size = 0
        for message in self.queues.get(url, {}).values():
            if message.visible_at > self.clock():
                continue
            size += len(json.dumps(message.record()))
            if len(received) == most or size > LARGEST_EVENT:
                break
            message.receives += 1
            message.visible_at = self.clock() + self.visibility
            received.append(message)
        return received

    def poll(self, url: str, invoke: Callable[[dict[str, Any]], dict[str, Any]], most: int, side_by_side: int) -> int:
        """Hand on what is visible, in invocations side by side; delete what is done. How many were invoked."""
        batches = [batch for _ in range(side_by_side) if (batch := self.receive(url, most))]
        for batch in batches:
            answer = invoke({"Records": [message.record() for message in batch]})
            again = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            assert again <= {message.id for message in batch}
            for message in batch:
                if message.id not in again:
                    del self.queues[url][message.id]
        return len(batches)

"""Puts keys on the stack's invalidation queue, as the distributor does for what it has published."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from distributor.queues import MESSAGES_PER_REQUEST
from ops.stack import DeployedStack
from shared.text import utc_stamp


@dataclass(frozen=True, slots=True)
class QueuedKey:
    """A key of the website bucket, and why the queue refused its message; empty if it was queued."""

    key: str
    refusal: str


def queue_keys(
    stack: DeployedStack, url: str, keys: Sequence[str], now: datetime, correlation_id: str
) -> list[QueuedKey]:
    """Put a message for each key on the queue, as the distributor writes it."""
    sqs = stack.client("sqs")
    message = {"correlation_id": correlation_id, "time": utc_stamp(now)}
    queued: list[QueuedKey] = []
    for start in range(0, len(keys), MESSAGES_PER_REQUEST):
        batch = dict(enumerate(keys[start : start + MESSAGES_PER_REQUEST]))
        entries = [{"Id": str(id_), "MessageBody": json.dumps({"key": key, **message})} for id_, key in batch.items()]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
        refusals = {entry["Id"]: f"{entry['Code']}: {entry.get('Message', '')}" for entry in failed}
        queued += [QueuedKey(key, refusals.get(str(id_), "")) for id_, key in batch.items()]
    return queued

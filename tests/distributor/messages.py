"""Events of the invalidation queue, like those that Lambda hands on."""

import json
from datetime import UTC, datetime
from typing import Any

SENT = datetime(2026, 11, 23, 2, 0, 31, tzinfo=UTC)


def body(key: str = "data/x.json", correlation_id: str = "run-1") -> str:
    return json.dumps({"key": key, "correlation_id": correlation_id, "time": "2026-11-23T02:00:31.123Z"})


def received(number: int = 0, text: str | None = None, receives: int = 1, receipt: str = "") -> dict[str, Any]:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": receipt or f"receipt-{number}",
        "body": body() if text is None else text,
        "attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": f"{SENT.timestamp() * 1000:.0f}"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:invalidations",
    }


def queue_event(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}

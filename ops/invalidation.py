"""Names of published files in, messages on the stack's invalidation queue out; the invalidator asks CloudFront."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.stack import DeployedStack, StackError
from shared.text import utc_stamp

TEN = 10  # the most that one request to SQS takes


@dataclass(frozen=True, slots=True)
class Asked:
    """A key of the website bucket, and why the queue did not take it; empty: it did."""

    key: str
    reason: str


def keys_of(stack: DeployedStack, names: Sequence[str], *, everything: bool) -> list[str]:
    """The keys that are meant, each once; a name is taken with or without prefix, and as a path of a URL.

    Everything below the prefix is one wildcard, which CloudFront counts as one path.
    """
    prefix = f"{stack.output('WebsiteKeyPrefix')}/"
    named = [name.removeprefix("/") for name in names]
    keys = [name if name.startswith(prefix) else f"{prefix}{name}" for name in named]
    return [f"{prefix}*"] if everything else list(dict.fromkeys(keys))


def ask(stack: DeployedStack, keys: Sequence[str], now: datetime) -> list[Asked]:
    """Put a message for each key on the queue; StackError if the stack has none."""
    if "InvalidationsUrl" not in stack.outputs:
        msg = (
            f"the stack {stack.name} makes no invalidations (CloudFrontDistributionId is empty): "
            "readers get a new file when max-age has passed"
        )
        raise StackError(msg)
    sqs, url = stack.client("sqs"), stack.output("InvalidationsUrl")
    asked: list[Asked] = []
    for start in range(0, len(keys), TEN):
        batch = keys[start : start + TEN]
        entries = [{"Id": str(number), "MessageBody": message(key, now)} for number, key in enumerate(batch)]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        refused = {one["Id"]: f"{one['Code']}: {one.get('Message', '')}" for one in answer.get("Failed", [])}
        asked += [Asked(key, refused.get(str(number), "")) for number, key in enumerate(batch)]
    return asked


def message(key: str, now: datetime) -> str:
    """As the distributor writes it; the id marks every line of the log that is about this request."""
    time = utc_stamp(now)
    return json.dumps({"key": key, "etag": "", "correlation_id": correlation_id(now), "time": time})


def correlation_id(now: datetime) -> str:
    """By what the logs name this request."""
    return f"feed-invalidate-{now:%Y%m%dT%H%M%SZ}"

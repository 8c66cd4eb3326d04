"""Decodes events of the invalidation queue, and computes the delay before a message comes again. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from distributor.events import EnvelopeError
from shared import strict_json
from shared.strict_json import UnfitError
from shared.text import correlation_id, printable, zoned_time

FIRST_DELAY, LONGEST_DELAY = 20, 900  # seconds
_COUNT, _MILLISECONDS = re.compile("[1-9][0-9]{0,8}"), re.compile("[0-9]{1,14}")  # the latter since 1970


@dataclass(frozen=True, slots=True)
class Delivery:
    """A received message; `receives` counts its deliveries, this one included. `sent` stays the same through all."""

    message_id: str
    receipt: str
    body: str
    receives: int
    sent: datetime


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A delivery that names a key of the website bucket."""

    delivery: Delivery
    key: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery that no retry helps, and the reason."""

    delivery: Delivery
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The deliveries of one invocation."""

    published: tuple[PublishedKey, ...]
    malformed: tuple[Refusal, ...]


def decode_batch(event: object) -> Batch:
    """The deliveries of an SQS event; EnvelopeError if it is no such event.

    A malformed message does not affect the others.
    """
    match event:
        case {"Records": list(records)}:
            decoded = [_decode(_delivery(record)) for record in records]
        case _:
            msg = f"not an event of SQS: {printable(repr(event))}"
            raise EnvelopeError(msg)
    return Batch(
        tuple(key for key in decoded if isinstance(key, PublishedKey)),
        tuple(refusal for refusal in decoded if isinstance(refusal, Refusal)),
    )


def _delivery(record: object) -> Delivery:
    match record:
        case {
            "messageId": str(message_id),
            "receiptHandle": str(receipt),
            "body": str(body),
            "attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": str(sent)},
        } if _COUNT.fullmatch(receives) and _MILLISECONDS.fullmatch(sent):
            return Delivery(message_id, receipt, body, int(receives), datetime.fromtimestamp(int(sent) / 1000, UTC))
        case _:
            msg = f"not a record of SQS: {printable(repr(record))}"
            raise EnvelopeError(msg)


def _decode(delivery: Delivery) -> PublishedKey | Refusal:
    """The distributor sends the key in the website bucket, and the time when it sends, which is after the copy."""
    try:
        message = strict_json.parse(delivery.body.encode(errors="surrogatepass"))
    except UnfitError as error:
        return _refuse(delivery, str(error))
    match message:
        case {"key": str(key), "time": time, **others} if key and zoned_time(time):
            return PublishedKey(delivery, key, correlation_id(others.get("correlation_id")))
        case {"key": str(key)} if key:
            return _refuse(delivery, "time: must be a time with its zone")
        case dict():
            return _refuse(delivery, "key: must be a text that is not empty")
        case _:
            return _refuse(delivery, "must be an object")


def _refuse(delivery: Delivery, reason: str) -> Refusal:
    return Refusal(delivery, f"not a message of the distributor: {reason}")


def longest_wait(deliveries: Iterable[Delivery], now: datetime) -> float:
    """Seconds since the oldest message was sent; 0 without messages.

    SQS's own ApproximateAgeOfOldestMessage leaves out messages that were received three times or more:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return max([0.0, *((now - delivery.sent).total_seconds() for delivery in deliveries)])


def delay(receives: int, jitter: float) -> int:
    """Seconds before the next try: 20, doubled by each receive, up to 900; a jitter of 0 to 1 takes off up to half."""
    return round(min(FIRST_DELAY << min(receives - 1, 10), LONGEST_DELAY) * (1 - jitter / 2))

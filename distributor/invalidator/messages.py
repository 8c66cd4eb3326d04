"""Decodes events of the invalidation queue, and computes the delay before a message comes again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from pydantic.alias_generators import to_camel

from shared.text import correlation_id, first_error

FIRST_DELAY, LONGEST_DELAY = 20, 900  # seconds


class _Attributes(BaseModel):
    approximate_receive_count: PositiveInt = Field(alias="ApproximateReceiveCount")
    sent_timestamp: AwareDatetime = Field(alias="SentTimestamp")  # milliseconds since 1970, as text


class _Record(BaseModel):
    """The fields that are needed of an SQS record."""

    model_config = ConfigDict(alias_generator=to_camel)

    message_id: str
    receipt_handle: str
    body: str
    attributes: _Attributes


class _Event(BaseModel):
    records: list[_Record] = Field(alias="Records")


class _Body(BaseModel):
    """A message of the distributor. `key`: in the website bucket. `time`: when the message was sent, after the copy."""

    key: str = Field(min_length=1)
    correlation_id: str = ""
    time: AwareDatetime


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
    """The deliveries of an SQS event; pydantic's ValidationError if it is no such event.

    A malformed message does not affect the others.
    """
    deliveries = [
        Delivery(
            record.message_id,
            record.receipt_handle,
            record.body,
            record.attributes.approximate_receive_count,
            record.attributes.sent_timestamp,
        )
        for record in _Event.model_validate(event).records
    ]
    decoded = [_decode(delivery) for delivery in deliveries]
    return Batch(
        tuple(key for key in decoded if isinstance(key, PublishedKey)),
        tuple(refusal for refusal in decoded if isinstance(refusal, Refusal)),
    )


def _decode(delivery: Delivery) -> PublishedKey | Refusal:
    try:
        body = _Body.model_validate_json(delivery.body)
    except ValidationError as error:
        return Refusal(delivery, f"not a message of the distributor: {first_error(error)}")
    return PublishedKey(delivery, body.key, correlation_id(body.correlation_id))


def longest_wait(deliveries: Iterable[Delivery], now: datetime) -> float:
    """Seconds since the oldest message was sent; 0 without messages.

    SQS's own ApproximateAgeOfOldestMessage leaves out messages that were received three times or more:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return max([0.0, *((now - delivery.sent).total_seconds() for delivery in deliveries)])


def delay(receives: int, jitter: float) -> int:
    """Seconds before the next try: 20, doubled by each receive, up to 900; a jitter of 0 to 1 takes off up to half."""
    return round(min(FIRST_DELAY << min(receives - 1, 10), LONGEST_DELAY) * (1 - jitter / 2))

"""A Lambda event in, one notice for each record out. The only module that knows the shapes of events.

A notice says that a key may have changed; it is never a command with content, so ETag, size, version and sequencer
are not read. Keys are decoded here, once: past this module a key is the real key.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_plus

from shared.text import correlation_id, printable

SUPPORTED_MAJOR_VERSION = (
    "2"  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
)


class EnvelopeError(ValueError):
    """The event is of no known shape. A retry does not help, but Lambda then keeps the event on the failure queue."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The object may have been written. `bucket` is None where a person or the sweeper names only keys of the source.

    `event_time` is None, and `request_id`, of the request that wrote the object, empty where the event gives none that
    can be read.
    """

    bucket: str | None
    key: str
    event_time: datetime | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Irrelevant:
    """A record that asks for nothing, such as a deletion or a test event."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that can never be understood. `key` is what of it can be shown."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A record of a version of the event format that this code was not written for."""

    key: str
    reason: str


Notice = Changed | Irrelevant | Malformed | Unsupported


def is_direct(event: object) -> bool:
    """Whether the event is `{"keys": [...]}`, of somebody who waits for the answer."""
    return isinstance(event, dict) and "keys" in event


def decode(event: object) -> tuple[Notice, ...]:
    """The notices of an event.

    Known are: events of S3 itself, bare or in SQS or SNS messages; EventBridge events of S3; the record that Lambda
    keeps of an event that failed for good; and `{"keys": [...]}`, real keys of the source bucket, for operators.
    EnvelopeError if the event as a whole is not understood; a record that is not becomes a notice of its own.
    """
    return tuple(_notices(event))


def _notices(event: object) -> Iterator[Notice]:
    match event:
        case {"Event": "s3:TestEvent"}:
            yield Irrelevant("", "a test event that S3 sends when notifications are set up")
        case {"Records": list(records)}:
            for record in records:
                yield from _from_record(record)
        case {"source": "aws.s3", "detail-type": str(kind), "detail": detail, "time": time}:
            yield _from_eventbridge(kind, detail, time)
        case {"requestContext": dict(), "requestPayload": payload}:
            yield from _notices(payload)
        case {"Type": "Notification", "Message": message}:
            yield from _from_body(message)
        case {"keys": list(keys)}:
            for key in keys:
                yield Changed(None, key) if isinstance(key, str) and key else Malformed("", "a key is text, not empty")
        case _:
            msg = f"an event of no known shape: {printable(repr(event))}"
            raise EnvelopeError(msg)


def _from_record(record: object) -> Iterator[Notice]:
    match record:
        case {"eventSource": "aws:sqs", "body": body}:
            yield from _from_body(body)
        case {"EventSource": "aws:sns", "Sns": {"Message": body}}:
            yield from _from_body(body)
        case {"eventSource": "aws:s3"}:
            yield _from_s3(record)
        case _:
            yield Malformed("", f"not a record of S3: {printable(repr(record))}")


def _from_body(body: object) -> Iterator[Notice]:
    try:
        yield from _notices(json.loads(body)) if isinstance(body, str) else _notices(body)
    except (ValueError, RecursionError) as error:  # EnvelopeError and JSONDecodeError among them
        yield Malformed("", f"a message that holds no S3 event ({printable(str(error))}): {printable(repr(body))}")


def _from_s3(record: object) -> Notice:
    encoded = _text(record, "s3", "object", "key")
    version = _text(record, "eventVersion")
    if version is None or version.partition(".")[0] != SUPPORTED_MAJOR_VERSION:
        return Unsupported(encoded or "", f"eventVersion {version!r} is not {SUPPORTED_MAJOR_VERSION}.x")
    name, bucket = _text(record, "eventName"), _text(record, "s3", "bucket", "name")
    if name is None or not bucket or not encoded:
        return Malformed(encoded or "", "eventName, s3.bucket.name or s3.object.key is missing or not text")
    if not name.startswith("ObjectCreated:"):
        return Irrelevant(encoded, f"{printable(name)} does not write an object")
    request_id = correlation_id(_text(record, "responseElements", "x-amz-request-id"))
    return from_form(bucket, encoded, _time(_text(record, "eventTime")), request_id)


def from_form(
    bucket: str, encoded: str, event_time: datetime | None = None, request_id: str = ""
) -> Changed | Malformed:
    """The notice for a key that S3 encoded as in a form, + for a space."""
    try:
        # The default error mode would turn bad UTF-8 into U+FFFD, another key.
        return Changed(bucket, unquote_plus(encoded, errors="strict"), event_time, request_id)
    except UnicodeDecodeError:
        return Malformed(encoded, "the key is not UTF-8")


def _from_eventbridge(kind: str, detail: object, time: object) -> Notice:
    bucket, key = _text(detail, "bucket", "name"), _text(detail, "object", "key")
    if kind != "Object Created":
        return Irrelevant(key or "", f"{printable(kind)} does not write an object")
    if not bucket or not key:
        return Malformed(key or "", "detail.bucket.name or detail.object.key is missing or not text")
    # EventBridge gives the key as it is
    return Changed(bucket, key, _time(time), correlation_id(_text(detail, "request-id")))


def _text(record: object, *path: str) -> str | None:
    for step in path:
        record = record.get(step) if isinstance(record, dict) else None
    return record if isinstance(record, str) else None


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return time if time and time.tzinfo else None

"""A Lambda event in, one notice for each record out. The only module that knows the shapes of events.

A notice says that a key may have changed; it is never a command with content, so ETag, size, version and sequencer
are not read. Keys are decoded here, once: past this module a key is the real key.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_plus

from shared.observability import printable

SUPPORTED_MAJOR_VERSION = (
    "2"  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
)


class EnvelopeError(ValueError):
    """The event is of no known shape. A retry does not help, but Lambda then keeps the event on the failure queue."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The object may have been written. `event_time` is None where the event gives none that can be read."""

    bucket: str
    key: str
    event_time: datetime | None = None


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


def decode(event: object) -> tuple[Notice, ...]:
    """The notices of an event: from S3 itself, or S3 events in the bodies of SQS messages.

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
        case _:
            msg = f"not an S3 event, nor SQS messages that hold any: {printable(repr(event))}"
            raise EnvelopeError(msg)


def _from_record(record: object) -> Iterator[Notice]:
    match record:
        case {"eventSource": "aws:sqs", "body": body}:
            yield from _from_body(body)
        case {"eventSource": "aws:s3"}:
            yield _from_s3(record)
        case _:
            yield Malformed("", f"not a record of aws:s3: {printable(repr(record))}")


def _from_body(body: object) -> Iterator[Notice]:
    try:
        yield from _notices(json.loads(body)) if isinstance(body, str) else _notices(body)
    except (ValueError, RecursionError) as error:  # EnvelopeError and JSONDecodeError among them
        yield Malformed("", f"a message body that holds no S3 event: {printable(str(error))}")


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
    try:
        # S3 encodes keys as in a form, + for a space; the default error mode would turn bad UTF-8 into U+FFFD.
        key = unquote_plus(encoded, errors="strict")
    except UnicodeDecodeError:
        return Malformed(encoded, "the key is not UTF-8")
    return Changed(bucket, key, _time(record))


def _text(record: object, *path: str) -> str | None:
    for step in path:
        record = record.get(step) if isinstance(record, dict) else None
    return record if isinstance(record, str) else None


def _time(record: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(_text(record, "eventTime") or "")
    except ValueError:
        return None
    return time if time.tzinfo else None

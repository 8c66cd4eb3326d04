"""Decodes a raw Lambda event into notices and the kind of its answer. The only module that reads raw events.

A notice says that a key may have changed; it is never a command with content, so ETag, size, version and sequencer
are not read. Other records become notices too: a skip, a rejection or a failure, with the reason. Keys are decoded
here, once: in all other modules a key is the real key.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from distributor.outcomes import Cause, Failed, Rejected, Skipped
from shared.text import correlation_id, printable, zoned_time

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
SUPPORTED_MAJOR_VERSION = "2"
BATCH_SCHEMA_VERSION = "2.0"
MOST_RECORDS = 20_000  # of one event; S3 sends one, a queue hands on 10,000 messages at most
LONGEST_ENCODED_KEY = 3 * 1024  # a key has up to 1,024 bytes, each up to three characters


RecordT = TypeVar("RecordT")


class EnvelopeError(ValueError):
    """The event has an unknown form. No retry helps, but Lambda then keeps the event on the failure queue."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The object may have been written. `bucket` is None if an operator named only keys of the source bucket.

    `request_id`: id of the request that wrote the object; empty if missing. `event_time` is None if it is missing.
    """

    bucket: str | None
    key: str
    event_time: datetime | None = None
    request_id: str = ""


Notice = Changed | Skipped | Rejected | Failed


@dataclass(frozen=True, slots=True)
class Asynchronous:
    """Nobody reads the answer: failures raise an error for a retry, and rejections go to the failure queue."""


@dataclass(frozen=True, slots=True)
class Direct:
    """An operator's `{"keys": [...]}`: the answer is a summary that includes failures."""


@dataclass(frozen=True, slots=True)
class BatchJob:
    """S3 Batch Operations expect a result for each task. `keys`: the key of each notice by task id."""

    invocation_id: str | None
    keys: Mapping[str, str]


Reply = Asynchronous | Direct | BatchJob


@dataclass(frozen=True, slots=True)
class Request:
    """An event's notices, and the kind of answer that it needs."""

    notices: tuple[Notice, ...]
    reply: Reply


def decode(event: object) -> Request:
    """The notices of an event, and how to answer it.

    Known events: those of S3 itself, bare or in SQS or SNS messages; EventBridge events of S3; the record that Lambda
    keeps of an event after its last failed retry; `{"keys": [...]}`, real keys of the source bucket, for operators; and
    tasks of S3 Batch Operations. EnvelopeError if the whole event is unknown; an unknown record becomes a rejection.
    """
    match event:
        case dict() if "invocationSchemaVersion" in event:
            return _from_job(event)
        case {"keys": _}:
            return Request(_bounded(_notices(event)), Direct())
        case _:
            return Request(_bounded(_notices(event)), Asynchronous())


def _from_job(event: Mapping[str, Any]) -> Request:
    """A version id in the manifest is ignored: the source's present state is always published."""
    try:
        if event["invocationSchemaVersion"] != BATCH_SCHEMA_VERSION:
            version = event["invocationSchemaVersion"]
            msg = f"the job's schema version is {printable(repr(version))}; create it with {BATCH_SCHEMA_VERSION}"
            raise EnvelopeError(msg)
        tasks = _bounded(event["tasks"])
        notices = {str(task["taskId"]): _from_encoded_key(str(task["s3Bucket"]), str(task["s3Key"])) for task in tasks}
    except (KeyError, TypeError) as error:
        msg = f"not an event of S3 Batch Operations: {type(error).__name__} {error}"
        raise EnvelopeError(msg) from error
    keys = {task: notice.key for task, notice in notices.items()}
    return Request(tuple(notices.values()), BatchJob(event.get("invocationId"), keys))


def _bounded(records: Iterable[RecordT]) -> tuple[RecordT, ...]:
    bounded = tuple(islice(records, MOST_RECORDS + 1))
    if len(bounded) > MOST_RECORDS:
        msg = f"an event of more than {MOST_RECORDS:,} records"
        raise EnvelopeError(msg)
    return bounded


def _notices(event: object) -> Iterator[Notice]:
    match event:
        case {"Event": "s3:TestEvent"}:
            yield Skipped("", "a test event that S3 sends when notifications are set up")
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
                yield Changed(None, key) if isinstance(key, str) and key else _malformed("", "a key is text, not empty")
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
            yield _malformed("", f"not a record of S3: {printable(repr(record))}")


def _from_body(body: object) -> Iterator[Notice]:
    try:
        yield from _notices(json.loads(body)) if isinstance(body, str) else _notices(body)
    except (ValueError, RecursionError) as error:  # EnvelopeError and JSONDecodeError among them
        yield _malformed("", f"a message that holds no S3 event ({printable(str(error))}): {printable(repr(body))}")


def _from_s3(record: object) -> Notice:
    encoded = _text(record, "s3", "object", "key")
    version = _text(record, "eventVersion")
    if version is None or version.partition(".")[0] != SUPPORTED_MAJOR_VERSION:
        return Failed(encoded or "", f"eventVersion {version!r} is not {SUPPORTED_MAJOR_VERSION}.x")
    name, bucket = _text(record, "eventName"), _text(record, "s3", "bucket", "name")
    if name is None or not bucket or not encoded:
        return _malformed(encoded or "", "eventName, s3.bucket.name or s3.object.key is missing or not text")
    if not name.startswith("ObjectCreated:"):
        return Skipped(encoded, f"{printable(name)} does not write an object")
    request_id = correlation_id(_text(record, "responseElements", "x-amz-request-id"))
    return _from_encoded_key(bucket, encoded, zoned_time(_text(record, "eventTime")), request_id)


def _from_encoded_key(
    bucket: str, encoded: str, event_time: datetime | None = None, request_id: str = ""
) -> Changed | Rejected:
    """The notice for a key that S3 encoded like a form field, with + for a space."""
    if len(encoded) > LONGEST_ENCODED_KEY:  # decoding may take 50 times its memory
        return _malformed(encoded, f"not a key: over {LONGEST_ENCODED_KEY:,} characters")
    try:
        # The default error mode would turn bad UTF-8 into U+FFFD, another key.
        return Changed(bucket, unquote_plus(encoded, errors="strict"), event_time, request_id)
    except UnicodeDecodeError:
        return _malformed(encoded, "the key is not UTF-8")


def _from_eventbridge(kind: str, detail: object, time: object) -> Notice:
    bucket, key = _text(detail, "bucket", "name"), _text(detail, "object", "key")
    if kind != "Object Created":
        return Skipped(key or "", f"{printable(kind)} does not write an object")
    if not bucket or not key:
        return _malformed(key or "", "detail.bucket.name or detail.object.key is missing or not text")
    # EventBridge does not encode the key.
    return Changed(bucket, key, zoned_time(time), correlation_id(_text(detail, "request-id")))


def _malformed(key: str, reason: str) -> Rejected:
    """A record that no retry makes readable; `key` as the record has it, empty if it has none."""
    return Rejected(key, reason, Cause.MALFORMED_RECORD)


def _text(record: object, *path: str) -> str | None:
    for step in path:
        record = record.get(step) if isinstance(record, dict) else None
    return record if isinstance(record, str) else None

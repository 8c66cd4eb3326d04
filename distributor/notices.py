"""What an event requests: a notice for each key that it names, and how to answer it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

BATCH_SCHEMA_VERSION = "2.0"


@dataclass(frozen=True, slots=True)
class Changed:
    """The object may have been written. `bucket` is None where a person names only keys of the source.

    `request_id` is of the request that wrote the object. It is empty, and `event_time` None, where the event holds none
    that can be read.
    """

    bucket: str | None
    key: str
    event_time: datetime | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Irrelevant:
    """A record that requests nothing, such as a deletion or a test event."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that can never be understood. `key` is what can be shown of it."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A record of a version of the event format that this code was not written for."""

    key: str
    reason: str


Notice = Changed | Irrelevant | Malformed | Unsupported


@dataclass(frozen=True, slots=True)
class Asynchronous:
    """Nobody waits for the answer: failures are raised for a retry, and rejections are kept on the failure queue."""


@dataclass(frozen=True, slots=True)
class Direct:
    """An operator's `{"keys": [...]}`: the answer is a summary, failures among it."""


@dataclass(frozen=True, slots=True)
class BatchJob:
    """S3 Batch Operations, which wait for a result for each task. `keys`: the key of each notice by its task's id."""

    invocation_id: str | None
    keys: Mapping[str, str]


Reply = Asynchronous | Direct | BatchJob


@dataclass(frozen=True, slots=True)
class Request:
    """What an event requests."""

    notices: tuple[Notice, ...]
    reply: Reply

"""What to do about a key (a decision), and what became of it (an outcome): exactly one for each key and destination.

A reason is a phrase for a person.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from distributor.settings import Location
from shared.text import printable


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers under which readers get an object."""

    content_type: str
    cache_control: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Bring one object of a destination to the source's present state; `name` is the key below the prefixes.

    `request_id` is of the request that wrote the source, empty if the event holds none.
    """

    source: Location
    destination: Location
    name: str
    headers: Headers
    event_time: datetime | None = field(default=None, compare=False)
    request_id: str = field(default="", compare=False)

    @property
    def source_key(self) -> str:
        """The whole key in the source bucket."""
        return f"{self.source.prefix}/{self.name}"

    @property
    def destination_key(self) -> str:
        """The whole key in the destination bucket."""
        return f"{self.destination.prefix}/{self.name}"


@dataclass(frozen=True, slots=True)
class Copied:
    """The destination held the source's bytes when last looked at. `seconds` is how long that took, all passes.

    `correlation_id`, here and below: the run that made the source, else the request that wrote it; empty if neither is
    known. `data_time` is what the copied complete data states as its own time; None for every other file.
    """

    task: Publish
    etag: str
    size: int
    passes: int
    seconds: float
    correlation_id: str = ""
    data_time: datetime | None = None

    @property
    def key(self) -> str:
        """The key in the source bucket, as in every outcome."""
        return self.task.source_key


@dataclass(frozen=True, slots=True)
class Gone:
    """The source has no such object (any more); what is published stays."""

    task: Publish
    correlation_id: str = ""

    @property
    def key(self) -> str:
        """The key in the source bucket."""
        return self.task.source_key


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not for us."""

    key: str
    reason: str


class Cause(Enum):
    """What is wrong about a rejected key."""

    OBJECT = auto()
    FOREIGN_BUCKET = auto()
    MALFORMED_RECORD = auto()


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never to be published as it is; no retry helps. `key` is a real key unless the record itself is malformed."""

    key: str
    reason: str
    cause: Cause = Cause.OBJECT
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Not known to be published; a retry may help."""

    key: str
    error: str
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class NotQueued:
    """Published, but the invalidation queue took no message for `key`, which is of the source.

    Publishing the key again sends the message again.
    """

    key: str
    reason: str


Outcome = Copied | Gone | Skipped | Rejected | Failed
Decision = Publish | Skipped | Rejected | Failed
KINDS = (Copied, Gone, Skipped, Rejected, Failed)


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many there are of each kind, those of which there are none included."""
    counts = Counter(type(outcome) for outcome in outcomes)
    return {kind.__name__.lower(): counts[kind] for kind in KINDS}


def describe(outcome: Outcome) -> dict[str, Any]:
    """One outcome as plain fields: `source` is a key of the source bucket, times are in seconds, text is printable.

    `correlation_id` is left out if it is not known.
    """
    described = {"outcome": type(outcome).__name__.lower(), "source": printable(outcome.key), **_details(outcome)}
    if not isinstance(outcome, Skipped) and outcome.correlation_id:
        described["correlation_id"] = outcome.correlation_id
    return described


def _details(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Copied(task, etag, size, passes, seconds):
            return {
                "destination": f"s3://{task.destination.bucket}/{printable(task.destination_key)}",
                "etag": etag.strip('"'),
                "bytes": size,
                "passes": passes,
                "seconds": round(seconds, 3),
            }
        case Skipped(_, reason) | Rejected(_, reason) | Failed(_, reason):
            return {"reason": printable(reason)}
        case _:
            return {"reason": "the source no longer exists; what is published stays"}

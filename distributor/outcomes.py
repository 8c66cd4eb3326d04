"""Decisions (what to do with a key) and outcomes (the result): exactly one for each key and destination.

A reason is a phrase for the operator.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Any

from distributor.settings import DistributorSettings, Location
from shared.text import printable

if TYPE_CHECKING:
    from shared.contract import Manifest


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers that readers get with an object."""

    content_type: str
    cache_control: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Copy the source's present state of one object to a destination; `name` is the key below the prefixes.

    `request_id`: id of the request that wrote the source; empty if the event has none. `releases`: for a manifest, the
    settings by which the release that it names is published before it.
    """

    source: Location
    destination: Location
    name: str
    headers: Headers
    event_time: datetime | None = field(default=None, compare=False)
    request_id: str = field(default="", compare=False)
    releases: DistributorSettings | None = field(default=None, compare=False, repr=False)

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
    """The destination held the source's bytes at the last check. `seconds`: the duration of all passes together.

    `correlation_id`, here and below: the run that wrote the source, else the request that did; empty if neither is
    known. `data_time`: the time that the complete data states; None for every other file. `release`: that of the run
    which wrote the source; empty if no run did. `manifest`: what was copied, if this published a release.
    """

    task: Publish
    etag: str
    size: int
    passes: int
    seconds: float
    correlation_id: str = ""
    data_time: datetime | None = None
    release: str = ""
    manifest: "Manifest | None" = None

    @property
    def key(self) -> str:
        """The key in the source bucket, as in every outcome."""
        return self.task.source_key

    @property
    def landed(self) -> Publish:
        """The task whose copy landed."""
        return self.task


@dataclass(frozen=True, slots=True)
class Gone:
    """The source has no such object, or no longer has it; a published copy stays.

    `landed`, here and below: the task, if a copy of an earlier pass landed or may have; readers must then see it.
    """

    task: Publish
    correlation_id: str = ""
    landed: Publish | None = None

    @property
    def key(self) -> str:
        """The key in the source bucket."""
        return self.task.source_key


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not to be published, for this reason; a manifest also if its release no longer can be."""

    key: str
    reason: str
    correlation_id: str = ""
    landed: Publish | None = None


class Cause(Enum):
    """What is wrong: the object itself, its bucket, or the record that names it."""

    OBJECT = auto()
    FOREIGN_BUCKET = auto()
    MALFORMED_RECORD = auto()


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not fit to be published; no retry helps. `key` is a real key unless the record itself is malformed."""

    key: str
    reason: str
    cause: Cause = Cause.OBJECT
    correlation_id: str = ""
    landed: Publish | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It is uncertain whether the object is published; a retry may help."""

    key: str
    error: str
    correlation_id: str = ""
    landed: Publish | None = None


class Omission(StrEnum):
    """What did not follow a publication, in the words of its message on the failure queue."""

    NOT_INVALIDATED = "not invalidated"
    NOT_ANNOUNCED = "not announced"


@dataclass(frozen=True, slots=True)
class NotSent:
    """Published, but the invalidation queue or the event bus took nothing for `key`, a key of the source bucket.

    If the key is published again, it is sent again.
    """

    key: str
    omission: Omission
    reason: str


Outcome = Copied | Gone | Skipped | Rejected | Failed
Decision = Publish | Skipped | Rejected | Failed
KINDS = (Copied, Gone, Skipped, Rejected, Failed)


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """The number of outcomes of each kind, also where it is 0."""
    counts = Counter(type(outcome) for outcome in outcomes)
    return {kind.__name__.lower(): counts[kind] for kind in KINDS}


def describe(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain fields: `source` is a key of the source bucket, times are in seconds, text is printable.

    `correlation_id` is omitted if it is unknown.
    """
    described = {"outcome": type(outcome).__name__.lower(), "source": printable(outcome.key), **_details(outcome)}
    if outcome.correlation_id:
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

"""What is to be done about a record (Publish), and what became of it: exactly one of the others.

A reason is a phrase for a person.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from distributor.settings import Location


@dataclass(frozen=True, slots=True)
class Publish:
    """Bring one object of a destination to the source's present state; `name` is the key below the prefixes.

    `request_id` is of the request that wrote the source, empty if the event does not tell.
    """

    source: Location
    destination: Location
    name: str
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


@dataclass(frozen=True, slots=True)
class Gone:
    """The source has no such object (any more); what is published stays."""

    task: Publish
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not for us."""

    key: str
    reason: str


class Cause(Enum):
    """What a rejection is about."""

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
    """Published, but the invalidation queue did not take it; `key` is of the source: publishing it again asks again."""

    key: str
    reason: str


Outcome = Copied | Gone | Skipped | Rejected | Failed
Decision = Publish | Skipped | Rejected | Failed

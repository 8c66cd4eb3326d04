"""A stack in, how the feed is doing out: all that `feed status` shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops import distribution
from ops.checks.check import Check
from ops.checks.machinery import check_machinery
from ops.checks.source import check_source, parsed
from ops.checks.website import check_website
from ops.observation import Observed, StoredObject, observe
from ops.stack import DeployedStack
from ops.watch import Watch, check_alarms, watch
from shared.contract import COMPLETE_DATA_FILE, CompleteData


@dataclass(frozen=True, slots=True)
class Drift:
    """What a dry run of the sweeper found."""

    compared: int
    in_step: int


@dataclass(frozen=True, slots=True)
class FileStatus:
    """A file of the contract on both sides, None where it is not, and how the two compare."""

    name: str
    source: StoredObject | None
    website: StoredObject | None
    state: str


@dataclass(frozen=True, slots=True)
class Status:
    """All there is to show; `todo` are the checks that do not hold."""

    now: datetime
    observed: Observed
    seen: Watch
    last_run: CompleteData | None
    files: tuple[FileStatus, ...]
    drift: Drift | None
    todo: tuple[Check, ...]


def look(stack: DeployedStack, max_age: timedelta, *, with_drift: bool) -> Status:
    """Ask for everything; `with_drift` runs the sweeper dry, which compares every file of both buckets."""
    observed, seen = observe(stack), watch(stack)
    drift = _sweep(stack) if with_drift else None
    now = datetime.now(UTC)
    checks = [
        *check_machinery(observed),
        *check_source(observed, now, max_age),
        *check_website(observed, now),
        *check_alarms(seen.alarms),
        *_check_drift(drift),
    ]
    complete = parsed(observed).get(COMPLETE_DATA_FILE)
    return Status(
        now=now,
        observed=observed,
        seen=seen,
        last_run=complete if isinstance(complete, CompleteData) else None,
        files=tuple(_files(observed)),
        drift=drift,
        todo=tuple(check for check in checks if not check.holds),
    )


def _sweep(stack: DeployedStack) -> Drift:
    answers = list(distribution.sweep(stack, dry_run=True))
    return Drift(sum(one["compared"] for one in answers), sum(one["inStep"] for one in answers))


def _check_drift(drift: Drift | None) -> Iterator[Check]:
    if drift:
        drifted = drift.compared - drift.in_step
        yield Check("Drift", "source and website are in step", not drifted, f"{drifted} differ", "feed sweep --yes")


def _files(observed: Observed) -> Iterator[FileStatus]:
    for name, stored in observed.source.items():
        source = stored if isinstance(stored, StoredObject) else None
        there = observed.website.get(name)
        website = there if isinstance(there, StoredObject) else None
        yield FileStatus(name, source, website, _state(source, website) if observed.website else "not distributed")


def _state(source: StoredObject | None, website: StoredObject | None) -> str:
    if website is None:
        return "not published"
    if source is None:
        return "gone from the source"
    return "in step" if source.body == website.body else "differs"

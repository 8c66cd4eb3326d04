"""Compares the buckets, publishes differences by the same protocol as for events, and returns a summary.

A sweep publishes objects whose event was lost or whose failure nobody retried, and those that were in the
source bucket before the distributor was deployed. An object that differs because it is not fit to be published has
not drifted: it is rejected in every sweep until somebody uploads a good one. So is the manifest of a run that was
overtaken, until the next run.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from distributor.dependencies import Dependencies
from distributor.events import EnvelopeError
from distributor.outcomes import KINDS, Copied, Failed, Outcome, Publish, Rejected, Skipped, describe
from distributor.plan import decide
from distributor.publish import carry_out, check_source
from distributor.release import Check, Release
from distributor.settings import DistributorSettings
from distributor.store import CopyAnswer, ObjectStore, SourceObject, Store, StoreError, TooLargeError
from distributor.sweeper.comparison import Drift, compare_buckets, holds
from distributor.sweeper.progress import Position, Progress
from shared.files import MANIFEST_FILE, RELEASES_FOLDER
from shared.strict_json import UnfitError
from shared.text import printable

OBJECTS_PER_BATCH = 200
SWEEP_MARGIN_MS = 60_000  # for the current batch, and to start the next invocation
MAX_EXAMPLES = 100


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """The event. `destination` and `after` say where an earlier invocation stopped.

    `dry_run`: read and check what differs, and write nothing.
    `follow`: continue in another invocation when time runs out; otherwise the answer's `next` is the event for that.
    """

    dry_run: bool = False
    follow: bool = True
    destination: int = 0
    after: str = ""


def read_request(event: object) -> SweepRequest:
    """The request in an event; EnvelopeError if it holds anything else."""
    known = asdict(SweepRequest())
    if isinstance(event, dict) and all(
        name in known and type(value) is type(known[name]) for name, value in event.items()
    ):
        request = SweepRequest(**event)
        if request.destination >= 0:
            return request
    msg = f"an event holds at most {known}, each value of this type, destination from 0; not {printable(repr(event))}"
    raise EnvelopeError(msg)


@dataclass(frozen=True, slots=True)
class Repair:
    """An object that is missing or different at a destination, and the task that repairs it."""

    task: Publish
    drift: Drift


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The store of a dry run: it reads the source, and answers to a copy as if it had been made."""

    store: ObjectStore

    def get(self, task: Publish) -> SourceObject | None:
        """The source's present state."""
        return self.store.get(task)

    def copy(self, task: Publish, etag: str) -> CopyAnswer:  # noqa: ARG002 - as the protocol has it
        """Copy nothing."""
        return CopyAnswer(copied=True, certain=True)

    def head(self, task: Publish) -> None:
        """Ask nothing: without a copy there is no later state to look for."""


@dataclass(slots=True)
class SweepResult:
    """The result of one invocation. Each list is cut to the first of many, so memory does not grow.

    `drift` counts no rejected objects; `outcomes` has these. They have a list of their own, so many cannot hide others.
    `refusal`: the first reason why metadata of a destination could not be read.
    """

    compared: int = 0
    drift: Counter[Drift] = field(default_factory=Counter)
    outcomes: Counter[type[Outcome]] = field(default_factory=Counter)
    drifted: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    refusal: str = ""
    next: SweepRequest | None = None

    def add(self, repairs: list[Repair], outcomes: list[Outcome | None]) -> None:
        """Count a batch; the outcome None is that of an object which a dry run would have published."""
        pairs = list(zip(repairs, outcomes, strict=True))
        self.drift.update(repair.drift for repair, outcome in pairs if not isinstance(outcome, Rejected))
        self.outcomes.update(type(outcome) for outcome in outcomes if outcome)
        for repair, outcome in pairs:
            entries = self.rejected if isinstance(outcome, Rejected) else self.drifted
            if len(entries) < MAX_EXAMPLES:
                entry = {"source": printable(repair.task.source_key), "drift": repair.drift}
                entries.append(entry | (describe(outcome) if outcome else {}))
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        self.failed += failed[: MAX_EXAMPLES - len(self.failed)]

    def summary(self, request: SweepRequest) -> dict[str, Any]:
        """The answer of an invocation; `next` is the event that continues the sweep, null if it is complete."""
        return {
            "dryRun": request.dry_run,
            "compared": self.compared,
            "inStep": self.compared - self.drift.total() - self.outcomes[Rejected],
            "drift": {kind.value: self.drift[kind] for kind in Drift},
            "outcomes": {kind.__name__.lower(): self.outcomes[kind] for kind in KINDS},
            "objects": [*self.drifted, *self.rejected],
            "refusal": printable(self.refusal),
            "next": asdict(self.next) if self.next else None,
        }


def sweep(
    request: SweepRequest,
    dependencies: Dependencies,
    remaining_ms: Callable[[], int],
    follow_up_batch: Callable[[list[Outcome]], None],
    progress: Progress,
) -> SweepResult:
    """Compare from the request's position on, in batches; `follow_up_batch` gets each batch's outcomes.

    It gets them at once, since a sweep that breaks off and starts again finds no drift where it has already copied. In
    a dry run it gets none.
    Stops in time; `next` of the result then continues. If an earlier try of the event died, only its batch is repeated:
    `next` is what follows, an event of its own, which Lambda tries again as often. botocore's error if a bucket cannot
    be listed.
    """
    result, interrupted = SweepResult(), progress.interrupted.batch
    if interrupted:
        last = interrupted[-1]
        result.compared = len(interrupted)
        result.next = replace(request, destination=last.destination, after=last.name)
        repairs = _interrupted_repairs(interrupted, dependencies.settings)
    else:
        repairs = _repairs(request, dependencies, remaining_ms, result)
    while batch := list(islice(repairs, OBJECTS_PER_BATCH)):
        tasks = [repair.task for repair in batch]
        if request.dry_run:
            outcomes = _carry_out(tasks, Rehearsal(dependencies.store), remaining_ms)
            result.add(batch, [None if isinstance(outcome, Copied) else outcome for outcome in outcomes])
        else:
            progress.begin(_position(repair, dependencies.settings) for repair in batch)
            outcomes = _carry_out(tasks, dependencies.store, remaining_ms, progress.check)
            follow_up_batch(outcomes)
            result.add(batch, [*outcomes])
    if not request.dry_run:
        progress.end()
    return result


def _carry_out(
    tasks: Sequence[Publish], store: ObjectStore, remaining_ms: Callable[[], int], check: Check = check_source
) -> list[Outcome]:
    """Publish the objects; the manifest of a run that was overtaken is rejected, since no event will mend that."""
    return [
        Rejected(outcome.key, outcome.reason, correlation_id=outcome.correlation_id, landed=outcome.landed)
        if isinstance(outcome, Skipped)
        else outcome
        for outcome in carry_out(tasks, store, remaining_ms, check)
    ]


def _position(repair: Repair, settings: DistributorSettings) -> Position:
    return Position(settings.destinations.index(repair.task.destination), repair.task.name, repair.drift)


def _interrupted_repairs(batch: Sequence[Position], settings: DistributorSettings) -> Iterator[Repair]:
    tasks = (decide(position.name, settings.destinations[position.destination], settings) for position in batch)
    pairs = zip(tasks, batch, strict=True)
    return (Repair(task, Drift(position.drift)) for task, position in pairs if isinstance(task, Publish))


def _repairs(
    request: SweepRequest, dependencies: Dependencies, remaining_ms: Callable[[], int], result: SweepResult
) -> Iterator[Repair]:
    settings, after = dependencies.settings, request.after
    for index, destination in enumerate(settings.destinations):
        if index < request.destination:
            continue
        left_out = f"{RELEASES_FOLDER}/" if settings.releases else ""
        for difference in compare_buckets(dependencies.store.client, settings.source, destination, after, left_out):
            if remaining_ms() < SWEEP_MARGIN_MS and after != request.after:
                result.next = replace(request, destination=index, after=after)
                return
            after = difference.name
            task = decide(difference.name, destination, settings)
            if not isinstance(task, Publish):
                continue
            result.compared += 1
            result.refusal = result.refusal or difference.refusal
            drift = difference.drift or _release_drift(task, dependencies.store)
            if drift:
                yield Repair(task, drift)
        after = ""


def _release_drift(task: Publish, store: Store) -> Drift | None:
    """The drift of a manifest that is published: its release must be whole. Older releases are not looked at.

    What can't be told is left to the publication, which says why.
    """
    if task.releases is None:
        return None
    try:
        source = store.get(task)
        manifest = check_source(task, source).manifest if source else None
    except (StoreError, TooLargeError, UnfitError):
        return Drift.MISSING
    if source is None or manifest is None:
        return None
    release = Release(task, manifest, task.releases)
    sizes = {MANIFEST_FILE: len(source.body), **{file.name: file.size for file in manifest.files}}
    return None if holds(store.client, release.folder, sizes) else Drift.MISSING

"""Both buckets in, what has drifted published by the same protocol as any event, what was found out.

A sweep finds what an event that never came, or a failure that nobody retried, has left behind, and the backlog when
the distributor is first deployed onto a full source bucket.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from distributor.dependencies import Dependencies
from distributor.outcomes import Failed, Outcome, Publish
from distributor.plan import decide
from distributor.publish import carry_out
from distributor.report import KINDS, describe
from distributor.sweeper.comparison import Drift, compare
from shared.text import printable

BATCH = 200
MARGIN_MS = 60_000  # for the batch under way and for handing on the rest
MOST_SHOWN = 100


class Sweep(BaseModel):
    """What is asked for. `destination` and `after` say where an earlier invocation stopped.

    `follow`: hand the rest to another invocation when time runs out; otherwise the answer's `next` says how to go on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: bool = False
    follow: bool = True
    destination: NonNegativeInt = 0
    after: str = ""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One object that a destination lacks or has otherwise than the source, and what would mend it."""

    task: Publish
    drift: Drift


@dataclass(slots=True)
class Swept:
    """What one invocation found and did. `shown` and `failed` hold the first of many, so memory does not grow."""

    compared: int = 0
    drift: Counter[Drift] = field(default_factory=Counter)
    outcomes: Counter[type[Outcome]] = field(default_factory=Counter)
    shown: list[dict[str, Any]] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    next: Sweep | None = None

    def add(self, found: list[Drifted], outcomes: list[Outcome]) -> None:
        """Count a batch; without outcomes (a dry run) the drift alone is shown."""
        self.outcomes.update(type(outcome) for outcome in outcomes)
        room = MOST_SHOWN - len(self.shown)
        described = [describe(outcome) for outcome in outcomes[:room]] or [{}] * len(found[:room])
        self.shown += [
            {"source": printable(one.task.source_key), "drift": one.drift, **told}
            for one, told in zip(found, described, strict=False)
        ]
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        self.failed += failed[: MOST_SHOWN - len(self.failed)]

    def summary(self, asked: Sweep) -> dict[str, Any]:
        """The answer of an invocation; `next` is the event that goes on from here, null if the sweep is complete."""
        return {
            "dryRun": asked.dry_run,
            "compared": self.compared,
            "inStep": self.compared - self.drift.total(),
            "drift": {kind.value: self.drift[kind] for kind in Drift},
            "outcomes": {kind.__name__.lower(): self.outcomes[kind] for kind in KINDS},
            "objects": self.shown,
            "next": self.next.model_dump() if self.next else None,
        }


def sweep(
    asked: Sweep, made: Dependencies, remaining_ms: Callable[[], int], report: Callable[[list[Outcome]], None]
) -> Swept:
    """Compare from where `asked` says, batch by batch; `report` gets each batch's outcomes.

    Stops in time and then says how to go on. botocore's error if a bucket cannot be listed.
    """
    swept = Swept()
    drifted = _find(asked, made, remaining_ms, swept)
    while batch := list(islice(drifted, BATCH)):
        tasks = [] if asked.dry_run else [one.task for one in batch]
        outcomes = carry_out(tasks, made.store, remaining_ms)
        report(outcomes)
        swept.add(batch, outcomes)
    return swept


def _find(asked: Sweep, made: Dependencies, remaining_ms: Callable[[], int], swept: Swept) -> Iterator[Drifted]:
    settings, after = made.settings, asked.after
    for index, destination in enumerate(settings.destinations):
        if index < asked.destination:
            continue
        for difference in compare(made.store.client, settings.source, destination, after):
            if remaining_ms() < MARGIN_MS and after != asked.after:
                swept.next = asked.model_copy(update={"destination": index, "after": after})
                return
            after = difference.name
            task = decide(difference.name, destination, settings)
            if not isinstance(task, Publish):
                continue
            swept.compared += 1
            if difference.drift:
                swept.drift[difference.drift] += 1
                yield Drifted(task, difference.drift)
        after = ""

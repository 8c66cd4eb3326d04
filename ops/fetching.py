"""A run of the fetcher asked for in, what it wrote and when the website had it out."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.checks.website import is_published
from ops.observation import StoredObject, observe_distributor, observe_source, observe_website
from ops.stack import DeployedStack
from shared.contract import FILES

PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that the website has as the source has it; `lag_seconds` from one to the other, None: it was there before.

    S3 gives times in whole seconds, so the lag is good to a second.
    """

    name: str
    lag_seconds: float | None


def fetch(stack: DeployedStack, regions: Sequence[str], *, accept_shrink: bool) -> dict[str, Any]:
    """Invoke the fetcher and wait for its summary; InvocationError with its own message if it failed.

    `regions` limits the run, empty: all. `accept_shrink` lets the fetcher write less than there was.
    """
    event: dict[str, Any] = {"regions": list(regions)} if regions else {}
    if accept_shrink:
        event["accept_shrink"] = True
    summary: dict[str, Any] = stack.invoke(stack.output("FetcherFunctionName"), event)
    return summary


def to_arrive(stack: DeployedStack, summary: dict[str, Any]) -> list[str]:
    """The files of the contract that the run wrote and that are to be published; none if nothing is distributed."""
    if not stack.distributes:
        return []
    distributor, prefix = observe_distributor(stack), f"{stack.output('SourceKeyPrefix')}/"
    written = {one["key"].removeprefix(prefix) for one in summary["written"]}
    return [name for name in FILES if name in written and is_published(name, distributor)]


def arrivals(stack: DeployedStack, names: Sequence[str], seconds: float) -> Iterator[Arrival]:
    """Each file as the website gets it; ends when all have arrived or the time is over."""
    waiting, give_up = set(names), time.monotonic() + seconds
    while waiting:
        source, website = observe_source(stack, waiting), observe_website(stack, waiting)
        for name in sorted(waiting):
            ours, theirs = source[name], website[name]
            if isinstance(ours, StoredObject) and isinstance(theirs, StoredObject) and ours.body == theirs.body:
                waiting.remove(name)
                yield Arrival(name, _lag(ours, theirs))
        if time.monotonic() > give_up:
            return
        if waiting:
            time.sleep(PAUSE_SECONDS)


def _lag(source: StoredObject, website: StoredObject) -> float | None:
    try:
        lag = (datetime.fromisoformat(website.metadata["distributed-at"]) - source.last_modified).total_seconds()
    except (KeyError, ValueError, TypeError):  # put there by hand
        return None
    return lag if lag >= 0 else None

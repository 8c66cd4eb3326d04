"""Measures when the website has each file that a run of the fetcher wrote, and waits for the items."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.observation import (
    StoredObject,
    is_published,
    observe_distributor,
    observe_source,
    observe_website,
    publishing_settings,
)
from ops.publication import FileState, list_items
from ops.stack import DeployedStack
from shared.contract import FILES

PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file whose bytes on the website equal those of the source.

    `lag_seconds`: the time from source to website, None if the website had the same bytes before. S3 gives times in
    whole seconds, so the lag is exact to a second.
    """

    name: str
    lag_seconds: float | None


def expected_files(stack: DeployedStack, summary: dict[str, Any]) -> list[str]:
    """The files of the contract that the run wrote and that are published; none if nothing is distributed."""
    if not stack.distributes:
        return []
    distributor, prefix = observe_distributor(stack), f"{stack.output('SourceKeyPrefix')}/"
    written = {file["key"].removeprefix(prefix) for file in summary["written"]}
    return [name for name in FILES if name in written and is_published(name, distributor)]


def await_arrivals(stack: DeployedStack, names: Sequence[str], seconds: float) -> Iterator[Arrival]:
    """Yield each file when the website has it; ends when all have arrived or the time is over."""
    waiting, deadline = set(names), time.monotonic() + seconds
    while waiting:
        sources, websites = observe_source(stack, waiting), observe_website(stack, waiting)
        for name in sorted(waiting):
            source, website = sources[name], websites[name]
            if isinstance(source, StoredObject) and isinstance(website, StoredObject) and source.body == website.body:
                waiting.remove(name)
                yield Arrival(name, _lag(source, website))
        if time.monotonic() > deadline:
            return
        if waiting:
            time.sleep(PAUSE_SECONDS)


def await_items(stack: DeployedStack, seconds: float) -> int:
    """Wait until the website has every item of the source, or the time is over; how many it lacks then."""
    settings, deadline = publishing_settings(observe_distributor(stack)), time.monotonic() + seconds
    while True:
        states = Counter(file.state for file in list_items(stack, settings))
        waiting = states[FileState.MISSING] + states[FileState.DRIFTED]
        if not waiting or time.monotonic() > deadline:
            return waiting
        time.sleep(PAUSE_SECONDS)


def _lag(source: StoredObject, website: StoredObject) -> float | None:
    try:
        lag = (datetime.fromisoformat(website.metadata["distributed-at"]) - source.last_modified).total_seconds()
    except (KeyError, ValueError, TypeError):  # uploaded by hand
        return None
    return lag if lag >= 0 else None

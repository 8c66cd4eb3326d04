"""Since when each region, service and pair is there, and until when it was, from the log of changes. Pure.

The log tells it alone. What it does not mention is kept as the previous data has it: what changed while the log could
not be read is not in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from fetcher.history.entries import to_steps
from fetcher.history.log import merge
from fetcher.history.looks import ONE_DAY
from fetcher.history.steps import Item, State, Step
from shared import contract


@dataclass(frozen=True, slots=True)
class Sight:
    """When an item was first seen, None if at the first look of all; and last, None while it is there.

    `day`: of its newest change. `name`: its newest one in the log.
    """

    first: contract.Seen | None
    last: contract.Seen | None
    day: date
    name: str = ""


Sights = Mapping[contract.Key, Sight]  # an item without one was there at the first look of all, and still is


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of all items. `since`: the day of the first look of all."""

    since: date
    sights: Sights


def watch(sights: Sights, oldest_first: Iterable[contract.ChangeEntry], since: date) -> Sights:
    """The sights after more entries."""
    watched = dict(sights)
    for entry in oldest_first:
        for item, step in to_steps(entry.changes).items():
            if item.kind in {"region", "service", "offer"}:
                key = (item.kind, item.region, item.code)
                watched[key] = _next_sight(watched.get(key), item, step, entry, since)
    return watched


def _next_sight(sight: Sight | None, item: Item, step: Step, entry: contract.ChangeEntry, since: date) -> Sight:
    """The sight after one change. Its days never go back, whatever the log says."""
    first, last, known = (sight.first, sight.last, sight.day) if sight else (None, None, since)
    look = entry.after or entry.date - ONE_DAY
    own_look = entry.regions_after.get(item.region, look)
    day, name = max(entry.date, known), step.after or step.before or ""
    if step.after is None:  # that a region went is told by the list of regions, which is never carried over
        last = _last_seen(max(look if item.kind == "region" else own_look, known), day)
    elif step.before is None:
        first, last = first if sight else _first_seen(own_look, day), None
    return Sight(first, last, day, name)


def _first_seen(look: date, day: date) -> contract.Seen:
    return day if day - look <= ONE_DAY else contract.Between(after=look, before=day)


def _last_seen(look: date, day: date) -> contract.Seen:
    return look if day - look <= ONE_DAY else contract.Between(after=look, before=day)


def known_by_log(history: contract.ChangeHistory, earlier: Sights, before: State | None) -> Known:
    """What a log that goes on tells. `earlier`: the sights of the years that have left it; `before`: the last data."""
    created = history.metadata.created
    known = Known(created, watch(earlier, reversed(history.change_log), created))
    kept = known_by_data(before.complete_data) if before else None
    return _with_earlier(known, kept) if kept else known


def _with_earlier(known: Known, kept: Known) -> Known:
    """What the log tells, with what only the previous data knows: sights, and earlier days of the first one."""
    both = {
        key: replace(known.sights[key], first=_earlier(key, known, kept))
        for key in known.sights.keys() & kept.sights.keys()
    }
    return Known(min(known.since, kept.since), {**kept.sights, **known.sights, **both})


def _earlier(key: contract.Key, *sources: Known) -> contract.Seen | None:
    firsts = [(source.sights[key].first, source.since) for source in sources]
    return min(firsts, key=lambda first: contract.latest(first[0]) if first[0] else first[1])[0]


def known_without_log(before: State, current: State, today: date) -> Known | None:
    """What two states tell where no log goes on; None if the first one knows nothing."""
    kept = known_by_data(before.complete_data)
    if not kept:
        return None
    then = min(before.complete_data.metadata.timestamp.date(), today)
    news = merge(merge(None, None, before, then), before, current, today)
    return Known(kept.since, watch(kept.sights, reversed(news.change_log), kept.since))


def known_by_data(data: contract.CompleteData) -> Known | None:
    """What the data of a run tells; None if it is nothing."""
    if data.services_by_region.known_since is None:
        return None
    first, last = data.services_by_region.sightings()
    days = {key: contract.latest(seen) for key, seen in {**first, **last}.items()}
    sights = {key: Sight(first.get(key), last.get(key), day) for key, day in days.items()}
    return Known(data.services_by_region.known_since, sights)


def with_days(data: contract.CompleteData, known: Known) -> contract.CompleteData:
    """The data with the days that are known; pydantic's ValidationError if they break an invariant."""
    there, sights = data.what_is_there(), sorted(known.sights.items())
    last = {key: sight.last for key, sight in sights if sight.last and key not in there}
    first = {key: sight.first for key, sight in sights if sight.first and (key in there or key in last)}
    days = {"known_since": known.since, "first_seen": _by_kind(first), "last_seen": _by_kind(last)}
    offers = contract.ServicesByRegion(**{**dict(data.services_by_region), **days})
    return contract.CompleteData(**{**dict(data), "services_by_region": offers})


def _by_kind(seen: Mapping[contract.Key, contract.Seen]) -> contract.Sightings:
    pairs = defaultdict[str, dict[str, contract.Seen]](dict)
    for (kind, region, code), day in seen.items():
        if kind == "offer":
            pairs[region][code] = day
    return contract.Sightings(
        regions={code: day for (kind, _, code), day in seen.items() if kind == "region"},
        services={code: day for (kind, _, code), day in seen.items() if kind == "service"},
        pairs=dict(pairs),
    )

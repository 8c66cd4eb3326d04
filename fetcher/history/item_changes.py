"""The log of changes in; the changes of each region and each service, and feeds of them, out. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from itertools import groupby
from operator import itemgetter
from typing import get_args

from fetcher.history.entries import to_steps
from fetcher.history.feed import LONGEST_TITLE, empty_feed
from fetcher.history.steps import Item, Step
from fetcher.history.wording import describe_item_changes, summarize_item_changes
from shared import contract

MOST_DAYS = 50  # of a feed, each of at most some 5 kB
KINDS = get_args(contract.ItemChangeKind)  # in the order in which a day tells them

Place = tuple[contract.ItemFolder, str]  # of which item: its folder and its code
ItemChanges = Mapping[Place, Sequence[contract.ItemChange]]  # newest first


def changes_by_item(history: contract.ChangeHistory, earlier: Collection[contract.Key]) -> ItemChanges:
    """The changes in the log by item. `earlier`: what was known before, so that it is not new when it comes."""
    known = set(earlier)
    changes = defaultdict[Place, list[contract.ItemChange]](list)
    for entry in reversed(history.change_log):
        for place, changes_of_day in _changes_of_day(entry, known).items():
            changes[place] = [*changes_of_day, *changes[place]]
    return changes


def _changes_of_day(entry: contract.ChangeEntry, known: set[contract.Key]) -> Mapping[Place, list[contract.ItemChange]]:
    """The changes of one entry by item. What it mentions becomes known."""
    whats = defaultdict[tuple[Place, contract.ItemChangeKind, date | None], list[str]](list)
    for item, step in sorted(to_steps(entry.changes).items(), key=itemgetter(0)):
        key = (item.kind, item.region, item.code)
        after = entry.regions_after.get(item.region, entry.after) if item.kind == "offer" else entry.after
        for place, kind, what in _tell(item, step, is_known=key in known):
            whats[place, kind, after] += what
        known.add(key)
    by_item = defaultdict[Place, list[contract.ItemChange]](list)
    for place, kind, after in sorted(whats, key=lambda row: (KINDS.index(row[1]), row[2] or entry.date)):
        what = tuple(whats[place, kind, after])
        by_item[place].append(contract.ItemChange(date=entry.date, after=after, kind=kind, what=what))
    return by_item


def _tell(item: Item, step: Step, *, is_known: bool) -> Iterator[tuple[Place, contract.ItemChangeKind, Sequence[str]]]:
    """Which items tell of a change, and as what."""
    match item.kind:
        case "offer":
            came: contract.ItemChangeKind = "returned" if is_known else "added"
            kind = "removed" if step.after is None else came
            yield ("regions", item.region), kind, [item.code]
            yield ("services", item.code), kind, [item.region]
        case "region" | "service":
            folder: contract.ItemFolder = "regions" if item.kind == "region" else "services"
            if step.before is not None and step.after is not None:
                yield (folder, item.code), "renamed", [step.before, step.after]
            else:
                came = "back" if is_known else "new"
                yield (folder, item.code), "gone" if step.after is None else came, []
        case _:
            yield ("regions", item.region), "zonesRemoved" if step.after is None else "zonesAdded", [item.code]


def build_item_feed(
    item: contract.RegionItem | contract.ServiceItem,
    path: str,
    changes: Sequence[contract.ItemChange],
    names: Mapping[str, str],
    site_url: str = "",
) -> contract.ChangeFeed:
    """The newest changes of an item, a day each. `path`: of its file; `names`: of what its changes name, by code."""
    feed = empty_feed(
        f"{item.name} ({item.code})",
        "What came and went in AWS's catalogue of regions and services, by day.",
        f"{path.removesuffix('.json')}{contract.FEED_SUFFIX}",
        site_url,
    )
    noun = "service" if isinstance(item, contract.RegionItem) else "region"
    days = [(day, [*each]) for day, each in groupby(changes, lambda change: change.date)]
    items = tuple(
        contract.FeedItem(
            id=f"{contract.TOOL}:{path}:{day}",
            title=f"{item.name}: {summarize_item_changes(changes_of_day, noun)}"[:LONGEST_TITLE],
            content_text=describe_item_changes(changes_of_day, noun, names),
            date_published=datetime.combine(day, time(), UTC),
            tags=tuple(sorted({change.kind for change in changes_of_day})),
            **({"url": f"{site_url}{path}#{day}"} if site_url else {}),
        )
        for day, changes_of_day in days[:MOST_DAYS]
    )
    return feed.model_copy(update={"items": items})

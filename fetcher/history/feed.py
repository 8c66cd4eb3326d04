"""The log of changes in, a JSON Feed of its newest entries out. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from itertools import accumulate
from urllib.parse import urljoin

from fetcher.history.entries import to_steps
from fetcher.history.steps import Facts, State, region_item, service_item, service_names
from fetcher.history.wording import describe_changes
from shared import contract

MOST_ITEMS = 100
LARGEST_FEED = 250_000  # bytes; of larger ones https://www.jsonfeed.org/version/1.1/ says that they burden readers
LONGEST_TITLE = 500  # characters
NAMELESS = {"new_regional_services": (), "removed_regional_services": (), "zone_changes": ()}


def build_feed(history: contract.ChangeHistory, current: State, site_url: str = "") -> contract.ChangeFeed:
    """The newest entries, in at most LARGEST_FEED bytes. An item is so short that the first always fits.

    `current`: the state with the names of today. `site_url`: where the published files are, with a slash at the end;
    without it addresses are left out. A day has no page, so an item's address is that of the history, with the day as
    its fragment. An item is dated at the start of its day, in UTC.
    """
    feed = empty_feed(
        "Changes in AWS's regions and services",
        "What came, went and was renamed in AWS's catalogue of regions and services, by day.",
        contract.CHANGE_FEED_FILE,
        site_url,
    )
    items = [_item(entry, names, site_url) for entry, names in _with_names(history, current)]
    room = LARGEST_FEED - len(feed.to_bytes()) - len("\n  ") + len(",")  # around the items; the last has no comma
    fitting = sum(size <= room for size in accumulate(size_in_list(item) for item in items))
    return feed.model_copy(update={"items": tuple(items[:fitting])})


def empty_feed(title: str, description: str, file: str, site_url: str) -> contract.ChangeFeed:
    """A feed without items, in this file."""
    addresses = {"home_page_url": urljoin(site_url, "/"), "feed_url": f"{site_url}{file}"}
    return contract.ChangeFeed(
        version="https://jsonfeed.org/version/1.1",
        title=title,
        description=description,
        items=(),
        **(addresses if site_url else {}),
    )


def _with_names(history: contract.ChangeHistory, current: State) -> Iterator[tuple[contract.ChangeEntry, Facts]]:
    """The newest entries, each with the names of its day, so that its text stays when a name changes later."""
    names = {
        **{service_item(code): name for code, name in service_names(current).items()},
        **{region_item(region.code): region.name for region in current.complete_data.regions.regions},
    }
    for entry in history.change_log[:MOST_ITEMS]:
        steps = to_steps(entry.changes.model_copy(update=NAMELESS))
        names = {**names, **{item: step.after or step.before or item.code for item, step in steps.items()}}
        yield entry, names
        names = {**names, **{item: step.before for item, step in steps.items() if step.before}}


def _item(entry: contract.ChangeEntry, names: Facts, site_url: str) -> contract.FeedItem:
    title = entry.summary.strip()[:LONGEST_TITLE] or str(entry.date)
    return contract.FeedItem(
        id=f"{contract.TOOL}:changes:{entry.date}",
        title=title,
        content_text=describe_changes(entry.changes, names) or title,
        date_published=datetime.combine(entry.date, time(), UTC),
        tags=_tags(entry.changes),
        **({"url": f"{site_url}{contract.CHANGE_HISTORY_FILE}#{entry.date}"} if site_url else {}),
    )


def size_in_list(document: contract.Document) -> int:
    """The bytes of a document in the list of another one, two levels deep."""
    text = document.model_dump_json(by_alias=True, indent=2)
    return len(text.encode()) + 4 * (text.count("\n") + 1) + len(",\n")


def _tags(changes: contract.Changes) -> tuple[str, ...]:
    """The kinds of change: the names of the lists that are not empty."""
    return tuple(sorted(name for name, values in changes.model_dump(by_alias=True).items() if values))

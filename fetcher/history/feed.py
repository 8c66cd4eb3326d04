"""The log of changes in, a JSON Feed of its newest entries out. Pure."""

from datetime import UTC, datetime, time

from fetcher.history.wording import describe_changes
from shared import contract

MOST_ITEMS = 100


def build_feed(history: contract.ChangeHistory, *, home_page_url: str = "", feed_url: str = "") -> contract.ChangeFeed:
    """The feed; empty addresses are left out. An item is dated at the start of its day, in UTC."""
    addresses = {"home_page_url": home_page_url, "feed_url": feed_url}
    return contract.ChangeFeed(
        version="https://jsonfeed.org/version/1.1",
        title="Changes in AWS's regions and services",
        description="What came, went and was renamed in AWS's catalogue of regions and services, by day.",
        items=tuple(_item(entry) for entry in history.change_log[:MOST_ITEMS]),
        **{name: url for name, url in addresses.items() if url},
    )


def _item(entry: contract.ChangeEntry) -> contract.FeedItem:
    return contract.FeedItem(
        id=f"{contract.TOOL}:changes:{entry.date}",
        title=entry.summary,
        content_text=describe_changes(entry.changes) or entry.summary,
        date_published=datetime.combine(entry.date, time(), UTC),
        tags=_tags(entry.changes),
    )


def _tags(changes: contract.Changes) -> tuple[str, ...]:
    """The kinds of change: the names of the lists that are not empty."""
    return tuple(sorted(name for name, values in changes.model_dump(by_alias=True).items() if values))

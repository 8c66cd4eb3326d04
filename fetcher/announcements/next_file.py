"""Decides what the file holds next: AWS's feed, the file before and the time in, the next file out. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from pydantic import ValidationError

from fetcher.announcements.html import plain_text, safe_html, shorten_text
from fetcher.rss import FeedError, Rss, RssItem, time_of
from shared import contract


@dataclass(frozen=True, slots=True)
class NextFile:
    """The next file; None if nothing has changed. `read` of the feed's items are in order, `broken` are not."""

    file: contract.Announcements | None
    read: int
    broken: int


def next_file(rss: Rss, previous: contract.Announcements | None, source: str, now: datetime) -> NextFile:
    """The announcements of the feed at the address `source` and of the file before: the feed may have dropped some.

    Times to come are not believed: an announcement is taken once its time has come. FeedError if no item of the feed is
    in order, or if the feed is older than it was before.
    """
    announcements = [announcement for item in rss.items if (announcement := _announcement(item))]
    if not announcements:
        msg = f"none of its {len(rss.items)} items is an announcement"
        raise FeedError(msg)
    fresh, known = _past(announcements, now), _past(previous.announcements if previous else (), now)
    built = rss.built if rss.built and rss.built <= now else None
    if previous and previous.metadata.source == source and _is_older(fresh, built, previous, now):
        msg = "older than the one before"
        raise FeedError(msg)
    recent = (each for each in {**known, **fresh}.values() if each.pub_date >= now - contract.ANNOUNCEMENTS_KEPT)
    newest = sorted(recent, key=lambda each: (each.pub_date, each.id), reverse=True)[: contract.MOST_ANNOUNCEMENTS]
    file = contract.Announcements(
        metadata=contract.AnnouncementsMetadata(
            timestamp=now,
            source=source,
            feed_last_build_date=format_datetime(built, usegmt=True) if built else None,
            tool=contract.TOOL,
            version=contract.SCHEMA_VERSION,
            count=len(newest),
        ),
        announcements=tuple(newest),
    )
    return NextFile(None if _is_same(file, previous) else file, len(announcements), len(rss.items) - len(announcements))


def _announcement(item: RssItem) -> contract.Announcement | None:
    """What an item announces; None if it has no id, title or time, leads elsewhere than to AWS, or is too long."""
    time = time_of(item.pub_date)
    if time is None:
        return None
    categories = [word for word in item.category.replace(",", " ").split() if len(word) <= contract.MOST_CHARACTERS]
    try:
        return contract.Announcement(
            id=item.guid,
            title=shorten_text(item.title, contract.TITLE_CHARACTERS),
            summary=plain_text(item.description, contract.SUMMARY_CHARACTERS),
            link=item.link,
            pub_date=time,
            pub_date_formatted=contract.format_day(time),
            categories=tuple(categories[: contract.MOST_CATEGORIES]),
            html_content=safe_html(item.description),
        )
    except ValidationError:
        return None


def _past(announcements: Iterable[contract.Announcement], now: datetime) -> dict[str, contract.Announcement]:
    return {each.id: each for each in announcements if each.pub_date <= now}


def _is_older(
    fresh: Mapping[str, contract.Announcement],
    built: datetime | None,
    previous: contract.Announcements,
    now: datetime,
) -> bool:
    """By the time at which the feed was built; only without one by its newest announcement, which AWS may withdraw."""
    built_before = time_of(previous.metadata.feed_last_build_date or "")
    if built and built_before and built_before <= now:
        return built < built_before
    return _newest(fresh) < _newest(_past(previous.announcements, now))


def _newest(announcements: Mapping[str, contract.Announcement]) -> datetime:
    return max((each.pub_date for each in announcements.values()), default=datetime.min.replace(tzinfo=UTC))


def _is_same(file: contract.Announcements, previous: contract.Announcements | None) -> bool:
    if previous is None or file.announcements != previous.announcements:
        return False
    return file.metadata == previous.metadata.model_copy(update={"timestamp": file.metadata.timestamp})

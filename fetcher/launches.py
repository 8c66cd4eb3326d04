"""Finds launch dates and announcement links, by region code, in the RSS feed of region launches. The feed is optional.

https://docs.aws.amazon.com/global-infrastructure/latest/regions/regions.rss
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from fetcher.rss import LINK, RssItem, read_rss, time_of

TAG_OR_ADDRESS = re.compile(r"<[^<>]*>|https?://[^\s<]+")
WORD = re.compile(r"[\w./-]+", re.ASCII)
UNDATED = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Launch:
    """When a region was launched, as `Wed, 09 Nov 2011 19:00:00 GMT`, and the URL of the announcement (https).

    At least one of both is present; a value that is missing from the feed or malformed is None.
    """

    date: str | None
    url: str | None


def read_launches(url: str, codes: Iterable[str]) -> dict[str, Launch]:
    """The launches of the regions among `codes` that the feed names; FeedError if it can't be read.

    The codes are needed, since they follow no pattern: `us-gov-west-1`, `eusc-de-east-1`.
    """
    return find_launches(read_rss(url).items, codes)


def find_launches(items: Iterable[RssItem], codes: Iterable[str]) -> dict[str, Launch]:
    """The launches in the feed's items, sorted by region code.

    An item belongs to the first known region in its description. If a region has several items, the earliest is the
    launch, since later ones announce zones; an item without a readable date is used only if no other has one.
    """
    known = {code.lower(): code for code in sorted(codes)}
    announcements = defaultdict[str, list[tuple[datetime, bool, str]]](list)
    for item in items:
        if code := _region(item.description, known):
            url = item.link if LINK.fullmatch(item.link) else ""
            announcements[code].append((time_of(item.pub_date) or UNDATED, not url, url))
    earliest = {code: min(announcements[code]) for code in sorted(announcements)}
    return {
        code: Launch(format_datetime(when, usegmt=True) if when < UNDATED else None, url or None)
        for code, (when, _, url) in earliest.items()
        if when < UNDATED or url
    }


def _region(description: str, known: Mapping[str, str]) -> str | None:
    """The first word that is a known code; `us-east-1-bos-1a` or `s3.us-east-1.amazonaws.com` is not."""
    text = TAG_OR_ADDRESS.sub(" ", description)
    words = (match.group().rstrip(".").lower() for match in WORD.finditer(text))
    return next((known[word] for word in words if word in known), None)

"""Makes the HTML of a feed safe to show: foreign HTML in, HTML of an allow-list or plain text out. Pure."""

import html
import re
from textwrap import shorten
from typing import Final

import nh3

from fetcher.rss import LINK

LONGEST: Final = 10_000  # characters; AWS's own have up to 4,000
TAGS: Final = {
    *("a", "b", "blockquote", "br", "code", "em", "h2", "h3", "h4", "i", "li", "ol", "p", "pre", "strong"),
    *("sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
}
INLINE: Final = re.compile(r"</?(?:a|b|code|em|i|strong|sub|sup|u)(?: [^>]*)?>")
TAG: Final = re.compile(r"<[^>]*>")

# It parses as a browser does, and by default drops the contents of scripts and styles, and all comments:
# https://nh3.readthedocs.io/
_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes={"*": set(), "a": {"href"}},  # by default every tag may have `lang` and `title`
    attribute_filter=lambda _tag, name, value: value if name != "href" or LINK.fullmatch(value) else None,
)


def safe_html(text: str) -> str:
    """The HTML with nothing but the allowed tags and `https` links; empty if it is too long, before or after."""
    cleaned = _cleaner.clean(text[:LONGEST]).strip()  # a browser's parser may add tags without number
    return cleaned if max(len(text), len(cleaned)) <= LONGEST else ""


def plain_text(text: str, longest: int) -> str:
    """The text of foreign HTML on one line, cut between words to `longest` characters."""
    tagged = _cleaner.clean(text[:LONGEST])
    return shorten_text(html.unescape(TAG.sub(" ", INLINE.sub("", tagged))), longest)


def shorten_text(text: str, longest: int) -> str:
    """Text on one line, cut between words to `longest` characters."""
    return shorten(text, longest, placeholder="…", break_on_hyphens=False)

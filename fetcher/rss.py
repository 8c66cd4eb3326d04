"""Reads an RSS feed: its address in, the fields of its items out. The only module that reads from the web.

A feed may be broken or hostile: everything about it is limited, and every failure is a FeedError.
https://www.rssboard.org/rss-specification
"""

import re
import time
from collections import defaultdict
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit
from xml.sax import ContentHandler, SAXException

import urllib3
from defusedxml.sax import parseString
from pydantic import TypeAdapter

from shared import contract
from shared.text import printable

if TYPE_CHECKING:
    from xml.sax.xmlreader import AttributesImpl

XML_TYPES = ("application/rss+xml", "application/xml", "text/xml")
# S3 answers with these if a file was uploaded without a type; then the root element decides.
UNKNOWN_TYPES = ("application/octet-stream", "binary/octet-stream", "text/plain", "")
# CloudFront answers 403 to clients without a User-Agent.
HEADERS = {"User-Agent": contract.TOOL, "Accept": ", ".join(XML_TYPES), "Accept-Encoding": "identity"}
CHUNK_BYTES, MOST_REDIRECTS, OK = 1024, 3, 200
BUILT, ITEM, DEEPEST = ["rss", "channel", "lastBuildDate"], ["rss", "channel", "item"], 100
FIELDS = ("guid", "title", "description", "pubDate", "category", "link")
LINK = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?", re.ASCII)
RFC_DATE = TypeAdapter[str](contract.RfcDate)


class FeedError(Exception):
    """The feed could not be read, or is no RSS feed. A later run may succeed; what is known is kept."""


@dataclass(frozen=True, slots=True)
class RssItem:
    """An item's fields as they are, without white space at the ends. Nothing is checked; a missing one is empty."""

    guid: str
    title: str
    description: str
    pub_date: str
    category: str
    link: str


@dataclass(frozen=True, slots=True)
class Rss:
    """A feed's items, at least one, and when it was built; None if it does not say."""

    items: list[RssItem]
    built: datetime | None


def read_rss(url: str, *, max_seconds: float = 10, max_bytes: int = 2_000_000) -> Rss:
    """The feed at an address; FeedError if it can't be read.

    `url` is http or https; redirects from https to http are not followed. `max_seconds`: for all network traffic
    together.
    """
    result: Future[bytes] = Future()

    def download() -> None:
        try:
            result.set_result(_download(url, max_seconds, max_bytes))
        except Exception as error:  # noqa: BLE001 - raised again where the result is awaited
            result.set_exception(error)

    # A socket's time-out restarts with every byte and does not cover DNS. So the download has its own thread; if it is
    # late, nobody waits for it, and it ends at its next time-out, chunk or header.
    Thread(target=download, name="rss", daemon=True).start()
    try:
        return parse_rss(result.result(timeout=max_seconds))
    except TimeoutError as error:
        msg = f"not read within {max_seconds} seconds"
        raise FeedError(msg) from error


def parse_rss(body: bytes) -> Rss:
    """The feed in these bytes; FeedError if they are not an RSS feed with items.

    The parser does not resolve namespaces: otherwise every element name would contain a URL of any length.
    """
    reader = _RssReader()
    try:
        parseString(body, reader, forbid_dtd=True)  # without a DTD there are neither entities nor references
    except (SAXException, ValueError, LookupError) as error:  # malformed; DTD or wrong encoding; unknown encoding
        msg = f"not well-formed: {printable(str(error))}"
        raise FeedError(msg) from error
    _require(bool(reader.items), "an RSS feed", "without items")
    return Rss(reader.items, time_of("".join(reader.built).strip()))


def time_of(date: str) -> datetime | None:
    """The time in UTC; None without a time of day or a known time zone. A wrong weekday does not matter."""
    try:
        when = parsedate_to_datetime(RFC_DATE.validate_python(date))
        return when.astimezone(UTC) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None


class _RssReader(ContentHandler):
    """Keeps only what is asked for: the tree of a hostile feed could be too large and too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._path: list[str] = []
        self._fields = defaultdict[str, list[str]](list)
        self.items: list[RssItem] = []
        self.built: list[str] = []

    def startElement(self, name: str, attrs: "AttributesImpl[str]") -> None:  # noqa: N802 - as SAX has it
        self._path.append(attrs.get("xmlns", "") + name)
        if self._path[0] != ITEM[0] or len(self._path) > DEEPEST:
            msg = f"not an RSS feed: {printable('/'.join(self._path))}"
            raise FeedError(msg)
        self.characters(" ")  # elements inside a field separate its words

    def characters(self, content: str) -> None:
        if self._path[:3] == ITEM and len(self._path) > len(ITEM):
            self._fields[self._path[3]].append(content)
        elif self._path == BUILT:
            self.built.append(content)

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - as SAX has it
        self.characters(" ")
        if self._path == ITEM:
            self.items.append(RssItem(*("".join(self._fields[tag]).strip() for tag in FIELDS)))
            self._fields.clear()
        self._path.pop()


def _download(url: str, max_seconds: float, max_bytes: int) -> bytes:
    """The feed's bytes. Redirects are followed here, since urllib3 would first read the whole body of each."""
    deadline, schemes = time.monotonic() + max_seconds, {"http", "https"}
    try:
        # urllib3 1.x checks certificates only with this option.
        with urllib3.PoolManager(cert_reqs="CERT_REQUIRED", timeout=max_seconds, retries=False) as pool:
            for _ in range(1 + MOST_REDIRECTS):
                scheme = urlsplit(url).scheme
                _require(scheme in schemes, "an address that is not followed:", url)
                schemes = {scheme, "https"}
                request = pool.request("GET", url, headers=HEADERS, redirect=False, preload_content=False)
                with closing(request) as response:
                    location = response.get_redirect_location()
                    if not location:
                        return _body(response, max_bytes, deadline)
                url = urljoin(url, location)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise FeedError(printable(str(error))) from error
    msg = f"more than {MOST_REDIRECTS} redirects"
    raise FeedError(msg)


def _body(response: "urllib3.BaseHTTPResponse", max_bytes: int, deadline: float) -> bytes:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    _require(response.status == OK, "answered with status", str(response.status))
    _require(media_type in XML_TYPES + UNKNOWN_TYPES, "answered with content type", media_type)
    _require(encoding == "identity", "answered with content encoding", encoding)
    body = bytearray()
    for chunk in response.stream(CHUNK_BYTES, decode_content=False):
        body += chunk
        _require(len(body) <= max_bytes, "longer than", f"{max_bytes} bytes")
        _require(time.monotonic() < deadline, "not read within", "the time allowed")
    return bytes(body)


def _require(condition: bool, otherwise: str, value: str) -> None:  # noqa: FBT001 - reads as a sentence at each call
    if not condition:
        msg = f"{otherwise} {printable(value)}"
        raise FeedError(msg)

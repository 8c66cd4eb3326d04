"""The RSS feed of region launches in, launch dates and announcement links by region code out.

Optional enrichment from a document that anyone on the way may have broken: everything about it is bounded, and all that
can go wrong is a LaunchFeedError. The only module that reads the feed.
https://docs.aws.amazon.com/global-infrastructure/latest/regions/regions.rss
"""

import re
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from threading import Thread
from typing import Final
from urllib.parse import urljoin, urlsplit

import urllib3
from defusedxml.ElementTree import ParseError, XMLParser
from pydantic import TypeAdapter

from shared import contract
from shared.text import printable

# CloudFront answers 403 to clients without a User-Agent.
_HEADERS: Final = {"User-Agent": contract.TOOL, "Accept": "application/rss+xml, application/xml, text/xml"}
_CHUNK_BYTES: Final = 1024
_OK: Final = 200
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# The last three are what a bucket answers for a file that was uploaded without a type; the root element decides then.
_TYPES: Final = frozenset(
    {"application/rss+xml", "application/xml", "text/xml"}
    | {"application/octet-stream", "binary/octet-stream", "text/plain"}
)
_GZIP: Final = 16 + zlib.MAX_WBITS

_ITEM: Final = ["rss", "channel", "item"]
_DEEPEST: Final = 100
_TAGS_AND_ADDRESSES: Final = re.compile(r"<[^<>]*>|https?://[^\s<]+")
_WORD: Final = re.compile(r"[\w./-]+", re.ASCII)
_LINK: Final = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?", re.ASCII)
_RFC_DATE: Final = TypeAdapter[str](contract.RfcDate)


class LaunchFeedError(Exception):
    """The feed could not be read, or it is not the feed. A later run may succeed; what is known stays as it is."""


@dataclass(frozen=True, slots=True)
class Launch:
    """When a region was launched, as `Wed, 09 Nov 2011 19:00:00 GMT`, and where that was announced (https).

    At least one of both is there; what the feed does not state, or states oddly, is None.
    """

    date: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading the feed may take: `seconds` for everything on the network, bytes also after decompression."""

    seconds: float = 10
    bytes: int = 2_000_000
    redirects: int = 3


@dataclass(frozen=True, slots=True)
class _Item:
    description: str
    published: str
    link: str


@dataclass(frozen=True, slots=True)
class _Announcement:
    time: datetime | None
    url: str | None


_DEFAULTS: Final = Limits()
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def read_launches(url: str, codes: Iterable[str], limits: Limits = _DEFAULTS) -> dict[str, Launch]:
    """The launches of the regions among `codes` that the feed names; LaunchFeedError if it can't be read.

    `url` is http or https, and https stays https when redirected. The codes are given because they follow no
    pattern: `us-gov-west-1`, `eusc-de-east-1`.
    """
    deadline = time.monotonic() + limits.seconds
    body = _in_time(limits.seconds, lambda: _download(url, limits, deadline))
    return parse_launches(body, codes)


def parse_launches(body: bytes, codes: Iterable[str]) -> dict[str, Launch]:
    """The launches in the feed's bytes, sorted by region code; LaunchFeedError if these are not an RSS feed with items.

    An item is about the first known region that its description names. Of several items about one region the earliest
    is the launch, since later ones announce further zones; one without a readable date counts only if no other has one.
    """
    known = {code.lower(): code for code in sorted(codes)}
    announcements = defaultdict[str, list[_Announcement]](list)
    for item in _parse(body):
        if code := _region(item.description, known):
            announcements[code].append(_Announcement(_time(item.published), _url(item.link)))
    launches = {code: _launch(min(announcements[code], key=_precedence)) for code in sorted(announcements)}
    return {code: launch for code, launch in launches.items() if launch.date or launch.url}


def _precedence(announcement: _Announcement) -> tuple[datetime, bool, str]:
    return announcement.time or _NEVER, announcement.url is None, announcement.url or ""


def _launch(announcement: _Announcement) -> Launch:
    when = announcement.time
    return Launch(date=format_datetime(when, usegmt=True) if when else None, url=announcement.url)


def _region(description: str, known: Mapping[str, str]) -> str | None:
    """The first word that is a known code. `us-east-1-bos-1a` and `s3.us-east-1.amazonaws.com` are other words."""
    text = _TAGS_AND_ADDRESSES.sub(" ", description)
    words = (match.group().rstrip(".").lower() for match in _WORD.finditer(text))
    return next((known[word] for word in words if word in known), None)


def _time(published: str) -> datetime | None:
    """The time in UTC; None without a time of day or a known zone. A wrong day of the week is passed over."""
    try:
        when = parsedate_to_datetime(_RFC_DATE.validate_python(published))
        return when.astimezone(UTC) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _url(link: str) -> str | None:
    return link if _LINK.fullmatch(link) else None


class _Items:
    """An XMLParser's target that keeps the items' fields alone: the tree of a hostile feed would fill the memory.

    It also can't be deep: a tree of 100,000 levels is more than Python's own walk through it bears.
    """

    def __init__(self) -> None:
        self._path: list[str] = []
        self._fields = defaultdict[str, list[str]](list)
        self.items: list[_Item] = []

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        self._path.append(tag)
        if self._path[0] != _ITEM[0] or len(self._path) > _DEEPEST:
            msg = f"not an RSS feed: {printable('/'.join(self._path))}"
            raise LaunchFeedError(msg)
        if self._path == _ITEM:
            self._fields.clear()
        self.data(" ")  # elements inside a description part its words

    def data(self, text: str) -> None:
        if self._path[: len(_ITEM)] == _ITEM and len(self._path) > len(_ITEM):
            self._fields[self._path[len(_ITEM)]].append(text)

    def end(self, _tag: str) -> None:
        self.data(" ")
        if self._path == _ITEM:
            texts = ("".join(self._fields[field]).strip() for field in ("description", "pubDate", "link"))
            self.items.append(_Item(*texts))
        self._path.pop()


def _parse(body: bytes) -> list[_Item]:
    target = _Items()
    parser = XMLParser(target=target, forbid_dtd=True)  # without a DTD there are neither entities nor references
    try:
        parser.feed(body)
        parser.close()
    except (ParseError, ValueError, LookupError) as error:  # broken; a DTD or an odd encoding; an unknown encoding
        msg = f"not well-formed: {printable(str(error))}"
        raise LaunchFeedError(msg) from error
    _require(bool(target.items), "an RSS feed", "without items")
    return target.items


def _in_time(seconds: float, download: Callable[[], bytes]) -> bytes:
    """The download's result, or LaunchFeedError when time is up.

    A socket's time-out starts anew with every byte and doesn't cover the look-up of names, so the work has a thread.
    One that is late is left behind, and ends at its next time-out or chunk, or when whoever drips headers stops.
    """
    result: Future[bytes] = Future()
    Thread(target=_settle, args=(result, download), name="launch-feed", daemon=True).start()
    try:
        return result.result(timeout=seconds)
    except TimeoutError as error:
        msg = f"not read within {seconds} seconds"
        raise LaunchFeedError(msg) from error


def _settle(result: Future[bytes], download: Callable[[], bytes]) -> None:
    try:
        result.set_result(download())
    except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the result
        result.set_exception(error)


def _download(url: str, limits: Limits, deadline: float) -> bytes:
    """Follow redirects by hand, since each new address is checked."""
    try:
        # Version 1 of urllib3 checks certificates only when told.
        with urllib3.PoolManager(cert_reqs="CERT_REQUIRED", timeout=limits.seconds, retries=False) as pool:
            _require(urlsplit(url).scheme in {"http", "https"}, "neither http nor https", url)
            for _ in range(1 + limits.redirects):
                request = pool.request("GET", url, headers=_HEADERS, redirect=False, preload_content=False)
                with closing(request) as response:
                    if response.status not in _REDIRECTS:
                        return _body(response, limits.bytes, deadline)
                    url = _redirected(url, response.headers.get("Location", ""))
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        msg = printable(str(error))
        raise LaunchFeedError(msg) from error
    msg = f"more than {limits.redirects} redirects"
    raise LaunchFeedError(msg)


def _redirected(url: str, location: str) -> str:
    target = urljoin(url, location)
    schemes = (urlsplit(url).scheme, urlsplit(target).scheme)
    followed = schemes in {("http", "http"), ("http", "https"), ("https", "https")}
    _require(followed, "redirected where it is not followed:", location)
    return target


def _body(response: "urllib3.BaseHTTPResponse", most: int, deadline: float) -> bytes:
    type_ = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    _require(response.status == _OK, "answered with status", str(response.status))
    _require(not type_ or type_ in _TYPES, "answered with content type", type_)
    _require(encoding in {"identity", "gzip"}, "answered with content encoding", encoding)
    body = bytearray()
    for chunk in response.stream(_CHUNK_BYTES, decode_content=False):
        body += chunk
        _require(len(body) <= most, "longer than", f"{most} bytes")
        _require(time.monotonic() < deadline, "not read within", "the time allowed")
    return bytes(body) if encoding == "identity" else _decompressed(bytes(body), most)


def _decompressed(body: bytes, most: int) -> bytes:
    inflate = zlib.decompressobj(_GZIP)
    try:
        plain = inflate.decompress(body, most + 1)
    except zlib.error as error:
        msg = f"not gzip: {error}"
        raise LaunchFeedError(msg) from error
    _require(len(plain) <= most, "longer than", f"{most} bytes")
    _require(inflate.eof, "truncated", "gzip")
    return plain


def _require(holds: bool, otherwise: str, value: str) -> None:  # noqa: FBT001 - reads as a sentence at each call
    if not holds:
        msg = f"{otherwise} {printable(value)}"
        raise LaunchFeedError(msg)

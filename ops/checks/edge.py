"""Checks a response of the website's edge: the file itself, its headers and its age. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.checks.check import Check, equals
from ops.costs import MIN_COMPRESSED
from ops.observation import StoredObject, Unavailable
from shared.contract import JSON, content_type

READER_ORIGIN = "https://reader.example"  # the page that requests the file; any origin except the website's own


@dataclass(frozen=True, slots=True)
class EdgeResponse:
    """A response with its body decoded and its headers in lower case; `encoding` is the compression, empty: none."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    encoding: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No response, or none that can be read."""

    url: str
    reason: str


def check_edge(
    name: str,
    response: EdgeResponse | Unreachable,
    website: StoredObject | Unavailable,
    cache_control: str | None,
    now: datetime,
) -> Iterator[Check]:
    """Check that a reader gets the website's file with the right headers; without a file there is only one check."""
    group = response.url.removesuffix(name)
    if isinstance(response, Unreachable):
        yield Check(
            group, f"{name} answers", holds=False, actual=response.reason, advice="check the URL and the distribution"
        )
        return
    advice = _advice(response)
    actual = f"{response.status} {response.headers.get('location', '')}".strip()
    yield Check(group, f"{name} answers 200", response.status == 200, actual, advice)  # noqa: PLR2004
    if response.status != 200:  # noqa: PLR2004
        return
    page = _is_page(response.body)
    yield Check(
        group,
        f"{name} is JSON and no page",
        not page,
        "HTML or broken" if page else f"{len(response.body):,} bytes",
        "the distribution answers a missing file with a page: check origin, path and custom error responses",
    )
    yield from _check_headers(group, name, response, cache_control)
    if isinstance(website, StoredObject):
        yield _check_body(group, name, response, website, now)


def _check_headers(group: str, name: str, response: EdgeResponse, cache_control: str | None) -> Iterator[Check]:
    headers = response.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    by_edge = (
        "a policy or function of the distribution changes it, or the edge has an older copy: feed verify without --url"
    )
    yield equals(group, f"{name}: Content-Type", media_type, content_type(name), by_edge)
    yield equals(group, f"{name}: Cache-Control", headers.get("cache-control", ""), cache_control, by_edge)
    age, longest = _seconds(headers.get("age", "0")), max_age(headers.get("cache-control", ""))
    yield Check(
        group,
        f"{name}: Age",
        longest is None or (age is not None and age <= longest),
        f"{headers.get('age', 'none')}, max-age {longest}",
        "the edge keeps it for longer than max-age: lower the minimum TTL of the behaviour's cache policy",
    )
    if len(response.body) >= MIN_COMPRESSED and content_type(name) == JSON:  # CloudFront compresses no feed
        yield Check(
            group,
            f"{name}: compression",
            response.encoding in {"gzip", "br"},
            response.encoding or "none",
            "switch on automatic compression in the behaviour, and gzip and Brotli in its cache policy",
        )
    allowed = headers.get("access-control-allow-origin", "")
    yield Check(
        group,
        f"{name}: CORS",
        allowed in {"*", READER_ORIGIN},
        f"Access-Control-Allow-Origin {allowed or 'is missing'}",
        "give the behaviour the managed response headers policy SimpleCORS (docs/configuration.md, The website bucket)",
    )


def _check_body(group: str, name: str, response: EdgeResponse, website: StoredObject, now: datetime) -> Check:
    sentence = f"{name} has the website bucket's bytes"
    if response.body == website.body:
        return Check(group, sentence, holds=True, actual=f"{len(response.body):,} bytes")
    longest = max_age(website.cache_control)
    fresh_at = website.last_modified + timedelta(seconds=longest or 0)
    if now <= fresh_at:
        wait = (fresh_at - now).total_seconds()
        return Check(group, sentence, holds=True, actual=f"the edge has an older copy for {wait:.0f} s more at most")
    return Check(
        group,
        sentence,
        holds=False,
        actual="other bytes, though max-age has passed since the website bucket got its own",
        advice=f"feed invalidate {name}, or check the origin and the minimum TTL of the behaviour's cache policy",
    )


def max_age(cache_control: str) -> int | None:
    """The seconds that a shared cache may keep a response, 31 years at most; None if they are not stated."""
    directives = {name: int(value) for name, value in re.findall(r"(s-maxage|max-age)=([0-9]{1,9})", cache_control)}
    return directives.get("s-maxage", directives.get("max-age"))


def _seconds(age: str) -> int | None:
    return int(age) if re.fullmatch("[0-9]{1,9}", age) else None


def _is_page(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return True
    return False


def _advice(response: EdgeResponse) -> str:
    if "location" in response.headers:
        return "give --url what it leads to"
    return "check the path, the origin's path, and that the bucket's policy lets the distribution read"

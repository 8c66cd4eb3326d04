"""A public URL in, what a reader gets there out. The only module that asks the website's edge."""

from dataclasses import dataclass

import requests

ORIGIN = "https://reader.example"  # any page of another origin
SECONDS = 10


@dataclass(frozen=True, slots=True)
class EdgeAnswer:
    """An answer, its body decoded; `encoding` is the compression that the edge offered, empty: none."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    encoding: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer, or none that could be read."""

    url: str
    reason: str


def look(url: str) -> EdgeAnswer | Unreachable:
    """Fetch a URL as a browser does for a page of another origin, but follow no redirect; header names in lower case.

    gzip comes first, since Python cannot decode Brotli; where there is none, Brotli is asked for, for its header alone.
    """
    try:
        answer = _get(url, "gzip")
        encoding = answer.headers.get("Content-Encoding", "") or _get(url, "br").headers.get("Content-Encoding", "")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return EdgeAnswer(url, answer.status_code, headers, answer.content, encoding)
    except requests.RequestException as error:
        return Unreachable(url, f"{type(error).__name__}: {error}")


def _get(url: str, encoding: str) -> requests.Response:
    headers = {"Accept-Encoding": encoding, "Origin": ORIGIN}
    return requests.get(url, headers=headers, timeout=SECONDS, allow_redirects=False)

"""Text at the edges: from outside, made safe to log; a refused model in one line; a time as the contract writes it."""

import re
from datetime import datetime

from pydantic import ValidationError

_LONGEST = 1100  # a whole key, which has up to 1,024 bytes
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def printable(text: str) -> str:
    """The text with control and undecodable characters escaped, cut to a length that a log line can bear."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escaped if len(escaped) <= _LONGEST else escaped[: _LONGEST - 1] + "…"


def correlation_id(found: object) -> str:
    """The id as metadata or an event gives it; empty if it is not one that logs and messages should carry on."""
    return found if isinstance(found, str) and _CORRELATION_ID.fullmatch(found) else ""


def first_error(error: ValidationError) -> str:
    """The first thing that is wrong, such as `regions.0.code: Field required`; without a place if it is the whole."""
    first = error.errors(include_url=False, include_input=False)[0]
    place, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def utc_stamp(time: datetime, timespec: str = "milliseconds") -> str:
    """A time in UTC as ISO 8601 with a trailing Z."""
    return time.isoformat(timespec=timespec).replace("+00:00", "Z")

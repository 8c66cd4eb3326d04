"""Makes text from outside safe to log, shortens validation errors, and reads and writes times."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_LONGEST = 1100  # enough for a whole key, which has up to 1,024 bytes
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def printable(text: str) -> str:
    """The text with control and undecodable characters escaped, cut to a length that fits into a log line."""
    start = text[: _LONGEST + 1]  # a text may have megabytes, and each escaped character takes 60 bytes
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in start)
    return escaped if len(escaped) <= _LONGEST else escaped[: _LONGEST - 1] + "…"


def correlation_id(value: object) -> str:
    """The id from metadata or an event; empty if it is not safe to repeat in logs and messages."""
    return value if isinstance(value, str) and _CORRELATION_ID.fullmatch(value) else ""


def first_error(error: "ValidationError") -> str:
    """The first error, such as `regions.0.code: Field required`, printable.

    It is without a place if it is about the whole document.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    place, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return printable(f"{place}: {message}" if place else message)


def utc_stamp(time: datetime, timespec: str = "milliseconds") -> str:
    """A time in UTC as ISO 8601 with a trailing Z."""
    return time.isoformat(timespec=timespec).replace("+00:00", "Z")


def zoned_time(text: object) -> datetime | None:
    """A time with its zone, in ISO 8601; None for anything else."""
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return time if time and time.tzinfo else None

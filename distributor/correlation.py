"""The id that ties an object's log lines together, from the schedule to the edge. Pure."""

import re

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def sane(found: object) -> str:
    """The id as it stands in metadata or an event; empty if it is none that logs and messages should carry on."""
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""

"""Notices and settings in, a decision for each out. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from distributor.events import Changed, Notice
from distributor.outcomes import Cause, Decision, Headers, Publish, Rejected, Skipped
from distributor.settings import CacheControlRule, DistributorSettings, HeaderSettings, Location
from shared.files import MANIFEST_FILE, RELEASES_FOLDER, content_type
from shared.text import printable

RELEASE_RULES = (
    CacheControlRule(f"{RELEASES_FOLDER}/**", "public, max-age=31536000, immutable"),
    CacheControlRule(MANIFEST_FILE, "public, max-age=60, stale-while-revalidate=600"),
)
"""Behind the rules of the settings, where releases are on."""

LONGEST_KEY = 1024  # bytes; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html


def plan(notices: Iterable[Notice], settings: DistributorSettings) -> tuple[Decision, ...]:
    """One decision for each notice and destination, in order; a key named several times is published once."""
    decisions = [decision for notice in notices for decision in _decide(notice, settings)]
    distinct = {
        decision if isinstance(decision, Publish) else index: decision for index, decision in enumerate(decisions)
    }
    return tuple(distinct.values())


def _decide(notice: Notice, settings: DistributorSettings) -> Iterator[Decision]:
    key, prefix = notice.key, f"{settings.source_prefix}/"
    if not isinstance(notice, Changed):
        yield notice
    elif notice.bucket not in {None, settings.source_bucket}:
        yield Rejected(key, f"the event is of another bucket, {printable(str(notice.bucket))}", Cause.FOREIGN_BUCKET)
    elif len(key.encode(errors="surrogatepass")) > LONGEST_KEY:
        yield Rejected(key, f"not a key: over {LONGEST_KEY} bytes", Cause.MALFORMED_RECORD)
    elif not key.startswith(prefix):
        yield Skipped(key, f"not below {prefix}")
    else:
        for destination in settings.destinations:
            yield decide(key.removeprefix(prefix), destination, settings, notice)


def decide(
    name: str, destination: Location, settings: DistributorSettings, notice: Changed | None = None
) -> Publish | Skipped | Rejected:
    """Whether the source's object with this name below the prefix goes to this destination.

    `notice`: the notice that names the object; the sweeper has none.
    """
    event_time, request_id = (notice.event_time, notice.request_id) if notice else (None, "")
    releases = settings if settings.releases and name == MANIFEST_FILE else None
    headers = headers_for(name, settings)
    task = Publish(settings.source, destination, name, headers, event_time, request_id, releases)
    if settings.releases and name.startswith(f"{RELEASES_FOLDER}/"):
        return Skipped(task.source_key, f"the folder {RELEASES_FOLDER} is that of the releases (Releases=true)")
    return refuse(task, settings.publish_patterns) or task


def refuse(task: Publish, patterns: Sequence[str]) -> Skipped | Rejected | None:
    """Why an object with this key is not published; None if it is."""
    return _unfit_key(task) or _no_match(task, patterns)


def _unfit_key(task: Publish) -> Skipped | Rejected | None:
    key, name = task.source_key, task.name
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        return Rejected(key, "the key holds control characters or lone surrogates")
    if "\\" in name:
        return Rejected(key, "the key holds a backslash")
    if name.endswith("/") or not name:
        return Skipped(key, "a folder marker")
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        return Rejected(key, "the key has an empty, . or .. segment")
    return None


def _no_match(task: Publish, patterns: Sequence[str]) -> Skipped | Rejected | None:
    key, name = task.source_key, task.name
    if any(segment.startswith(".") for segment in name.split("/")):
        return Skipped(key, "a name that starts with a dot is never published")
    if not any(compile_glob(pattern).fullmatch(name) for pattern in patterns):
        return Skipped(key, f"matches no pattern of PUBLISH_PATTERNS ({', '.join(patterns)})")
    if len(task.destination_key.encode()) > LONGEST_KEY:
        return Rejected(key, f"its key at the destination would be over {LONGEST_KEY} bytes")
    return None


def headers_for(name: str, settings: HeaderSettings, folder: str = "") -> Headers:
    """The headers of the object with this name below the prefix; the first `Cache-Control` rule that matches wins.

    `folder`: that of its release, with a slash at the end.
    """
    rules = (*settings.cache_control_rules, *(RELEASE_RULES if settings.releases else ()))
    matching = (rule.header for rule in rules if compile_glob(rule.glob).fullmatch(f"{folder}{name}"))
    return Headers(content_type(name), next(matching, settings.cache_control))


@cache
def compile_glob(pattern: str) -> re.Pattern[str]:
    """A glob in which `*` and `?` stay within a segment and `**` does not; everything else is literal."""
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(token, re.escape(token)) for token in tokens), re.DOTALL)

"""Lists what is published: the files of source and website side by side, with the headers that readers get."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, groupby, islice
from typing import Any

from distributor.outcomes import Publish
from distributor.plan import compile_glob, decide
from distributor.settings import DistributorSettings, Location
from distributor.store import owned
from distributor.sweeper.comparison import Entry, list_entries
from ops.observation import Unavailable, is_hidden, is_item, or_unavailable
from ops.stack import DeployedStack
from shared.contract import RELEASES_FOLDER

MOST_COMPARED = 100_000  # names; a hundred pages of each bucket
REQUESTS_AT_ONCE = 10  # as many connections as a client of botocore keeps
RELEASES = f"{RELEASES_FOLDER}/"  # copies that never change, made on the website: they have no source


class FileState(StrEnum):
    """What a name is in the two buckets."""

    IN_STEP = "in step"
    DRIFTED = "drifted"
    MISSING = "not published"
    UNPUBLISHED = "not for the website"
    ORPHAN = "orphan"
    FOREIGN = "not of the source"  # on the website alone, with a name that is never published


@dataclass(frozen=True, slots=True)
class Pair:
    """A name below the prefixes, with its object in each bucket; None if a bucket has none."""

    name: str
    source: Entry | None
    website: Entry | None


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A pair with its state, and what the object on the website says of itself.

    `distributed_at` is empty if the distributor did not put it there. `refusal`: why the headers could not be read.
    """

    pair: Pair
    state: FileState
    cache_control: str = ""
    distributed_at: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The files that were found, in the order of their keys; not `complete`: there may be more.

    `items`: how many items were passed over, since they are in step.
    """

    files: tuple[PublishedFile, ...]
    complete: bool
    items: int = 0


def list_files(stack: DeployedStack, settings: DistributorSettings, globs: Sequence[str], limit: int) -> Found:
    """The first files whose names match one of the globs; one HEAD for each that is on the website.

    Without globs all but the items that are in step, which are only counted.
    """
    patterns, passed = [compile_glob(glob) for glob in globs], 0

    def wanted(pair: Pair) -> bool:
        nonlocal passed
        if patterns:
            return any(pattern.fullmatch(pair.name) for pattern in patterns)
        in_step = is_item(pair.name) and _state(pair, settings) is FileState.IN_STEP
        passed += in_step
        return not in_step

    pairs, complete = _first(stack, settings, limit, wanted)
    files = _look_at(stack, settings, pairs)
    shown = [file for file in files if patterns or not (is_item(file.pair.name) and file.state is FileState.IN_STEP)]
    return Found(tuple(shown), complete, passed + len(files) - len(shown))


def list_items(stack: DeployedStack, settings: DistributorSettings) -> list[PublishedFile]:
    """Every item with its state; one HEAD for each whose listed ETags differ."""
    pairs, _ = _first(stack, settings, MOST_COMPARED, lambda pair: is_item(pair.name))
    listed = [PublishedFile(pair, _state(pair, settings)) for pair in pairs]
    drifted = [file.pair for file in listed if file.state is FileState.DRIFTED]
    return [file for file in listed if file.state is not FileState.DRIFTED] + _look_at(stack, settings, drifted)


def list_orphans(stack: DeployedStack, settings: DistributorSettings, limit: int) -> Found:
    """The first files that are on the website and no longer in the source. Reads the listings alone."""
    pairs, complete = _first(stack, settings, limit, lambda pair: _state(pair, settings) is FileState.ORPHAN)
    return Found(tuple(PublishedFile(pair, FileState.ORPHAN) for pair in pairs), complete)


def _first(
    stack: DeployedStack, settings: DistributorSettings, limit: int, wanted: Callable[[Pair], bool]
) -> tuple[list[Pair], bool]:
    """The first pairs that are wanted, and whether these are all."""
    pairs = _pairs(stack, settings)
    matching = (pair for pair in islice(pairs, MOST_COMPARED) if wanted(pair))
    first = list(islice(matching, limit))
    more = next(chain(matching, pairs), None)
    return first, more is None


def _pairs(stack: DeployedStack, settings: DistributorSettings) -> Iterator[Pair]:
    """Both buckets, merged by name. Holds a page of each in memory.

    S3 lists by the UTF-8 bytes of the keys, which is the order of texts in Python.
    """
    s3 = stack.client("s3")
    left_out = RELEASES if settings.releases else ""  # in the source nothing of that name is published then
    sides = (_objects(s3, settings.source), _objects(s3, settings.website, left_out))
    merged = heapq.merge(*sides, key=lambda stored: stored[1].name)
    for name, group in groupby(merged, key=lambda stored: stored[1].name):
        entries = dict(group)
        pair = Pair(name, entries.get(settings.source), entries.get(settings.website))
        if not _is_left_out(pair, stack):
            yield pair


def _objects(s3: Any, place: Location, left_out: str = "") -> Iterator[tuple[Location, Entry]]:  # noqa: ANN401
    return ((place, entry) for entry in list_entries(s3, place, left_out=left_out))


def _is_left_out(pair: Pair, stack: DeployedStack) -> bool:
    if pair.website is None:
        return is_hidden(pair.name, stack)
    return pair.source is None and (pair.name.startswith(RELEASES) or pair.name.endswith("/"))


def _look_at(stack: DeployedStack, settings: DistributorSettings, pairs: Sequence[Pair]) -> list[PublishedFile]:
    s3 = stack.client("s3")
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return list(pool.map(lambda pair: _look(s3, pair, settings), pairs))


def _look(s3: Any, pair: Pair, settings: DistributorSettings) -> PublishedFile:  # noqa: ANN401
    head = or_unavailable(_head, s3, settings.website, pair.name) if pair.website else {}
    if isinstance(head, Unavailable):
        return PublishedFile(pair, _state(pair, settings), refusal=head.reason)
    metadata = head.get("Metadata", {})
    state = _state(pair, settings, metadata.get("source-etag", ""))
    return PublishedFile(pair, state, head.get("CacheControl", ""), metadata.get("distributed-at", ""))


def _head(s3: Any, place: Location, name: str) -> dict[str, Any]:  # noqa: ANN401
    answer: dict[str, Any] = s3.head_object(
        Bucket=place.bucket, Key=f"{place.prefix}/{name}", **owned("ExpectedBucketOwner", place)
    )
    return answer


def _state(pair: Pair, settings: DistributorSettings, source_etag: str = "") -> FileState:
    """As the sweep decides it: the ETags are equal, or the copy's metadata names that of the source."""
    published = isinstance(decide(pair.name, settings.website, settings), Publish)
    if pair.source is None:
        return FileState.ORPHAN if published else FileState.FOREIGN
    if not published:
        return FileState.UNPUBLISHED
    if pair.website is None:
        return FileState.MISSING
    same = pair.source.size == pair.website.size and pair.source.etag in {pair.website.etag, source_etag}
    return FileState.IN_STEP if same else FileState.DRIFTED

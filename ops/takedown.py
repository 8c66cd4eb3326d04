"""Takes files down: at the source, on the website, at each replica and at the edge, in the order that keeps them away.

The source comes first. As long as it has the file, an event or a sweep that comes between the deletions publishes it
again. Without it every delivery and every sweep finds that the file is gone, and copies nothing. One request can still
bring the file back: a copy that S3 had begun before the deletion, and that lands after it. So the places are looked at
again at the end, and what has landed is deleted again. The copies that a time-out gave up may land for up to a minute
(docs/reliability.md), longer than this waits; then `feed ls` shows an orphan. The edge is asked after each deletion
on the website, since it would else fetch the file once more.

Whatever ends this half-way, the rest is done by beginning again: what is gone already is left alone.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from distributor.settings import DistributorSettings, Location
from distributor.store import owned
from ops.invalidations import queue_keys
from ops.releases import release_ids
from ops.stack import DeployedStack, StackError
from ops.versions import REQUESTS_AT_ONCE
from shared.contract import ANNOUNCEMENTS_FILE, FILES, MANIFEST_FILE, RELEASES_FOLDER, model_of, schemas
from shared.text import utc_stamp

LOOKS, SECONDS_BETWEEN = 3, 5
SOURCE, WEBSITE, REPLICA, EDGE = "source", "website", "replica", "edge"
LOG_STREAM = "operator"


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places that have each file: the source, the website, a replica, or a release's folder at the last two.

    `release`: the id of that release, else empty.
    """

    kind: str
    location: Location
    release: str = ""


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A file in a place; not `present`, it is not there.

    `version` is empty in a bucket without versions. If the place has a deletion marker instead of the file, `version`
    is that of the marker.
    """

    name: str
    place: Place
    present: bool
    version: str = ""
    size: int = 0
    cache_control: str = ""

    @property
    def key(self) -> str:
        """The key in the bucket."""
        return f"{self.place.location.prefix}/{self.name}"

    @property
    def url(self) -> str:
        """Where it is, for people."""
        return f"s3://{self.place.location.bucket}/{self.key}"

    @property
    def was_deleted(self) -> bool:
        """Whether a deletion marker says that it was there."""
        return bool(self.version) and not self.present


@dataclass(frozen=True, slots=True)
class Step:
    """What was done with a file in a place. `marker`: the version of the deletion marker that hides it now."""

    name: str
    kind: str
    key: str
    result: str
    done: bool = True
    marker: str = ""


def places(settings: DistributorSettings) -> list[Place]:
    """Every place that has the published files, the source first."""
    website, *replicas = settings.destinations
    return [Place(SOURCE, settings.source), Place(WEBSITE, website), *(Place(REPLICA, one) for one in replicas)]


def look_at(stack: DeployedStack, settings: DistributorSettings, names: Sequence[str]) -> list[StoredCopy]:
    """Each file in each place. ClientError if a place does not tell: without the right to list it answers 403."""
    s3 = stack.client("s3")
    return [_look(s3, name, place) for name in names for place in places(settings)]


def look_at_releases(stack: DeployedStack, settings: DistributorSettings, names: Sequence[str]) -> list[StoredCopy]:
    """The copies of the files in every release, also at the replicas. One request for each name and release."""
    s3 = stack.client("s3")
    folders = [folder for place in places(settings)[1:] for folder in _releases(s3, place)]
    pairs = [(name, folder) for name in names for folder in folders]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return [copy for copy in pool.map(lambda pair: _look(s3, *pair), pairs) if copy.present]


def is_released(stack: DeployedStack, settings: DistributorSettings, name: str) -> bool:
    """Whether releases may have copies of the file."""
    known = name in {*FILES, *schemas()}
    return known and next(iter(_releases(stack.client("s3"), places(settings)[1])), None) is not None


def _releases(s3: Any, place: Place) -> Iterator[Place]:  # noqa: ANN401 - one type for each service
    for release in release_ids(s3, place.location):
        folder = f"{place.location.prefix}/{RELEASES_FOLDER}/{release}"
        yield Place(place.kind, place.location._replace(prefix=folder), release)


def is_fetched(stack: DeployedStack, name: str) -> bool:
    """Whether a function writes the file again by its schedule."""
    if name == ANNOUNCEMENTS_FILE:
        return stack.reads_announcements
    is_released = stack.releases or name != MANIFEST_FILE
    return stack.fetches and is_released and (model_of(name) is not None or name in schemas())


def caller(stack: DeployedStack) -> str:
    """The ARN of whoever's credentials these are. Needs no right."""
    arn: str = stack.client("sts").get_caller_identity()["Arn"]
    return arn


def log_group(stack: DeployedStack) -> str:
    """The distributor's log group, as the template names it: the log of what was published tells of this too."""
    return f"/aws/lambda/{stack.output('DistributorFunctionName')}"


def write_log(stack: DeployedStack, event: str, lines: Iterable[Mapping[str, object]]) -> None:
    """Write lines to the stream `operator` of the distributor's log; ClientError or StackError if it is refused."""
    logs, stream = stack.client("logs"), {"logGroupName": log_group(stack), "logStreamName": LOG_STREAM}
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(**stream)
    now = datetime.now(UTC)
    common = {"level": "INFO", "message": event, "timestamp": utc_stamp(now), "service": "operator"}
    entries = [{"timestamp": int(now.timestamp() * 1000), "message": json.dumps({**common, **line})} for line in lines]
    answer = logs.put_log_events(**stream, logEvents=entries)
    if refused := answer.get("rejectedLogEventsInfo"):  # a 200 all the same
        msg = f"CloudWatch Logs does not take the line, look at this machine's clock: {refused}"
        raise StackError(msg)


def take_down(stack: DeployedStack, copies: Sequence[StoredCopy], now: datetime, correlation_id: str) -> Iterator[Step]:
    """Take the files down, a step at a time. A file that the source keeps is left everywhere: it would come again."""
    s3 = stack.client("s3")
    kept = set()
    for copy in (copy for copy in copies if copy.place.kind == SOURCE and copy.present):
        step = _delete(s3, copy)
        yield step
        if not step.done:
            kept.add(copy.name)
    rest = [copy for copy in copies if copy.name not in kept]
    yield from (_delete(s3, copy) for copy in rest if copy.place.kind != SOURCE and copy.present)
    yield from _ask_edge(stack, [copy for copy in rest if copy.place.kind == WEBSITE], now, correlation_id)
    yield from _delete_what_lands_late(stack, rest, now, correlation_id)


def _delete_what_lands_late(
    stack: DeployedStack, copies: Sequence[StoredCopy], now: datetime, correlation_id: str
) -> Iterator[Step]:
    """Look again, until nothing has come back. What the source has again was written anew, and is left."""
    s3, watched = stack.client("s3"), list(copies)
    for look in range(LOOKS if watched else 0):
        time.sleep(SECONDS_BETWEEN)
        try:
            present = [found for copy in watched if (found := _look(s3, copy.name, copy.place)).present]
        except (ClientError, BotoCoreError) as error:
            yield from (_step(copy, f"not looked at again: {error}", done=False) for copy in watched)
            return
        written = {copy.name: copy for copy in present if copy.place.kind == SOURCE}
        yield from (_step(copy, "written again meanwhile, so left", done=False) for copy in written.values())
        back = [copy for copy in present if copy.name not in written]
        watched = [copy for copy in watched if copy.name not in written]
        if not back:
            return
        if look == LOOKS - 1:
            yield from (_step(copy, "comes back again and again", done=False) for copy in back)
            return
        yield from (_delete(s3, copy, "had landed late, deleted again") for copy in back)
        yield from _ask_edge(stack, [copy for copy in back if copy.place.kind == WEBSITE], now, correlation_id)


def _look(s3: Any, name: str, place: Place) -> StoredCopy:  # noqa: ANN401 - one type for each service
    key = f"{place.location.prefix}/{name}"
    try:
        head = s3.head_object(Bucket=place.location.bucket, Key=key, **owned("ExpectedBucketOwner", place.location))
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
        if answer["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
            raise
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
        deleted = answer["HTTPHeaders"].get("x-amz-delete-marker") == "true"
        return StoredCopy(
            name, place, present=False, version=answer["HTTPHeaders"]["x-amz-version-id"] if deleted else ""
        )
    return StoredCopy(
        name,
        place,
        present=True,
        version=head.get("VersionId", ""),
        size=head["ContentLength"],
        cache_control=head.get("CacheControl", ""),
    )


def _delete(s3: Any, copy: StoredCopy, words: str = "deleted") -> Step:  # noqa: ANN401
    place = copy.place.location
    try:
        answer = s3.delete_object(Bucket=place.bucket, Key=copy.key, **owned("ExpectedBucketOwner", place))
    except (ClientError, BotoCoreError) as error:
        return _step(copy, str(error), done=False)
    return _step(copy, words, marker=answer.get("VersionId", ""))


def _ask_edge(stack: DeployedStack, copies: Sequence[StoredCopy], now: datetime, correlation_id: str) -> Iterator[Step]:
    """Put the keys on the invalidation queue, if the stack has one."""
    url = stack.outputs.get("InvalidationsUrl")
    if not (url and copies):
        return
    try:
        queued = queue_keys(stack, url, [copy.key for copy in copies], now, correlation_id)
    except (ClientError, BotoCoreError) as error:
        yield from (Step(copy.name, EDGE, copy.key, str(error), done=False) for copy in copies)
        return
    for copy, queued_key in zip(copies, queued, strict=True):
        result = queued_key.refusal or "invalidation queued"
        yield Step(copy.name, EDGE, copy.key, result, done=not queued_key.refusal)


def _step(copy: StoredCopy, result: str, *, done: bool = True, marker: str = "") -> Step:
    return Step(copy.name, copy.place.kind, copy.url, result, done, marker)

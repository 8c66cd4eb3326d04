"""Reads the releases on the website: which there are, what each one names, and whether all of that is there."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from distributor.settings import Location
from distributor.sweeper.comparison import Entry, list_entries
from ops.observation import Unavailable, or_unavailable
from ops.stack import DeployedStack, StackError
from ops.versions import REQUESTS_AT_ONCE, Content, read_content
from shared.contract import MANIFEST_FILE, RELEASES_FOLDER, Manifest
from shared.strict_json import MAX_BYTES, UnfitError

RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9A-Za-z]{1,8}")  # as in the contract; ids sort by time
MOST_LISTED = 100_000  # a hundred pages; S3 lists the oldest first
READ_AT_ONCE = 4  # files of up to 10 MB


@dataclass(frozen=True, slots=True)
class Release:
    """A release's folder on the website; `faults`: what keeps it from being complete, none if it is.

    `manifest`: None if the folder has none, as long as the release is under way or if its run was overtaken.
    """

    id: str
    manifest: Manifest | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Releases:
    """The newest releases, newest first, and how many there are; `published` and `source`: the ids in the manifests.

    An id is empty if the website or the source has no manifest of a release.
    """

    newest: tuple[Release, ...]
    count: int
    published: str
    source: str


@dataclass(frozen=True, slots=True)
class ReleaseObject:
    """What the bucket or the edge has of a file of a release."""

    size: int
    sha256: str
    content_type: str
    cache_control: str


def list_releases(stack: DeployedStack, last: int) -> Releases:
    """The `last` newest releases. Two requests for each, side by side; botocore's ClientError if S3 refuses one."""
    ids = sorted(islice(release_ids(stack.client("s3"), website(stack)), MOST_LISTED), reverse=True)
    s3 = stack.client("s3")
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        newest = tuple(pool.map(lambda id_: _look(s3, id_, release_folder(stack, id_)), ids[:last]))
    source = Location(stack.output("SourceBucketName"), stack.output("SourceKeyPrefix"))
    return Releases(newest, len(ids), _named(s3, website(stack)), _named(s3, source))


def release_ids(s3: Any, place: Location) -> Iterable[str]:  # noqa: ANN401 - one type for each service
    """The ids of the releases at a destination, oldest first."""
    prefix = f"{place.prefix}/{RELEASES_FOLDER}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=prefix, Delimiter="/")
    folders = (entry["Prefix"].removeprefix(prefix)[:-1] for page in pages for entry in page.get("CommonPrefixes", []))
    return (name for name in folders if RELEASE_ID.fullmatch(name))


def website(stack: DeployedStack) -> Location:
    """Where the published files are; StackError if nothing is distributed."""
    return Location(stack.output("WebsiteBucketName"), stack.output("WebsiteKeyPrefix"))


def release_folder(stack: DeployedStack, release: str) -> Location:
    """Where the files of a release are."""
    place = website(stack)
    return place._replace(prefix=f"{place.prefix}/{RELEASES_FOLDER}/{release}")


def read_manifest(s3: Any, place: Location) -> tuple[Content, Manifest]:  # noqa: ANN401
    """The manifest in a folder, with its bytes; StackError if there is none, or if it is not that of a release."""
    key = f"{place.prefix}/{MANIFEST_FILE}"
    content = read_content(s3, place.bucket, key)
    try:
        return content, Manifest.from_bytes(content.body)
    except UnfitError as error:
        msg = f"{place.bucket}/{key} is not the manifest of a release: {error}"
        raise StackError(msg) from error


def find_faults(manifest: Manifest, entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """The files that a release's folder lacks, or has in another size."""
    return tuple(
        f"{file.name} is missing" if file.name not in entries else f"{file.name} has another size"
        for file in manifest.files
        if file.name not in entries or entries[file.name].size != file.size
    )


def observe_release(stack: DeployedStack, manifest: Manifest) -> dict[str, ReleaseObject | Unavailable]:
    """Every file of a release and its own manifest, as the website bucket has them, some read at a time."""
    s3, folder = stack.client("s3"), release_folder(stack, manifest.release)
    names = [*(file.name for file in manifest.files), MANIFEST_FILE]
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        found = pool.map(lambda name: or_unavailable(_read, s3, folder, name), names)
        return dict(zip(names, found, strict=True))


def describe_object(body: bytes, content_type: str, cache_control: str) -> ReleaseObject:
    """A file of which these bytes and headers were read."""
    return ReleaseObject(len(body), hashlib.sha256(body).hexdigest(), content_type, cache_control)


def _look(s3: Any, release: str, folder: Location) -> Release:  # noqa: ANN401
    entries = {entry.name: entry for entry in list_entries(s3, folder)}
    if MANIFEST_FILE not in entries:
        return Release(release, None, ("it has no manifest: it is under way, or its run was overtaken",))
    try:
        _, manifest = read_manifest(s3, folder)
    except StackError as error:
        return Release(release, None, (str(error),))
    if manifest.release != release:
        return Release(release, None, (f"its manifest is that of {manifest.release}",))
    return Release(release, manifest, find_faults(manifest, entries))


def _named(s3: Any, place: Location) -> str:  # noqa: ANN401
    try:
        return read_manifest(s3, place)[1].release
    except StackError:
        return ""


def _read(s3: Any, folder: Location, name: str) -> ReleaseObject:  # noqa: ANN401
    answer = s3.get_object(Bucket=folder.bucket, Key=f"{folder.prefix}/{name}")
    with answer["Body"] as body:
        return describe_object(body.read(MAX_BYTES + 1), answer.get("ContentType", ""), answer.get("CacheControl", ""))

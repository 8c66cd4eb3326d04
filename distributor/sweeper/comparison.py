"""Compares two buckets, in the order of their keys and a page at a time.

The ETag of a copy is that of its source only if neither is encrypted with KMS or was uploaded in parts. No ETag shows
whether that is so: where the ETags differ and the sizes do not, the copy's metadata tells which source it holds.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from distributor.settings import Location
from distributor.store import owned

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LAST = "\U0010ffff"  # no other character's bytes come later
_SINGLE_PART = re.compile(r"[0-9a-f]{32}")


class Drift(StrEnum):
    """How the bytes of a destination differ from the source's. Headers are not compared: a listing has none."""

    MISSING = "missing"
    STALE = "stale"
    INCOMPARABLE = "unlike"  # the ETags are of different kinds, and there is no metadata to tell


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of a listing; `name` is the key below the prefix, `etag` has no quotes."""

    name: str
    etag: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """A name of the source and its drift; None if the destination has the same object.

    `refusal`: why the metadata that might tell them equal could not be read; empty if it was read, or not needed.
    """

    name: str
    drift: Drift | None
    refusal: str = ""


def compare_buckets(
    client: "S3Client", source: Location, destination: Location, after: str = "", left_out: str = ""
) -> Iterator[Difference]:
    """Every object of the source after the name `after`, each with its drift. Holds a page of each side in memory.

    The folder `left_out` of the destination is passed over.

    S3 lists in the order of the keys' UTF-8 bytes, so both sides are read once, in parallel. Objects that only the
    destination has are ignored: deletions are not mirrored. botocore's error if a page cannot be read; metadata that
    cannot be read leaves the object drifted.
    """
    copies = list_entries(client, destination, after, left_out)
    copy = next(copies, None)
    for original in list_entries(client, source, after):
        while copy and copy.name.encode() < original.name.encode():
            copy = next(copies, None)
        if copy is None or copy.name != original.name:
            yield Difference(original.name, Drift.MISSING)
        elif original.size != copy.size:
            yield Difference(original.name, Drift.STALE)
        elif original.etag == copy.etag:
            yield Difference(original.name, None)
        else:
            yield _compare_metadata(client, destination, original, copy)


def _compare_metadata(client: "S3Client", destination: Location, original: Entry, copy: Entry) -> Difference:
    """Compare by `source-etag`. A copy without it was not made by the distributor, or before it wrote this."""
    try:
        # Without ChecksumMode a HEAD needs no right on a KMS key.
        source_etag, refusal = _source_etag(client, destination, copy), ""
    except (ClientError, BotoCoreError) as error:
        source_etag, refusal = "", str(error)
    if source_etag == original.etag:
        return Difference(original.name, None)
    comparable = source_etag or all(_SINGLE_PART.fullmatch(entry.etag) for entry in (original, copy))
    return Difference(original.name, Drift.STALE if comparable else Drift.INCOMPARABLE, refusal)


def _source_etag(client: "S3Client", destination: Location, copy: Entry) -> str:
    answer = client.head_object(
        Bucket=destination.bucket, Key=f"{destination.prefix}/{copy.name}", **owned("ExpectedBucketOwner", destination)
    )
    return answer["Metadata"].get("source-etag", "")


def holds(client: "S3Client", folder: Location, sizes: Mapping[str, int]) -> bool:
    """Whether a folder holds objects of all these names and sizes; botocore's error if it cannot be listed."""
    held = {entry.name: entry.size for entry in list_entries(client, folder)}
    return sizes.items() <= held.items()


def list_entries(client: "S3Client", place: Location, after: str = "", left_out: str = "") -> Iterator[Entry]:
    """Every object of the place after the name `after`, a page at a time; botocore's error if one cannot be read.

    The folder `left_out`, with a slash at the end, is passed over with one request.
    """
    prefix = f"{place.prefix}/"
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=place.bucket, Prefix=prefix, StartAfter=f"{prefix}{after}", **owned("ExpectedBucketOwner", place)
    )
    for page in pages:
        for entry in page.get("Contents", []):
            name = entry["Key"].removeprefix(prefix)
            if left_out and name.startswith(left_out):
                yield from list_entries(client, place, f"{left_out}{_LAST}")
                return
            # Some servers list ETags with quotes and some without.
            yield Entry(name, entry["ETag"].strip('"'), entry["Size"], entry["LastModified"])

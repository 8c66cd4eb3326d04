"""Compares two buckets, in the order of their keys and a page at a time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from distributor.settings import Location
from distributor.store import owned

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SINGLE_PART = re.compile(r"[0-9a-f]{32}")


class Drift(StrEnum):
    """How a destination differs from the source, as far as a listing shows; it contains no headers."""

    MISSING = "missing"
    STALE = "stale"
    INCOMPARABLE = "unlike"  # the ETags cannot be compared (multipart, KMS)


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of a listing; `name` is the key below the prefix, `etag` has no quotes."""

    name: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A name of the source and its drift; None if the destination has the same object."""

    name: str
    drift: Drift | None


def compare_buckets(
    client: "S3Client", source: Location, destination: Location, after: str = ""
) -> Iterator[Difference]:
    """Every object of the source after the name `after`, each with its drift. Holds a page of each side in memory.

    S3 lists in the order of the keys' UTF-8 bytes, so both sides are read once, in parallel. Objects that only the
    destination has are ignored: deletions are not mirrored. botocore's error if a page cannot be read.
    """
    copies = _list(client, destination, after)
    copy = next(copies, None)
    for original in _list(client, source, after):
        while copy and copy.name.encode() < original.name.encode():
            copy = next(copies, None)
        yield Difference(original.name, _drift(original, copy))


def _drift(original: Entry, copy: Entry | None) -> Drift | None:
    if copy is None or copy.name != original.name:
        return Drift.MISSING
    if (original.etag, original.size) == (copy.etag, copy.size):
        return None
    comparable = _SINGLE_PART.fullmatch(original.etag) and _SINGLE_PART.fullmatch(copy.etag)
    return Drift.STALE if comparable or original.size != copy.size else Drift.INCOMPARABLE


def _list(client: "S3Client", place: Location, after: str) -> Iterator[Entry]:
    prefix = f"{place.prefix}/"
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=place.bucket, Prefix=prefix, StartAfter=f"{prefix}{after}", **owned("ExpectedBucketOwner", place)
    )
    for page in pages:
        for entry in page.get("Contents", []):
            # Some servers list ETags with quotes and some without.
            yield Entry(entry["Key"].removeprefix(prefix), entry["ETag"].strip('"'), entry["Size"])

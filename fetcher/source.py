"""Reads the files of the last run from the source bucket and writes new ones. The fetcher's only module that calls S3.

Two runs may overlap. So a run reads the ETag of every file before it writes the first, and writes each file only if
its ETag has not changed. A run that was overtaken starts again with the new files. So in the end all files are those of
the last run to finish, which read the other run's files before it wrote its own. This is certain only for files that
every run writes, even if their bytes are the same: a write is the only check that a file has not changed.

A file with a year of the history is written once, under a name that was free, before the history that names it.

The items, of which there are hundreds, come after all other files and are written only where their bytes differ. A run
that has written some looks once more whether the other files are still its own, and starts again if not. So, if none
dies on the way, the items belong to the other files in the end; after a run that died, the next one puts them right.
"""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from fetcher.history import Sights, watch, years_to_move
from shared import contract
from shared.strict_json import MAX_BYTES, UnfitError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MISSING = {"NoSuchKey", "404", "NotFound"}
OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", *MISSING}
MOST_PARTS = 100  # of a year; more names are not tried, since each file is read
WRITES_AT_ONCE = 10  # of items; a client of botocore keeps as many connections
MOST_YEARS = 100  # files that are read; with more it is as if they were missing
FILES_READ_WHOLE = (
    contract.COMPLETE_DATA_FILE,
    contract.SERVICES_FILE,
    contract.CHANGE_HISTORY_FILE,
    contract.ANNOUNCEMENTS_FILE,
)

DocumentT = TypeVar("DocumentT", bound=contract.Document)


class OvertakenError(Exception):
    """A file has changed since it was read. Read all files again and start over."""


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """A written object; `size` in bytes."""

    key: str
    size: int
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """How many items were written, and how many differ and are left to the next run, since time ran short."""

    written: int
    left: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was read; `body` is empty if only the ETag was requested. Without an ETag the file does not exist.

    `modified`: when S3 got it, if that was asked for.
    """

    etag: str = ""
    body: bytes = b""
    modified: datetime | None = field(default=None, compare=False)

    def holds(self, body: bytes) -> bool:
        """Whether the file has these bytes; False also if that is unknown."""
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: only with SSE-S3 the ETag is the bytes' MD5;
        # with a KMS key the same bytes are written again, which is harmless.
        return self.etag.strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class PreviousState:
    """The catalogue that the last run published; without `services` no service's name is known."""

    complete_data: contract.CompleteData
    services: contract.Services | None


@dataclass(frozen=True, slots=True)
class PreviousFiles:
    """The files before this run, by name, and the contents that it needs: None if missing or unreadable.

    `unreadable`: files that exist but break the contract, with the reasons. `years`: what has to move out of the
    history, oldest first, by the name of the file that takes it. `sights`: what the years that have left the history
    tell; None if one of them, or the history that names them, can't be read.
    """

    files: Mapping[str, StoredFile]
    state: PreviousState | None
    history: contract.ChangeHistory | None
    unreadable: Mapping[str, str]
    years: Mapping[str, contract.ChangeHistoryYear]
    sights: Sights | None
    announcements: contract.Announcements | None


@dataclass(frozen=True, slots=True)
class SourceBucket:
    """The bucket and the prefix of the files. botocore's ClientError or BotoCoreError if S3 fails; a retry is safe."""

    client: "S3Client"
    bucket: str
    prefix: str

    def read(self, name: str) -> StoredFile:
        """A file with its bytes, or with the first of too many."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            return _require_missing(error)
        with answer["Body"] as body:
            return StoredFile(answer["ETag"], body.read(MAX_BYTES + 1), answer["LastModified"])

    def read_etag(self, name: str) -> StoredFile:
        """A file's ETag, without its bytes."""
        try:
            answer = self.client.head_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            return _require_missing(error)
        return StoredFile(answer["ETag"])

    def list_etags(self, folder: str) -> dict[str, StoredFile]:
        """The ETag of every file in a folder, by name below the prefix; a request for each thousand."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._key(folder))
        entries = [entry for page in pages for entry in page.get("Contents", [])]
        # Some servers list ETags without quotes.
        etags = {entry["Key"]: '"' + entry["ETag"].strip('"') + '"' for entry in entries}
        return {key.removeprefix(f"{self.prefix}/"): StoredFile(etag) for key, etag in etags.items()}

    def write(
        self, name: str, body: bytes, metadata: Mapping[str, str], previous: StoredFile | None = None
    ) -> WrittenObject:
        """Write a file; OvertakenError if it is no longer `previous`. With None it is written without a condition."""
        key = self._key(name)
        arguments: Any = {"ContentType": "application/json", "Metadata": dict(metadata), **_condition(previous)}
        try:
            answer = self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in OVERTAKEN:
                msg = f"{key} was written by another run meanwhile"
                raise OvertakenError(msg) from error
            raise
        return WrittenObject(key, len(body), answer["ETag"])

    def require_unchanged(self, name: str, etag: str) -> None:
        """OvertakenError if a file no longer has this ETag."""
        if self.read_etag(name).etag != etag:
            msg = f"{self._key(name)} was written by another run meanwhile"
            raise OvertakenError(msg)

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}"


def _condition(previous: StoredFile | None) -> dict[str, str]:
    if previous is None:
        return {}
    return {"IfMatch": previous.etag} if previous.etag else {"IfNoneMatch": "*"}


def _require_missing(error: ClientError) -> StoredFile:
    if error.response["Error"]["Code"] in MISSING:
        return StoredFile()
    raise error


def read_previous_files(bucket: SourceBucket) -> PreviousFiles:
    """Read every file that a run needs or writes, or only its ETag; ClientError or BotoCoreError if S3 fails."""
    names = dict.fromkeys([*contract.FILES, *contract.schemas(), *FILES_READ_WHOLE])
    files = {name: bucket.read(name) if name in FILES_READ_WHOLE else bucket.read_etag(name) for name in names}
    unreadable: dict[str, str] = {}

    def parse(name: str, model: type[DocumentT]) -> DocumentT | None:
        if not files[name].etag:
            return None
        try:
            return model.from_bytes(files[name].body)
        except UnfitError as error:
            unreadable[name] = str(error)
            return None

    complete_data = parse(contract.COMPLETE_DATA_FILE, contract.CompleteData)
    services = parse(contract.SERVICES_FILE, contract.Services)
    history = parse(contract.CHANGE_HISTORY_FILE, contract.ChangeHistory)
    announcements = parse(contract.ANNOUNCEMENTS_FILE, contract.Announcements)
    state = PreviousState(complete_data, services) if complete_data else None
    years = _name_years(bucket, history, files) if history else {}
    sights = _sights(bucket, history, unreadable)
    return PreviousFiles(files, state, history, unreadable, years, sights, announcements)


def _sights(bucket: SourceBucket, history: contract.ChangeHistory | None, unreadable: dict[str, str]) -> Sights | None:
    """What the years that have left the history tell; one file is in memory at a time."""
    if history is None:
        return None if contract.CHANGE_HISTORY_FILE in unreadable else {}
    sights: Sights = {}
    for number, earlier in enumerate(reversed(history.earlier)):
        body = bucket.read(earlier.file).body if number < MOST_YEARS else b""
        try:
            year = contract.ChangeHistoryYear.from_bytes(body)
        except UnfitError as error:
            unreadable[earlier.file] = str(error)
            return None
        sights = watch(sights, reversed(year.change_log), history.metadata.created)
    return sights


def _name_years(
    bucket: SourceBucket, history: contract.ChangeHistory, files: dict[str, StoredFile]
) -> dict[str, contract.ChangeHistoryYear]:
    """Give each year that has to move the first name that is free, or that a run that died gave to the same bytes.

    If MOST_PARTS names of a year are taken, it stays in the history, and so do the years after it.
    """
    years: dict[str, contract.ChangeHistoryYear] = {}
    taken = {earlier.file for earlier in history.earlier}
    for year in years_to_move(history, len(files[contract.CHANGE_HISTORY_FILE].body)):
        body, names = year.to_bytes(), (contract.year_file(year.year, part) for part in range(1, MOST_PARTS + 1))
        stored = ((name, bucket.read(name)) for name in names if name not in taken)
        free = next(((name, file) for name, file in stored if not file.etag or file.body == body), None)
        if free is None:
            break
        name, files[name] = free  # of the other files nothing is kept, since each may have 10 MB
        years[name] = year
        taken.add(name)
    return years


def write_items(
    bucket: SourceBucket, items: Mapping[str, bytes], metadata: Mapping[str, str], has_time: Callable[[], bool]
) -> ItemCounts:
    """Write the items whose bytes differ, side by side, and after them their index, which names all.

    Without time no further write begins. OvertakenError as in `SourceBucket.write`.
    """
    stored = {contract.INDEX_FILE: bucket.read_etag(contract.INDEX_FILE)}
    for folder in contract.ITEM_FOLDERS:
        stored |= bucket.list_etags(folder)

    def write(name: str) -> bool:
        if has_time():
            _write_item(bucket, name, items[name], metadata, stored.get(name, StoredFile()))
            return True
        return False

    changed = [name for name in items if not stored.get(name, StoredFile()).holds(items[name])]
    with ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
        written = sum(pool.map(write, (name for name in changed if name != contract.INDEX_FILE)))
    if contract.INDEX_FILE in changed and written == len(changed) - 1:
        written += write(contract.INDEX_FILE)
    return ItemCounts(written, len(changed) - written)


def _write_item(
    bucket: SourceBucket, name: str, body: bytes, metadata: Mapping[str, str], previous: StoredFile
) -> None:
    try:
        bucket.write(name, body, metadata, previous)
    except OvertakenError:
        # Another run may have written the same bytes, or this one, and the answer was lost.
        if not bucket.read_etag(name).holds(body):
            raise

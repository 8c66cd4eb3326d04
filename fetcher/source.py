"""Reads the files of the last run from the source bucket and writes new ones. The fetcher's only module that calls S3.

Two runs may overlap. So a run reads the ETag of every file before it writes the first, and writes each file only if
its ETag has not changed. A run that was overtaken starts again with the new files. So in the end all files are those of
the last run to finish, which read the other run's files before it wrote its own. This is certain only for files that
every run writes, even if their bytes are the same: a write is the only check that a file has not changed.

A file with a year of the history is written once, under a name that was free, before the history that names it.
"""

import hashlib
from collections.abc import Mapping
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
MOST_YEARS = 100  # files that are read; with more it is as if they were missing
FILES_READ_WHOLE = (contract.COMPLETE_DATA_FILE, contract.SERVICES_FILE, contract.CHANGE_HISTORY_FILE)

DocumentT = TypeVar("DocumentT", bound=contract.Document)


class OvertakenError(Exception):
    """A file has changed since it was read. Read all files again and start over."""


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """A written object; `size` in bytes."""

    key: str
    size: int


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

    def write(
        self, name: str, body: bytes, metadata: Mapping[str, str], previous: StoredFile | None = None
    ) -> WrittenObject:
        """Write a file; OvertakenError if it is no longer `previous`. With None it is written without a condition."""
        key = self._key(name)
        arguments: Any = {"ContentType": "application/json", "Metadata": dict(metadata), **_condition(previous)}
        try:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in OVERTAKEN:
                msg = f"{key} was written by another run meanwhile"
                raise OvertakenError(msg) from error
            raise
        return WrittenObject(key, len(body))

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
    """Read every file of the contract, or only its ETag; ClientError or BotoCoreError if S3 does not answer."""
    names = [*contract.FILES, *contract.schemas()]
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
    state = PreviousState(complete_data, services) if complete_data else None
    years = _name_years(bucket, history, files) if history else {}
    sights = _sights(bucket, history, unreadable)
    return PreviousFiles(files, state, history, unreadable, years, sights)


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

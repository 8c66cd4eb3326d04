"""The source bucket: the files of the last run in, new ones out. The fetcher's only module that calls S3.

Two runs may overlap. So a run reads the ETag of every file before it writes the first, and writes each on condition
that it is still that file. A run that was overtaken begins anew with the files as they are then. So the files of the
run that finishes last all stand: of two runs that both wrote, one had read the other's files before it began.
That is only certain of files that every run writes, even if their bytes are the same: a file that is not written is
not known to be still the one that was read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from shared import contract
from shared.text import first_error

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MISSING = {"NoSuchKey", "404", "NotFound"}
OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", *MISSING}
FILES_READ_WHOLE = (contract.COMPLETE_DATA_FILE, contract.SERVICES_FILE, contract.CHANGE_HISTORY_FILE)

DocumentT = TypeVar("DocumentT", bound=contract.Document)


class OvertakenError(Exception):
    """A file is no longer the one that was read. Read all files again and begin anew."""


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """An object as it was written; `size` in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was read, its bytes only if they were asked for. Without an ETag there is no such file."""

    etag: str = ""
    body: bytes = b""

    def holds(self, body: bytes) -> bool:
        """Whether the file has these bytes; False also where that is unknown."""
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: only with SSE-S3 the ETag is the bytes' MD5;
        # with a KMS key the same bytes are written again, which does no harm.
        return self.etag.strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class PreviousState:
    """The catalogue as the last run published it; without `services` no service's name is known."""

    complete_data: contract.CompleteData
    services: contract.Services | None


@dataclass(frozen=True, slots=True)
class PreviousFiles:
    """The files before this run, by name, and those contents that it builds on: None if missing or unreadable.

    `unreadable` names files that exist but break the contract, each with the reason.
    """

    files: Mapping[str, StoredFile]
    state: PreviousState | None
    history: contract.ChangeHistory | None
    unreadable: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceBucket:
    """The bucket and the prefix of the files. botocore's ClientError or BotoCoreError if S3 fails; a retry is safe."""

    client: "S3Client"
    bucket: str
    prefix: str

    def read(self, name: str) -> StoredFile:
        """A file with its bytes."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            return _require_missing(error)
        return StoredFile(answer["ETag"], answer["Body"].read())

    def read_etag(self, name: str) -> StoredFile:
        """A file without its bytes."""
        try:
            answer = self.client.head_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            return _require_missing(error)
        return StoredFile(answer["ETag"])

    def write(
        self, name: str, body: bytes, metadata: Mapping[str, str], previous: StoredFile | None = None
    ) -> WrittenObject:
        """Write a file over the previous one; OvertakenError if that is another by now. None: over any or none."""
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
    """Read or look at every file of the contract; ClientError or BotoCoreError if S3 does not answer."""
    names = [*contract.FILES, *contract.schemas()]
    files = {name: bucket.read(name) if name in FILES_READ_WHOLE else bucket.read_etag(name) for name in names}
    unreadable: dict[str, str] = {}

    def parse(name: str, model: type[DocumentT]) -> DocumentT | None:
        if not files[name].etag:
            return None
        try:
            return model.from_bytes(files[name].body)
        except ValidationError as error:
            unreadable[name] = first_error(error)
            return None

    complete_data = parse(contract.COMPLETE_DATA_FILE, contract.CompleteData)
    services = parse(contract.SERVICES_FILE, contract.Services)
    history = parse(contract.CHANGE_HISTORY_FILE, contract.ChangeHistory)
    state = PreviousState(complete_data, services) if complete_data else None
    return PreviousFiles(files, state, history, unreadable)

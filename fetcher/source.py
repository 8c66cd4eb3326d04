"""The source bucket: published files in, new ones out, only over what was read. The fetcher's only module on S3.

Two runs may overlap. So a run reads the ETag of every file before it writes the first, and writes each on condition
that the file is still the one that was read. Whoever is overtaken begins anew from what it finds then. So the files of
the run that finishes last all stand: of two runs that both wrote, one had read the other's files before it began.
That holds for files that every run writes, also where they hold its bytes already: a file that is passed over is not
known to be still the one that was read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MISSING = {"NoSuchKey", "404", "NotFound"}
OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", *MISSING}


class OvertakenError(Exception):
    """A file is no longer the one that was read. Read again, and begin anew from there."""


@dataclass(frozen=True, slots=True)
class Written:
    """One object as it was written; `size` in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was found, with its bytes if they were asked for; without an ETag there is none."""

    etag: str = ""
    body: bytes = b""

    def holds(self, body: bytes) -> bool:
        """Whether these are its bytes; False also where that can't be told."""
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: only with SSE-S3 the ETag is the bytes' MD5;
        # with a KMS key the same bytes are written again, which is no harm.
        return self.etag.strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class SourceBucket:
    """Where the files are. botocore's ClientError or BotoCoreError if S3 fails; doing all again is safe."""

    client: "S3Client"
    bucket: str
    prefix: str

    def read(self, name: str) -> Found:
        """A file with its bytes."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            return _require_missing(error)
        return Found(answer["ETag"], answer["Body"].read())

    def look(self, name: str) -> Found:
        """A file without its bytes."""
        try:
            answer = self.client.head_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            return _require_missing(error)
        return Found(answer["ETag"])

    def replace(self, name: str, body: bytes, found: Found, metadata: Mapping[str, str]) -> Written:
        """Write the file over the one that was found; OvertakenError if it is another by now."""
        condition = {"IfMatch": found.etag} if found.etag else {"IfNoneMatch": "*"}
        try:
            return self.put(name, body, metadata, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in OVERTAKEN:
                msg = f"{self._key(name)} was written by another run meanwhile"
                raise OvertakenError(msg) from error
            raise

    def put(self, name: str, body: bytes, metadata: Mapping[str, str], **condition: str) -> Written:
        """Write a file, whatever is there."""
        key = self._key(name)
        arguments: Any = {"ContentType": "application/json", "Metadata": dict(metadata), **condition}
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **arguments)
        return Written(key, len(body))

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}"


def _require_missing(error: ClientError) -> Found:
    if error.response["Error"]["Code"] in MISSING:
        return Found()
    raise error


def connect(bucket: str, prefix: str) -> SourceBucket:
    """The bucket through a client with the SDK's standard retries."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=30)
    return SourceBucket(boto3.client("s3", config=config), bucket, prefix)

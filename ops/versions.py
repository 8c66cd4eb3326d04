"""The versions of a file in the source bucket: lists them, says who wrote each, reads one, and puts one back."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from distributor.settings import Location
from ops.observation import Unavailable, or_unavailable
from ops.stack import DeployedStack, StackError
from shared.contract import JSON
from shared.strict_json import MAX_BYTES
from shared.text import correlation_id

# InvalidArgument is S3's word for an id that no version could have, MethodNotAllowed for a deletion.
MISSING = {"NoSuchVersion", "NoSuchKey", "InvalidArgument", "MethodNotAllowed"}
OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
REQUESTS_AT_ONCE = 10  # a client of boto3 has as many connections


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a file; one that is a `deletion` has no bytes and no ETag. `etag` is without quotes."""

    id: str
    modified: datetime
    size: int
    etag: str
    deletion: bool
    current: bool


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of an object; `version` is empty in a bucket without versions. `etag` is without quotes."""

    version: str
    modified: datetime
    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file in the source bucket, which keeps its versions. botocore's ClientError or BotoCoreError if S3 fails."""

    client: Any
    bucket: str
    key: str

    def versions(self) -> Iterator[Version]:
        """Every version, newest first, read as far as they are asked for."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=self.key)
        for page in pages:  # each has the next versions, and the next deletions, in lists of their own
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            own = [entry for entry in entries if entry["Key"] == self.key]
            yield from (_version(entry) for entry in sorted(own, key=_newest_first))
            if len(own) < len(entries):
                return

    def newest(self) -> Version:
        """The newest version, which may be a deletion; StackError if there is none."""
        newest = next(self.versions(), None)
        if newest is None:
            msg = f"the source bucket has no version of {self.key}"
            raise StackError(msg)
        return newest

    def read(self, version: str) -> Content:
        """A version with its bytes; StackError if there is none with this id, or if it is too large."""
        return read_content(self.client, self.bucket, self.key, version)

    def read_present(self) -> Content:
        """What the bucket has now; StackError if it does not have the file, or if it is too large."""
        return read_content(self.client, self.bucket, self.key)

    def writers(self, versions: Sequence[Version]) -> list[str | Unavailable]:
        """The ids of the runs that wrote the versions, asked for side by side; empty for what no run wrote."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return list(pool.map(lambda version: or_unavailable(self._writer, version), versions))

    def put_back(self, wanted: Content, present: Version | None, elsewhere: Location | None = None) -> None:
        """Copy a version over the present one, with its metadata; StackError if that has been replaced meanwhile.

        `present`: None if the file has no version. `elsewhere`: the folder from which the bytes come instead, without
        metadata, if they still have their ETag.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        is_there = present and not present.deletion
        condition = {"IfMatch": f'"{present.etag}"'} if present and is_there else {"IfNoneMatch": "*"}
        try:
            etag = self._copy(wanted, elsewhere, condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in OVERTAKEN:
                raise
            newest = next(self.versions(), None)
            if newest is None or newest.etag != wanted.etag:  # else an earlier try of the SDK did it: a lost answer
                others = f"version {newest.id}" if newest else "and deleted"
                msg = f"{self.key} was written by others meanwhile, {others}; nothing was put back"
                raise StackError(msg) from error
            return
        if not etag:  # botocore takes an empty 200 for success
            msg = f"S3 did not confirm that it put back {self.key}; look whether it did, and try again"
            raise StackError(msg)

    def _copy(self, wanted: Content, elsewhere: Location | None, condition: dict[str, str]) -> str:
        """Copy if the condition holds; the new ETag, empty if S3 did not confirm it."""
        parameters: dict[str, Any] = {
            "CopySource": {"Bucket": self.bucket, "Key": self.key, "VersionId": wanted.version}
        }
        if elsewhere:
            name = self.key.rpartition("/")[2]
            parameters = {
                "CopySource": {"Bucket": elsewhere.bucket, "Key": f"{elsewhere.prefix}/{name}"},
                "CopySourceIfMatch": f'"{wanted.etag}"',
                "MetadataDirective": "REPLACE",
                "ContentType": JSON,
            }
        # Without REPLACE a version with tags would need tag permissions.
        answer = self.client.copy_object(
            Bucket=self.bucket, Key=self.key, **parameters, **condition, TaggingDirective="REPLACE"
        )
        return str(answer.get("CopyObjectResult", {}).get("ETag", ""))

    def _writer(self, version: Version) -> str:
        if version.deletion:
            return ""
        head = self.client.head_object(Bucket=self.bucket, Key=self.key, VersionId=version.id)
        return correlation_id(head["Metadata"].get("run-id"))


def open_source_file(stack: DeployedStack, name: str) -> SourceFile:
    """A file by its name, with or without the source prefix; StackError if the bucket does not keep versions."""
    client, bucket = stack.client("s3"), stack.output("SourceBucketName")
    status = client.get_bucket_versioning(Bucket=bucket).get("Status", "off")
    if status != "Enabled":
        msg = f"the source bucket keeps no versions (its versioning is {status.lower()}); template.yaml enables it"
        raise StackError(msg)
    return SourceFile(client, bucket, f"{stack.output('SourceKeyPrefix')}/{short_name(stack, name)}")


def short_name(stack: DeployedStack, name: str) -> str:
    """The name of a file below the source prefix."""
    return name.removeprefix(f"{stack.output('SourceKeyPrefix')}/")


def read_content(client: Any, bucket: str, key: str, version: str = "") -> Content:  # noqa: ANN401 - of boto3
    """An object with its bytes; StackError if there is none, or if it is larger than a file to be published may be."""
    try:
        answer = client.get_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
    except ClientError as error:
        details = error.response["Error"]
        if details["Code"] not in MISSING:
            raise
        msg = f"{bucket} does not have {key}" + f" in a version {version} ({details['Message']})" * bool(version)
        raise StackError(msg) from error
    with answer["Body"] as body:
        if answer["ContentLength"] > MAX_BYTES:
            msg = f"{bucket}/{key} has {answer['ContentLength']:,} bytes; at most {MAX_BYTES:,} are read and published"
            raise StackError(msg)
        modified = answer["LastModified"].astimezone(UTC)
        return Content(answer.get("VersionId", ""), modified, answer["ETag"].strip('"'), body.read())


def _version(entry: dict[str, Any]) -> Version:
    return Version(
        id=entry["VersionId"],
        modified=entry["LastModified"].astimezone(UTC),
        size=entry.get("Size", 0),
        etag=entry.get("ETag", "").strip('"'),
        deletion="ETag" not in entry,
        current=entry["IsLatest"],
    )


def _newest_first(entry: dict[str, Any]) -> tuple[bool, float]:
    """S3 lists the newest first, but versions and deletions apart; the latest of all is marked."""
    return not entry["IsLatest"], -entry["LastModified"].timestamp()

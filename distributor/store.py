"""The S3 requests of the publishing protocol, one method each. Only `sweeper.comparison` also calls S3."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from distributor.outcomes import Publish
from distributor.settings import Location
from shared.text import correlation_id, utc_stamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONDITIONS_DEMANDED = (
    "; a bucket policy that demands conditional writes (s3:if-match, s3:if-none-match) takes no copies"
)
LONGEST_METADATA_VALUE = 1024  # S3 allows 2 KB for all user metadata together


class StoreError(Exception):
    """S3 refused or did not answer; the request changed nothing on the website. A retry may help."""


class TooLargeError(Exception):
    """The object is over the limit and was not downloaded. No retry helps."""


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object's bytes, their ETag (with quotes), the id of the run that wrote them and the release of this run.

    `run_id` and `release` are empty if the metadata has none.
    """

    etag: str
    body: bytes
    run_id: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """`copied`: S3 confirmed the copy. Not `certain`: a lost request may have taken effect, or may do so later."""

    copied: bool
    certain: bool


class ObjectStore(Protocol):
    """What the protocol needs of S3; see `Store`."""

    def get(self, task: Publish) -> SourceObject | None:
        """The source's present state."""

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        """Copy the source if it still has this ETag."""

    def head(self, task: Publish) -> str | None:
        """The source's present ETag."""


@dataclass(frozen=True, slots=True)
class Store:
    """The requests of the protocol; none reads a destination. `limit`: the largest size of an object, in bytes."""

    client: "S3Client"
    limit: int

    def get(self, task: Publish) -> SourceObject | None:
        """The source's present state; None if it has no such object. TooLargeError comes before the body is read."""
        try:
            answer = self.client.get_object(
                Bucket=task.source.bucket, Key=task.source_key, **owned("ExpectedBucketOwner", task.source)
            )
            with answer["Body"] as body:
                if answer["ContentLength"] > self.limit:
                    msg = f"{answer['ContentLength']} bytes, over the limit of {self.limit} (MAX_OBJECT_BYTES)"
                    raise TooLargeError(msg)
                metadata = answer.get("Metadata", {})
                run_id, release = (correlation_id(metadata.get(name)) for name in ("run-id", "release"))
                return SourceObject(answer["ETag"], body.read(), run_id, release)
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                return None
            raise StoreError(_describe("GET", error)) from error
        except BotoCoreError as error:
            raise StoreError(_describe("GET", error)) from error

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        """Copy within S3, if the source still has this ETag; the copy gets the task's headers and no others."""
        try:
            answer = self.client.copy_object(
                Bucket=task.destination.bucket,
                Key=task.destination_key,
                # A dict, since in a text `a?versionId=b` would select a version.
                CopySource={"Bucket": task.source.bucket, "Key": task.source_key},
                CopySourceIfMatch=etag,
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",  # otherwise a source with tags would need tag permissions
                ContentType=task.headers.content_type,
                CacheControl=task.headers.cache_control,
                Metadata=provenance(task, etag, datetime.now(UTC)),
                **owned("ExpectedSourceBucketOwner", task.source),
                **owned("ExpectedBucketOwner", task.destination),
            )
        except ClientError as error:
            return _after_refusal(error)
        except (HTTPClientError, NoConnectionError, ResponseParserError):
            return CopyAnswer(copied=False, certain=False)
        except BotoCoreError as error:
            raise StoreError(_describe("COPY", error)) from error
        # botocore treats an empty 200 as success, so only the new object's ETag proves the copy.
        copied = bool(answer.get("CopyObjectResult", {}).get("ETag"))
        return CopyAnswer(copied=copied, certain=copied and not _was_retried(answer))

    def head(self, task: Publish) -> str | None:
        """The source's present ETag; None if it has no such object."""
        try:
            return self.client.head_object(
                Bucket=task.source.bucket, Key=task.source_key, **owned("ExpectedBucketOwner", task.source)
            )["ETag"]
        except ClientError as error:
            if _status(error) == HTTPStatus.NOT_FOUND:
                return None
            raise StoreError(_describe("HEAD", error)) from error
        except BotoCoreError as error:
            raise StoreError(_describe("HEAD", error)) from error


def _after_refusal(error: ClientError) -> CopyAnswer:
    """What a refused copy means. Source changed or deleted: another pass. 5xx, or a retry: the result is unknown."""
    status = _status(error)
    lost = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    if lost or _was_retried(error.response):
        return CopyAnswer(copied=False, certain=False)
    if status in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT} or _code(error) == "NoSuchKey":
        return CopyAnswer(copied=False, certain=True)
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    by_policy = status == HTTPStatus.NOT_IMPLEMENTED or "deny in a resource-based policy" in str(error)
    raise StoreError(_describe("COPY", error) + (_CONDITIONS_DEMANDED if by_policy else "")) from error


def provenance(task: Publish, etag: str, now: datetime) -> dict[str, str]:
    """The metadata that shows the origin of an object on the website; ASCII, as S3 requires.

    `source-etag` is the condition of the copy and lands with it, so it always names the source of these bytes.
    """
    return {
        "distributed-at": utc_stamp(now),
        "source-bucket": task.source.bucket,
        "source-etag": etag.strip('"'),
        "source-key": key_in_metadata(task.source_key),
    }


def key_in_metadata(key: str) -> str:
    """A key as metadata can hold it: percent-encoded if it is not ASCII, and its hash if it is long."""
    encoded = key if key.isascii() else quote(key)
    if len(encoded) > LONGEST_METADATA_VALUE:
        return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    return encoded


def owned(parameter: str, place: Location) -> Any:  # noqa: ANN401 - the parameters of several operations
    """The parameter that makes S3 refuse a bucket of another account; none if the owner is unknown."""
    return {parameter: place.owner} if place.owner else {}


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _was_retried(answer: Mapping[str, Any]) -> bool:
    attempts: int = answer["ResponseMetadata"]["RetryAttempts"]
    return attempts > 0


def _describe(request: str, error: Exception) -> str:
    return f"{request}: {type(error).__name__}: {error}"

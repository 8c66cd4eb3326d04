"""S3 as the publishing protocol sees it: one method a request. Only `sweeper.comparison` calls S3 besides."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from distributor.outcomes import Publish
from distributor.settings import Location
from shared.text import correlation_id, utc_stamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONGEST_METADATA_VALUE = 1024  # of the 2 KB that S3 allows all user metadata together


class StoreError(Exception):
    """S3 refused or did not answer, and the request had no effect or none that matters. A retry may help."""


class TooLargeError(Exception):
    """The object is over the limit and was not downloaded. No retry helps."""


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object's bytes, the ETag, quoted as S3 gives it, that names exactly these bytes, and the run that made it.

    `run_id` is empty where the metadata holds none.
    """

    etag: str
    body: bytes
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """`copied`: S3 said so. Not `certain`: an abandoned request may have landed, or may yet land later."""

    copied: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class Store:
    """The requests of the protocol, none of which reads a destination. `limit` is the most bytes of an object."""

    client: "S3Client"
    limit: int

    def get(self, task: Publish) -> SourceObject | None:
        """The source's present state; None if it has no such object. TooLargeError before any byte is read."""
        try:
            answer = self.client.get_object(
                Bucket=task.source.bucket, Key=task.source_key, **owned("ExpectedBucketOwner", task.source)
            )
            with answer["Body"] as body:
                if answer["ContentLength"] > self.limit:
                    msg = f"{answer['ContentLength']} bytes, over the limit of {self.limit} (MAX_OBJECT_BYTES)"
                    raise TooLargeError(msg)
                run_id = correlation_id(answer.get("Metadata", {}).get("run-id"))
                return SourceObject(answer["ETag"], body.read(), run_id)
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                return None
            raise StoreError(_describe("GET", error)) from error
        except BotoCoreError as error:
            raise StoreError(_describe("GET", error)) from error

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        """Copy the source to the destination if it still has this ETag, within S3, under the task's headers alone."""
        try:
            answer = self.client.copy_object(
                Bucket=task.destination.bucket,
                Key=task.destination_key,
                # As a dict: in the text form, `a?versionId=b` would select a version.
                CopySource={"Bucket": task.source.bucket, "Key": task.source_key},
                CopySourceIfMatch=etag,
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",  # a tagged source would ask for rights on tags otherwise
                ContentType=task.headers.content_type,
                CacheControl=task.headers.cache_control,
                Metadata=provenance(task, datetime.now(UTC)),
                **owned("ExpectedSourceBucketOwner", task.source),
                **owned("ExpectedBucketOwner", task.destination),
            )
        except ClientError as error:
            return _after_refusal(error)
        except (HTTPClientError, ResponseParserError):
            return CopyAnswer(copied=False, certain=False)
        except BotoCoreError as error:
            raise StoreError(_describe("COPY", error)) from error
        # botocore takes an empty 200 for success, so only the new object's ETag says that there is one.
        copied = bool(answer.get("CopyObjectResult", {}).get("ETag"))
        return CopyAnswer(copied=copied, certain=copied and not _was_retried(answer))

    def head(self, task: Publish) -> str | None:
        """The ETag that the source has now; None if it has no such object."""
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
    """What a refused copy means: a source that changed or went asks for another pass, a 5xx leaves all open."""
    status = _status(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CopyAnswer(copied=False, certain=False)
    if status in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT} or _code(error) == "NoSuchKey":
        return CopyAnswer(copied=False, certain=not _was_retried(error.response))
    raise StoreError(_describe("COPY", error)) from error


def provenance(task: Publish, now: datetime) -> dict[str, str]:
    """The metadata that tells a reader of the website where an object comes from; ASCII, as S3 requires."""
    key = task.source_key if task.source_key.isascii() else quote(task.source_key)
    if len(key) > LONGEST_METADATA_VALUE:
        key = f"sha256:{hashlib.sha256(task.source_key.encode()).hexdigest()}"
    return {
        "distributed-at": utc_stamp(now),
        "source-bucket": task.source.bucket,
        "source-key": key,
    }


def owned(parameter: str, place: Location) -> Any:  # noqa: ANN401 - the parameters of several operations
    """The parameter by which S3 refuses a bucket of another account; none if the owner is not known."""
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

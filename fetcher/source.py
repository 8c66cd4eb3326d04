"""Documents in, objects in the source bucket out. The fetcher's only module that writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from fetcher.documents import Documents
from shared import contract

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Written:
    """One object as it was written; `size` in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class SourceBucket:
    """Where the documents go."""

    client: "S3Client"
    bucket: str
    prefix: str

    def write(self, documents: Documents) -> list[Written]:
        """Write the snapshot first and the complete data last, so that whoever sees the latter finds the others.

        botocore's ClientError or BotoCoreError if a write fails; writing all again is safe.
        """
        metadata = documents.complete_data.metadata
        about = {
            "generated-at": metadata.timestamp.isoformat().replace("+00:00", "Z"),
            "schema-version": metadata.version,
            "run-id": metadata.run_id,
        }
        return [self._put(f"{self.prefix}/{name}", body, about) for name, body in _files(documents)]

    def _put(self, key: str, body: bytes, metadata: dict[str, str]) -> Written:
        self.client.put_object(
            Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", Metadata=metadata
        )
        return Written(key=key, size=len(body))


def _files(documents: Documents) -> Iterator[tuple[str, bytes]]:
    complete_data = documents.complete_data.to_bytes()
    time = f"{documents.complete_data.metadata.timestamp:%Y%m%dT%H%M%SZ}"
    yield f"{contract.HISTORY_FOLDER}/complete-data-{time}.json", complete_data
    yield contract.REGIONS_FILE, documents.regions.to_bytes()
    yield contract.SERVICES_FILE, documents.services.to_bytes()
    yield contract.COMPLETE_DATA_FILE, complete_data


def connect(bucket: str, prefix: str) -> SourceBucket:
    """The bucket through a client with the SDK's standard retries."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=30)
    return SourceBucket(boto3.client("s3", config=config), bucket, prefix)

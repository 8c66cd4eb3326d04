"""The calls of S3 that the fetcher makes, on a dictionary; test_source shows that it answers as moto does."""

import hashlib
import io
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

NEVER_LONG_AGO = datetime.max.replace(tzinfo=UTC)  # tests have clocks of their own

KEYS_A_PAGE = 1000


@dataclass(frozen=True)
class StoredObject:
    body: bytes
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    modified: datetime = NEVER_LONG_AGO

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


class MemoryS3:
    """One bucket; each request is atomic."""

    def __init__(self, bucket: str, objects: dict[str, StoredObject] | None = None) -> None:
        self._bucket, self._lock = bucket, threading.Lock()
        self.objects: dict[str, StoredObject] = {} if objects is None else objects

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803 - as boto3 has it
        answer = self._read(Bucket, Key, "NoSuchKey")
        return {**answer, "Body": io.BytesIO(self.objects[Key].body)}

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        return self._read(Bucket, Key, "404")

    def _read(self, bucket: str, key: str, missing: str) -> dict[str, Any]:
        self._require_bucket(bucket)
        if key not in self.objects:
            raise ClientError({"Error": {"Code": missing}}, "Get or HeadObject")
        stored = self.objects[key]
        return {
            "ETag": stored.etag,
            "ContentType": stored.content_type,
            "Metadata": stored.metadata,
            "LastModified": stored.modified,
        }

    def put_object(  # noqa: PLR0913
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ContentType: str = "",  # noqa: N803
        Metadata: Mapping[str, str] | None = None,  # noqa: N803
        IfMatch: str | None = None,  # noqa: N803
        IfNoneMatch: str | None = None,  # noqa: N803
    ) -> Any:
        self._require_bucket(Bucket)
        with self._lock:
            etag = self.objects[Key].etag if Key in self.objects else None
            if (IfMatch and etag != IfMatch) or (IfNoneMatch and etag):
                raise ClientError({"Error": {"Code": "NoSuchKey" if etag is None else "PreconditionFailed"}}, "Put")
            self.objects[Key] = StoredObject(Body, ContentType, Metadata or {})
        return {"ETag": self.objects[Key].etag}

    def get_paginator(self, operation: str) -> "MemoryS3":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[Any]:  # noqa: N803
        last = ""
        while page := self.list_objects_v2(Bucket=Bucket, Prefix=Prefix, StartAfter=last)["Contents"]:
            yield {"Contents": page}
            last = page[-1]["Key"]

    def list_objects_v2(self, *, Bucket: str, Prefix: str, StartAfter: str = "") -> Any:  # noqa: N803
        self._require_bucket(Bucket)
        with self._lock:
            keys = [key for key in sorted(self.objects) if key.startswith(Prefix) and key > StartAfter]
            return {"Contents": [{"Key": key, "ETag": self.objects[key].etag} for key in keys[:KEYS_A_PAGE]]}

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self._require_bucket(Bucket)
        self.objects.pop(Key, None)

    def _require_bucket(self, bucket: str) -> None:
        if bucket != self._bucket:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "NoSuchBucket"}}, "any")

"""An S3 in memory that enforces copy conditions and can be made to fail or change at any moment.

It stands behind the calls of a boto3 client, so that the store and the protocol are run as they are. What it does when
left alone, the contract suite in tests/reliability shows SeaweedFS and moto (its known gaps aside) to do as well.
"""

import hashlib
import io
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

Hook = Callable[[str], None]
"""Called with the operation's name, before or after it takes effect; may change the world or raise."""

STATUS = {"NoSuchKey": 404, "NoSuchBucket": 404, "404": 404, "AccessDenied": 403, "PreconditionFailed": 412}
PAGE = 1000


def refusal(code: str, status: int | None = None, retries: int = 0) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status or STATUS[code], "RetryAttempts": retries},
    }
    return ClientError(answer, "Operation")


@dataclass
class FakeS3:
    """Objects by bucket and key, and under which headers they were put or copied there.

    Hooks find the request under way in `request`. In the buckets `encrypted` each object gets an ETag of 32 random hex
    digits, as with SSE-KMS, and `unreadable` ones refuse a HEAD.
    """

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    headers: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    etags: dict[tuple[str, str], str] = field(default_factory=dict)
    encrypted: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    buckets: set[str] = field(default_factory=lambda: {"my-source", "my-website"})
    owner: str = "123456789012"
    before: Hook = lambda operation: None
    after: Hook = lambda operation: None
    retries: int = 0
    calls: list[str] = field(default_factory=list)
    request: dict[str, Any] = field(default_factory=dict)

    def put_object(self, **request: Any) -> dict[str, Any]:
        self._require_bucket(request)
        self.keep(request, request["Body"])
        return self._answer(ETag=self._etag(request))

    def delete_object(self, **request: Any) -> dict[str, Any]:
        self.objects.pop((request["Bucket"], request["Key"]), None)
        return self._answer()

    def get_object(self, **request: Any) -> dict[str, Any]:
        self._enter("GET", request)
        body = self._object(request, "NoSuchKey")
        self.after("GET")
        stream = StreamingBody(io.BytesIO(body), len(body))
        return self._answer(ETag=self._etag(request), ContentLength=len(body), Body=stream, **self._headers(request))

    def head_object(self, **request: Any) -> dict[str, Any]:
        self._enter("HEAD", request)
        if request["Bucket"] in self.unreadable:
            raise refusal("AccessDenied")
        body = self._object(request, "404")
        self.after("HEAD")
        return self._answer(ETag=self._etag(request), ContentLength=len(body), **self._headers(request))

    def copy_object(self, **request: Any) -> dict[str, Any]:
        self._enter("COPY", request)
        self._require_bucket(request)
        body = self._object(request["CopySource"], "NoSuchKey")
        present = self._etag(request["CopySource"])
        if request.get("CopySourceIfMatch", present) != present:
            raise refusal("PreconditionFailed", retries=self.retries)
        self.keep(request, body)
        self.after("COPY")
        return self._answer(CopyObjectResult={"ETag": self._etag(request)})

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        self._require_bucket(request)
        start = request.get("ContinuationToken") or request.get("StartAfter", "")
        keys = sorted(
            (key for bucket, key in self.objects if bucket == request["Bucket"] and key.startswith(request["Prefix"])),
            key=str.encode,
        )
        rest = [key for key in keys if key.encode() > start.encode()]
        size = request.get("MaxKeys", PAGE)
        contents = [
            {
                "Key": key,
                "ETag": self._etag({"Bucket": request["Bucket"], "Key": key}),
                "Size": len(self.objects[request["Bucket"], key]),
                "LastModified": datetime.now(UTC),
            }
            for key in rest[:size]
        ]
        more = {"NextContinuationToken": rest[size - 1]} if len(rest) > size else {}
        return self._answer(Contents=contents, IsTruncated=bool(more), **more)

    def get_paginator(self, operation: str) -> "FakeS3":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        page = self.list_objects_v2(**request)
        yield page
        while page["IsTruncated"]:
            page = self.list_objects_v2(**request, ContinuationToken=page["NextContinuationToken"])
            yield page

    def _enter(self, operation: str, request: dict[str, Any]) -> None:
        self.calls.append(operation)
        self.request = request
        self.before(operation)

    def _require_bucket(self, request: dict[str, Any]) -> None:
        if request["Bucket"] not in self.buckets:
            raise refusal("NoSuchBucket")
        if request.get("ExpectedBucketOwner", self.owner) != self.owner:
            raise refusal("AccessDenied")

    def _object(self, request: dict[str, Any], code: str) -> bytes:
        if code == "404":  # a HEAD's answer has no body that could tell a missing bucket from a missing key
            request = {**request, "Bucket": request["Bucket"] if request["Bucket"] in self.buckets else "my-source"}
        self._require_bucket(request)
        place = request["Bucket"], request["Key"]
        if place not in self.objects:
            raise refusal(code)
        return self.objects[place]

    def keep(self, request: dict[str, Any], body: bytes) -> None:
        """Write the object with its headers, as one change."""
        place = request["Bucket"], request["Key"]
        self.objects[place], self.headers[place] = body, request
        if place[0] in self.encrypted:
            self.etags[place] = f'"{uuid.uuid4().hex}"'

    def _etag(self, request: dict[str, Any]) -> str:
        place = request["Bucket"], request["Key"]
        return self.etags.get(place) or etag(self.objects[place])

    def _headers(self, request: dict[str, Any]) -> dict[str, Any]:
        kept = {"Metadata": {}, **self.headers.get((request["Bucket"], request["Key"]), {})}
        return {name: kept[name] for name in ("ContentType", "CacheControl", "Metadata") if name in kept}

    def _answer(self, **fields: Any) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": self.retries}, **fields}


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'

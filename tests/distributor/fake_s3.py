"""An S3 in memory that enforces copy conditions and can be made to fail or change at any moment.

It stands behind the calls of a boto3 client, so that the store and the protocol are run as they are.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

Hook = Callable[[str], None]
"""Called with the operation's name, before it takes effect; may change the world or raise."""

STATUS = {"NoSuchKey": 404, "NoSuchBucket": 404, "404": 404, "AccessDenied": 403, "PreconditionFailed": 412}


def refusal(code: str, status: int | None = None, retries: int = 0) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status or STATUS[code], "RetryAttempts": retries},
    }
    return ClientError(answer, "Operation")


@dataclass
class FakeS3:
    """Objects by bucket and key, each as its bytes and headers."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    headers: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    before: Hook = lambda operation: None
    after: Hook = lambda operation: None
    retries: int = 0
    calls: list[str] = field(default_factory=list)

    def get_object(self, **request: Any) -> dict[str, Any]:
        self._enter("GET")
        body = self._object(request, "NoSuchKey")
        self.after("GET")
        return self._answer(ETag=etag(body), ContentLength=len(body), Body=StreamingBody(io.BytesIO(body), len(body)))

    def head_object(self, **request: Any) -> dict[str, Any]:
        self._enter("HEAD")
        body = self._object(request, "404")
        self.after("HEAD")
        return self._answer(ETag=etag(body), ContentLength=len(body))

    def copy_object(self, **request: Any) -> dict[str, Any]:
        self._enter("COPY")
        body = self._object(request["CopySource"], "NoSuchKey")
        if request["CopySourceIfMatch"] != etag(body):
            raise refusal("PreconditionFailed", retries=self.retries)
        self.objects[request["Bucket"], request["Key"]] = body
        self.headers[request["Bucket"], request["Key"]] = request
        self.after("COPY")
        return self._answer(CopyObjectResult={"ETag": etag(body)})

    def _enter(self, operation: str) -> None:
        self.calls.append(operation)
        self.before(operation)

    def _object(self, request: dict[str, Any], code: str) -> bytes:
        place = request["Bucket"], request["Key"]
        if place not in self.objects:
            raise refusal(code)
        return self.objects[place]

    def _answer(self, **fields: Any) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": self.retries}, **fields}


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'

"""Many re-uploads through the embedded cloud's event path, with faults between the distributor and S3."""

import io
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.session import Session

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from shared.clients import Patience, connect

FAULTS = ("503", "403", "empty 200", "time-out", "connection closed")
SHARE = 0.01
AT_ONCE = 500
ERROR = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>injected</Message></Error>"


@dataclass(frozen=True)
class Load:
    """Figures of one run; `memory` is the growth of the process's peak in MB between the first tenth and the end."""

    objects: int
    seconds: float
    faults: Counter[str]
    invocations: int
    kept_as_failed: int
    drifted: int
    lost: int
    memory: float


def load(objects: int, seed: int = 1) -> Load:
    """Upload that many objects, let every event be handled, sweep, and compare both buckets."""
    chance, faults = random.Random(seed), Counter[str]()  # noqa: S311 - repeatable on purpose
    started = time.monotonic()
    with _faulty(chance, faults), EmbeddedCloud(ssm=ParameterServer({}), in_process=True) as cloud:
        cloud.lambdas.keep_invocations = False
        s3, bucket = cloud.client("s3"), cloud.source_bucket()
        early = 0
        for number in range(objects):
            s3.put_object(Bucket=bucket, Key=f"aws-data/{number:06}.json", Body=b'{"number": %d}' % number)
            if number % AT_ONCE == 0 or number == objects // 10:
                cloud.settle(3600)
            if number == objects // 10:
                early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cloud.settle(3600)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early) / 1024
        drifted = objects - len(cloud.objects(cloud.website))
        kept = _messages(cloud)
        for _ in range(3):  # a fault may strike the sweep too
            cloud.fire("SweepSchedule")
            cloud.settle(3600)
        lost = sum(1 for number in range(objects) if not _is_published(s3, cloud.website, number))
        invocations = cloud.lambdas.count
    seconds = time.monotonic() - started
    return Load(objects, seconds, faults, invocations, kept, drifted, lost, grown)


def _messages(cloud: EmbeddedCloud) -> int:
    attributes = cloud.client("sqs").get_queue_attributes(
        QueueUrl=cloud.queue_url("DistributionFailures"), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


def _is_published(s3: Any, bucket: str, number: int) -> bool:  # noqa: ANN401
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=f"data/{number:06}.json")["Body"].read()
    except s3.exceptions.NoSuchKey:
        return False
    return body == b'{"number": %d}' % number


@contextmanager
def _faulty(chance: random.Random, faults: Counter[str]) -> Iterator[None]:
    """Let every request of the distributor's store meet each kind of fault with a chance of one in a hundred."""

    def strike(request: Any, **_: object) -> AWSResponse | None:  # noqa: ANN401
        for fault in FAULTS:
            if chance.random() < SHARE:
                faults[fault] += 1
                return _response(request.url, fault if request.method == "PUT" or fault != "empty 200" else "503")
        return None

    def connect_to_trouble(service: str, patience: Patience, session: Session) -> Any:  # noqa: ANN401
        client = connect(service, patience, session)
        client.meta.events.register("before-send.s3", strike)
        return client

    # Only the SDK's own sleep: in the clock that everyone shares, those who poll would never rest.
    no_sleep = SimpleNamespace(sleep=lambda _: None)
    with patch("distributor.dependencies.connect", connect_to_trouble), patch("botocore.endpoint.time", no_sleep):
        yield


def _response(url: str, fault: str) -> AWSResponse:
    match fault:
        case "503":
            return AWSResponse(url, 503, HTTPHeaders(), _Raw(ERROR % b"SlowDown"))
        case "403":
            return AWSResponse(url, 403, HTTPHeaders(), _Raw(ERROR % b"AccessDenied"))
        case "empty 200":
            return AWSResponse(url, 200, HTTPHeaders(), _Raw(b""))
        case "time-out":
            raise ReadTimeoutError(endpoint_url=url)
        case _:
            raise ConnectionClosedError(endpoint_url=url)


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()

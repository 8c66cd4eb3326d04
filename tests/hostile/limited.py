"""A process with no more memory than the function: documents and events in, outcomes and peaks out.

Run as `python -m tests.hostile.limited MIB`. Each line of stdin has the kind of a job, the path of a file that holds
the document or the event, and the name of the object that a document becomes. Each line of stdout is the answer.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

MEMORY = int(sys.argv[1]) << 20
resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
# What the functions print goes nowhere. Loggers keep the stdout that they are made with.
answers, sys.stdout = sys.stdout, Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115

from aws_lambda_powertools.utilities.typing import LambdaContext  # noqa: E402 - below the limit, like all that follows

from distributor import handler as distributor  # noqa: E402
from distributor.dependencies import Dependencies  # noqa: E402
from distributor.invalidator import handler as invalidator  # noqa: E402
from distributor.invalidator.redelivery import Redelivery  # noqa: E402
from distributor.outcomes import Publish, describe  # noqa: E402
from distributor.plan import headers_for  # noqa: E402
from distributor.publish import CONCURRENCY, carry_out  # noqa: E402
from distributor.queues import FailureQueue, NoInvalidations  # noqa: E402
from distributor.settings import DistributorSettings, InvalidatorSettings  # noqa: E402
from distributor.store import CopyAnswer, SourceObject  # noqa: E402
from fetcher.source import SourceBucket, read_previous_files  # noqa: E402
from shared.contract.manifest import MOST_BYTES  # noqa: E402
from shared.settings import read_settings  # noqa: E402
from tests.distributor.world import ENVIRONMENT, SOURCE, WEBSITE, manifest_of, manifest_task  # noqa: E402

LARGE = b"\xff" * 10_000_000  # unfit at its first byte, so that its check takes no time
PROC = Path("/proc/self")
LARGEST_MESSAGE = (
    1 << 20
)  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html


class Files:
    """A source of eight objects: the document, one that is fit, and others of the largest size."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path, self.all_are_read = name, path, Barrier(CONCURRENCY)

    def get(self, task: Publish) -> SourceObject:
        match task.name:
            case self.name:
                body = self.path.read_bytes()
            case "0":
                body = b"{}"
            case _:
                body = bytes(bytearray(LARGE))  # one of its own
        self.all_are_read.wait(60)
        return SourceObject('"e"', body)

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        return CopyAnswer(copied=True, certain=True)

    def head(self, task: Publish) -> str:
        return '"e"'


class Releases(Files):
    """A source with the largest manifest, whose one file is the document; all destinations read it at once."""

    def get(self, task: Publish) -> SourceObject:
        body = self.path.read_bytes()
        if task.name == "manifest.json":
            manifest = json.loads(manifest_of({self.name: body}))
            manifest["staleRegions"] = [f"{number:06}" for number in range(MOST_BYTES // 10)]
            return SourceObject('"e"', json.dumps(manifest, separators=(",", ":")).encode())
        self.all_are_read.wait(60)
        return SourceObject('"e"', body)


class Small(Files):
    """A source whose every object is small and fit."""

    def __init__(self) -> None:
        pass

    def get(self, task: Publish) -> SourceObject:
        return SourceObject('"e"', b"{}")


class Queue:
    """Takes every message that SQS would take."""

    def send_message(self, *, MessageBody: str, **_: Any) -> None:  # noqa: N803 - the name of SQS
        if len(MessageBody.encode()) > LARGEST_MESSAGE:
            raise ValueError(len(MessageBody))

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            self.send_message(MessageBody=entry["MessageBody"])
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def change_message_visibility_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


class CloudFront:
    """Accepts every invalidation."""

    def create_invalidation(self, **_: Any) -> dict[str, Any]:
        return {"Invalidation": {"Id": "I1", "Status": "InProgress"}}


def peak_mib() -> float:
    """The most memory that was resident since the last call."""
    status = (PROC / "status").read_text(encoding="ascii")
    (PROC / "clear_refs").write_text("5", encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def document(path: Path, name: str) -> dict[str, Any]:
    """Publish the document beside seven others, with the bytes of all eight in memory at once."""
    names = [*map(str, range(CONCURRENCY - 1)), name]
    settings = read_settings(DistributorSettings, ENVIRONMENT)
    tasks = [Publish(SOURCE, WEBSITE, each, headers_for(each, settings), releases=settings) for each in names]
    *others, outcome = map(describe, carry_out(tasks, Files(name, path), lambda: 10**6))
    return {**outcome, "others": [other["outcome"] for other in others]}


def release(path: Path, name: str) -> dict[str, Any]:
    """Publish a release of the document to eight destinations at once."""
    replicas = ",".join(f"my-mirror/{number}" for number in range(CONCURRENCY - 1))
    settings = read_settings(DistributorSettings, {**ENVIRONMENT, "REPLICA_DESTINATIONS": replicas})
    tasks = [manifest_task(destination, REPLICA_DESTINATIONS=replicas) for destination in settings.destinations]
    return {"outcomes": [describe(each)["outcome"] for each in carry_out(tasks, Releases(name, path), lambda: 10**6)]}


def event(path: Path, _name: str) -> dict[str, Any]:
    """Hand the event to the distributor's handler."""
    settings = read_settings(DistributorSettings, ENVIRONMENT)
    queue: Any = Queue()
    store: Any = Small()
    dependencies = Dependencies(settings, store, FailureQueue(queue, "https://queue"), NoInvalidations(), None)
    distributor.build_dependencies = lambda: dependencies  # type: ignore[assignment, attr-defined]
    return handled(distributor.lambda_handler, path)


def messages(path: Path, _name: str) -> dict[str, Any]:
    """Hand the event to the invalidator's handler."""
    variables = {"CLOUDFRONT_DISTRIBUTION_ID": "E1", "INVALIDATION_QUEUE_URL": "https://queue"}
    settings = read_settings(InvalidatorSettings, {**variables, "FAILURE_QUEUE_URL": "https://dead"})
    queue: Any = Queue()
    cloudfront: Any = CloudFront()
    redelivery = Redelivery(queue, settings.invalidation_queue_url, settings.failure_queue_url)
    dependencies = invalidator.InvalidatorDependencies(settings, cloudfront, redelivery)
    invalidator.build_invalidator_dependencies = lambda: dependencies  # type: ignore[assignment]
    return handled(invalidator.lambda_handler, path)


def handled(handler: Callable[[Any, LambdaContext], dict[str, Any]], path: Path) -> dict[str, Any]:
    """The handler's answer, or its error; the event is parsed as Lambda's runtime does it."""
    context = LambdaContext()
    context._function_name, context._memory_limit_in_mb = "f", 512
    context._invoked_function_arn, context._aws_request_id = "arn:aws:lambda:us-east-1:123456789012:function:f", "id"
    context.get_remaining_time_in_millis = lambda: 10**6  # type: ignore[method-assign]
    try:
        return {"answer": handler(json.loads(path.read_bytes()), context)}
    except Exception as error:  # noqa: BLE001 - Lambda reports whatever a handler raises
        return {"error": type(error).__name__, "message": str(error)[:200]}


class Bucket:
    """A source bucket that holds the same bytes under every key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"ETag": '"e"', "LastModified": datetime.now(UTC), "Body": self.path.open("rb")}

    def head_object(self, **_: str) -> dict[str, Any]:
        return {"ETag": '"e"'}


def earlier_files(path: Path, _name: str) -> dict[str, Any]:
    """Let the fetcher read the document in place of every file of the last run."""
    bucket: Any = Bucket(path)
    return {"unreadable": sorted(read_previous_files(SourceBucket(bucket, "my-source", "aws-data")).unreadable)}


KINDS = {"document": document, "release": release, "event": event, "messages": messages, "earlier files": earlier_files}
for line in sys.stdin:
    job = json.loads(line)
    peak_mib()
    start = time.monotonic()
    answer = KINDS[job["kind"]](Path(job["path"]), job["name"])
    figures = {"seconds": time.monotonic() - start, "peak": peak_mib()}
    print(json.dumps({**answer, **figures}), file=answers, flush=True)

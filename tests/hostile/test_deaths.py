"""Of what a sweep does after it has died of one object; the functions run as processes that really end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cloud.template import ROOT

pytestmark = pytest.mark.prove

NAMES = [f"{number:02}.json" for number in range(51)]
FATAL = NAMES[25]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    yield os.environ["AWS_ENDPOINT_URL"]
    server.stop()


def sweep(environment: dict[str, str]) -> tuple[int, list[str]]:
    """The exit code of a try of one event, and the lines that it has logged."""
    command = [sys.executable, "-m", "tests.hostile.dying_sweep", "event-1"]
    child = subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, **environment}, capture_output=True)
    return child.returncode, child.stdout.decode().splitlines()


def test_a_sweep_that_died_publishes_all_but_what_it_died_of_at_the_next_try(server: str, tmp_path: Path) -> None:
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    for bucket in ("my-source", "my-website"):
        s3.create_bucket(Bucket=bucket)
    for name in NAMES:
        s3.put_object(Bucket="my-source", Key=f"aws-data/{name}", Body=b'["fatal"]' if name == FATAL else b"[]")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("invalidations", "failures")}
    environment = {
        "SOURCE_BUCKET": "my-source",
        "DISTRIBUTION_BUCKET": "my-website",
        "TMPDIR": str(tmp_path),
        "INVALIDATION_QUEUE_URL": queues["invalidations"],
        "FAILURE_QUEUE_URL": queues["failures"],
    }

    def messages(queue: str) -> list[dict[str, object]]:
        received = []
        while batch := sqs.receive_message(QueueUrl=queues[queue], MaxNumberOfMessages=10).get("Messages", []):
            received += [json.loads(message["Body"]) for message in batch]
        return received

    def held() -> list[str]:
        return [entry["Key"] for entry in s3.list_objects_v2(Bucket="my-website").get("Contents", [])]

    others = [f"data/{name}" for name in NAMES if name != FATAL]
    assert sweep(environment)[0] == 137
    assert 0 < len(held()) < len(others)
    assert messages("invalidations") == []

    code, logged = sweep(environment)

    assert code == 0
    assert held() == others
    assert sorted(str(message["key"]) for message in messages("invalidations")) == others
    (rejection,) = [json.loads(line) for line in logged if '"object_rejected"' in line]
    assert (rejection["source"], rejection["reason"][:17]) == (f"aws-data/{FATAL}", "the function died")
    assert messages("failures") == []  # its event has left a message there

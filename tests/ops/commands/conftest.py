"""One embedded cloud for all commands, after a finished run, and the `feed` command pointed at it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from moto.cloudwatch.models import cloudwatch_backends
from moto.logs.models import logs_backends
from moto.s3.models import FakeKey, s3_backends
from moto.sqs.models import sqs_backends
from typer.testing import CliRunner, Result

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ACCOUNT, PARTITION, REGION
from ops.cli import app
from tests.fetcher.small_world import PARAMETERS

STACK = "aws-services-feed"
ITEMS = 13  # of two regions and four services two each, and the index
PAGE = Path(__file__).parent / "page"  # a small page, as the folder website/ has it
FAILURE_QUEUES = ("FetchFailures", "DistributionFailures")
Feed = Callable[..., Result]
ProcessFeed = Callable[..., CompletedProcess[str]]
Deploy = Callable[..., None]


class Files:
    """A bucket's objects as they were, and which of them a test has written, replaced or deleted since."""

    def __init__(self, cloud: EmbeddedCloud, bucket: str) -> None:
        self._s3, self._bucket = cloud.client("s3"), bucket
        self._originals = {key: self._read(key) for key in self._stored()}
        self._known = self._stored()

    def restore(self, *, all_but: frozenset[str] = frozenset()) -> frozenset[str]:
        """Put things back as they were; the names of the files that had to be written."""
        stored = self._stored()
        for key in stored.keys() - self._originals.keys():
            self._s3.delete_object(Bucket=self._bucket, Key=key)
        changed = {key for key in self._originals if stored.get(key) is not self._known.get(key)}
        missing = frozenset(key for key in changed if key.partition("/")[2] not in all_but)
        for key in sorted(
            missing, key=lambda key: (key.endswith("/manifest.json"), key)
        ):  # as a run: it names the rest
            self._s3.put_object(Bucket=self._bucket, Key=key, **self._originals[key])
        return frozenset(key.partition("/")[2] for key in missing)

    def remember(self) -> None:
        """What is there now is as it was."""
        self._known = self._stored()

    def _stored(self) -> dict[str, FakeKey]:
        """The latest versions; moto makes a new object of each write."""
        keys = s3_backends[ACCOUNT][PARTITION].buckets[self._bucket].keys
        return {key: stored for key, stored in keys.items() if isinstance(stored, FakeKey)}

    def _read(self, key: str) -> dict[str, Any]:
        answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        headers = {name: answer[name] for name in ("ContentType", "CacheControl", "Metadata") if name in answer}
        return {**headers, "Body": answer["Body"].read()}


@pytest.fixture(scope="package")
def started() -> Iterator[EmbeddedCloud]:
    # Functions that run in the background in this process would write into what the command prints.
    without_invalidator = {"CloudFrontDistributionId": ""}
    with EmbeddedCloud(without_invalidator, ssm=ParameterServer(PARAMETERS), in_process=True) as running:
        running.lambdas._retry_delay = 0
        running.fire("FetchSchedule")
        running.settle()
        yield running


@pytest.fixture(scope="package")
def buckets(started: EmbeddedCloud) -> tuple[Files, Files]:
    return Files(started, started.source_bucket()), Files(started, started.website)


@pytest.fixture
def cloud(
    started: EmbeddedCloud, buckets: tuple[Files, Files], monkeypatch: pytest.MonkeyPatch, no_aws: None
) -> Iterator[EmbeddedCloud]:
    """The cloud that AWS tools of this process use; what a test did to files, queues, logs and alarms is undone.

    It has no alarms but a test's own.
    """
    for name, value in started.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("ops.failures.WAIT_SECONDS", 0)  # moto keeps all messages in one place
    alarms = cloudwatch_backends[ACCOUNT][REGION].alarms
    alarms.clear()
    yield started
    alarms.clear()
    started.settle()
    source, website = buckets
    published = source.restore()
    started.settle()
    website.restore(all_but=published)
    for files in buckets:
        files.remember()
    for queue in FAILURE_QUEUES:
        sqs_backends[ACCOUNT][REGION].queues[f"{STACK}-{queue}"]._messages.clear()
    for group in logs_backends[ACCOUNT][REGION].groups.values():
        group.streams.clear()


@pytest.fixture
def feed(cloud: EmbeddedCloud) -> Feed:
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def process_feed(cloud: EmbeddedCloud) -> ProcessFeed:
    """The command in a process of its own, about a second each, for what has functions run meanwhile.

    Those run in this process, and would exchange its environment and its output.
    """
    environment = {**os.environ, **cloud.environment()}
    command = [sys.executable, "-c", "from ops.cli import app; app()"]
    return lambda *arguments: subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def without_notification(cloud: EmbeddedCloud) -> Iterator[None]:
    """Nothing tells the distributor what was written."""
    s3, bucket = cloud.client("s3"), cloud.source_bucket()
    whole = s3.get_bucket_notification_configuration(Bucket=bucket)["LambdaFunctionConfigurations"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    yield
    configuration = {"LambdaFunctionConfigurations": whole}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


@pytest.fixture
def deploy(cloud: EmbeddedCloud) -> Iterator[Deploy]:
    """Register another stack beside the usual one: its name, its outputs and perhaps its parameters."""
    cloudformation, names = cloud.client("cloudformation"), []

    def create(name: str, outputs: Mapping[str, str], parameters: Mapping[str, str] | None = None) -> None:
        template = {
            "Parameters": {key: {"Type": "String", "Default": value} for key, value in (parameters or {}).items()},
            "Resources": {"Placeholder": {"Type": "AWS::Logs::LogGroup"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        names.append(name)

    yield create
    for name in names:
        cloudformation.delete_stack(StackName=name)


def upload(cloud: EmbeddedCloud, name: str, body: bytes = b"[]") -> None:
    """Upload a source file, and wait for what comes of it."""
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
    cloud.settle()


def distributed_at(cloud: EmbeddedCloud, name: str) -> str:
    head = cloud.client("s3").head_object(Bucket=cloud.website, Key=f"data/{name}")
    return str(head["Metadata"]["distributed-at"])


def take_from_website(cloud: EmbeddedCloud, name: str) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.website, Key=f"data/{name}")


def alarm(cloud: EmbeddedCloud, name: str, state: str, **metric: Any) -> None:
    """Create an alarm in this state; by default it watches a metric of the stack."""
    cloudwatch = cloud.client("cloudwatch")
    watched = {"Namespace": f"AwsServicesFeed/{STACK}", "MetricName": "Rejected", "Period": 300, "Statistic": "Sum"}
    rule = {"EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(
        AlarmName=name, **rule, **{"AlarmDescription": "See what was rejected.", **watched, **metric}
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="1 datapoint was greater than 0")


def version_ids(cloud: EmbeddedCloud, name: str) -> list[str]:
    """The ids of a source file's versions, newest first, without its deletions."""
    key = f"aws-data/{name}"
    versions = cloud.client("s3").list_object_versions(Bucket=cloud.source_bucket(), Prefix=key)["Versions"]
    return [version["VersionId"] for version in versions if version["Key"] == key]


def source_outputs(cloud: EmbeddedCloud) -> dict[str, str]:
    """The outputs of a stack that distributes nothing."""
    wanted = ("SourceBucketName", "SourceKeyPrefix", "FetcherFunctionName")
    return {name: cloud.stack.outputs[name] for name in wanted}

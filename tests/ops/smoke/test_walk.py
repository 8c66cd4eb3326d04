"""`make smoke` as a person runs it, on the second cloud: what it shows there it would show on AWS."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloud import isolate
from cloud.built import HERE
from cloud.second_cloud import NO_OWNERS, SecondCloud, without_gaps
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ROOT, read_template
from tests.fetcher.small_world import PARAMETERS

pytestmark = pytest.mark.second_cloud


@dataclass(frozen=True)
class Smoke:
    """What the command needs to run on the second cloud instead of AWS, and a folder for its report."""

    cloud: SecondCloud
    folder: Path
    ssm: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, template: Any, *options: str) -> subprocess.Popen[str]:
        written = self.folder / "template.json"
        written.write_text(json.dumps(template), encoding="utf-8")
        environment = dict(os.environ)
        isolate(environment)
        options = (
            *("--yes", "--template", str(written), "--report", str(self.folder / "report.md")),
            *("--parameter", "SsmRegions=us-east-1", "--parameter", f"SsmEndpointUrls={self.ssm}"),
            *("--parameter", "LaunchFeedUrl=", *options),
        )
        process = subprocess.Popen(
            ["/usr/bin/env", "make", "smoke", f"OPTIONS={' '.join(options)}"],
            cwd=ROOT,
            env={
                **environment,
                **self.cloud.environment(),
                **dict(variable.split("=") for variable in HERE),  # build for this machine
                "FEED_TEST_AWS_GAPS": NO_OWNERS,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End whatever of it a test that failed has left."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def report(self) -> str:
        return (self.folder / "report.md").read_text(encoding="utf-8")

    def what_is_there(self) -> dict[str, list[str]]:
        """Names of all that a stack makes and that costs something."""
        listed = {
            "lambda": ("list_functions", "Functions", "FunctionName"),
            "s3": ("list_buckets", "Buckets", "Name"),
            "logs": ("describe_log_groups", "logGroups", "logGroupName"),
            "iam": ("list_roles", "Roles", "RoleName"),
            "scheduler": ("list_schedules", "Schedules", "Name"),
            "sns": ("list_topics", "Topics", "TopicArn"),
            "cloudwatch": ("describe_alarms", "MetricAlarms", "AlarmName"),
        }
        found = {
            service: [entry[name] for entry in getattr(self.cloud.client(service), operation)()[key]]
            for service, (operation, key, name) in listed.items()
        }
        return found | {"sqs": self.cloud.client("sqs").list_queues().get("QueueUrls", [])}


@pytest.fixture
def smoke(second_cloud: SecondCloud, tmp_path: Path) -> Iterator[Smoke]:
    with ParameterServer(PARAMETERS) as ssm:
        started = Smoke(second_cloud, tmp_path, ssm.url)
        yield started
        started.stop()


def make_distribution(cloud: SecondCloud) -> str:
    origin = {"Id": "s3", "DomainName": "website.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behaviour = {"TargetOriginId": "s3", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "managed"}
    made = cloud.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "smoke",
            "Comment": "",
            "Enabled": True,
            "DefaultCacheBehavior": behaviour,
            "Origins": {"Quantity": 1, "Items": [origin]},
        }
    )
    return str(made["Distribution"]["Id"])


def test_a_walk_shows_every_step_and_leaves_nothing(smoke: Smoke) -> None:
    before = smoke.what_is_there()
    distribution = make_distribution(smoke.cloud)

    process = smoke.start(without_gaps(read_template()), "--distribution-id", distribution)
    printed, _ = process.communicate(timeout=900)

    assert process.returncode == 0, printed
    assert re.search(r"^# Every step went well: (\d+) of \1$", smoke.report(), re.MULTILINE)
    assert "| ✓ | CloudFront is asked to invalidate an upload |" in smoke.report()
    assert "| ✓ | everything is removed, and nothing is left |" in smoke.report()
    assert smoke.what_is_there() == before
    sys.stdout.write(printed)  # `make second-cloud` shows it: each step with its seconds


def test_a_deployment_that_fails_is_told_and_leaves_nothing(smoke: Smoke) -> None:
    before = smoke.what_is_there()
    template = without_gaps(read_template())
    template["Resources"]["FetcherSilent"] = read_template()["Resources"]["FetcherSilent"]  # an alarm on metric math

    process = smoke.start(template)
    printed, _ = process.communicate(timeout=300)

    assert process.returncode != 0, printed
    assert "| ✗ | sam deploy makes a stack without a website |" in smoke.report()
    assert "metric math" in smoke.report()
    assert smoke.what_is_there() == before


def test_a_walk_that_is_interrupted_leaves_nothing(smoke: Smoke) -> None:
    before = smoke.what_is_there()
    process = smoke.start(without_gaps(read_template()))
    while not any(bucket.startswith("feed-smoke-") for bucket in smoke.what_is_there()["s3"]):
        time.sleep(0.1)
        assert process.poll() is None

    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    printed, _ = process.communicate(timeout=300)

    assert process.returncode != 0, printed
    assert "| ✓ | everything is removed, and nothing is left |" in smoke.report()
    assert smoke.what_is_there() == before

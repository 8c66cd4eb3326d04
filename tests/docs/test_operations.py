"""The operating manual does what it says: its command blocks are run on the embedded cloud, in the manual's order."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ROOT
from shared import contract
from tests.fetcher.small_world import ITEMS, PARAMETERS
from tests.fetcher.test_replay import SMALL

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- run: ([^\n]+) -->\n```sh\n(.+?)```", TEXT, re.DOTALL))
RELEASED = len(contract.FILES) + len(contract.schemas())
PUBLISHED = RELEASED + len(ITEMS)
DISTRIBUTOR = "aws-services-feed-distributor"


@dataclass
class Operated:
    """A cloud, a folder to be in, and what a test has put down for the next step."""

    cloud: EmbeddedCloud
    folder: Path
    version: str = ""
    release: str = ""

    def shell(self, commands: str, *, ok: bool = True) -> str:
        """What the commands print, run as a person would in a checkout, and whether they ended as expected."""
        environment = {
            **self.cloud.environment(),
            "PATH": f"{self.folder}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1",
            "COLUMNS": "140",
        }
        values = {"SOURCE": self.cloud.source_bucket(), "VERSION": self.version, "RELEASE": self.release}
        commands = re.sub(r"\b(SOURCE|VERSION|RELEASE)\b", lambda name: values[name[0]], commands)
        finished = subprocess.run(
            ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        self.cloud.settle()
        assert (finished.returncode == 0) == ok, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr

    def read(self, bucket: str, key: str) -> bytes:
        body: bytes = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def source(self, name: str) -> bytes:
        return self.read(self.cloud.source_bucket(), f"aws-data/{name}")

    def website(self, name: str) -> bytes:
        return self.read(self.cloud.website, f"data/{name}")

    def upload(self, name: str, body: bytes) -> None:
        self.cloud.client("s3").put_object(Bucket=self.cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
        self.cloud.settle()

    def distributed_at(self, name: str) -> str:
        head = self.cloud.client("s3").head_object(Bucket=self.cloud.website, Key=f"data/{name}")
        return str(head["Metadata"]["distributed-at"])

    def versions(self) -> list[Any]:
        found: list[Any] = self.cloud.client("s3").list_object_versions(Bucket=self.cloud.source_bucket())["Versions"]
        return found


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.aws_cli "$@"\n', encoding="utf-8")
    aws.chmod(0o755)
    with EmbeddedCloud(ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.lambdas._retry_delay = 0
        yield Operated(cloud, folder)


def first_run(operated: Operated) -> None:
    said = operated.shell(BLOCKS["first run"])

    assert "✗" not in said
    # The files of the release are there twice.
    assert len(operated.cloud.objects(operated.cloud.website)) == PUBLISHED + RELEASED
    states = operated.cloud.evaluate_alarms()
    assert "ALARM" not in {states["DataStale"], states["SweeperSilent"]}


def verify(operated: Operated) -> None:
    said = operated.shell(BLOCKS["verify"])

    assert f"{PUBLISHED} of {PUBLISHED} files are in step" in said


def list_files(operated: Operated) -> None:
    said = operated.shell(BLOCKS["list files"])

    assert f"{RELEASED} file(s), in step: {RELEASED}" in said
    assert f"{len(ITEMS)} files of single regions and services, in step" in said
    assert f"{len(contract.schemas()) + 1} file(s), in step" in said


def publish_again(operated: Operated) -> None:
    before = operated.distributed_at("regions.schema.json")

    said = operated.shell(BLOCKS["publish again"])

    assert operated.distributed_at("regions.schema.json") > before
    assert said.count("s3://example-website/data/regions.json") == 2


def fetch_a_part(operated: Operated) -> None:
    operated.shell(BLOCKS["fetch a part"])

    summary = json.loads(operated.website("complete-data.json"))["servicesByRegion"]["summary"]
    assert (summary["fetchedRegions"], summary["cachedRegions"]) == (1, 1)


def redrive(operated: Operated) -> None:
    good = operated.source("regions.json")
    operated.upload("regions.json", b"<html>")
    bucket = operated.cloud.source_bucket()
    operated.cloud.client("s3").put_object(Bucket=bucket, Key="aws-data/regions.json", Body=good)

    said = operated.shell(BLOCKS["redrive"])

    assert "1 message(s); feed redrive --yes tries them again" in said
    assert "0 message(s)" in said
    assert operated.website("regions.json") == good


def list_versions(operated: Operated) -> None:
    said = operated.shell(BLOCKS["list versions"])

    operated.version = re.findall(r"bytes  (\S+)$", said, re.MULTILINE)[-1]
    assert "current, on the website, by hand" in said
    assert "the bytes are equal" in said


def restore(operated: Operated) -> None:
    bucket, key = operated.cloud.source_bucket(), "aws-data/regions.json"
    versioned = {"Bucket": bucket, "Key": key, "VersionId": operated.version}
    wanted = operated.cloud.client("s3").get_object(**versioned)["Body"].read()
    operated.upload("regions.json", operated.source("regions.json").replace(b"Virginia", b"Elsewhere"))

    said = operated.shell(BLOCKS["restore"])

    assert said.count("line(s) go") == 2
    assert operated.source("regions.json") == operated.website("regions.json") == wanted


def list_releases(operated: Operated) -> None:
    operated.release = json.loads(operated.website("manifest.json"))["release"]
    operated.shell(".venv/bin/feed fetch")

    said = operated.shell(BLOCKS["list releases"])

    assert f"{operated.release}  complete" in said
    assert "services.json from a version of the source" in said
    assert json.loads(operated.website("manifest.json"))["release"] != operated.release


def roll_back_a_release(operated: Operated) -> None:
    operated.shell(BLOCKS["roll back a release"])

    assert json.loads(operated.website("manifest.json"))["release"] == operated.release
    schedule = operated.cloud.client("scheduler").get_schedule(Name="aws-services-feed-fetch")
    assert schedule["State"] == "DISABLED"


def find(operated: Operated) -> None:
    operated.upload("old-report.json", b"{}")

    said = operated.shell(BLOCKS["find"])

    assert "1 file(s), in step: 1" in said
    assert "nothing was deleted; --yes does it" in said
    assert operated.website("old-report.json") == b"{}"


def take_down(operated: Operated) -> None:
    said = operated.shell(BLOCKS["take down"])

    assert "0 file(s)" in said
    assert "data/old-report.json" not in operated.cloud.objects(operated.cloud.website)
    assert "/data/old-report.json" in operated.cloud.edge.cloudfront.accepted[-1].paths
    markers = operated.cloud.client("s3").list_object_versions(Bucket=operated.cloud.source_bucket())["DeleteMarkers"]
    operated.version = next(one["VersionId"] for one in markers if one["Key"] == "aws-data/old-report.json")
    assert operated.version in said


def put_back(operated: Operated) -> None:
    operated.shell(BLOCKS["put back"])

    assert operated.website("old-report.json") == b"{}"


def new_history(operated: Operated) -> None:
    operated.upload("change-history.json", b"{}")
    assert "is left as it is" in operated.shell(".venv/bin/feed fetch", ok=False)

    operated.shell(BLOCKS["new history"])

    (baseline,) = json.loads(operated.website("change-history.json"))["changeLog"]
    assert baseline["summary"].startswith("Baseline")
    operated.shell(".venv/bin/feed redrive --yes")  # the broken one was rejected


def import_history(operated: Operated) -> None:
    shutil.copy(SMALL, operated.folder / "snapshots.jsonl")

    said = operated.shell(BLOCKS["import history"])

    assert "nothing was written" in said
    history = json.loads(operated.website("change-history.json"))
    assert history["metadata"]["created"] == history["changeLog"][-1]["date"] == "2022-02-13"
    assert len(json.loads(operated.website("change-feed.json"))["items"]) == len(history["changeLog"])


def accept(operated: Operated) -> None:
    less = {name: value for name, value in PARAMETERS.items() if "AmazonGameLift" not in name}
    operated.cloud.parameters.replace(less)
    assert "have vanished, more than 2 %" in operated.shell(".venv/bin/feed fetch", ok=False)

    operated.shell(BLOCKS["accept"])

    assert json.loads(operated.website("services.json"))["count"] == 3


def pause(operated: Operated) -> None:
    operated.shell(BLOCKS["pause"])

    assert "✗ the distributor is not paused" in operated.shell(".venv/bin/feed verify", ok=False)
    operated.upload("while-paused.json", b"{}")
    assert "data/while-paused.json" not in operated.cloud.objects(operated.cloud.website)


def resume(operated: Operated) -> None:
    operated.shell(BLOCKS["resume"])

    assert "data/while-paused.json" in operated.cloud.objects(operated.cloud.website)
    found = operated.cloud.client("lambda").get_function_concurrency(FunctionName=DISTRIBUTOR)
    assert "ReservedConcurrentExecutions" not in found


def invalidate(operated: Operated) -> None:
    before = len(operated.cloud.edge.cloudfront.accepted)

    operated.shell(BLOCKS["invalidate"])

    asked = {path for one in operated.cloud.edge.cloudfront.accepted[before:] for path in one.paths}
    assert "/data/*" in asked


def count_versions(operated: Operated) -> None:
    said = operated.shell(BLOCKS["count versions"])

    assert "aws-data/" in said
    assert operated.versions()


def delete_versions(operated: Operated) -> None:
    bucket = operated.cloud.source_bucket()

    operated.shell(BLOCKS["delete versions"])

    assert bucket not in [one["Name"] for one in operated.cloud.client("s3").list_buckets()["Buckets"]]


def costs(operated: Operated) -> None:
    assert "25,000" in operated.shell(BLOCKS["costs"])


TRIALS: dict[str, Callable[[Operated], None]] = {
    name.replace("_", " "): trial
    for name, trial in list(globals().items())
    if name.replace("_", " ") in BLOCKS and callable(trial)
}


@pytest.mark.prove
@pytest.mark.parametrize("name", BLOCKS)
def test_a_procedure_of_the_manual_does_what_it_is_for(name: str, operated: Operated) -> None:
    TRIALS[name](operated)


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    marked = re.findall(r"<!-- (run|not run): .+ -->\n```sh\n", TEXT)

    assert len(marked) == TEXT.count("```sh\n")
    assert len(BLOCKS) == marked.count("run") == len(TRIALS)


def test_every_place_that_the_manual_links_to_is_there() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-")
        for one in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", TEXT)

    assert [link for link in links if link.startswith("#") and link[1:] not in headings] == []
    assert [
        link
        for link in links
        if "://" not in link and link[0] != "#" and not (ROOT / "docs" / link.partition("#")[0]).exists()
    ] == []

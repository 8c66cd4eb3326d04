"""The demo as a person runs it, and what it says when something is wrong."""

import io
import json
import os
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cloud.template import ROOT, read_template
from ops.demo import WANTED_FILES, run_demo
from shared.contract import FILES

FEED = ROOT / ".venv" / "bin" / "feed"


def feed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "COV_"))}
    return subprocess.run([FEED, *arguments], check=False, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    finished = feed("demo", "--output", folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Every check held" in finished.stdout.splitlines()[-1]
    return folder


@pytest.fixture(scope="module")
def report(output: Path) -> Any:
    return json.loads((output / "report.json").read_text(encoding="utf-8"))


def test_everything_was_fetched_within_the_budget(report: Any) -> None:
    fetch = report["fetch"]

    assert report["ok"] is True
    assert (fetch["regions"], fetch["services"], fetch["region_services"]) == (39, 405, 9289)
    assert 1060 <= fetch["ssm_calls"] <= 1150
    assert fetch["seconds"] > 0


def test_the_files_were_published_with_their_headers(report: Any) -> None:
    assert [one["destination_key"] for one in report["published"]] == [f"data/{name}" for name in WANTED_FILES]
    for one in report["published"]:
        assert one["source_key"] == one["metadata"]["source-key"]
        assert (one["content_type"], one["cache_control"]) == ("application/json", "public, max-age=300")
        assert set(one["metadata"]) == {"distributed-at", "source-bucket", "source-key"}
        assert set(one) == {
            *("source_key", "destination_bucket", "destination_key", "bytes", "content_type", "cache_control"),
            *("metadata", "seconds"),
        }


def test_the_snapshot_was_skipped_with_its_reason(report: Any) -> None:
    (skipped,) = report["skipped"]

    assert skipped["source_key"].startswith("aws-data/history/complete-data-")
    assert "PUBLISH_PATTERNS" in skipped["reason"]


def test_cloudfront_accepted_an_invalidation_of_every_publication(report: Any) -> None:
    invalidations = report["invalidations"]

    assert {path for one in invalidations for path in one["paths"]} == {f"/data/{name}" for name in WANTED_FILES}
    assert {(one["distribution"], one["status"]) for one in invalidations} == {("E1EXAMPLE", "Completed")}
    assert len({one["caller_reference"] for one in invalidations}) == len(invalidations) >= 6


def test_the_published_files_hold_the_contract(output: Path) -> None:
    found = {path.name: path for path in (output / "website" / "data").iterdir()}

    assert sorted(found) == sorted(WANTED_FILES)
    for name, model in FILES.items():
        model.from_bytes(found[name].read_bytes())
    complete = json.loads(found["complete-data.json"].read_bytes())
    assert complete["regions"] == json.loads(found["regions.json"].read_bytes())
    assert "AmazonGameLiftStreams" in complete["services"]["services"]


def test_the_alarms_told_of_what_went_wrong(report: Any) -> None:
    assert report["alarms"]["now"] == ["DistributionFailuresKept", "DriftFound", "FileRejected"]
    assert {"DataStale", "SweeperSilent"} <= set(report["alarms"]["tomorrow"])


def test_help_says_what_the_command_does() -> None:
    finished = feed("demo", "--help")

    assert finished.returncode == 0
    assert "--output" in finished.stdout
    assert "Exit code" in finished.stdout


def test_an_output_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    finished = feed("demo", "--output", file)

    assert finished.returncode == 1
    assert finished.stderr == f"feed: {file} is not a folder\n"


def broken_demo(monkeypatch: pytest.MonkeyPatch, role: str, sid: str) -> tuple[bool, str]:
    template = deepcopy(read_template())
    document = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
    document["Statement"] = [one for one in document["Statement"] if one.get("Sid") != sid]
    monkeypatch.setattr("cloud.embedded.read_template", lambda: template)
    said = io.StringIO()
    return run_demo(Console(file=said, width=200), in_process=True), said.getvalue()


@pytest.mark.parametrize(
    ("role", "sid", "words"),
    [
        ("FetcherRole", "WriteSource", "calling the PutObject operation"),
        pytest.param("DistributorRole", "CopyToWebsite", "not published", marks=pytest.mark.prove),
        pytest.param("DistributorRole", "ReadSource", "not published", marks=pytest.mark.prove),
    ],
)
def test_a_stack_that_does_not_work_ends_in_a_clear_no(
    monkeypatch: pytest.MonkeyPatch, role: str, sid: str, words: str
) -> None:
    ok, said = broken_demo(monkeypatch, role, sid)

    assert not ok
    assert words in said
    assert "NOT every check held" in said.splitlines()[-1]

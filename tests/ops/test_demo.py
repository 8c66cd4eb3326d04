"""The demo as a person runs it, and what it says when something is wrong."""

import io
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ROOT, read_template
from ops.demo import run_demo
from ops.demo.scheduled_run import PUBLISHED_FILES
from shared.contract import FILES, MODELS, OTHER_FILES
from tests.fetcher.small_world import PARAMETERS

pytestmark = pytest.mark.prove

FEED = ROOT / ".venv" / "bin" / "feed"


def feed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "COV_"))}
    return subprocess.run([FEED, *arguments], check=False, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    finished = feed("demo", "--output", folder, "--picture", folder / "demo.svg")
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
    assert [file["destination_key"] for file in report["published"]] == [f"data/{name}" for name in PUBLISHED_FILES]
    for file in report["published"]:
        assert file["source_key"] == file["metadata"]["source-key"]
        polled = file["source_key"] == "aws-data/manifest.json"
        cache_control = "public, max-age=60, stale-while-revalidate=600" if polled else "public, max-age=300"
        feed_or_json = "application/feed+json" if file["source_key"].endswith("-feed.json") else "application/json"
        assert (file["content_type"], file["cache_control"]) == (feed_or_json, cache_control)
        assert set(file["metadata"]) == {"distributed-at", "source-bucket", "source-etag", "source-key"}
        assert set(file) == {
            *("source_key", "destination_bucket", "destination_key", "bytes", "content_type", "cache_control"),
            *("metadata", "seconds"),
        }


def test_the_snapshot_was_skipped_with_its_reason(report: Any) -> None:
    (skipped,) = report["skipped"]

    assert skipped["source_key"].startswith("aws-data/history/complete-data-")
    assert "PUBLISH_PATTERNS" in skipped["reason"]


def test_cloudfront_accepted_an_invalidation_of_every_publication(report: Any) -> None:
    invalidations = report["invalidations"]

    paths = {path for invalidation in invalidations for path in invalidation["paths"]}
    assert "/data/regions.json" in paths
    assert report["items"] == 889
    assert {(invalidation["distribution"], invalidation["status"]) for invalidation in invalidations} == {
        ("E1EXAMPLE", "Completed")
    }
    assert len({invalidation["caller_reference"] for invalidation in invalidations}) == len(invalidations) >= 6


def test_the_published_files_hold_the_contract(output: Path) -> None:
    published = {path.name: path for path in (output / "website" / "data").iterdir() if path.is_file()}

    assert sorted(published) == sorted([*PUBLISHED_FILES, *OTHER_FILES])
    for name in FILES:
        MODELS[name].from_bytes(published[name].read_bytes())
    complete = json.loads(published["complete-data.json"].read_bytes())
    assert complete["regions"] == json.loads(published["regions.json"].read_bytes())
    assert "AmazonGameLiftStreams" in complete["services"]["services"]


def test_the_alarms_told_of_what_went_wrong(report: Any) -> None:
    expected = ["distribution-failures", "drift-found"]
    assert report["alarms"]["now"] == expected
    assert {"announcements-stale", "data-stale", "sweeper-silent"} <= set(report["alarms"]["tomorrow"])


def test_the_second_release_differs_and_the_first_one_is_current_in_the_end(output: Path, report: Any) -> None:
    releases = report["releases"]
    website = output / "website" / "data"

    assert releases["first"] != releases["second"]
    assert {"services.json", "complete-data.json", "change-history.json"} <= set(releases["changed"])
    assert "regions.schema.json" not in releases["changed"]
    manifest = json.loads((website / "manifest.json").read_bytes())
    assert releases["current"] == releases["first"] == manifest["release"]
    folders = {path.name for path in (website / "releases").iterdir() if (path / "manifest.json").is_file()}
    assert {releases["first"], releases["second"]} == folders
    assert releases["notNamed"] not in folders


def words(svg: str) -> list[str]:
    """What the picture says, but for its numbers."""
    return [re.sub(r"\d+", "0", text) for text in re.findall(r">([^<>]*\S[^<>]*)</text>", svg)]


def test_the_picture_refers_to_nothing_elsewhere(output: Path) -> None:
    svg = (output / "demo.svg").read_text(encoding="utf-8")

    assert set(re.findall(r"https?://[^\s\"'<>)]+|@import|url\([^#][^)]*", svg)) == {"http://www.w3.org/2000/svg"}
    assert len(svg.encode()) < 60_000
    assert "NOT" not in svg


def test_the_picture_in_the_documents_is_of_this_demo(output: Path) -> None:
    committed, drawn = (path.read_text(encoding="utf-8") for path in (ROOT / "docs/demo.svg", output / "demo.svg"))

    assert sum(text.startswith("✓") for text in words(drawn)) > 15
    assert words(committed) == words(drawn)


def test_help_says_what_the_command_does() -> None:
    finished = feed("demo", "--help")

    assert finished.returncode == 0
    assert "--output" in finished.stdout
    assert "Exit code" in finished.stdout


def test_an_output_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    finished = feed("demo", "--output", file)

    assert finished.returncode == 2
    assert finished.stderr == f"feed: {file} is not a folder\n"


def broken_demo(monkeypatch: pytest.MonkeyPatch, role: str, sid: str) -> tuple[bool, str]:
    template = read_template()
    document = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
    document["Statement"] = [statement for statement in document["Statement"] if statement.get("Sid") != sid]
    monkeypatch.setattr("cloud.embedded.read_template", lambda: template)
    monkeypatch.setattr("cloud.embedded.ParameterServer", lambda: ParameterServer(PARAMETERS))
    monkeypatch.setattr("ops.demo.scheduled_run.catalogue", lambda: PARAMETERS)
    printed = io.StringIO()
    return run_demo(Console(file=printed, width=200), in_process=True), printed.getvalue()


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
    ok, printed = broken_demo(monkeypatch, role, sid)

    assert not ok
    assert words in printed
    assert "NOT every check held" in printed.splitlines()[-1]

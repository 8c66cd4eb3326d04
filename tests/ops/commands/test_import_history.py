"""`feed import-history` against the embedded cloud: the history gets older years, and what the stack logged stays."""

import json
import shlex
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from fetcher.history import years
from fetcher.source import OvertakenError, SourceBucket
from shared.contract import ChangeFeed, ChangeHistory
from tests.fetcher.small_world import PARAMETERS, ROOT
from tests.fetcher.test_replay import SMALL
from tests.ops.commands.conftest import STACK, Deploy, Feed, upload
from tests.ops.test_snapshots import Clone, line, tree

pytestmark = pytest.mark.prove

FILE = str(SMALL)
# What the stack's catalogue was a while before its first look: one service had not come to Europe yet.
BEFORE = {name.removeprefix(f"{ROOT}/"): value for name, value in PARAMETERS.items() if "eusc-de-east-1/s" not in name}


def source(cloud: EmbeddedCloud, name: str) -> bytes:
    answer = cloud.client("s3").get_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}")
    body: bytes = answer["Body"].read()
    return body


def history(cloud: EmbeddedCloud) -> ChangeHistory:
    return ChangeHistory.from_bytes(source(cloud, "change-history.json"))


def first_look(cloud: EmbeddedCloud) -> date:
    """The day of the stack's run, as long as nothing is imported."""
    return history(cloud).metadata.created


def every_day(cloud: EmbeddedCloud) -> list[str]:
    """The days of the whole log, newest first."""
    files = [history(cloud).model_dump(mode="json", by_alias=True)]
    files += [json.loads(source(cloud, earlier["file"])) for earlier in files[0].get("earlier", [])]
    return [entry["date"] for file in files for entry in file["changeLog"]]


def known(cloud: EmbeddedCloud) -> Any:
    """Since when things are there, in the complete data and in the index."""
    offers = json.loads(source(cloud, "complete-data.json"))["servicesByRegion"]
    return [offers[name] for name in ("knownSince", "firstSeen", "lastSeen")], source(cloud, "index.json")


def fetch(cloud: EmbeddedCloud) -> None:
    cloud.fire("FetchSchedule")
    cloud.settle()


def saved(folder: Path, *lines: bytes) -> str:
    file = folder / "snapshots.jsonl"
    file.write_bytes(b"".join(lines))
    return str(file)


def test_without_yes_it_says_what_would_be_added_and_writes_nothing(cloud: EmbeddedCloud, feed: Feed) -> None:
    before = history(cloud)

    finished = feed("import-history", FILE)

    assert finished.exit_code == 0, finished.output
    assert (
        f"9 snapshot(s), 2022-02-13 to 2023-09-15, before the stack's first look on {first_look(cloud)}"
        in finished.stdout
    )
    assert "known    since 2022-02-13" in finished.stdout
    assert f"between  2023-09-15 and {first_look(cloud)}: 1 new region, " in finished.stdout
    assert f"nothing was written; feed import-history {FILE} --yes imports them" in finished.stdout
    assert history(cloud) == before


def test_with_yes_the_history_begins_with_the_first_snapshot_and_a_second_time_nothing_is_left(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    look = first_look(cloud)

    finished = feed("import-history", FILE, "--yes")
    cloud.settle()
    imported = history(cloud)
    again = feed("import-history", FILE, "--yes", "--json")

    assert finished.exit_code == again.exit_code == 0, finished.output
    assert imported.metadata.created.isoformat() == every_day(cloud)[-1] == "2022-02-13"
    assert imported.change_log[-1].summary == "Baseline: 2 regions, 52 services, 74 pairs."
    assert (imported.change_log[0].date, str(imported.change_log[0].after)) == (look, "2023-09-15")
    published = cloud.client("s3").get_object(Bucket=cloud.website, Key="data/change-history.json")
    assert published["Body"].read() == imported.to_bytes()
    assert "nothing to import: no snapshot is from before the stack's first look on 2022-02-13" in again.stderr
    assert json.loads(again.stdout) | {
        "bytesNow": 0,
        "bytesThen": 0,
        "previousVersionId": "",
        "previousDataVersionId": "",
    } == {
        "snapshots": 0,
        "oldest": None,
        "newest": None,
        "firstLook": "2022-02-13",
        "newEntries": 0,
        "bytesNow": 0,
        "bytesThen": 0,
        "between": None,
        "imported": False,
        "previousVersionId": "",
        "previousDataVersionId": "",
    }


def test_what_it_prints_undoes_it_also_after_a_fetch(cloud: EmbeddedCloud, feed: Feed) -> None:
    before, days = history(cloud), known(cloud)
    finished = feed("import-history", FILE, "--yes")
    cloud.settle()
    fetch(cloud)
    assert known(cloud) != days
    *undo, _ = finished.stdout.split("from now on: ")[1].split("; ")

    for command in undo:
        undone = feed(*shlex.split(command)[1:])
        cloud.settle()
        assert undone.exit_code == 0, undone.output
    assert history(cloud) == before
    fetch(cloud)

    assert (history(cloud), known(cloud)) == (before, days)


def test_the_baseline_makes_way_for_what_has_changed_since_the_last_snapshot(
    cloud: EmbeddedCloud, feed: Feed, tmp_path: Path
) -> None:
    file, look = saved(tmp_path, line(BEFORE, date="2024-01-01T00:00:00Z")), first_look(cloud)

    told = json.loads(feed("import-history", file, "--yes", "--json").stdout)

    newest, baseline = history(cloud).change_log
    assert (told["snapshots"], told["newEntries"], told["between"], told["imported"]) == (1, 1, newest.summary, True)
    assert (told["oldest"], told["newest"], told["firstLook"]) == ("2024-01-01", "2024-01-01", str(look))
    assert newest.summary == "1 new region (eusc-de-east-1), 1 new service-region pair, 1 new zone."
    assert str(baseline.date) == "2024-01-01"


def test_snapshots_of_the_first_day_and_later_are_left_to_the_stack(
    cloud: EmbeddedCloud, feed: Feed, tmp_path: Path
) -> None:
    look = first_look(cloud)
    days = ("2024-01-01", look, look + timedelta(days=1))
    file = saved(tmp_path, *(line(BEFORE, date=f"{day}T00:00:00Z") for day in days))

    assert json.loads(feed("import-history", file, "--json").stdout)["snapshots"] == 1


def test_the_next_run_moves_years_that_make_it_too_large_and_its_feed_dates_them(
    cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(years, "LARGEST", 4_000)
    monkeypatch.setattr(years, "KEPT", 1_300)
    look = first_look(cloud)
    feed("import-history", FILE, "--yes")
    days = every_day(cloud)

    fetch(cloud)

    moved = history(cloud)
    items = ChangeFeed.from_bytes(source(cloud, "change-feed.json")).items
    assert [earlier.file for earlier in moved.earlier] == ["change-history-2023.json", "change-history-2022.json"]
    assert every_day(cloud) == days
    assert [str(item.date_published.date()) for item in items] == [str(entry.date) for entry in moved.change_log]
    assert items[0].date_published.date() == look


def test_the_next_run_tells_since_when_things_are_there(cloud: EmbeddedCloud, feed: Feed, tmp_path: Path) -> None:
    later = {"regions/us-east-1/services/only-below-regions": "only-below-regions"}
    first = {path: value for path, value in BEFORE.items() if path not in later}
    lines = line(first, date="2024-01-01T00:00:00Z"), line(later, date="2024-01-02T00:00:00Z")
    look = first_look(cloud)

    feed("import-history", saved(tmp_path, *lines), "--yes")
    fetch(cloud)

    data = json.loads(source(cloud, "complete-data.json"))["servicesByRegion"]
    assert data["knownSince"] == "2024-01-01"
    assert data["firstSeen"]["pairs"] == {
        "eusc-de-east-1": {"s3": {"after": "2024-01-02", "before": str(look)}},
        "us-east-1": {"only-below-regions": "2024-01-02"},
    }


def test_it_begins_earlier_again_although_years_have_left_the_history(
    cloud: EmbeddedCloud, feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(years, "LARGEST", 1_000)
    monkeypatch.setattr(years, "KEPT", 300)
    feed("import-history", saved(tmp_path, line(BEFORE, date="2024-01-01T00:00:00Z")), "--yes")
    fetch(cloud)
    assert history(cloud).earlier
    own = every_day(cloud)

    finished = feed("import-history", FILE, "--yes")
    fetch(cloud)

    assert finished.exit_code == 0, finished.output
    assert every_day(cloud)[: len(own)] == own
    assert every_day(cloud)[-1] == "2022-02-13"
    assert len(history(cloud).earlier) > 1


def test_a_year_that_is_not_there_is_named(
    cloud: EmbeddedCloud, feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(years, "LARGEST", 1_000)
    monkeypatch.setattr(years, "KEPT", 300)
    feed("import-history", saved(tmp_path, line(BEFORE, date="2024-01-01T00:00:00Z")), "--yes")
    fetch(cloud)
    (earlier,) = history(cloud).earlier
    cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{earlier.file}")

    finished = feed("import-history", FILE)

    assert finished.exit_code == 2
    assert "change-history-2024.json has a part of the history, but cannot be read: empty" in finished.stderr


def test_a_clone_of_moto_is_read(cloud: EmbeddedCloud, feed: Feed, tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    clone.commit({f"{kind}.json": tree(BEFORE, kind) for kind in ("regions", "services")})

    finished = feed("import-history", "--git", str(tmp_path))

    assert "1 snapshot(s), 2022-02-12 to 2022-02-12" in finished.stdout
    assert f"feed import-history --git {tmp_path} --yes imports them" in finished.stdout


def test_a_file_that_is_broken_is_refused_with_its_line(cloud: EmbeddedCloud, feed: Feed, tmp_path: Path) -> None:
    before = history(cloud)
    file = saved(tmp_path, line(BEFORE), b"<html>\n")

    finished = feed("import-history", file, "--yes")

    assert finished.exit_code == 2
    assert finished.stderr.startswith(f"feed: line 2 of {file}: ")
    assert history(cloud) == before


def test_a_snapshot_that_has_lost_too_much_is_refused_unless_it_is_accepted(
    cloud: EmbeddedCloud, feed: Feed, tmp_path: Path
) -> None:
    file = saved(tmp_path, line(BEFORE), line({}, ["services/offered-nowhere"], "2023-01-01T00:00:00Z"))

    refused, accepted = feed("import-history", file), feed("import-history", file, "--accept-shrink")

    assert refused.exit_code == 2
    assert "line 2 is not credible: 1 of 4 services have vanished, more than 2 %" in refused.stderr
    assert f"feed import-history {file} --accept-shrink --yes imports them" in accepted.stdout


@pytest.mark.parametrize("arguments", [[], [FILE, "--git", "moto"]])
def test_a_file_or_a_clone_is_needed_and_not_both(feed: Feed, arguments: list[str]) -> None:
    finished = feed("import-history", *arguments)

    assert finished.exit_code == 2
    assert "give either a file or --git" in finished.stderr


def test_a_stack_without_a_good_history_is_refused(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "change-history.json", b"{}")
    broken = feed("import-history", FILE, "--yes")
    cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key="aws-data/change-history.json")
    missing = feed("import-history", FILE, "--yes")

    assert (broken.exit_code, missing.exit_code) == (2, 2)
    assert "no files of a whole run to begin with (change-history.json: breaks the contract" in broken.stderr
    assert "no files of a whole run to begin with; try feed fetch" in missing.stderr


def test_a_history_that_would_not_be_published_is_not_written(cloud: EmbeddedCloud, feed: Feed, deploy: Deploy) -> None:
    deploy("small", cloud.stack.outputs, {"MaxObjectBytes": "3000"})

    finished = feed("import-history", FILE, "--yes", "--stack-name", "small")

    assert finished.exit_code == 2
    assert "the stack would not publish the history: " in finished.stderr
    assert "over MaxObjectBytes" in finished.stderr


def test_a_stack_without_a_fetcher_is_refused(cloud: EmbeddedCloud, feed: Feed, deploy: Deploy) -> None:
    outputs = {name: value for name, value in cloud.stack.outputs.items() if not name.startswith("Fetch")}
    deploy("fetchless", outputs)

    finished = feed("import-history", FILE, "--stack-name", "fetchless")

    assert finished.exit_code == 2
    assert "it fetches nothing" in finished.stderr


def test_what_somebody_writes_meanwhile_stays(
    cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = history(cloud)
    meanwhile = before.model_copy(update={"change_log": before.change_log[:-1]})
    write = SourceBucket.write

    def write_second(bucket: SourceBucket, *arguments: Any) -> Any:
        upload(cloud, "change-history.json", meanwhile.to_bytes())
        return write(bucket, *arguments)

    monkeypatch.setattr(SourceBucket, "write", write_second)
    finished = feed("import-history", FILE, "--yes")

    assert finished.exit_code == 2
    assert "was written by another run meanwhile; nothing was imported: try again" in finished.stderr
    assert history(cloud) == meanwhile


def test_an_answer_that_was_lost_is_no_failure(
    cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's second try finds what the first has written."""
    write = SourceBucket.write

    def write_twice(bucket: SourceBucket, *arguments: Any) -> Any:
        write(bucket, *arguments)
        raise OvertakenError

    monkeypatch.setattr(SourceBucket, "write", write_twice)
    finished = feed("import-history", FILE, "--yes", "--stack-name", STACK)

    assert finished.exit_code == 0, finished.output
    assert str(history(cloud).metadata.created) == "2022-02-13"

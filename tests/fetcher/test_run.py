"""Whole runs, one after another and side by side, against SSM's stand-in and a bucket."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cloud.stand_ins.launch_feed import LaunchFeed
from cloud.stand_ins.ssm import ParameterServer, Quirks
from fetcher import run as run_module
from fetcher.last_good import IncompleteCatalogueError
from fetcher.run import RunResult, run
from fetcher.settings import FetcherSettings, Job, RequestError, RunRequest
from fetcher.source import (
    ItemCounts,
    OvertakenError,
    SourceBucket,
    WrittenObject,
    read_previous_files,
    write_items,
)
from shared import contract
from shared.clients import FETCHING
from tests.fetcher.history.test_years import entry
from tests.fetcher.memory_s3 import MemoryS3, StoredObject
from tests.fetcher.small_world import PARAMETERS, ROOT

DATE = "Fri, 25 Aug 2006 00:00:00 GMT"
US, EU = "us-east-1", "eusc-de-east-1"
MORE = PARAMETERS | {f"{ROOT}/regions/{EU}/services/AmazonGameLiftStreams": "x"}
FILES = sorted([*contract.FILES, *contract.schemas()])
SECONDS = 120  # that a run may take


@pytest.fixture
def ssm() -> Iterator[ParameterServer]:
    with ParameterServer(PARAMETERS) as server:
        yield server


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fetcher.ssm.endpoint.LONGEST_PAUSE", 0)
    monkeypatch.setattr("fetcher.run.LONGEST_PAUSE", 0)


class World:
    """One bucket, one SSM, and runs with names."""

    def __init__(self, ssm: ParameterServer) -> None:
        s3: Any = MemoryS3("my-source")
        self.objects: dict[str, StoredObject] = s3.objects
        self.bucket, self.ssm = SourceBucket(s3, "my-source", "aws-data"), ssm
        self._seconds = itertools.count()

    def _clock(self) -> datetime:
        """Every state has a time of its own."""
        return datetime(2026, 11, 23, 2, tzinfo=UTC) + timedelta(seconds=next(self._seconds))

    def run(self, name: str, request: RunRequest | None = None, **settings: Any) -> RunResult:
        configured = FetcherSettings(
            source_bucket="my-source",
            ssm_regions=("us-east-1",),
            ssm_endpoint_urls=(self.ssm.url,),
            ssm_requests_per_second=10_000,
            **{"max_stale_percent": 50, "max_shrink_percent": 100, **settings},
        )
        return run(Job(name, configured, request or RunRequest()), self.bucket, SECONDS, self._clock)

    def file(self, name: str) -> Any:
        return json.loads(self.bucket.read(name).body)

    def keys(self, folder: str = "") -> list[str]:
        keys = (key.removeprefix("aws-data/") for key in sorted(self.objects))
        return [key for key in keys if key.startswith(folder)]

    def put(self, name: str, body: bytes) -> None:
        """Another writer's upload."""
        self.bucket.write(name, body, {})

    def break_(self, *paths: str) -> None:
        self.ssm.quirks = Quirks(failing=paths)


@pytest.fixture
def world(ssm: ParameterServer) -> World:
    return World(ssm)


def lists(complete_data: Any) -> dict[str, list[str]]:
    return {code: entry["services"] for code, entry in complete_data["servicesByRegion"]["byRegion"].items()}


def test_a_run_writes_every_file_of_the_contract_its_schemas_and_a_snapshot(world: World) -> None:
    result = world.run("first")

    (snapshot,) = world.keys("history/")
    assert sorted(world.keys()) == sorted([*FILES, snapshot, *result.state.items])
    assert world.file(snapshot) == world.file("complete-data.json")
    assert [written.key.removeprefix("aws-data/") for written in result.written[-3:]] == [
        *("complete-data.json", snapshot, "manifest.json"),
    ]
    for name in contract.FILES:
        contract.MODELS[name].from_bytes(world.bucket.read(name).body)


def test_an_unchanged_world_gives_the_same_bytes_but_for_times_and_run(world: World) -> None:
    world.run("one")
    before = {name: world.bucket.read(name).body for name in FILES}

    result = world.run("two")

    for name in FILES:
        assert without_times(world.file(name)) == without_times(json.loads(before[name]))
    rewritten = {written.key.removeprefix("aws-data/") for written in result.written} - set(world.keys("history/"))
    names = {"regions.json", "services.json", "service-regions.json", "complete-data.json", "manifest.json"}
    assert rewritten == names


def without_times(node: Any) -> Any:
    if isinstance(node, dict):
        times = {"timestamp", "lastFetched", "lastUpdated", "runId", "time", "release", "path", "sha256"}
        return {name: without_times(value) for name, value in node.items() if name not in times}
    return [without_times(item) for item in node] if isinstance(node, list) else node


def test_a_region_that_fails_keeps_its_list_and_date_and_is_named(world: World) -> None:
    world.run("good")
    before = world.file("complete-data.json")
    world.ssm.replace(MORE | {f"{ROOT}/regions/{US}/services/offered-nowhere": "x"})
    world.break_(f"regions/{EU}/services")

    world.run("bad")

    now = world.file("complete-data.json")
    by_region, summary = now["servicesByRegion"]["byRegion"], now["servicesByRegion"]["summary"]
    assert by_region[EU] == before["servicesByRegion"]["byRegion"][EU]
    assert "offered-nowhere" in by_region[US]["services"]
    assert (summary["cachedRegions"], summary["fetchedRegions"]) == (1, 1)
    assert now["metadata"]["staleRegions"] == [EU]


def test_yesterdays_list_is_not_dated_today(world: World) -> None:
    world.run("good")
    body = world.bucket.read("complete-data.json").body.replace(lists_date(world).encode(), b"2026-01-01T02:00:00Z")
    world.put("complete-data.json", body)
    world.break_(f"regions/{EU}/services")

    world.run("bad")

    by_region = world.file("complete-data.json")["servicesByRegion"]["byRegion"]
    assert by_region[EU]["lastFetched"] == "2026-01-01T02:00:00Z"
    assert by_region[US]["lastFetched"] > "2026-01-01T02:00:00Z"


def lists_date(world: World) -> str:
    return str(world.file("complete-data.json")["servicesByRegion"]["byRegion"][EU]["lastFetched"])


def test_a_region_that_fails_and_one_that_comes_back_are_no_news(world: World) -> None:
    world.run("good")
    world.break_(f"regions/{EU}/services")
    world.run("bad")
    world.break_()

    world.run("good again")

    (baseline,) = world.file("change-history.json")["changeLog"]
    assert not any(baseline["changes"].values())
    assert world.file("complete-data.json")["metadata"]["staleRegions"] == []


def test_what_came_while_a_region_failed_is_news_once_it_is_back(world: World) -> None:
    world.run("good")
    world.ssm.replace(MORE)
    world.break_(f"regions/{EU}/services")
    world.run("bad")
    world.break_()

    world.run("good again")

    (newest,) = world.file("change-history.json")["changeLog"]
    assert newest["changes"]["newRegionalServices"] == [{"region": EU, "service": "AmazonGameLiftStreams"}]


@pytest.mark.parametrize("failing", ["regions", "services", f"regions/{EU}/services", "services/s3/longName"])
def test_without_an_earlier_run_a_failure_writes_nothing(world: World, failing: str) -> None:
    world.break_(failing)

    with pytest.raises(IncompleteCatalogueError, match="nothing is written"):
        world.run("first")

    assert world.keys() == []


def test_with_more_failing_than_allowed_nothing_is_written(world: World) -> None:
    world.run("good")
    before = world.keys(), world.bucket.read_etag("complete-data.json")
    world.break_("regions/")

    with pytest.raises(IncompleteCatalogueError, match="2 of 2 regions could not be read"):
        world.run("bad")

    assert (world.keys(), world.bucket.read_etag("complete-data.json")) == before


def test_no_time_is_an_error_and_nothing_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "MARGIN_SECONDS", SECONDS)

    with pytest.raises(IncompleteCatalogueError, match="DeadlineExceeded: no time was left"):
        world.run("late")

    assert world.keys() == []


def test_time_that_the_bucket_took_is_gone_for_ssm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic, late = time.monotonic, [0.0]

    def slowly(bucket: SourceBucket) -> Any:
        late[0] += 100
        return read_previous_files(bucket)

    monkeypatch.setattr(run_module, "read_previous_files", slowly)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + late[0])

    with pytest.raises(IncompleteCatalogueError, match="no time was left"):
        world.run("late")

    assert world.ssm.traffic.calls == 0


def test_a_part_is_renewed_within_the_whole(world: World) -> None:
    world.run("whole")
    before = world.file("complete-data.json")
    world.ssm.replace(MORE | {f"{ROOT}/regions/{US}/services/offered-nowhere": "x"})

    world.run("part", RunRequest(regions=(EU,)))

    now = world.file("complete-data.json")
    assert lists(now) == lists(before) | {EU: ["AmazonGameLiftStreams", "s3"]}
    assert now["servicesByRegion"]["byRegion"][US] == before["servicesByRegion"]["byRegion"][US]
    assert now["servicesByRegion"]["summary"]["cachedRegions"] == 1
    assert now["metadata"]["staleRegions"] == []


@pytest.mark.parametrize(
    ("request_", "words"),
    [(RunRequest(regions=(EU,)), "no complete-data.json"), (RunRequest(regions=("x",)), "no comp")],
)
def test_a_part_of_nothing_is_refused(world: World, request_: RunRequest, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        world.run("part", request_)

    assert (world.keys(), world.ssm.traffic.calls) == ([], 0)


def test_a_part_of_what_vanished_meanwhile_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run("whole")

    def overtaken(self: SourceBucket, *_: object) -> None:
        self.client.delete_object(Bucket="my-source", Key="aws-data/complete-data.json")
        msg = "a.json was written by another run meanwhile"
        raise OvertakenError(msg)

    monkeypatch.setattr(SourceBucket, "write", overtaken)

    with pytest.raises(RequestError, match="no complete-data.json of"):
        world.run("part", RunRequest(regions=(EU,)))


def test_a_region_that_ssm_does_not_list_cannot_be_renewed(world: World) -> None:
    world.run("whole")

    with pytest.raises(RequestError, match="SSM lists no region mars-1, venus-1"):
        world.run("part", RunRequest(regions=("venus-1", EU, "mars-1")))


def test_launches_come_from_the_feed(world: World) -> None:
    with LaunchFeed({US: (DATE, "https://example.com/us")}) as feed:
        world.run("first", launch_feed_url=feed.url)

    eu, us = world.file("regions.json")["regions"]
    assert (us["launchDate"], us["blogUrl"]) == (DATE, "https://example.com/us")
    assert (eu["launchDate"], eu["blogUrl"]) == (None, None)


@pytest.mark.parametrize("body", [b"<html>", b"", b"<rss><channel><item/></channel></rss>"])
def test_whatever_happens_to_the_feed_known_launches_stay(world: World, body: bytes) -> None:
    with LaunchFeed({US: (DATE, "https://example.com/us")}) as feed:
        world.run("good", launch_feed_url=feed.url)
        feed.body = body

        result = world.run("bad", launch_feed_url=feed.url)

    assert world.file("regions.json")["regions"][1]["launchDate"] == DATE
    assert bool(result.crawl.launch_error) == (b"item" not in body)


def test_the_feed_has_the_sites_address_as_soon_as_it_is_set(world: World) -> None:
    world.run("before")
    assert "feed_url" not in world.file("change-feed.json")

    world.run("after", site_url="https://your.site/data/")

    assert world.file("change-feed.json")["feed_url"] == "https://your.site/data/change-feed.json"


def test_a_lost_complete_data_resets_no_history_and_invents_no_news(world: World) -> None:
    world.run("one")
    world.ssm.replace(MORE)
    world.run("two")
    before = world.file("change-history.json")
    del world.objects["aws-data/complete-data.json"]

    world.run("three")

    assert world.file("change-history.json") == before


def test_an_unreadable_complete_data_is_replaced_and_named(world: World) -> None:
    world.run("one")
    world.put("complete-data.json", b'{"metadata"')
    before = world.file("change-history.json")

    result = world.run("two")

    assert set(result.previous.unreadable) == {"complete-data.json"}
    assert world.file("complete-data.json")["metadata"]["runId"] == "two"
    assert world.file("change-history.json") == before


def test_a_change_survives_a_run_that_dies_before_the_data_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("one")
    world.ssm.replace(MORE)
    with monkeypatch.context() as patched:
        patched.setattr(SourceBucket, "write", dies_at("regions.json"))
        with pytest.raises(ConnectionError):
            world.run("dies")

    world.run("three")

    (newest,) = world.file("change-history.json")["changeLog"]
    assert newest["changes"]["newRegionalServices"] == [{"region": EU, "service": "AmazonGameLiftStreams"}]


def dies_at(name: str) -> Any:
    write = SourceBucket.write

    def dying(self: SourceBucket, file: str, *rest: Any) -> WrittenObject:
        if file == name:
            msg = "the function was stopped here"
            raise ConnectionError(msg)
        return write(self, file, *rest)

    return dying


def all_days(world: World) -> list[str]:
    """The days of all entries that a reader finds who follows the names, newest first."""
    history = world.file("change-history.json")
    logs = [history, *(world.file(earlier["file"]) for earlier in history.get("earlier", []))]
    return [entry["date"] for log in logs for entry in log["changeLog"]]


def grow(world: World) -> list[str]:
    """Give the history as many days as make it too large; the days, newest first."""
    log = [entry(date(2026, 1, 1) + timedelta(days=day), 330) for day in reversed(range(25))]
    history = contract.ChangeHistory.from_bytes(world.bucket.read("change-history.json").body)
    baseline = history.change_log[0]
    world.put("change-history.json", history.model_copy(update={"change_log": (baseline, *log)}).to_bytes())
    return [str(each.date) for each in (baseline, *log)]


@pytest.mark.untraced
def test_a_history_that_is_too_large_gives_its_oldest_days_to_a_file_that_it_names(world: World) -> None:
    world.run("one")
    days = grow(world)

    result = world.run("two")

    written = [written.key.removeprefix("aws-data/") for written in result.written]
    assert written[:2] == ["change-history-2026.json", "change-history.json"]
    assert all_days(world) == days
    assert len(world.file("change-history.json")["changeLog"]) < len(days) / 2
    again = world.run("three")
    assert not [written.key for written in again.written if "change-history" in written.key]


@pytest.mark.untraced
def test_a_run_that_dies_between_a_year_and_the_history_loses_no_day_and_repeats_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("one")
    days = grow(world)
    with monkeypatch.context() as patched:
        patched.setattr(SourceBucket, "write", dies_at("change-history.json"))
        with pytest.raises(ConnectionError):
            world.run("dies")
    year = world.objects["aws-data/change-history-2026.json"]
    assert all_days(world) == days

    world.run("three")

    assert all_days(world) == days
    assert world.keys("change-history-") == ["change-history-2026.json", "change-history-year.schema.json"]
    assert world.objects["aws-data/change-history-2026.json"] is year


RUNS = ("one", "other")


@pytest.mark.parametrize("steps", range(1, 7))  # the history, its feed and the four files of every run
def test_two_overlapping_runs_leave_files_that_belong_together(
    world: World, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    world.run("first")
    world.ssm.replace(MORE)

    with interleaved(monkeypatch, steps):
        threads = [threading.Thread(target=world.run, args=(name,)) for name in RUNS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ids = {
        world.objects[f"aws-data/{name}"].metadata["run-id"]
        for name in ("regions.json", "services.json", "service-regions.json", "complete-data.json")
    }
    assert len(ids) == 1
    assert ids < set(RUNS)
    (newest,) = world.file("change-history.json")["changeLog"]
    assert newest["changes"]["newRegionalServices"] == [{"region": EU, "service": "AmazonGameLiftStreams"}]


@contextmanager
def interleaved(monkeypatch: pytest.MonkeyPatch, steps: int) -> Iterator[None]:
    """Both runs read before either writes; then one writes so many files before the other begins."""
    read_by_both, far_enough = threading.Barrier(2), threading.Event()
    write, gather, local, order = SourceBucket.write, run_module._gather, threading.local(), []

    def gathering(*arguments: Any) -> Any:
        result = gather(*arguments)
        order.append(read_by_both.wait(timeout=20))
        local.is_second = order[-1] == 1
        return result

    def writing(self: SourceBucket, *arguments: Any) -> WrittenObject:
        if getattr(local, "is_second", False):  # an item's write is in a thread of its own
            far_enough.wait(timeout=20)
        result = write(self, *arguments)
        local.count = getattr(local, "count", 0) + 1
        if not getattr(local, "is_second", True) and local.count >= steps:
            far_enough.set()
        return result

    monkeypatch.setattr(run_module, "_gather", gathering)
    monkeypatch.setattr(SourceBucket, "write", writing)
    yield


def test_a_run_that_is_always_overtaken_ends_in_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(*_: object) -> None:
        msg = "a.json was written by another run meanwhile"
        raise OvertakenError(msg)

    monkeypatch.setattr(SourceBucket, "write", overtaken)

    with pytest.raises(OvertakenError, match="another run"):
        world.run("unlucky")


# Items: the files of single regions and services, behind all others


def items(world: World) -> dict[str, bytes]:
    names = [name for name in world.keys("") if "/" in name and not name.startswith("history/")]
    return {name: world.objects[f"aws-data/{name}"].body for name in [*names, "index.json"]}


def test_a_day_on_which_nothing_changes_writes_no_item_and_another_only_what_differs(world: World) -> None:
    first = world.run("first")
    before = items(world)
    assert (first.items, before) == (ItemCounts(len(before), 0), first.state.items)

    calm = world.run("calm")
    assert (calm.items, items(world)) == (ItemCounts(0, 0), before)

    world.ssm.replace(MORE)
    busy = world.run("busy")
    changed = [name for name, body in busy.state.items.items() if before.get(name) != body]
    assert {f"regions/{EU}.json", "services/AmazonGameLiftStreams.json"} <= set(changed) < set(before)
    assert (busy.items, items(world)) == (ItemCounts(len(changed), 0), busy.state.items)


def test_a_run_that_dies_amid_the_items_is_completed_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SourceBucket, "write", dies_at("services/s3.json"))
        with pytest.raises(ConnectionError):
            world.run("dies")
    assert "aws-data/manifest.json" in world.objects
    assert "aws-data/index.json" not in world.objects

    result = world.run("next")

    assert items(world) == result.state.items


def test_items_for_which_no_time_is_left_are_written_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "LONGEST_REQUEST", SECONDS)
        result = world.run("late")
    assert result.items == ItemCounts(0, len(result.state.items))
    assert set(contract.FILES) <= set(world.keys())

    world.run("next")

    assert items(world) == result.state.items


def test_a_run_whose_files_were_replaced_while_it_wrote_items_starts_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ["other"]

    def overtaken(*arguments: Any) -> ItemCounts:
        counts = write_items(*arguments)
        if others:
            world.run(others.pop())
        return counts

    monkeypatch.setattr(run_module, "write_items", overtaken)

    result = world.run("one")

    assert world.file("complete-data.json")["metadata"]["runId"] == "one"
    assert world.bucket.read("manifest.json").body == result.state.files["manifest.json"]
    assert len(world.keys("history/")) == 3  # the other run's, and two of this one


def test_a_request_with_all_its_tries_takes_no_longer_than_is_reserved_for_it() -> None:
    pauses = sum(2**number for number in range(FETCHING.attempts - 1))  # botocore's longest

    assert FETCHING.attempts * (FETCHING.connect + FETCHING.read) + pauses < run_module.LONGEST_REQUEST


@pytest.mark.parametrize("seed", range(6))
def test_among_random_errors_a_run_is_complete_and_right_or_writes_nothing(world: World, seed: int) -> None:
    world.run("calm")
    calm = world.file("complete-data.json")
    world.ssm.quirks = Quirks(errors=0.4, seed=seed)

    try:
        world.run("storm", max_stale_percent=0)
    except IncompleteCatalogueError:
        assert world.file("complete-data.json") == calm
    else:
        assert without_times(world.file("complete-data.json")) == without_times(calm)

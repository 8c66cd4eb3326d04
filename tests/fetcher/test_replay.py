"""What AWS really did, day by day, goes through the fetcher: all of it is published, and no guard is set off.

Snapshots of 2022 to 2026 are no part of this repository; SSM_SNAPSHOTS says where they are. Without them a small
history that was made by hand stands for them.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cloud.stand_ins.ssm import ParameterServer
from fetcher.documents import Documents
from fetcher.history import years
from fetcher.last_good import IncompleteCatalogueError
from fetcher.next_state import CrawlResult, NextState, ShrunkCatalogueError, next_state
from fetcher.settings import FetcherSettings, Job, RunRequest
from fetcher.source import PreviousFiles, SourceBucket, read_previous_files
from fetcher.ssm import ROOT, CallCounts, crawl, open_parameter_store
from ops.snapshots import Snapshot, read_file
from shared import contract
from tests.fetcher.memory_s3 import MemoryS3

SMALL = Path(__file__).with_name("snapshots.jsonl")
REAL = os.environ.get("SSM_SNAPSHOTS", "")
SETTINGS = FetcherSettings(source_bucket="my-source")  # those of the template
ONE_DAY = timedelta(days=1)

Pair = tuple[str, str]


@dataclass(frozen=True)
class Facts:
    """What a state has: names of services and of regions that were announced, their pairs and zones."""

    services: dict[str, str]
    regions: dict[str, str]
    pairs: set[Pair]
    zones: set[tuple[str, str, str]]


@dataclass(frozen=True)
class Replay:
    """Every snapshot with the documents of its run, and the files after the last one."""

    runs: list[tuple[Snapshot, Documents]]
    previous: PreviousFiles
    log: list[contract.ChangeEntry]  # of all files, oldest first

    def last_of_each_day(self) -> dict[date, Documents]:
        return {snapshot.time.date(): documents for snapshot, documents in self.runs}


def decide(snapshot: Snapshot, previous: PreviousFiles) -> NextState:
    result = CrawlResult(snapshot.readings(), CallCounts(), 0, {}, "")
    return next_state(Job(snapshot.place, SETTINGS, RunRequest()), result, previous, snapshot.time)


def replay(file: Path) -> Replay:
    s3: Any = MemoryS3("my-source")
    bucket = SourceBucket(s3, "my-source", "aws-data")
    runs = []
    for snapshot in read_file(file):
        previous = read_previous_files(bucket)
        state = decide(snapshot, previous)
        assert (state.catalogue.stale, state.catalogue.unplaced_zones, state.ahead) == ({}, (), {}), snapshot.place
        assert (previous.unreadable, state.unfit_history) == ({}, ""), snapshot.place
        for name, body in state.files.items():
            bucket.write(name, body, {}, previous.files.get(name))
        runs.append((snapshot, state.documents))
    previous = read_previous_files(bucket)
    assert previous.history
    files = [bucket.read(earlier.file).body for earlier in previous.history.earlier]
    moved = [entry for body in files for entry in contract.ChangeHistoryYear.from_bytes(body).change_log]
    return Replay(runs, previous, [*previous.history.change_log, *moved][::-1])


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((SMALL, 5_000), id="small"),
        *([pytest.param((Path(REAL), 300_000), id="real", marks=pytest.mark.prove)] if REAL else []),
    ],
)
def replayed(request: pytest.FixtureRequest) -> Iterator[Replay]:
    """Years leave the history at a size that it really reaches."""
    file, largest = request.param
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(years, "LARGEST", largest)
        patched.setattr(years, "KEPT", largest // 3)
        yield replay(file)


def facts(documents: Documents, announced: Mapping[str, str]) -> Facts:
    by_region = documents.complete_data.services_by_region.by_region
    regions = [
        region for region in documents.regions.regions if by_region[region.code].services or region.code in announced
    ]
    return Facts(
        services={service.code: service.name for service in documents.services.services},
        regions={region.code: region.name for region in regions},
        pairs={(code, service) for code, entry in by_region.items() for service in entry.services},
        zones={
            (region.code, kind, zone)
            for region in regions
            for kind in ("availability", "local", "wavelength")
            for zone in getattr(region.zones, kind)
        },
    )


def apply(changes: contract.Changes, known: Facts) -> Facts:
    """The facts after a day's changes; each change must be one."""
    services, regions = dict(known.services), dict(known.regions)
    for names, went, came in (
        (services, changes.removed_services, changes.new_services),
        (regions, changes.removed_regions, changes.new_regions),
    ):
        assert [names.pop(each.code) for each in went] == [each.name for each in went]
        assert not names.keys() & {each.code for each in came}
        names |= {each.code: each.name for each in came}
    for renamed in changes.renamed:
        names = regions if renamed.kind == "region" else services
        assert names[renamed.code] == renamed.old
        names[renamed.code] = renamed.new
    gone, new = (
        {(pair.region, pair.service) for pair in pairs}
        for pairs in (changes.removed_regional_services, changes.new_regional_services)
    )
    left, came_zones = (
        {(zones.region, zones.kind, zone) for zones in changes.zone_changes for zone in getattr(zones, attribute)}
        for attribute in ("removed", "added")
    )
    assert gone <= known.pairs
    assert left <= known.zones
    assert not new & known.pairs
    assert not came_zones & known.zones
    return Facts(services, regions, known.pairs - gone | new, known.zones - left | came_zones)


def test_the_baseline_and_the_log_with_its_years_give_every_snapshot_exactly(replayed: Replay) -> None:
    days = replayed.last_of_each_day()
    known = facts(replayed.runs[0][1], {})
    entries = {entry.date: entry for entry in replayed.log}

    for day, documents in days.items():
        known = apply(entries.pop(day).changes, known) if day in entries else known
        assert known == facts(documents, known.regions), day

    assert entries == {}
    assert replayed.previous.history
    assert replayed.previous.history.earlier


def test_each_entry_tells_the_look_before_if_that_was_days_ago(replayed: Replay) -> None:
    days = list(replayed.last_of_each_day())
    before = {day: look if day - look > ONE_DAY else None for look, day in pairwise(days)}

    assert {entry.date: entry.after for entry in replayed.log} == {
        entry.date: before.get(entry.date) for entry in replayed.log
    }
    assert any(before.values())


def test_a_pair_that_is_absent_from_one_snapshot_goes_and_returns_in_the_log(replayed: Replay) -> None:
    runs = [(day, facts(documents, {}).pairs) for day, documents in replayed.last_of_each_day().items()]
    entries = {entry.date: entry.changes for entry in replayed.log}
    flaps = 0

    for (_, before), (away, without), (back, after) in zip(runs, runs[1:], runs[2:], strict=False):
        for region, service in (before & after) - without:
            pair = contract.RegionalService(region=region, service=service)
            assert pair in entries[away].removed_regional_services
            assert pair in entries[back].new_regional_services
            flaps += 1

    assert flaps > 0


def test_the_data_tells_when_each_pair_was_first_and_last_seen(replayed: Replay) -> None:
    """As the snapshots have it: a day if it is certain, else the two looks between which it came or went."""
    days = {day: facts(documents, {}).pairs for day, documents in replayed.last_of_each_day().items()}
    first = next(iter(days))
    came: dict[Pair, Any] = {}
    went: dict[Pair, Any] = {}
    for (look, before), (day, after) in pairwise(days.items()):
        between = {"after": str(look), "before": str(day)} if day - look > ONE_DAY else None
        came |= {pair: between or str(day) for pair in after - before if pair not in days[first] | came.keys()}
        went |= {pair: between or str(look) for pair in before - after}
    (*_, last) = days.values()

    complete_data = json.loads(replayed.previous.files[contract.COMPLETE_DATA_FILE].body)["servicesByRegion"]

    seen, gone = (
        {
            (region, service): seen
            for region, services in complete_data[name]["pairs"].items()
            for service, seen in services.items()
        }
        for name in ("firstSeen", "lastSeen")
    )
    assert complete_data["knownSince"] == str(first)
    assert {pair: day for pair, day in seen.items() if pair in last} == {
        pair: day for pair, day in came.items() if pair in last
    }
    assert gone == {pair: day for pair, day in went.items() if pair not in last}


def with_pairs(snapshot: Snapshot, pairs: set[Pair]) -> Snapshot:
    """The snapshot with these pairs instead of its own."""
    others = {path: value for path, value in snapshot.parameters.items() if "/services/" not in path}
    offers = {f"regions/{region}/services/{service}": service for region, service in pairs}
    return Snapshot("collapsed", snapshot.time + ONE_DAY, others | offers)


def test_a_catalogue_without_services_is_refused(replayed: Replay) -> None:
    """Another public archive has published such a one, on 2026-01-29."""
    last, _ = replayed.runs[-1]
    emptied = with_pairs(last, set())
    regions = {path: value for path, value in emptied.parameters.items() if path.startswith("regions/")}

    for collapsed in (emptied, Snapshot("without services", emptied.time, regions)):
        with pytest.raises((IncompleteCatalogueError, ShrunkCatalogueError)):
            decide(collapsed, replayed.previous)


@pytest.mark.parametrize("fall", [0.086, 0])
def test_a_catalogue_that_has_lost_a_third_is_refused_however_many_others_came(replayed: Replay, fall: float) -> None:
    """Another public archive has published such a one, on 2025-12-10, whose count fell by 8.6 %."""
    last, documents = replayed.runs[-1]
    pairs = sorted(facts(documents, {}).pairs)
    lost = set(pairs[::3])
    came = [(region, f"{service}-new") for region, service in sorted(lost)][: len(lost) - round(len(pairs) * fall)]

    with pytest.raises(ShrunkCatalogueError, match="have vanished, more than 2 %"):
        decide(with_pairs(last, (set(pairs) - lost) | set(came)), replayed.previous)


@pytest.mark.parametrize("number", [0, -1])
def test_a_crawl_of_ssm_s_stand_in_reads_what_the_snapshot_has(replayed: Replay, number: int) -> None:
    snapshot, _ = replayed.runs[number]
    parameters = {f"{ROOT}/{path}": value for path, value in snapshot.all_parameters().items()}
    with (
        ParameterServer(parameters) as server,
        open_parameter_store([("us-east-1", server.url)], 10_000, 120) as store,
    ):
        readings = crawl(store, clock=lambda: snapshot.time)

    expected = snapshot.readings()
    assert (readings.values, readings.errors) == (expected.values, {})
    assert {path: sorted(listing.codes) for path, listing in readings.listings.items()} == {
        path: sorted(listing.codes) for path, listing in expected.listings.items()
    }

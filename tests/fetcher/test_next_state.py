import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fetcher.launches import Launch
from fetcher.next_state import CrawlResult, NextState, ShrunkCatalogueError, _released, next_state, require_no_shrink
from fetcher.settings import FetcherSettings, Job, RequestError, RunRequest
from fetcher.source import PreviousFiles, SourceBucket, read_previous_files
from fetcher.ssm import CallCounts, crawl
from shared import contract
from tests.fetcher.memory_s3 import MemoryS3
from tests.fetcher.small_world import PARAMETERS, ROOT, MemoryStore
from tests.fetcher.states import state
from tests.shared.test_contract import ANNOUNCEMENTS, encode

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
US, EU = "us-east-1", "eusc-de-east-1"
MORE = PARAMETERS | {f"{ROOT}/regions/{EU}/services/AmazonGameLiftStreams": "x"}
LAUNCH = Launch("Fri, 25 Aug 2006 00:00:00 GMT", "https://example.com/us")
HISTORY = ["change-history.json", "change-feed.json"]
ALWAYS_WRITTEN = ["regions.json", "services.json", "service-regions.json", "complete-data.json"]
SETTINGS = FetcherSettings(source_bucket="my-source", max_stale_percent=50)


def decide(  # noqa: PLR0913 - a whole run in one expression; all but the first two by name
    parameters: dict[str, str],
    before: Mapping[str, bytes],
    *,
    day: float = 0,
    request: RunRequest | None = None,
    launches: Mapping[str, Launch] | None = None,
    failing: str = "",
    settings: FetcherSettings = SETTINGS,
) -> NextState:
    """The state after a run on that day, on top of the files before it."""
    now = NOW + timedelta(days=day)
    readings = crawl(MemoryStore(parameters, failing), clock=lambda: now)
    result = CrawlResult(readings, CallCounts(70, 2, 1), 1.234, launches or {}, "")
    return next_state(Job(f"day {day}", settings, request or RunRequest()), result, stored(before), now)


def stored(files: Mapping[str, bytes]) -> PreviousFiles:
    s3: Any = MemoryS3("my-source")
    bucket = SourceBucket(s3, "my-source", "aws-data")
    for name, body in files.items():
        bucket.write(name, body, {})
    return read_previous_files(bucket)


FIRST = decide(PARAMETERS, {})


SNAPSHOT = "history/complete-data-20261123T020000Z.json"


def test_what_changed_comes_first_then_the_complete_data_its_snapshot_and_last_the_manifest() -> None:
    assert list(FIRST.files) == [*HISTORY, *contract.schemas(), *ALWAYS_WRITTEN, SNAPSHOT, "manifest.json"]
    assert FIRST.files[SNAPSHOT] == FIRST.files["complete-data.json"]


def test_the_same_readings_and_files_give_the_same_state() -> None:
    assert decide(MORE, FIRST.files, day=1) == decide(MORE, FIRST.files, day=1)


def test_without_news_only_the_files_of_every_run_a_snapshot_and_the_manifest_are_written() -> None:
    again = decide(PARAMETERS, FIRST.files)

    assert list(again.files) == [*ALWAYS_WRITTEN, SNAPSHOT, "manifest.json"]


def test_without_releases_the_manifest_is_left_to_others() -> None:
    settings = replace(SETTINGS, releases=False)

    assert list(decide(PARAMETERS, FIRST.files, settings=settings).files) == [*ALWAYS_WRITTEN, SNAPSHOT]


def test_a_year_that_leaves_the_history_is_in_no_release() -> None:
    files = {"a.json": b"{}", "change-history-2025.json": b"{}", "change-history-2025-2.json": b"{}"}

    assert list(_released(files, None, stored(FIRST.files))) == ["a.json"]


def test_a_schema_that_differs_is_written_again() -> None:
    name = next(iter(contract.schemas()))

    assert decide(PARAMETERS, {**FIRST.files, name: b"{}"}).files[name] == FIRST.files[name]


def test_news_is_in_the_history_and_its_feed() -> None:
    second = decide(MORE, FIRST.files, day=1)

    history, feed = (json.loads(second.files[name]) for name in HISTORY)
    assert [entry["date"] for entry in history["changeLog"]] == ["2026-11-24", "2026-11-23"]
    assert len(feed["items"]) == 2


@pytest.mark.parametrize("history", [b"{}", b"not JSON"])
def test_a_history_that_cannot_be_read_is_written_neither_anew_nor_as_a_feed(history: bytes) -> None:
    after = decide(MORE, {**FIRST.files, "change-history.json": history}, day=1)

    assert not set(HISTORY) & set(after.files)


@pytest.mark.parametrize(("minutes", "is_kept"), [(59, True), (60, False)])
def test_what_was_undone_is_forgotten_when_no_other_run_can_be_under_way(minutes: int, is_kept: bool) -> None:
    second = decide(MORE, FIRST.files)
    third = decide(PARAMETERS, {**FIRST.files, **second.files}, request=RunRequest(accept_shrink=True))
    before = stored({**FIRST.files, **second.files, **third.files})
    history = replace(before.files["change-history.json"], modified=NOW - timedelta(minutes=minutes))

    after = next_state(
        Job("later", SETTINGS, RunRequest()),
        CrawlResult(crawl(MemoryStore(PARAMETERS), clock=lambda: NOW), CallCounts(), 0, {}, ""),
        replace(before, files={**before.files, "change-history.json": history}),
        NOW,
    )

    assert b"undone" in third.files["change-history.json"]
    assert ("change-history.json" not in after.files) == is_kept
    assert b"undone" not in after.files.get("change-history.json", b"")


def test_each_object_tells_its_run_and_what_the_run_took() -> None:
    assert FIRST.metadata == {
        "generated-at": "2026-11-23T02:00:00Z",
        "schema-version": contract.SCHEMA_VERSION,
        "run-id": "day 0",
        "release": json.loads(FIRST.files["manifest.json"])["release"],
        "ssm-calls": "70",
        "ssm-throttles": "2",
        "ssm-seconds": "1.2",
        "stale-regions": "0",
    }


@pytest.mark.parametrize("launch", [LAUNCH, replace(LAUNCH, url=None), replace(LAUNCH, date=None)])
def test_what_is_known_of_a_launch_stays_when_the_feed_forgets_it(launch: Launch) -> None:
    first = decide(PARAMETERS, {}, launches={US: launch})

    second = decide(PARAMETERS, first.files, day=1)

    eu, us = second.documents.regions.regions
    assert (us.launch_date, us.blog_url) == (launch.date, launch.url)
    assert (eu.launch_date, eu.blog_url) == (None, None)


def test_a_part_of_nothing_is_refused() -> None:
    with pytest.raises(
        RequestError, match=r"no complete-data.json of which a part could be renewed: run with {} first"
    ):
        decide(PARAMETERS, {}, request=RunRequest(regions=(EU,)))


def test_what_shrank_is_refused_unless_the_request_accepts_it() -> None:
    fewer = {name: value for name, value in PARAMETERS.items() if "AmazonGameLift" not in name}

    with pytest.raises(ShrunkCatalogueError, match="1 of 4 services have vanished"):
        decide(fewer, FIRST.files)

    assert decide(fewer, FIRST.files, request=RunRequest(accept_shrink=True)).documents.services.count == 3


# Times that are later than now

YEARS, MINUTE = 1500, 1 / 24 / 60  # in days


def published_times(state: NextState) -> set[str]:
    """Every time and date in the files, but for the schemas."""
    bodies = [body.decode() for name, body in state.files.items() if not name.endswith(".schema.json")]
    return {text[:10] for body in bodies for text in re.findall(r'"(\d{4}-\d\d-\d\d(?:T[^"]*)?)"', body)}


def log(state: NextState) -> tuple[contract.ChangeEntry, ...]:
    return contract.ChangeHistory.from_bytes(state.files["change-history.json"]).change_log


def services(state: NextState, region: str) -> tuple[str, ...]:
    return state.documents.complete_data.services_by_region.by_region[region].services


def test_after_a_run_with_a_fast_clock_the_next_one_reads_everything_anew_and_dates_it_right() -> None:
    fast = decide(MORE, FIRST.files, day=YEARS)
    evenmore = MORE | {f"{ROOT}/regions/{EU}/services/offered-nowhere": "x"}

    mended = decide(evenmore, {**FIRST.files, **fast.files}, day=1)

    assert services(mended, EU) == ("AmazonGameLiftStreams", "offered-nowhere", "s3")
    assert published_times(mended) == {"2026-11-24", "2026-11-23"}
    assert [len(entry.changes.new_regional_services) for entry in log(mended)] == [2, 0]
    assert mended.ahead.keys() == {
        "complete-data.json metadata.timestamp",
        f"complete-data.json regions/{EU}/services",
        f"complete-data.json regions/{US}/services",
        "change-history.json changeLog.0.date",
    }
    assert mended.ahead["change-history.json changeLog.0.date"] == "2031-01-01"
    again = decide(evenmore, {**FIRST.files, **fast.files, **mended.files}, day=2)
    assert again.ahead == {}
    assert not set(HISTORY[1:]) & set(again.files)


def test_a_first_run_with_a_fast_clock_is_dated_right_by_the_next_one() -> None:
    fast = decide(PARAMETERS, {}, day=YEARS)

    mended = decide(PARAMETERS, fast.files)

    assert published_times(mended) == {"2026-11-23"}
    (baseline,) = log(mended)
    assert baseline == log(FIRST)[0]
    assert "change-history.json metadata.created" in mended.ahead


def test_one_list_that_claims_to_be_read_later_than_now_is_read_like_the_others() -> None:
    complete = json.loads(FIRST.files["complete-data.json"])
    complete["servicesByRegion"]["byRegion"][EU]["lastFetched"] = "2030-01-01T00:00:00Z"

    after = decide(MORE, {**FIRST.files, "complete-data.json": json.dumps(complete).encode()}, day=1)

    assert services(after, EU) == ("AmazonGameLiftStreams", "s3")
    assert published_times(after) == {"2026-11-24", "2026-11-23"}
    assert after.ahead == {f"complete-data.json regions/{EU}/services": "2030-01-01T00:00:00Z"}


def test_a_list_from_later_than_now_that_cannot_be_read_anew_is_dated_once() -> None:
    fast, failing = decide(PARAMETERS, {}, day=YEARS), f"regions/{EU}/services"

    carried = decide(PARAMETERS, fast.files, day=1, failing=failing)
    again = decide(PARAMETERS, {**fast.files, **carried.files}, day=2, failing=failing)

    dates = [run.documents.complete_data.services_by_region.by_region[EU].last_fetched.day for run in (carried, again)]
    assert dates == [24, 24]
    assert again.documents.complete_data.metadata.stale_regions == (EU,)


def test_the_list_of_an_overlapping_run_whose_clock_is_a_little_faster_is_kept() -> None:
    other = decide(MORE, FIRST.files, day=1 + 9 * MINUTE)

    after = decide(PARAMETERS, {**FIRST.files, **other.files}, day=1)

    assert services(after, EU) == ("AmazonGameLiftStreams", "s3")
    assert after.ahead == {}


def test_an_entry_of_tomorrow_by_a_run_whose_clock_is_a_little_faster_keeps_its_date() -> None:
    midnight = 22 / 24
    other = decide(MORE, FIRST.files, day=midnight + 5 * MINUTE)

    after = decide(PARAMETERS, {**FIRST.files, **other.files}, day=midnight - 2 * MINUTE)

    assert [entry.date.day for entry in log(other)] == [24, 23]
    assert not set(HISTORY) & set(after.files)
    assert after.ahead == {}


# The shrink guard by itself

BEFORE = state({f"r{number}": ["a", "b"] for number in range(10)}, nowhere=["c", "d"]).complete_data


def test_what_has_grown_or_stayed_is_believed() -> None:
    grown = state({f"r{number}": ["a", "b", "e"] for number in range(11)}, nowhere=["c", "d"]).complete_data

    require_no_shrink(BEFORE, BEFORE, 0)
    require_no_shrink(BEFORE, grown, 0)


@pytest.mark.parametrize(
    ("offers", "nowhere", "words"),
    [
        (
            {f"r{number}": ["a", "b"] for number in range(8)},
            ["c", "d"],
            "2 of 10 regions have vanished.*such as r8, r9;",
        ),
        ({f"r{number}": ["a", "b"] for number in range(10)}, [], "2 of 5 services .* such as c, d;"),
        ({f"r{number}": ["a"] for number in range(10)}, ["b", "c", "d"], "10 of 20 pairs .* such as b in r0, b in r1"),
    ],
)
def test_what_has_lost_more_than_its_share_is_not(offers: dict[str, list[str]], nowhere: list[str], words: str) -> None:
    now = state(offers, nowhere=nowhere).complete_data

    with pytest.raises(ShrunkCatalogueError, match=rf'{words}.*invoke the fetcher with {{"accept_shrink": true}}'):
        require_no_shrink(BEFORE, now, 10)


def test_a_loss_within_the_share_is_believed() -> None:
    nine = state({f"r{number}": ["a", "b"] for number in range(9)}, nowhere=["c", "d"]).complete_data

    require_no_shrink(BEFORE, nine, 10)


def test_as_many_others_do_not_make_up_for_what_is_lost() -> None:
    others = state({f"x{number}": ["a", "b"] for number in range(10)}, nowhere=["c", "d"]).complete_data

    with pytest.raises(ShrunkCatalogueError, match="10 of 10 regions"):
        require_no_shrink(BEFORE, others, 10)


LAST_YEAR = contract.ChangeHistoryYear(
    year=2025,
    change_log=(
        contract.ChangeEntry(
            date=date(2025, 11, 23),
            summary="One.",
            changes=contract.Changes(
                new_regional_services=(contract.RegionalService(region=US, service="AmazonGameLiftStreams"),)
            ),
        ),
    ),
)
OLD_YEAR = contract.EarlierChanges(
    file="change-history-2025.json",
    oldest=date(2025, 11, 23),
    newest=date(2025, 11, 23),
    additions=contract.Inception(new_regions=0, new_services=0, new_regional_services=1),
)


def pairs_seen(state: NextState) -> tuple[str, dict[str, Any]]:
    """Since when the data is known, and the days of its pairs."""
    offers = json.loads(state.files["complete-data.json"])["servicesByRegion"]
    return offers["knownSince"], offers["firstSeen"]["pairs"]


def test_the_data_tells_since_when_things_are_there() -> None:
    second = decide(MORE, FIRST.files, day=1)
    third = decide(MORE, {**FIRST.files, **second.files}, day=2)

    assert pairs_seen(FIRST) == ("2026-11-23", {})
    assert pairs_seen(second) == pairs_seen(third) == ("2026-11-23", {EU: {"AmazonGameLiftStreams": "2026-11-24"}})


def with_year(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, with a year that has left the history."""
    history = contract.ChangeHistory.from_bytes(files["change-history.json"])
    created = history.metadata.model_copy(update={"created": date(2025, 11, 22)})
    old = history.model_copy(update={"earlier": (OLD_YEAR,), "metadata": created})
    return {**files, "change-history.json": old.to_bytes(), OLD_YEAR.file: LAST_YEAR.to_bytes()}


def test_the_years_that_have_left_the_history_tell_too() -> None:
    second = decide(MORE, with_year(FIRST.files), day=1)

    assert pairs_seen(second) == (
        "2025-11-22",
        {EU: {"AmazonGameLiftStreams": "2026-11-24"}, US: {"AmazonGameLiftStreams": "2025-11-23"}},
    )


LOST: dict[str, dict[str, bytes]] = {
    "the history": {"change-history.json": b"{}"},
    "a year": {OLD_YEAR.file: b"{}"},
    "the history, for ever": {"change-history.json": b""},
}


@pytest.mark.parametrize("what", LOST)
def test_without_the_history_the_days_that_are_known_stay_and_the_news_is_added(what: str) -> None:
    files = with_year(FIRST.files)
    second = decide(PARAMETERS, files, day=1)
    before = {name: body for name, body in {**files, **second.files, **LOST[what]}.items() if body}

    after = decide(MORE, before, day=2)

    assert pairs_seen(after) == (
        "2025-11-22",
        {EU: {"AmazonGameLiftStreams": "2026-11-25"}, US: {"AmazonGameLiftStreams": "2025-11-23"}},
    )


def test_each_region_and_service_has_files_that_change_with_its_facts_alone() -> None:
    second = decide(MORE, FIRST.files, day=1)
    third = decide(MORE, {**FIRST.files, **second.files}, day=2)

    changed = {name for name, body in second.items.items() if FIRST.items.get(name) != body}
    assert list(FIRST.items)[-1] == "index.json"
    assert len(FIRST.items) == 2 * 2 + 2 * 4 + 1
    assert changed == {
        f"{item}{suffix}"
        for item in (f"regions/{EU}", "services/AmazonGameLiftStreams")
        for suffix in (".json", ".feed.json")
    }
    assert second.items == third.items
    assert not set(second.items) & set(second.files)


@pytest.mark.parametrize("what", ["the history", "a year"])
def test_without_the_history_the_files_of_items_stay_as_they_are(what: str) -> None:
    assert decide(MORE, {**with_year(FIRST.files), **LOST[what]}, day=1).items == {}


@pytest.mark.parametrize(
    ("body", "day", "titles"),
    [
        (encode(ANNOUNCEMENTS), 1, ["Amazon S3 does more"]),
        (encode(ANNOUNCEMENTS), 14, None),
        (b"{}", 1, None),
    ],
)
def test_a_service_tells_what_aws_has_just_announced_if_that_can_be_read(
    body: bytes, day: int, titles: list[str] | None
) -> None:
    items = decide(PARAMETERS, {**FIRST.files, "aws-whats-new.json": body}, day=day).items

    s3, other = (json.loads(items[f"services/{code}.json"]) for code in ("s3", "AmazonGameLiftStreams"))
    assert ([each["title"] for each in s3["announcements"]] if "announcements" in s3 else None) == titles
    assert "announcements" not in other


def test_items_tell_where_the_years_are_that_have_left_the_history() -> None:
    items = decide(MORE, with_year(FIRST.files), day=1).items

    assert json.loads(items[f"regions/{EU}.json"])["earlier"] == "change-history.json"


def test_where_neither_history_nor_data_knows_since_when_nothing_is_said() -> None:
    complete = json.loads(FIRST.files["complete-data.json"])
    for name in ("knownSince", "firstSeen", "lastSeen"):
        del complete["servicesByRegion"][name]
    before = {**FIRST.files, "complete-data.json": json.dumps(complete).encode(), "change-history.json": b"{}"}

    after = decide(MORE, before, day=1)

    assert not after.documents.complete_data.services_by_region.sightings()[0]
    assert b"knownSince" not in after.files["complete-data.json"]


def test_by_default_one_service_of_fifty_may_vanish_and_two_may_not() -> None:
    fifty = [f"s{number:02}" for number in range(49)]  # and the one that every state has
    before = state({"r": []}, nowhere=fifty).complete_data

    require_no_shrink(before, state({"r": []}, nowhere=fifty[1:]).complete_data, SETTINGS.max_shrink_percent)
    with pytest.raises(ShrunkCatalogueError, match="2 of 50 services have vanished, more than 2 %"):
        require_no_shrink(before, state({"r": []}, nowhere=fifty[2:]).complete_data, SETTINGS.max_shrink_percent)

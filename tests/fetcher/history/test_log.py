from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetcher.documents import Documents
from fetcher.history import merge
from fetcher.source import PreviousState
from shared.contract import ChangeEntry, ChangeHistory, Changes, CompleteData, NamedCode
from tests.fetcher.states import state

DAY = date(2026, 11, 23)
WORLD = state({"us": ["s3", "ec2"], "eu": ["s3"]}, names={"s3": "Amazon S3"})


def run(*days: tuple[int, Documents]) -> ChangeHistory:
    """The history after one run for each pair of a day and its state; the first makes the baseline."""
    history, previous = None, None
    for day, current in days:
        history = merge(history, previous, current, DAY + timedelta(days=day))
        previous = current
    assert history is not None
    assert ChangeHistory.from_bytes(history.to_bytes()) == history
    return history


def changes_in(entry: ChangeEntry) -> dict[str, Any]:
    """The lists of an entry that are not empty, as the JSON has them."""
    return {name: values for name, values in entry.changes.model_dump(mode="json", by_alias=True).items() if values}


def news(before: Documents, after: Documents) -> dict[str, Any]:
    """What a run says that finds `after` on the day after `before`."""
    *news, _baseline = run((0, before), (1, after)).change_log
    return changes_in(news[0]) if news else {}


def test_the_first_run_writes_a_baseline_without_changes() -> None:
    history = merge(None, None, WORLD, DAY)

    assert history.change_log == (
        ChangeEntry(date=DAY, summary="Baseline: 2 regions, 3 services, 3 pairs.", changes=Changes()),
    )
    assert history.metadata.model_dump(mode="json", by_alias=True) == {
        "created": "2026-11-23",
        "lastUpdated": "2026-11-23",
        "totalRegions": 2,
        "totalServices": 3,
        "totalRegionalServices": 3,
        "changesSinceInception": {"newRegions": 0, "newServices": 0, "newRegionalServices": 0},
    }


def test_a_first_run_beside_data_of_an_earlier_version_is_a_baseline_too() -> None:
    assert merge(None, state({"us": ["s3"]}), WORLD, DAY) == merge(None, None, WORLD, DAY)


NEWS: dict[str, tuple[Documents, Documents, dict[str, Any]]] = {
    "nothing": (WORLD, WORLD, {}),
    "a service in a region": (
        state({"us": ["s3"], "eu": []}, nowhere=["ec2"]),
        state({"us": ["ec2", "s3"], "eu": []}),
        {"newRegionalServices": [{"region": "us", "service": "ec2"}]},
    ),
    "a service that leaves a region": (
        state({"us": ["ec2", "s3"]}),
        state({"us": ["s3"]}, nowhere=["ec2"]),
        {"removedRegionalServices": [{"region": "us", "service": "ec2"}]},
    ),
    "new services, sorted, with a name or by their code": (
        state({"us": ["s3"]}),
        state({"us": ["s3"]}, nowhere=["zeta", "alpha"], names={"zeta": "Amazon Zeta"}),
        {"newServices": [{"code": "alpha", "name": "alpha"}, {"code": "zeta", "name": "Amazon Zeta"}]},
    ),
    "a service that is withdrawn": (
        state({"us": ["s3", "ec2"]}, names={"ec2": "Amazon EC2"}),
        state({"us": ["s3"]}),
        {
            "removedServices": [{"code": "ec2", "name": "Amazon EC2"}],
            "removedRegionalServices": [{"region": "us", "service": "ec2"}],
        },
    ),
    "a region with services": (
        state({"us": ["s3"]}),
        state({"us": ["s3"], "eu": ["s3"]}, names={"eu": "Europe"}, zones={"eu": ["eu-az1"]}),
        {
            "newRegions": [{"code": "eu", "name": "Europe"}],
            "newRegionalServices": [{"region": "eu", "service": "s3"}],
            "zoneChanges": [{"region": "eu", "kind": "availability", "added": ["eu-az1"], "removed": []}],
        },
    ),
    "a region without services": (
        state({"us": ["s3"]}),
        state({"us": ["s3"], "eu": []}, zones={"eu": ["eu-az1"]}),
        {},
    ),
    "a region that gets its first services": (
        state({"us": ["s3"], "eu": []}),
        state({"us": ["s3"], "eu": ["s3"]}),
        {
            "newRegions": [{"code": "eu", "name": "eu"}],
            "newRegionalServices": [{"region": "eu", "service": "s3"}],
        },
    ),
    "a region that goes": (
        state({"us": ["s3"], "eu": ["s3"]}, zones={"eu": ["eu-az1"]}, names={"eu": "Europe"}),
        state({"us": ["s3"]}),
        {
            "removedRegions": [{"code": "eu", "name": "Europe"}],
            "removedRegionalServices": [{"region": "eu", "service": "s3"}],
            "zoneChanges": [{"region": "eu", "kind": "availability", "added": [], "removed": ["eu-az1"]}],
        },
    ),
    "a region that goes before it ever had services": (
        state({"us": ["s3"], "eu": []}, zones={"eu": ["eu-az1"]}),
        state({"us": ["s3"]}),
        {},
    ),
    "a region that loses all its services but stays": (
        state({"us": ["s3"], "eu": ["s3"]}, zones={"eu": ["eu-az1"]}),
        state({"us": ["s3"], "eu": []}, zones={"eu": ["eu-az1"]}),
        {"removedRegionalServices": [{"region": "eu", "service": "s3"}]},
    ),
    "names": (
        state({"us": ["s3"]}, names={"us": "US East", "s3": "S3"}),
        state({"us": ["s3"]}, names={"us": "US East (N. Virginia)", "s3": "Amazon S3"}),
        {
            "renamed": [
                {"kind": "region", "code": "us", "from": "US East", "to": "US East (N. Virginia)"},
                {"kind": "service", "code": "s3", "from": "S3", "to": "Amazon S3"},
            ]
        },
    ),
    "two services that share one name": (
        state({"us": ["s3"]}, names={"s3": "Storage"}),
        state({"us": ["s3"]}, names={"s3": "Storage", "s3b": "Storage"}, nowhere=["s3b"]),
        {"newServices": [{"code": "s3b", "name": "Storage"}]},
    ),
    "zones, by region and kind": (
        state({"us": ["s3"], "eu": ["s3"]}, zones={"us": ["a", "b"]}, local_zones={"eu": ["l1"]}),
        state({"us": ["s3"], "eu": ["s3"]}, zones={"us": ["b", "d", "c"]}, local_zones={"us": ["l1"]}),
        {
            "zoneChanges": [
                {"region": "eu", "kind": "local", "added": [], "removed": ["l1"]},
                {"region": "us", "kind": "availability", "added": ["c", "d"], "removed": ["a"]},
                {"region": "us", "kind": "local", "added": ["l1"], "removed": []},
            ]
        },
    ),
}


@pytest.mark.parametrize("what", NEWS)
def test_what_a_run_finds_changed_is_what_the_log_says(what: str) -> None:
    before, after, expected = NEWS[what]

    assert news(before, after) == expected


def test_a_day_without_changes_has_no_entry_and_renews_the_date_and_totals() -> None:
    history = run(
        (0, WORLD), (1, WORLD), (2, state({"us": ["s3", "ec2"], "eu": ["s3"], "ap": []}, names={"s3": "Amazon S3"}))
    )

    assert [entry.date for entry in history.change_log] == [DAY]
    assert (history.metadata.created, history.metadata.last_updated) == (DAY, DAY + timedelta(days=2))
    assert history.metadata.total_regions == 3


def test_additions_since_inception_are_those_of_the_log() -> None:
    small, large = state({"us": ["a"]}), state({"us": ["a", "b"], "eu": ["a"]})

    history = run((0, small), (1, large), (2, small), (3, large))

    assert history.metadata.changes_since_inception.model_dump() == {
        "new_regions": 2,
        "new_services": 2,
        "new_regional_services": 4,
    }


SAME_DAY: dict[str, tuple[list[Documents], dict[str, Any]]] = {
    "there and back is nothing": ([state({"us": ["a", "b"]}), state({"us": ["a"]})], {}),
    "away and back is nothing": ([state({"eu": ["x"]}), state({"us": ["a"]})], {}),
    "a name by way of another": (
        [state({"us": ["a"]}, names={"a": "B"}), state({"us": ["a"]}, names={"a": "C"})],
        {"renamed": [{"kind": "service", "code": "a", "from": "a", "to": "C"}]},
    ),
    "a name and back": ([state({"us": ["a"]}, names={"a": "B"}), state({"us": ["a"]})], {}),
    "a new service that is renamed": (
        [state({"us": ["a"]}, nowhere=["n"]), state({"us": ["a"]}, nowhere=["n"], names={"n": "New"})],
        {"newServices": [{"code": "n", "name": "New"}]},
    ),
    "a renamed service that goes": (
        [state({"us": ["a"]}, names={"always": "Ever"}, nowhere=["n"]), state({"us": ["a"]}, names={"always": "Ever"})],
        {"renamed": [{"kind": "service", "code": "always", "from": "always", "to": "Ever"}]},
    ),
    "zones there and back": (
        [state({"us": ["a"]}, zones={"us": ["z1", "z2"]}), state({"us": ["a"]}, zones={"us": ["z2"]})],
        {"zoneChanges": [{"region": "us", "kind": "availability", "added": ["z2"], "removed": []}]},
    ),
    "a new region that is empty again": (
        [state({"us": ["a"], "eu": ["a"]}, zones={"eu": ["z"]}), state({"us": ["a"], "eu": []}, zones={"eu": ["z"]})],
        {},
    ),
    "two additions": (
        [state({"us": ["a", "b"]}), state({"us": ["a", "b", "c"]})],
        {
            "newServices": [{"code": "b", "name": "b"}, {"code": "c", "name": "c"}],
            "newRegionalServices": [{"region": "us", "service": "b"}, {"region": "us", "service": "c"}],
        },
    ),
}


@pytest.mark.parametrize("what", SAME_DAY)
def test_the_runs_of_one_day_make_one_entry(what: str) -> None:
    states, expected = SAME_DAY[what]

    *entries, baseline = run((0, state({"us": ["a"]})), *((1, current) for current in states)).change_log

    assert changes_in(baseline) == {}
    assert [changes_in(entry) for entry in entries] == ([expected] if expected else [])


def test_changes_on_the_first_day_join_the_baseline_and_leave_it_when_they_are_undone() -> None:
    more = state({"us": ["s3", "ec2"], "eu": ["s3", "ec2"]}, names={"s3": "Amazon S3"})

    (joined,) = run((0, WORLD), (0, more)).change_log
    (left,) = run((0, WORLD), (0, more), (0, WORLD)).change_log

    assert joined.summary == (
        "Baseline: 2 regions, 3 services, 4 pairs. After the first run: 1 new service-region pair."
    )
    assert changes_in(joined) == {"newRegionalServices": [{"region": "eu", "service": "ec2"}]}
    assert (left.summary, changes_in(left)) == ("Baseline: 2 regions, 3 services, 3 pairs.", {})


def test_days_come_newest_first_and_earlier_entries_stay_as_they_are() -> None:
    days = [(day, state({"us": ["a", *(f"s{number}" for number in range(day))]})) for day in (0, 1, 1, 4)]

    history = run(*days)

    assert [entry.date.day for entry in history.change_log] == [27, 24, 23]
    assert history.change_log[1:] == run(*days[:-1]).change_log


def test_when_the_clock_has_gone_back_the_newest_entry_takes_the_news() -> None:
    history = run((0, state({"us": ["a"]})), (5, state({"us": ["a", "b"]})), (3, state({"us": ["a", "b", "c"]})))

    newest, _baseline = history.change_log
    assert newest.date == history.metadata.last_updated == DAY + timedelta(days=5)
    assert [new.code for new in newest.changes.new_services] == ["b", "c"]


def test_entries_of_days_that_have_not_come_become_one_with_todays() -> None:
    a, ab, abc, ac = (state({"us": list(codes)}, nowhere=["b", "c", "d"]) for codes in ("a", "ab", "abc", "ac"))
    history = run((0, a), (1, ab), (400, abc), (401, ac))
    today = DAY + timedelta(days=2)

    quiet = merge(history, ac, ac, today, today)
    news = merge(history, ac, state({"us": ["a", "c", "d"]}, nowhere=["b"]), today, today)

    for merged in (quiet, news):
        assert [entry.date for entry in merged.change_log] == [today, DAY + timedelta(days=1), DAY]
        assert merged.metadata.last_updated == today
        assert changes_in(merged.change_log[0])["removedRegionalServices"] == [{"region": "us", "service": "b"}]
    assert [new.service for new in quiet.change_log[0].changes.new_regional_services] == ["c"]
    assert [new.service for new in news.change_log[0].changes.new_regional_services] == ["c", "d"]
    assert merge(quiet, ac, ac, today, today) == quiet


def test_what_came_and_went_on_days_that_have_not_come_is_not_said_again_by_a_run_that_finds_older_data() -> None:
    away, there = state({"us": ["a"]}, nowhere=["b"]), state({"us": ["a", "b"]})
    history = run((0, away), (400, there), (401, away))

    merged = merge(history, there, away, DAY + timedelta(days=1), DAY + timedelta(days=1))
    again = merge(merged, there, away, DAY + timedelta(days=2), DAY + timedelta(days=2))

    assert [entry.date for entry in merged.change_log] == [DAY]
    assert again.change_log == merged.change_log


@pytest.mark.parametrize("later", [1, 2])
def test_news_that_the_log_has_already_is_not_said_again(later: int) -> None:
    before = state({"us": ["a", "b"], "eu": []}, zones={"us": ["z1"]}, names={"a": "A"})
    after = state({"us": ["a", "c"], "eu": ["a"]}, zones={"us": ["z2"]}, names={"a": "Amazon A"})
    history = merge(run((0, before)), before, after, DAY + timedelta(days=1))

    again = merge(history, before, after, DAY + timedelta(days=later))

    assert again.change_log == history.change_log


def test_what_came_with_a_run_that_died_and_is_gone_by_the_next_is_taken_back() -> None:
    before, died = state({"us": ["a"]}), state({"us": ["a", "b"]})
    ahead = merge(run((0, before)), before, died, DAY + timedelta(days=1))

    same_day = merge(ahead, before, before, DAY + timedelta(days=1))
    next_day = merge(ahead, before, before, DAY + timedelta(days=2))

    assert [entry.date for entry in same_day.change_log] == [DAY]
    assert changes_in(next_day.change_log[0]) == {
        "removedServices": [{"code": "b", "name": "b"}],
        "removedRegionalServices": [{"region": "us", "service": "b"}],
    }


@pytest.mark.parametrize("later", [1, 2])
def test_what_is_undone_on_its_day_is_not_said_either_when_the_run_that_undid_it_died(later: int) -> None:
    there, away = state({"us": ["a", "b"]}, names={"b": "B"}), state({"us": ["a"]})
    ahead = merge(run((0, there), (1, away)), away, there, DAY + timedelta(days=1))

    again = merge(ahead, away, there, DAY + timedelta(days=later))

    assert [entry.date for entry in ahead.change_log] == [DAY]
    assert again.change_log == ahead.change_log


def test_a_region_that_is_carried_over_changes_nothing_and_neither_does_its_return() -> None:
    fresh = state({"us": ["a"], "eu": ["a", "b"]})
    stale = state({"us": ["a"], "eu": ["a", "b"]}, stale=["eu"])

    assert len(run((0, fresh), (1, stale), (2, stale), (3, fresh)).change_log) == 1


def test_a_carried_over_region_that_returns_with_a_new_service_brings_this_pair_alone() -> None:
    stale = state({"us": ["a", "c"], "eu": ["a", "b"]}, stale=["eu"])

    newest, _baseline = run(
        (0, replace(stale)), (1, stale), (2, state({"us": ["a", "c"], "eu": ["a", "b", "c"]}))
    ).change_log

    assert changes_in(newest) == {"newRegionalServices": [{"region": "eu", "service": "c"}]}


def test_a_carried_over_list_does_not_take_back_what_a_run_that_died_has_logged() -> None:
    before, died = state({"us": ["a", "b"], "eu": ["a"]}), state({"us": ["a", "b"], "eu": ["a", "b"]})
    ahead = merge(run((0, before)), before, died, DAY + timedelta(days=1))
    stale = state({"us": ["a", "b"], "eu": ["a"]}, stale=["eu"])

    carried = merge(ahead, before, stale, DAY + timedelta(days=2))
    returned = merge(carried, stale, died, DAY + timedelta(days=3))

    assert carried.change_log == returned.change_log == ahead.change_log


def test_a_region_announced_by_a_run_that_died_stays_announced_while_it_is_carried_over() -> None:
    before, died = state({"us": ["a"], "eu": []}), state({"us": ["a"], "eu": ["a"]})
    ahead = merge(run((0, before)), before, died, DAY + timedelta(days=1))

    carried = merge(ahead, before, state({"us": ["a"], "eu": []}, stale=["eu"]), DAY + timedelta(days=1))

    assert carried.change_log == ahead.change_log


EMPTIED = state({"us": ["a"], "eu": []}, zones={"eu": ["z"]})
FULL = state({"us": ["a"], "eu": ["a"]}, zones={"eu": ["z"]})


@pytest.mark.parametrize("before", [[(0, FULL)], [(0, EMPTIED), (1, FULL)]], ids=["in the baseline", "in the log"])
def test_a_region_that_was_empty_for_a_while_is_not_new_a_second_time(before: list[tuple[int, Documents]]) -> None:
    back, *_ = run(*before, (2, EMPTIED), (3, EMPTIED), (4, FULL)).change_log

    assert changes_in(back) == {"newRegionalServices": [{"region": "eu", "service": "a"}]}


def test_a_region_that_was_announced_and_goes_while_it_is_empty_is_removed() -> None:
    gone, *_ = run((0, FULL), (1, EMPTIED), (2, state({"us": ["a"]}))).change_log

    assert changes_in(gone) == {
        "removedRegions": [{"code": "eu", "name": "eu"}],
        "zoneChanges": [{"region": "eu", "kind": "availability", "added": [], "removed": ["z"]}],
    }


def test_a_region_that_was_removed_and_comes_back_is_announced_once_it_has_services() -> None:
    away = state({"us": ["a"]})

    quiet = run((0, FULL), (1, away), (2, EMPTIED))
    back = run((0, FULL), (1, away), (2, EMPTIED), (3, FULL))

    assert quiet.change_log[0].date == DAY + timedelta(days=1)
    assert [new.code for new in back.change_log[0].changes.new_regions] == ["eu"]


def test_where_the_previous_state_is_lost_a_history_goes_on_without_inventing_news() -> None:
    history = run((0, state({"us": ["a"]})), (1, state({"us": ["a", "b"]})))
    current = state({"us": ["a", "b", "unheard-of"]})

    assert merge(history, None, current, DAY + timedelta(days=2)).change_log == history.change_log


def test_where_the_previous_state_is_lost_what_contradicts_the_log_is_news() -> None:
    history = run((0, state({"us": ["a"]}, nowhere=["b"])), (1, state({"us": ["a", "b"]})))

    newest, *_ = merge(history, None, state({"us": ["a"]}, nowhere=["b"]), DAY + timedelta(days=2)).change_log

    assert changes_in(newest) == {"removedRegionalServices": [{"region": "us", "service": "b"}]}


def test_where_the_previous_names_are_lost_nothing_is_renamed_and_codes_stand_for_names() -> None:
    before = state({"us": ["a"]}, nowhere=["gone"], names={"a": "A", "gone": "Gone"})
    history = run((0, before))
    after = state({"us": ["a"]}, names={"a": "Amazon A"})

    newest, _baseline = merge(
        history, PreviousState(before.complete_data, None), after, DAY + timedelta(days=1)
    ).change_log

    assert changes_in(newest) == {"removedServices": [{"code": "gone", "name": "gone"}]}


def test_where_one_previous_name_is_lost_its_return_is_no_renaming() -> None:
    history = run((0, WORLD))
    services_of_another_run = state({"us": ["ec2"]}).services

    history = merge(history, replace(WORLD, services=services_of_another_run), WORLD, DAY + timedelta(days=1))

    assert len(history.change_log) == 1


def test_a_history_that_knows_no_removals_is_gone_on_with() -> None:
    older = ChangeHistory.from_bytes(
        b"""{"metadata": {"created": "2025-01-01", "lastUpdated": "2026-11-22", "totalRegions": 1, "totalServices": 2,
        "totalRegionalServices": 1, "changesSinceInception":
        {"newRegions": 0, "newServices": 1, "newRegionalServices": 0}}, "kept": "elsewhere",
        "changeLog": [{"date": "2026-11-22", "summary": "One service.", "changes":
        {"newServices": [{"code": "a", "name": "a"}], "newRegionalServices": [], "newRegions": []}}]}"""
    )
    current = state({"us": ["a"]})

    same = merge(older, current, current, DAY)
    more = merge(older, current, state({"us": ["a", "b"]}), DAY)

    assert same.change_log == older.change_log
    assert [entry.date for entry in more.change_log] == [DAY, date(2026, 11, 22)]
    assert more.metadata.created == date(2025, 1, 1)


def test_a_history_without_any_entry_gets_its_first() -> None:
    history = run((0, WORLD))
    empty = history.model_copy(update={"change_log": (), "metadata": history.metadata})

    merged = merge(empty, state({"us": ["a"]}), state({"us": ["a", "b"]}), DAY + timedelta(days=1))

    assert [entry.date for entry in merged.change_log] == [DAY + timedelta(days=1)]


def test_zones_of_a_region_that_a_run_which_died_has_announced_are_told_when_they_are_there() -> None:
    empty, bare = state({"us": ["a"], "eu": []}, zones={"eu": ["z1"]}), state({"us": ["a"], "eu": ["a"]})
    announced = merge(run((0, empty)), empty, bare, DAY + timedelta(days=1))

    assert merge(announced, empty, bare, DAY + timedelta(days=1)).change_log == announced.change_log

    whole = state({"us": ["a"], "eu": ["a"]}, zones={"eu": ["z1"]})
    (entry, _) = merge(announced, empty, whole, DAY + timedelta(days=1)).change_log
    assert changes_in(entry)["zoneChanges"] == [
        {"region": "eu", "kind": "availability", "added": ["z1"], "removed": []},
    ]


CODES = ["a", "b", "c"]
LISTS = st.lists(st.sampled_from(CODES), max_size=3, unique=True)
NAMES = st.dictionaries(st.sampled_from(["us", "eu", *CODES]), st.sampled_from(["One", "Other"]))
ZONES = st.dictionaries(st.sampled_from(["us", "eu"]), st.lists(st.sampled_from(["z1", "z2"]), unique=True))
REGIONS = st.dictionaries(st.sampled_from(["us", "eu", "ap"]), LISTS, min_size=1)
STATES = st.builds(
    lambda offers, nowhere, names, zones: state(offers, nowhere=nowhere, names=names, zones=zones),
    REGIONS,
    LISTS,
    NAMES,
    ZONES,
)
RUNS = st.lists(st.tuples(st.integers(-1, 2), STATES, st.booleans(), st.integers(1, 2)), max_size=8)


def _codes(changes: Iterable[NamedCode]) -> set[str]:
    return {change.code for change in changes}


def zones_of(data: CompleteData, regions: Collection[str]) -> set[tuple[str, str]]:
    return {
        (each.code, zone) for each in data.regions.regions if each.code in regions for zone in each.zones.availability
    }


def replayed_zones(history: ChangeHistory, first: Documents) -> set[tuple[str, str]]:
    """The zones that a reader arrives at who applies the log to those of the first announced regions."""
    by_region = first.complete_data.services_by_region.by_region
    zones = zones_of(first.complete_data, [code for code, entry in by_region.items() if entry.services])
    for entry in reversed(history.change_log):
        added = {(each.region, zone) for each in entry.changes.zone_changes for zone in each.added}
        removed = {(each.region, zone) for each in entry.changes.zone_changes for zone in each.removed}
        assert (removed - zones, added & zones) == (set(), set())
        zones = zones - removed | added
    return zones


def replayed(history: ChangeHistory, first: Documents) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    """The services, pairs and announced regions that a reader arrives at who applies the log to the first state."""
    by_region = first.complete_data.services_by_region.by_region
    services = set(first.complete_data.services.services)
    pairs = {(region, code) for region, entry in by_region.items() for code in entry.services}
    regions = {region for region, _ in pairs}
    for entry in reversed(history.change_log):
        changes = entry.changes
        removed = {(offer.region, offer.service) for offer in changes.removed_regional_services}
        added = {(offer.region, offer.service) for offer in changes.new_regional_services}
        gone, new = _codes(changes.removed_services), _codes(changes.new_services)
        left, came = _codes(changes.removed_regions), _codes(changes.new_regions)
        assert (removed - pairs, gone - services, left - regions) == (set(), set(), set())
        assert (added & pairs, new & services, came & regions) == (set(), set(), set())
        services, pairs, regions = services - gone | new, pairs - removed | added, regions - left | came
    return services, pairs, regions


@given(first=STATES, runs=RUNS)
def test_whoever_replays_the_log_arrives_at_what_is_there(
    first: Documents, runs: Sequence[tuple[int, Documents, bool, int]]
) -> None:
    """A run may die between log and data (so the next compares with older data), or write the log twice."""
    history, published, day = merge(None, None, first, DAY), first, 0
    for passed, current, dies, times in runs:
        day += passed
        for _ in range(times):
            history = merge(history, published, current, DAY + timedelta(days=day))
        published = published if dies else current

        log = history.change_log
        data = current.complete_data
        by_region = data.services_by_region.by_region
        services, pairs, regions = replayed(history, first)
        assert services == set(data.services.services)
        assert pairs == {(region, code) for region, entry in by_region.items() for code in entry.services}
        assert {region for region, _ in pairs} <= regions <= set(by_region)
        assert [entry.date for entry in log] == sorted({entry.date for entry in log}, reverse=True)
        assert all(changes_in(entry) for entry in log[:-1])
        assert all(new.code in {r for r, _ in pairs} for new in log[0].changes.new_regions)
        assert ChangeHistory.from_bytes(history.to_bytes()) == history
        assert merge(history, current, current, DAY + timedelta(days=day + 1)).change_log == log


# Regions keep their names: one that is renamed, goes and returns on one day, while a run dies, may be told of wrongly.
UNNAMED = st.builds(lambda offers, zones: state(offers, zones=zones), REGIONS, ZONES)


@given(
    first=UNNAMED, runs=st.lists(st.tuples(st.integers(-1, 2), UNNAMED, st.booleans(), st.integers(1, 2)), max_size=8)
)
def test_whoever_replays_the_log_arrives_at_the_zones_of_the_regions_that_it_announced(
    first: Documents, runs: Sequence[tuple[int, Documents, bool, int]]
) -> None:
    history, published, day = merge(None, None, first, DAY), first, 0
    for passed, current, dies, times in runs:
        day += passed
        for _ in range(times):
            history = merge(history, published, current, DAY + timedelta(days=day))
        published = published if dies else current

        _, _, regions = replayed(history, first)
        assert replayed_zones(history, first) == zones_of(current.complete_data, regions)

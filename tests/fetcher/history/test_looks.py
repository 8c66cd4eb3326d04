from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from fetcher.documents import Documents
from fetcher.history import merge
from shared.contract import ChangeEntry, ChangeHistory, ChangeHistoryYear
from tests.fetcher.states import state

DAY = date(2026, 11, 23)
ONE, TWO = state({"us": ["a"], "eu": ["a"]}), state({"us": ["a", "b"], "eu": ["a"]})
THREE = state({"us": ["a", "b", "c"], "eu": ["a", "b"]})


def days(number: int) -> date:
    return DAY + timedelta(days=number)


def read_on(world: Documents, read: Mapping[str, int]) -> Documents:
    """The state with each list read on a day of its own."""
    data = world.complete_data
    lists = {
        code: entry.model_copy(
            update={"last_fetched": datetime.combine(days(read.get(code, 0)), datetime.min.time(), UTC)}
        )
        for code, entry in data.services_by_region.by_region.items()
    }
    offers = data.services_by_region.model_copy(update={"by_region": lists})
    return replace(world, complete_data=data.model_copy(update={"services_by_region": offers}))


def run(*runs: tuple[int, Documents]) -> ChangeHistory:
    """The history after these runs, of which each read all regions on its day, unless the state says otherwise."""
    history: ChangeHistory | None = None
    previous: Documents | None = None
    read: dict[str, int] = {}
    for day, world in runs:
        history = merge(history, previous, world, days(day), days(day))
        data = world.complete_data
        read |= dict.fromkeys(data.services_by_region.by_region.keys() - data.metadata.stale_regions, day)
        previous = read_on(world, read)
    assert history
    return history


def looks(entry: ChangeEntry) -> tuple[int | None, dict[str, int]]:
    """The days of the looks, counted from DAY."""
    return (entry.after - DAY).days if entry.after else None, {
        code: (day - DAY).days for code, day in entry.regions_after.items()
    }


@pytest.mark.parametrize(("day", "after"), [(0, None), (1, None), (2, 0), (30, 0)])
def test_an_entry_says_when_the_look_before_was_if_that_is_more_than_a_day(day: int, after: int | None) -> None:
    assert looks(run((0, ONE), (day, TWO)).change_log[0]) == (after, {})


def test_a_look_that_found_nothing_counts() -> None:
    assert looks(run((0, ONE), (9, ONE), (10, TWO)).change_log[0]) == (None, {})


def test_runs_of_one_day_keep_the_earliest_look() -> None:
    assert looks(run((0, ONE), (5, TWO), (5, THREE)).change_log[0]) == (0, {})


def test_what_a_second_run_of_the_day_finds_alone_happened_on_that_day() -> None:
    assert looks(run((0, ONE), (5, ONE), (5, TWO)).change_log[0]) == (None, {})


STALE = state({"us": ["a", "b"], "eu": ["a"]}, stale=["eu"])


def test_a_region_that_was_carried_over_is_dated_from_its_own_look() -> None:
    newest, *_ = run((0, ONE), (1, STALE), (2, STALE), (3, STALE), (4, THREE)).change_log

    assert looks(newest) == (None, {"eu": 0})


def test_a_region_that_was_carried_over_for_no_longer_than_all_were_is_not_named() -> None:
    assert looks(run((0, ONE), (5, THREE)).change_log[0]) == (0, {})


def test_only_regions_with_changes_of_their_services_are_named() -> None:
    elsewhere = state({"us": ["a", "b", "c"], "eu": ["a"]})

    newest, *_ = run((0, ONE), (1, STALE), (2, STALE), (3, elsewhere)).change_log

    assert looks(newest) == (None, {})


def test_runs_of_one_day_keep_the_earliest_look_at_a_region_and_forget_it_when_the_change_is_undone() -> None:
    before = [(0, ONE), (1, STALE), (2, STALE), (4, THREE)]
    more = state({"us": ["a", "b", "c"], "eu": ["a", "b", "c"]})
    undone = state({"us": ["a", "b", "c"], "eu": ["a"]}, nowhere=["d"])

    assert looks(run(*before, (4, more)).change_log[0]) == (2, {"eu": 0})
    assert looks(run(*before, (4, undone)).change_log[0]) == (2, {})


def test_a_run_of_some_regions_alone_is_no_look() -> None:
    """It does not hear of new ones."""
    partial = read_on(ONE, {"us": 5})
    history = merge(run((0, ONE)), ONE, partial, days(5), days(5))

    newest, *_ = merge(history, partial, state({"us": ["a"], "eu": ["a"], "ap": ["a"]}), days(6), days(6)).change_log

    assert looks(newest) == (0, {})


def test_a_history_whose_data_is_lost_still_tells_its_last_look() -> None:
    history = run((0, ONE), (1, TWO))

    newest, *_ = merge(history, None, ONE, days(9)).change_log

    assert looks(newest) == (1, {})


def test_looks_on_days_that_have_not_come_are_not_believed() -> None:
    history = run((0, ONE), (1, TWO), (400, THREE), (401, ONE))

    (newest, *_) = merge(history, read_on(ONE, {"us": 401, "eu": 401}), THREE, days(5), days(5)).change_log

    assert (newest.date, looks(newest)) == (days(5), (1, {}))


def test_a_last_look_that_has_not_come_is_not_believed_either() -> None:
    history = run((0, ONE), (1, TWO), (400, TWO))

    (newest, *_) = merge(history, read_on(TWO, {"us": 400, "eu": 400}), THREE, days(5), days(5)).change_log

    assert (newest.date, looks(newest)) == (days(5), (1, {}))


def test_the_looks_stay_in_the_file_of_a_year() -> None:
    newest, *_ = run((0, ONE), (1, STALE), (4, THREE)).change_log
    year = ChangeHistoryYear(year=2026, change_log=(newest,))

    assert looks(newest) == (1, {"eu": 0})
    assert ChangeHistoryYear.from_bytes(year.to_bytes()).change_log == (newest,)


def test_without_looks_an_entry_has_neither_field() -> None:
    assert b"fter" not in run((0, ONE), (1, TWO)).to_bytes()

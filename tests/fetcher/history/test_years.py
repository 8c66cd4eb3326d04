import itertools
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given

from fetcher.documents import Documents
from fetcher.history import forget_undone, merge, move_years, years, years_to_move
from shared.contract import (
    ChangeEntry,
    ChangeHistory,
    ChangeHistoryYear,
    Changes,
    Inception,
    RegionalService,
    year_file,
)
from tests.fetcher.history.test_log import RUNS, STATES, changes_in, replayed
from tests.fetcher.states import state

START = date(2026, 1, 1)
MOST_BYTES = 2_000_000  # what the contract promises


def entry(day: date, pairs: int) -> ChangeEntry:
    """The entry of a day on which so many pairs came and as many went."""
    came, gone = (
        tuple(RegionalService(region=f"{kind}-region-1", service=f"service-{number:05}") for number in range(pairs))
        for kind in ("some", "other")
    )
    return ChangeEntry(
        date=day, summary="Much.", changes=Changes(new_regional_services=came, removed_regional_services=gone)
    )


def history_of(log: Sequence[ChangeEntry]) -> ChangeHistory:
    """A history with these entries, newest first."""
    history = merge(None, None, state({"us": ["a"]}), START)
    return history.model_copy(update={"change_log": tuple(log)})


def move(history: ChangeHistory) -> tuple[ChangeHistory, dict[str, ChangeHistoryYear]]:
    """What a run makes of a history that it read: the rest, and the files of years."""
    taken = {earlier.file for earlier in history.earlier}
    named: dict[str, ChangeHistoryYear] = {}
    for year in years_to_move(history, len(history.to_bytes())):
        names = (year_file(year.year, part) for part in itertools.count(1))
        named[next(name for name in names if name not in taken | named.keys())] = year
    return move_years(history, named, state({"us": ["a"]})), named


@cache
def run_daily(days: int, pairs: int) -> tuple[list[ChangeHistory], dict[str, ChangeHistoryYear]]:
    """The history after each day with so many pairs, and every file of a year."""
    histories = [history_of([])]
    files: dict[str, ChangeHistoryYear] = {}
    for day in range(days):
        # Every third day is enough, and quicker.
        rest, named = move(histories[-1]) if day % 3 == 0 else (histories[-1], {})
        files |= named
        log = (entry(START + timedelta(days=day), pairs), *rest.change_log)
        histories.append(rest.model_copy(update={"change_log": log}))
    return histories, files


def every_entry(history: ChangeHistory, files: Mapping[str, ChangeHistoryYear]) -> list[ChangeEntry]:
    """The entries that a reader finds, newest first."""
    return [*history.change_log, *(entry for earlier in history.earlier for entry in files[earlier.file].change_log)]


def test_a_small_history_stays_as_it_is() -> None:
    history = history_of([entry(START, 1)])

    assert move(history) == (history, {})


# At some 110 bytes a pair that comes or goes, 1.2 MB, 8 MB and 26 MB a year.
@pytest.mark.parametrize(("days", "pairs"), [pytest.param(1100, 15, marks=pytest.mark.prove), (200, 100), (120, 330)])
@pytest.mark.untraced
def test_whatever_comes_and_goes_every_file_stays_small_and_every_entry_is_found_once(days: int, pairs: int) -> None:
    histories, files = run_daily(days, pairs)

    sizes = [len(document.to_bytes()) for document in (*histories[::10], *files.values())]
    assert len(files) > 1
    assert max(sizes) < MOST_BYTES
    assert [each.date for each in every_entry(histories[-1], files)] == [
        START + timedelta(days=day) for day in reversed(range(days))
    ]
    assert all(each.changes == entry(START, pairs).changes for each in every_entry(histories[-1], files))


@pytest.mark.prove
def test_a_year_moves_as_a_whole_and_the_hundred_days_of_the_feed_stay() -> None:
    histories, files = run_daily(1100, 15)

    assert list(files) == ["change-history-2026.json", "change-history-2027.json"]
    assert all(len(year.change_log) == 365 for year in files.values())
    assert min(len(history.change_log) for history in histories[100:]) >= 100


@pytest.mark.untraced
def test_a_year_that_is_too_large_moves_in_parts_and_the_newest_third_stays() -> None:
    histories, files = run_daily(60, 330)

    assert list(files)[:2] == ["change-history-2026.json", "change-history-2026-2.json"]
    assert [earlier.file for earlier in histories[-1].earlier] == list(reversed(files))
    assert min(len(history.to_bytes()) for history in histories[30:]) > 400_000


def test_a_history_that_is_far_too_large_moves_at_once() -> None:
    log = [entry(START + timedelta(days=day), 330) for day in reversed(range(100))]

    rest, files = move(history_of(log))

    assert len(files) > 2
    assert max(len(document.to_bytes()) for document in (rest, *files.values())) < MOST_BYTES
    assert every_entry(rest, files) == log


def test_the_newest_day_stays_however_large_it_is() -> None:
    today, yesterday = entry(START + timedelta(days=1), 8_000), entry(START, 1)

    rest, files = move(history_of([today, yesterday]))

    assert rest.change_log == (today,)
    assert files["change-history-2026.json"].change_log == (yesterday,)


def test_the_history_names_each_file_with_its_days_and_additions_and_counts_them_for_ever() -> None:
    log = [entry(START + timedelta(days=day), 330) for day in reversed(range(25))]

    rest, files = move(history_of(log))
    later = merge(rest, state({"us": ["a"]}), state({"us": ["a", "b"]}), START + timedelta(days=99))

    moved = len(files["change-history-2026.json"].change_log)
    (named,) = rest.earlier
    assert (named.oldest, named.newest) == (START, START + timedelta(days=moved - 1))
    assert named.additions == Inception(new_regions=0, new_services=0, new_regional_services=330 * moved)
    assert later.earlier == rest.earlier
    assert later.metadata.changes_since_inception == Inception(
        new_regions=0, new_services=1, new_regional_services=330 * 25 + 1
    )


# What the log knows when its entries have moved. All entries but the newest move.

FULL = state({"us": ["a"], "eu": ["a"]}, zones={"eu": ["z"]})
EMPTIED = state({"us": ["a"], "eu": []}, zones={"eu": ["z"]})
MORE = state({"us": ["a", "b"], "eu": []}, zones={"eu": ["z"]})


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(years, "LARGEST", 1)
    monkeypatch.setattr(years, "KEPT", 1)


def read(history: ChangeHistory, number: int) -> dict[str, ChangeHistoryYear]:
    """What moves out of a history that a run reads, under names of this run."""
    moving = years_to_move(history, len(history.to_bytes()))
    return {year_file(2000 + part, number): year for part, year in enumerate(moving)}


def run(*days: tuple[Documents, Documents]) -> ChangeHistory:
    """The history after a run a day, each a pair of the data before it and of its own."""
    history = merge(None, None, days[0][0], START)
    for number, (published, current) in enumerate(days, 1):
        merged = merge(history, published, current, START + timedelta(days=number))
        history = move_years(merged, read(history, number), published)
    return history


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("before", [FULL, EMPTIED], ids=["in the baseline", "in the log"])
def test_a_region_that_is_empty_when_its_entries_move_is_not_new_a_second_time(before: Documents) -> None:
    history = run((before, FULL), (FULL, EMPTIED), (EMPTIED, MORE), (MORE, EMPTIED), (EMPTIED, MORE), (MORE, FULL))

    newest = history.change_log[0]
    assert len(history.earlier) >= 4
    assert changes_in(newest)["newRegionalServices"] == [{"region": "eu", "service": "a"}]
    assert "newRegions" not in changes_in(newest)


@pytest.mark.usefixtures("tiny")
def test_what_a_run_that_died_has_logged_is_not_said_again_when_its_entry_has_moved() -> None:
    before, died = state({"us": ["a"], "eu": ["a"]}, nowhere=["c"]), state({"us": ["a"], "eu": ["a", "c"]})
    more = state({"us": ["a", "c"], "eu": ["a"]}, stale=["eu"])
    less = state({"us": ["a"], "eu": ["a"]}, nowhere=["c"], stale=["eu"])
    returned = state({"us": ["a", "c"], "eu": ["a", "c"]})

    history = run((before, died), (before, more), (more, less), (less, more), (more, returned))

    assert history.metadata.changes_since_inception.new_regional_services == 3
    assert [entry.date.day for entry in history.change_log] == [5]


@given(first=STATES, runs=RUNS)
def test_whoever_replays_all_files_arrives_at_what_is_there(
    first: Documents, runs: Sequence[tuple[int, Documents, bool, int]]
) -> None:
    """As in test_log, but all entries except the newest move whenever a run reads them."""
    history, published, day = merge(None, None, first, START), first, 0
    files: dict[str, ChangeHistoryYear] = {}
    for number, (passed, current, dies, times) in enumerate(runs):
        day += passed
        for time in range(times):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(years, "LARGEST", 1)
                moving = read(history, 1 + 2 * number + time)
            merged = merge(history, published, current, START + timedelta(days=day))
            history = move_years(merged, moving, published)
            files |= moving
        published = published if dies else current

        log = every_entry(history, files)
        by_region = current.complete_data.services_by_region.by_region
        services, pairs, regions = replayed(history.model_copy(update={"change_log": tuple(log)}), first)
        assert services == set(current.complete_data.services.services)
        assert pairs == {(region, code) for region, entry in by_region.items() for code in entry.services}
        assert {region for region, _ in pairs} <= regions <= set(by_region)
        assert [entry.date for entry in log] == sorted({entry.date for entry in log}, reverse=True)
        assert ChangeHistory.from_bytes(history.to_bytes()) == history
        assert merge(history, current, current, START + timedelta(days=day + 1)).change_log == history.change_log


def test_what_was_undone_is_forgotten_once_the_data_agrees() -> None:
    there, away = state({"us": ["a", "b"]}), state({"us": ["a"]})
    history = merge(merge(None, None, there, START), there, away, START + timedelta(days=1))
    undone = merge(history, away, there, START + timedelta(days=1))

    assert undone.undone != Changes()
    assert forget_undone(undone, away) == undone
    assert forget_undone(undone, there).undone == Changes()

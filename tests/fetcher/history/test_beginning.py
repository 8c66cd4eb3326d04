"""A log that is given older states: it begins with them, and what the stack logged itself is still there."""

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fetcher.documents import Documents
from fetcher.history import begin_earlier, merge
from shared.contract import ChangeHistory
from tests.fetcher.history.test_log import DAY, STATES, changes_in, replayed, run
from tests.fetcher.states import state

OLD = date(2022, 2, 12)
OLDER = state({"us": ["s3"]}, names={"s3": "Simple Storage"}, zones={"us": ["z1"]})
FIRST = state({"us": ["s3", "ec2"]}, names={"s3": "Amazon S3"}, zones={"us": ["z1", "z2"]})
LATER = state({"us": ["s3", "ec2"], "eu": ["s3"]}, names={"s3": "Amazon S3"}, zones={"us": ["z1", "z2"]})
GAP = {
    "newServices": [{"code": "ec2", "name": "ec2"}],
    "newRegionalServices": [{"region": "us", "service": "ec2"}],
    "renamed": [{"kind": "service", "code": "s3", "from": "Simple Storage", "to": "Amazon S3"}],
    "zoneChanges": [{"region": "us", "kind": "availability", "added": ["z2"], "removed": []}],
}


def test_what_changed_since_the_last_older_state_takes_the_place_of_the_baseline() -> None:
    own = run((0, FIRST), (3, LATER))

    history = begin_earlier(own, LATER, [(OLD, OLDER)])

    newest, first, baseline = history.change_log
    assert newest == own.change_log[0]
    assert (first.date, first.after, changes_in(first)) == (DAY, OLD, GAP)
    assert first.summary.startswith("1 new service (ec2), ")
    assert (baseline.date, baseline.summary) == (OLD, "Baseline: 1 region, 2 services, 1 pair.")
    assert (history.metadata.created, history.metadata.last_updated) == (OLD, own.metadata.last_updated)
    assert history.metadata.changes_since_inception.new_services == 1
    assert history.metadata.changes_since_inception.new_regional_services == 2


def test_what_later_runs_of_the_first_day_found_is_joined_to_it() -> None:
    own = run((0, FIRST), (0, LATER), (3, FIRST))

    newest, first, _ = begin_earlier(own, FIRST, [(OLD, OLDER)]).change_log

    assert newest == own.change_log[0]
    assert changes_in(first) == GAP | {
        "newRegions": [{"code": "eu", "name": "eu"}],
        "newRegionalServices": [{"region": "eu", "service": "s3"}, {"region": "us", "service": "ec2"}],
    }


def test_the_first_day_has_no_entry_if_nothing_has_changed_since() -> None:
    history = begin_earlier(run((0, FIRST)), FIRST, [(OLD, OLDER), (OLD + timedelta(days=9), FIRST)])

    assert [entry.date for entry in history.change_log] == [OLD + timedelta(days=9), OLD]


def test_a_region_that_has_lost_all_its_services_meanwhile_is_still_there() -> None:
    before, now = state({"us": ["s3"], "eu": ["s3"]}), state({"us": ["s3"], "eu": []})

    first, _ = begin_earlier(run((0, now)), now, [(OLD, before)]).change_log

    assert changes_in(first) == {"removedRegionalServices": [{"region": "eu", "service": "s3"}]}


def test_a_region_that_has_no_services_yet_is_not_announced() -> None:
    now = state({"us": ["s3"], "eu": []}, zones={"eu": ["eu-az1"]})

    history = begin_earlier(run((0, now)), now, [(OLD, state({"us": ["s3"]}))])

    assert [entry.date for entry in history.change_log] == [OLD]


def test_what_came_and_went_on_the_first_day_stays_untold_although_a_run_died_before_it_wrote_the_data() -> None:
    one, two = state({"us": ["s3"]}), state({"us": ["s3", "ec2"]})
    own = run((0, one), (0, two), (0, one))  # the last run died: the data still has two services

    history = begin_earlier(own, two, [(OLD, one)])

    assert [entry.date for entry in history.change_log] == [OLD]
    assert merge(history, two, one, DAY + timedelta(days=1)).change_log == history.change_log


def test_a_zone_of_a_region_that_the_log_has_removed_was_not_there_at_the_first_look() -> None:
    now = state({"us": ["s3"], "eu": []}, zones={"eu": ["eu-az1"]})
    own = run((0, state({"us": ["s3"], "eu": ["s3"]})), (1, state({"us": ["s3"]})), (2, now))

    history = begin_earlier(own, now, [(OLD, state({"us": ["s3"], "eu": ["s3"]}))])

    assert [entry.date for entry in history.change_log] == [DAY + timedelta(days=1), OLD]
    assert merge(history, now, now, DAY + timedelta(days=3)).change_log == history.change_log


def test_without_older_states_it_stays_as_it_is() -> None:
    own = run((0, FIRST), (3, LATER))

    assert begin_earlier(own, LATER, []) == own


def assert_arrives(history: ChangeHistory, first: Documents, last: Documents) -> None:
    services, pairs, regions = replayed(history, first)
    by_region = last.complete_data.services_by_region.by_region
    assert services == set(last.complete_data.services.services)
    assert pairs == {(region, code) for region, entry in by_region.items() for code in entry.services}
    assert {region for region, _ in pairs} <= regions


@settings(max_examples=150, deadline=None)
@given(
    older=st.lists(st.tuples(st.integers(0, 3), STATES), min_size=1, max_size=5),
    first=STATES,
    runs=st.lists(st.tuples(st.integers(0, 2), STATES, st.booleans()), max_size=5),
)
def test_the_log_gives_every_older_state_and_the_stack_s_own_and_goes_on_from_there(
    older: Sequence[tuple[int, Documents]], first: Documents, runs: Sequence[tuple[int, Documents, bool]]
) -> None:
    """A run may have died between log and data, which is older then."""
    day, looks = OLD, []
    for passed, current in older:
        day += timedelta(days=passed)
        looks.append((day, current))
    born = day = day + timedelta(days=1)
    own, published, seen = merge(None, None, first, day), first, [(day, first)]
    for passed, current, dies in runs:
        day += timedelta(days=passed)
        own = merge(own, published, current, day)
        published = published if dies else current
        seen.append((day, current))

    history = begin_earlier(own, published, looks)

    log = history.change_log
    for look, current in dict([*looks, *seen]).items():  # the last of each day
        until = history.model_copy(update={"change_log": tuple(entry for entry in log if entry.date <= look)})
        assert_arrives(until, looks[0][1], current)
    assert [entry for entry in log if entry.date > born] == [entry for entry in own.change_log if entry.date > born]
    assert all(changes_in(entry) for entry in log[:-1])
    assert log[-1].date == history.metadata.created == OLD + timedelta(days=older[0][0])
    assert ChangeHistory.from_bytes(history.to_bytes()) == history
    next_day = merge(history, published, current, day + timedelta(days=1))
    assert_arrives(next_day, looks[0][1], current)
    assert published != current or next_day.change_log == log

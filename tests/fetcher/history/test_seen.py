import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fetcher.documents import Documents
from fetcher.history import known_by_log, known_without_log, merge, watch, with_days
from shared.contract import Between, ChangeHistoryYear, CompleteData, Key, Seen
from tests.fetcher.history.test_log import LISTS, REGIONS, RUNS, STATES
from tests.fetcher.history.test_looks import days, run
from tests.fetcher.states import state

NONE = state({"us": ["a"]})
THERE = state({"us": ["a", "b"]})
OTHER = state({"us": ["a"], "eu": ["a"]})


def known(*runs: tuple[int, Documents]) -> CompleteData:
    """The last state with the days that the log of these runs tells."""
    return CompleteData.from_bytes(with_days(runs[-1][1].complete_data, known_by_log(run(*runs), {}, None)).to_bytes())


def told(data: CompleteData) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """What the JSON has: `knownSince`, and the kinds of `firstSeen` and `lastSeen` that are not empty."""
    offers = json.loads(data.services_by_region.model_dump_json(by_alias=True))
    first, last = ({kind: seen for kind, seen in offers[name].items() if seen} for name in ("firstSeen", "lastSeen"))
    return offers["knownSince"], first, last


def between(after: int, before: int) -> dict[str, str]:
    return {"after": str(days(after)), "before": str(days(before))}


def test_what_was_there_at_the_first_look_is_not_named() -> None:
    assert told(known((0, THERE), (1, THERE))) == (str(days(0)), {}, {})


def test_what_came_since_yesterday_has_a_day() -> None:
    first = str(days(1))

    assert told(known((0, NONE), (1, THERE)))[1] == {"services": {"b": first}, "pairs": {"us": {"b": first}}}


def test_what_came_since_an_earlier_look_came_between_two_days() -> None:
    first = between(1, 9)

    assert told(known((0, NONE), (1, NONE), (9, THERE)))[1] == {"services": {"b": first}, "pairs": {"us": {"b": first}}}


def test_a_region_comes_with_its_services() -> None:
    first = str(days(1))

    assert told(known((0, NONE), (1, OTHER)))[1] == {"regions": {"eu": first}, "pairs": {"eu": {"a": first}}}


def test_what_went_was_last_seen_the_day_before_or_between_two_days() -> None:
    assert told(known((0, THERE), (1, NONE)))[2] == {
        "services": {"b": str(days(0))},
        "pairs": {"us": {"b": str(days(0))}},
    }
    assert told(known((0, THERE), (1, THERE), (9, NONE)))[2]["services"] == {"b": between(1, 9)}


def test_what_came_and_went_has_both_days() -> None:
    _, first, last = told(known((0, NONE), (1, THERE), (4, THERE), (5, NONE)))

    assert first["pairs"] == {"us": {"b": str(days(1))}}
    assert last["pairs"] == {"us": {"b": str(days(4))}}


def test_what_vanishes_for_one_look_and_returns_keeps_its_first_day() -> None:
    assert told(known((0, NONE), (1, THERE), (2, NONE), (3, THERE))) == told(known((0, NONE), (1, THERE)))
    assert told(known((0, THERE), (2, NONE), (3, THERE))) == told(known((0, THERE)))


def test_what_went_on_the_first_day_was_there_on_it() -> None:
    assert told(known((0, THERE), (0, NONE)))[2]["services"] == {"b": str(days(0))}


def test_a_pair_of_a_region_that_was_carried_over_came_after_the_last_look_at_that_region() -> None:
    stale, back = state({"us": ["a"], "eu": ["a"]}, stale=["eu"]), state({"us": ["a"], "eu": ["a", "b"]})

    _, first, _ = told(known((0, OTHER), (1, stale), (2, stale), (3, back)))

    assert first == {"services": {"b": str(days(3))}, "pairs": {"eu": {"b": between(0, 3)}}}


def test_the_years_that_have_left_the_log_tell_too() -> None:
    history = run((0, NONE), (1, THERE), (3, OTHER), (4, OTHER))
    newest, *older = history.change_log
    year = ChangeHistoryYear(year=2026, change_log=tuple(older))
    rest = history.model_copy(update={"change_log": (newest,)})

    earlier = watch({}, reversed(year.change_log), days(0))

    assert known_by_log(rest, earlier, None) == known_by_log(history, {}, None)


def test_a_log_in_the_wrong_order_gives_days_that_keep_their_contract() -> None:
    history = run((0, THERE), (4, NONE), (6, THERE), (7, NONE), (8, THERE))
    upside_down = history.model_copy(update={"change_log": history.change_log[::-1]})

    data = with_days(NONE.complete_data, known_by_log(upside_down, {}, None))

    assert told(data)[2]["services"] == {"b": str(days(8))}


# Where changes are missing in the log.


def published(world: Documents, *runs: tuple[int, Documents]) -> Documents:
    """The state with the days that the log of these runs tells."""
    return replace(world, complete_data=with_days(world.complete_data, known_by_log(run(*runs), {}, None)))


def test_without_a_log_the_days_of_the_last_data_are_kept_and_its_own_changes_are_added() -> None:
    before = published(THERE, (-5, NONE), (-4, THERE))  # the data itself is of day 0

    kept = known_without_log(before, state({"us": ["b", "c"]}), days(7))

    assert kept
    after = with_days(state({"us": ["b", "c"]}).complete_data, kept)
    assert told(after) == (
        str(days(-5)),
        {
            "services": {"b": str(days(-4)), "c": between(0, 7)},
            "pairs": {"us": {"b": str(days(-4)), "c": between(0, 7)}},
        },
        {"services": {"a": between(0, 7)}, "pairs": {"us": {"a": between(0, 7)}}},
    )


def test_without_a_log_data_of_an_earlier_version_tells_nothing() -> None:
    assert known_without_log(THERE, NONE, days(1)) is None


def test_what_changed_while_there_was_no_log_stays_known_when_there_is_one_again() -> None:
    before = published(THERE, (-5, NONE), (-4, THERE))

    anew = with_days(OTHER.complete_data, known_by_log(run((0, THERE), (1, OTHER)), {}, before))

    assert told(anew) == (
        str(days(-5)),
        {"services": {"b": str(days(-4))}, "regions": {"eu": str(days(1))}}
        | {"pairs": {"us": {"b": str(days(-4))}, "eu": {"a": str(days(1))}}},
        {"services": {"b": str(days(0))}, "pairs": {"us": {"b": str(days(0))}}},
    )


def test_a_log_that_reaches_further_back_than_the_last_data_knows_more() -> None:
    before = published(OTHER, (0, THERE), (1, OTHER))

    further = known_by_log(run((-9, NONE), (-8, THERE), (1, OTHER)), {}, before)

    since, first, _ = told(with_days(OTHER.complete_data, further))
    assert (since, first["services"]) == (str(days(-9)), {"b": str(days(-8))})


# Compared with the states themselves.


@dataclass(frozen=True)
class Look:
    """What is really there on a day, by region, and which regions can't be read."""

    day: int
    regions: Mapping[str, Sequence[str]]
    services: frozenset[str]
    stale: frozenset[str]


def looked(found: Sequence[tuple[int, Mapping[str, Sequence[str]], Sequence[str], Sequence[str]]]) -> list[Look]:
    """The looks, each as the run publishes it: what can't be read is as it was."""
    looks: list[Look] = []
    for day, (_, offers, nowhere, failing) in zip(accumulate(gap for gap, *_ in found), found, strict=True):
        older = looks[-1].regions if looks else {}
        stale = frozenset(failing) & older.keys() & offers.keys()
        regions = {code: older[code] if code in stale else services for code, services in offers.items()}
        services = frozenset({"always", *nowhere, *(code for codes in regions.values() for code in codes)})
        looks.append(Look(day, regions, services, stale))
    return looks


def days_of(present: Sequence[tuple[int, bool]]) -> tuple[Seen | None, Seen | None]:
    """The first and the last day, from the looks that could tell; None if it was there at the first or the last."""
    steps = [(before, day, now) for (before, then), (day, now) in pairwise(present) if then != now]
    came = [(before, day) for before, day, now in steps if now and not present[0][1]]
    went = [(before, day) for before, day, now in steps if not now and not present[-1][1]]
    return _interval(*came[0], first=True) if came else None, _interval(*went[-1], first=False) if went else None


def _interval(after: int, before: int, *, first: bool) -> Seen:
    if before - after == 1:
        return days(before if first else after)
    return Between(after=days(after), before=days(before))


def expected(looks: Sequence[Look]) -> tuple[dict[Key, Seen], dict[Key, Seen]]:
    """Every first and last day, from the looks alone."""
    first: dict[Key, Seen] = {}
    last: dict[Key, Seen] = {}

    def add(
        key: Key, coming: Sequence[tuple[int, bool]], going: Sequence[tuple[int, bool]], now: Collection[str]
    ) -> None:
        came, went = days_of(coming)[0], None if key[2] in now else days_of(going)[1]
        first.update({key: came} if came and (went or key[2] in now) else {})
        last.update({key: went} if went else {})

    codes, now = {code for look in looks for code in look.services}, looks[-1]
    for code in codes:
        present = [(look.day, code in look.services) for look in looks]
        add(("service", "", code), present, present, now.services)
    for region in {code for look in looks for code in look.regions}:
        telling = [look for look in looks if region not in look.stale]
        add(("region", region, region), announced(region, telling), announced(region, looks), now.regions)
        for code in codes:
            present = [(look.day, code in look.regions.get(region, ())) for look in telling]
            add(("offer", region, code), present, present, now.regions.get(region, ()))
    return first, last


def announced(region: str, looks: Sequence[Look]) -> list[tuple[int, bool]]:
    """A region is there from the day on which it has services, until it is no longer listed."""
    present: list[tuple[int, bool]] = []
    for look in looks:
        before = bool(present) and present[-1][1]
        present.append((look.day, region in look.regions and (before or bool(look.regions[region]))))
    return present


FOUND = st.lists(
    st.tuples(st.integers(1, 3), REGIONS, LISTS, st.lists(st.sampled_from(["us", "eu", "ap"]), max_size=2)),
    min_size=1,
    max_size=7,
)


@given(found=FOUND)
def test_the_days_agree_with_the_states_themselves(
    found: Sequence[tuple[int, Mapping[str, Sequence[str]], Sequence[str], Sequence[str]]],
) -> None:
    looks = looked(found)
    states = [
        (look.day, state(look.regions, nowhere=sorted(look.services), stale=sorted(look.stale))) for look in looks
    ]

    assert known(*states).services_by_region.sightings() == expected(looks)


@given(first=STATES, runs=RUNS)
def test_the_days_keep_their_contract_also_after_runs_that_died(
    first: Documents, runs: Sequence[tuple[int, Documents, bool, int]]
) -> None:
    history, published, day = merge(None, None, first, days(0)), first, 0
    for passed, current, dies, _ in runs:
        day += passed
        history = merge(history, published, current, days(day))
        data = with_days(current.complete_data, known_by_log(history, {}, published))
        published = published if dies else replace(current, complete_data=data)

        assert CompleteData.from_bytes(data.to_bytes()) == data

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fetcher.history.steps import Item, Step, combine, compare_facts, facts_of, region_item, service_item, service_names
from fetcher.source import PreviousState
from tests.fetcher.states import state

WORLD = state(
    {"us": ["s3"], "eu": []}, names={"us": "US East"}, zones={"us": ["az1"], "eu": ["az2"]}, local_zones={"us": ["l1"]}
)
ITEMS = st.sampled_from([service_item("a"), region_item("a"), Item("offer", "a", "a"), Item("local", "a", "a")])
FACTS = st.dictionaries(ITEMS, st.sampled_from(["", "one", "other"]))


def test_facts_are_services_and_whatever_belongs_to_a_region_with_services() -> None:
    facts = facts_of(WORLD.complete_data, {"s3": "Amazon S3"}, announced=())

    assert facts == {
        service_item("always"): "always",
        service_item("s3"): "Amazon S3",
        region_item("us"): "US East",
        Item("offer", "us", "s3"): "",
        Item("availability", "us", "az1"): "",
        Item("local", "us", "l1"): "",
    }


def test_a_region_that_was_announced_counts_without_services_too() -> None:
    facts = facts_of(WORLD.complete_data, {}, announced={"eu", "mars"})

    assert facts[region_item("eu")] == "eu"
    assert Item("availability", "eu", "az2") in facts
    assert region_item("mars") not in facts


def test_names_are_not_known_where_the_services_are_lost() -> None:
    assert service_names(WORLD) == {"always": "always", "s3": "s3"}
    assert service_names(PreviousState(WORLD.complete_data, None)) == {}


def test_a_step_tells_what_was_and_what_is() -> None:
    a, b, c = service_item("a"), service_item("b"), service_item("c")

    assert compare_facts({a: "A", b: "B", c: "C"}, {a: "A", b: "Bee"}) == {b: Step("B", "Bee"), c: Step("C", None)}
    assert compare_facts({}, {a: "A"}) == {a: Step(None, "A")}


@given(st.lists(FACTS, min_size=2))
def test_comparisons_combined_are_the_comparison_of_the_first_with_the_last(days: list[dict[Item, str]]) -> None:
    assert combine(*(compare_facts(before, after) for before, after in pairwise(days))) == compare_facts(
        days[0], days[-1]
    )

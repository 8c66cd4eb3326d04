import json
from typing import Any

import pytest

from fetcher.documents import Documents
from fetcher.history import ItemChanges, Place, build_item_feed, changes_by_item
from shared import contract
from tests.fetcher.history.test_feed import hold_to_the_specification
from tests.fetcher.history.test_looks import days, run
from tests.fetcher.states import state

ONE = state({"us": ["a"]}, names={"a": "A"}, zones={"us": ["z1"]})
TWO = state({"us": ["a", "b"], "eu": ["a"]}, names={"a": "A"}, zones={"us": ["z2"]})
RENAMED = state({"us": ["a"]}, names={"a": "Amazon A"}, zones={"us": ["z1"]})


def changes(*runs: tuple[int, Documents]) -> ItemChanges:
    return changes_by_item(run(*runs), ())


def told(changes: ItemChanges, place: Place) -> list[dict[str, Any]]:
    return [json.loads(change.model_dump_json(by_alias=True)) for change in changes.get(place, ())]


def change(day: int, kind: str, *what: str, **more: str) -> dict[str, Any]:
    return {"date": str(days(day)), **more, "kind": kind, "what": list(what)}


def test_a_region_tells_of_its_services_and_zones_and_of_itself() -> None:
    found = changes((0, ONE), (1, TWO))

    assert told(found, ("regions", "eu")) == [change(1, "new"), change(1, "added", "a")]
    assert told(found, ("regions", "us")) == [
        change(1, "added", "b"),
        change(1, "zonesAdded", "z2"),
        change(1, "zonesRemoved", "z1"),
    ]


def test_a_service_tells_of_its_regions_and_its_name() -> None:
    found = changes((0, ONE), (1, TWO), (2, RENAMED))

    assert told(found, ("services", "a")) == [
        change(2, "renamed", "A", "Amazon A"),
        change(2, "removed", "eu"),
        change(1, "added", "eu"),
    ]
    assert told(found, ("services", "b")) == [
        change(2, "gone"),
        change(2, "removed", "us"),
        change(1, "new"),
        change(1, "added", "us"),
    ]


def test_what_was_there_before_is_told_as_returned() -> None:
    found = changes((0, TWO), (1, ONE), (2, TWO), (3, ONE), (4, TWO))

    assert [each["kind"] for each in told(found, ("services", "b"))] == ["back", "returned", "gone", "removed"] * 2
    assert [each["kind"] for each in told(found, ("regions", "eu"))] == ["back", "returned", "gone", "removed"] * 2


def test_what_an_earlier_year_knew_is_told_as_returned() -> None:
    found = changes_by_item(run((0, ONE), (1, TWO)), {("offer", "us", "b")})

    assert told(found, ("services", "b")) == [change(1, "new"), change(1, "returned", "us")]


def test_changes_since_different_looks_are_told_apart() -> None:
    stale = state({"us": ["a", "b"], "eu": ["a"]}, stale=["eu"])
    both = state({"us": ["a", "b", "c"], "eu": ["a", "c"]})

    found = changes((0, TWO), (1, stale), (3, stale), (5, both))

    assert told(found, ("services", "c")) == [
        change(5, "new", after=str(days(3))),
        change(5, "added", "eu", after=str(days(0))),
        change(5, "added", "us", after=str(days(3))),
    ]


def feed_of(found: ItemChanges, site_url: str = "") -> dict[str, Any]:
    item = contract.ServiceItem(
        code="b", name="The B", first_seen=days(0), home_url=None, regions=(), gone=(), changes=()
    )
    path, names = "services/b.json", {"us": "US (Ohio)"}
    feed = build_item_feed(item, path, found.get(("services", "b"), ()), names, site_url)
    assert contract.ChangeFeed.from_bytes(feed.to_bytes()) == feed
    return dict(json.loads(feed.to_bytes()))


@pytest.mark.parametrize("site_url", ["", "https://your.site/data/"])
def test_the_feed_of_an_item_is_a_json_feed(site_url: str) -> None:
    hold_to_the_specification(feed_of(changes((0, ONE), (1, TWO), (2, ONE)), site_url))


def test_the_feed_tells_each_day_of_the_item() -> None:
    feed = feed_of(changes((0, ONE), (3, TWO), (4, ONE), (5, TWO)), "https://your.site/data/")

    assert (feed["title"], feed["feed_url"]) == ("The B (b)", "https://your.site/data/services/b.feed.json")
    assert [item["title"] for item in feed["items"]] == [
        "The B: back, 1 returned region",
        "The B: gone, 1 removed region",
        "The B: new, 1 new region",
    ]
    assert feed["items"][2] == {
        "id": f"aws-services-feed:services/b.json:{days(3)}",
        "url": f"https://your.site/data/services/b.json#{days(3)}",
        "title": "The B: new, 1 new region",
        "content_text": f"new (some day after {days(0)})\n1 new region (some day after {days(0)}): US (Ohio)",
        "date_published": f"{days(3)}T00:00:00Z",
        "tags": ["added", "new"],
    }


def test_names_and_zones_are_told_in_words() -> None:
    found = {
        ("services", "b"): [
            contract.ItemChange(date=days(1), kind="renamed", what=("Old", "New")),
            contract.ItemChange(date=days(1), kind="zonesAdded", what=("z1", "z2")),
            contract.ItemChange(date=days(1), kind="zonesRemoved", what=("z3",)),
        ]
    }

    (item,) = feed_of(found)["items"]  # type: ignore[arg-type]

    assert item["title"] == "The B: renamed from Old to New, 2 new zones, 1 removed zone"
    assert item["content_text"] == "renamed from Old to New\n2 new zones: z1, z2\n1 removed zone: z3"


def test_the_feed_holds_the_newest_fifty_days() -> None:
    found = changes(*((day, TWO if day % 2 else ONE) for day in range(60)))

    items = feed_of(found)["items"]

    assert [item["date_published"][:10] for item in items] == [str(days(59 - day)) for day in range(50)]


def test_a_day_with_much_to_tell_says_where_the_rest_is() -> None:
    much = tuple(f"{number:03}" + "x" * 90 for number in range(30))
    whats = [contract.ItemChange(date=days(1), after=days(-2 - number), kind="added", what=much) for number in range(9)]

    (item,) = feed_of({("services", "b"): whats})["items"]

    assert len(item["content_text"]) <= 1800
    assert item["content_text"].endswith("more; all are in the item's own file.")

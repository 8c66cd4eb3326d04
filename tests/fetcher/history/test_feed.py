import json
import re
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from fetcher.documents import Documents
from fetcher.history import build_feed, feed, merge
from shared.contract import ChangeEntry, ChangeFeed, ChangeHistory, Changes, NamedCode, RegionalService
from tests.fetcher.states import state

DAY = date(2026, 11, 23)
TEXT = {"type": "string", "minLength": 1}
ADDRESS = {"type": "string", "pattern": "^https?://"}
RFC_3339 = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
AUTHORS = {"type": "array", "items": {"type": "object", "minProperties": 1}}

# Written from the text of https://www.jsonfeed.org/version/1.1/: what is required, and of which type each name is.
JSON_FEED = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": TEXT,
        "home_page_url": ADDRESS,
        "feed_url": ADDRESS,
        "description": TEXT,
        "user_comment": TEXT,
        "next_url": ADDRESS,
        "icon": ADDRESS,
        "favicon": ADDRESS,
        "authors": AUTHORS,
        "language": TEXT,
        "expired": {"type": "boolean"},
        "hubs": {"type": "array", "items": {"type": "object", "required": ["type", "url"]}},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "anyOf": [{"required": ["content_text"]}, {"required": ["content_html"]}],
                "properties": {
                    "id": TEXT,
                    "url": ADDRESS,
                    "external_url": ADDRESS,
                    "title": TEXT,
                    "content_html": TEXT,
                    "content_text": TEXT,
                    "summary": TEXT,
                    "image": ADDRESS,
                    "banner_image": ADDRESS,
                    "date_published": RFC_3339,
                    "date_modified": RFC_3339,
                    "authors": AUTHORS,
                    "tags": {"type": "array", "items": TEXT},
                    "language": TEXT,
                    "attachments": {
                        "type": "array",
                        "items": {"type": "object", "required": ["url", "mime_type"]},
                    },
                },
                "patternProperties": {"^_": {"type": "object"}},
                "additionalProperties": False,
            },
        },
    },
    "patternProperties": {"^_": {"type": "object"}},
    "additionalProperties": False,
}
NOTHING, MORE, MOST = state({"us": ["a"]}), state({"us": ["a", "b"]}), state({"us": ["a", "b", "c"]})


def after(*days: tuple[int, Documents]) -> ChangeHistory:
    history, previous = merge(None, None, NOTHING, DAY), NOTHING
    for day, now in days:
        history, previous = merge(history, previous, now, DAY + timedelta(days=day)), now
    return history


def hold_to_the_specification(feed: dict[str, Any]) -> None:
    Draft202012Validator(JSON_FEED).validate(feed)
    ids = [item["id"] for item in feed["items"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("site_url", ["", "https://your.site/data/"])
def test_the_feed_is_a_json_feed(site_url: str) -> None:
    feed = json.loads(build_feed(after((1, MORE), (2, NOTHING)), NOTHING, site_url).to_bytes())

    hold_to_the_specification(feed)


def test_the_feed_names_the_site_and_itself_and_each_item_its_day_of_the_history() -> None:
    feed = json.loads(build_feed(after((1, MORE)), MORE, "https://your.site/some/data/").to_bytes())

    assert feed["home_page_url"] == "https://your.site/"
    assert feed["feed_url"] == "https://your.site/some/data/change-feed.json"
    assert [item["url"] for item in feed["items"]] == [
        "https://your.site/some/data/change-history.json#2026-11-24",
        "https://your.site/some/data/change-history.json#2026-11-23",
    ]


def test_without_the_sites_address_the_feed_has_none() -> None:
    feed = json.loads(build_feed(after((1, MORE)), MORE).to_bytes())

    assert not {"home_page_url", "feed_url", "url"} & {*feed, *feed["items"][0]}


@pytest.mark.parametrize(
    ("name", "value"), [("version", "1.1"), ("title", None), ("feed_url", None), ("items", [{"id": 1}]), ("extra", 1)]
)
def test_the_check_against_the_specification_finds_what_breaks_it(name: str, value: object) -> None:
    feed = json.loads(build_feed(after(), NOTHING).to_bytes())

    with pytest.raises(ValidationError):
        hold_to_the_specification({**feed, name: value})


def test_an_item_tells_one_day_of_the_log() -> None:
    newest, baseline = json.loads(build_feed(after((1, MORE)), MORE).to_bytes())["items"]

    assert newest == {
        "id": "aws-services-feed:changes:2026-11-24",
        "title": "1 new service (b), 1 new service-region pair.",
        "content_text": "1 new service: b\nb is new in 1 region: us",
        "date_published": "2026-11-24T00:00:00Z",
        "tags": ["newRegionalServices", "newServices"],
    }
    assert baseline["content_text"] == baseline["title"] == "Baseline: 1 region, 2 services, 1 pair."


def test_an_item_keeps_its_id_and_time_when_its_day_grows() -> None:
    before, grown = (build_feed(history, MOST).items[0] for history in (after((1, MORE)), after((1, MORE), (1, MOST))))

    assert (grown.id, grown.date_published) == (before.id, before.date_published)
    assert grown.content_text != before.content_text


def test_the_feed_holds_the_newest_hundred_entries() -> None:
    history = after(*((day, MORE if day % 2 else NOTHING) for day in range(1, 120)))

    feed = build_feed(history, NOTHING)

    assert len(history.change_log) == 120
    assert [item.date_published.date() for item in feed.items] == [entry.date for entry in history.change_log[:100]]


def test_the_same_history_gives_the_same_bytes() -> None:
    assert build_feed(after((1, MORE)), MORE).to_bytes() == build_feed(after((1, MORE)), MORE).to_bytes()


def world(name: str, *services: str) -> Documents:
    return state({"us": services, "eu": services}, names={"a": name, "us": "US (Ohio)", "eu": "Europe"})


def test_an_item_tells_the_names_of_its_day_whatever_things_are_called_later() -> None:
    empty = state({"us": ["b"], "eu": ["b"]}, names={"us": "US (Ohio)", "eu": "Europe"})
    days = [(1, world("Old", "a", "b")), (2, empty), (3, world("Old", "a", "b")), (4, world("New", "a", "b"))]
    history, previous = merge(None, None, empty, DAY), empty
    texts = []
    for day, now in days:
        history, previous = merge(history, previous, now, DAY + timedelta(days=day)), now
        texts.append([item.content_text for item in build_feed(history, now).items])

    came, went = "Old (a) is new in 2 regions: Europe, US (Ohio)", "Old (a) is gone from 2 regions: Europe, US (Ohio)"
    assert texts[-1] == [
        "1 renamed: a from Old to New",
        f"1 new service: Old (a)\n{came}",
        f"1 removed service: Old (a)\n{went}",
        f"1 new service: Old (a)\n{came}",
        "Baseline: 2 regions, 2 services, 2 pairs.",
    ]
    assert all(later[1:] == earlier for earlier, later in pairwise(texts))


def test_the_names_of_what_an_entry_does_not_name_are_those_of_its_day() -> None:
    history = after((1, state({"us": ["a"], "eu": ["a"]})), (2, state({"us": ["a"], "eu": ["a"]}, names={"a": "New"})))

    renamed, came, _ = (item.content_text for item in build_feed(history, MORE).items)

    assert renamed == "1 renamed: a from a to New"
    assert came.splitlines() == ["1 new region: eu", "a is new in 1 region: eu"]


def days_of(number: int, changes: Changes, summary: str) -> ChangeHistory:
    log = (ChangeEntry(date=DAY - timedelta(days=day), summary=summary, changes=changes) for day in range(number))
    return after().model_copy(update={"change_log": tuple(log)})


def pairs(regions: int, services: int, name: str) -> tuple[RegionalService, ...]:
    return tuple(
        RegionalService(region=f"{region:03}{name}", service=f"{service:03}{name}")
        for region in range(regions)
        for service in range(services)
    )


@given(
    number=st.integers(1, 150),
    regions=st.integers(0, 25),
    services=st.integers(0, 25),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    repeated=st.sampled_from([1, 100, 3000]),
    summary=st.text(st.characters(exclude_categories=["Cs"])).filter(re.compile(r"[^\s\x1c-\x1f\x85]").search),
)
def test_the_feed_is_small_and_has_the_newest_day_whatever_the_history_holds(  # noqa: PLR0913, PLR0917 - a history
    number: int, regions: int, services: int, name: str, repeated: int, summary: str
) -> None:
    long = name * repeated
    named = tuple(NamedCode(code=f"{index:03}", name=long) for index in range(services))
    offers = pairs(regions, services, long if repeated < 3000 else name)
    changes = Changes(new_services=named, new_regional_services=offers, removed_regional_services=offers)
    history = days_of(number, changes, summary * repeated)

    body = build_feed(history, NOTHING, "https://your.site/data/").to_bytes()

    feed = ChangeFeed.from_bytes(body)
    assert len(body) <= 250_000
    assert len(feed.items) > 0
    assert [item.id for item in feed.items] == [
        f"aws-services-feed:changes:{entry.date}" for entry in history.change_log[: len(feed.items)]
    ]
    assert len(feed.items) == min(number, 100) or len(body) > 230_000


def test_as_many_days_as_fit_are_in_the_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    history = days_of(10, Changes(new_regional_services=pairs(2, 2, "x")), "Something.")
    whole = build_feed(history, NOTHING)

    for limit in range(2000, 2400):
        monkeypatch.setattr(feed, "LARGEST_FEED", limit)
        fitting = build_feed(history, NOTHING)
        larger = whole.model_copy(update={"items": whole.items[: len(fitting.items) + 1]})
        assert len(fitting.to_bytes()) <= limit < len(larger.to_bytes())


def test_a_day_of_which_only_blanks_can_be_told_has_its_date_for_a_title() -> None:
    (item,) = build_feed(days_of(1, Changes(), "\x1c"), NOTHING).items

    assert item.title == item.content_text == "2026-11-23"

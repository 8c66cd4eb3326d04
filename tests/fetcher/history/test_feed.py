import json
from datetime import date, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from fetcher.documents import Documents
from fetcher.history import build_feed, merge
from shared.contract import ChangeHistory
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


@pytest.mark.parametrize(
    "addresses",
    [
        {},
        {"home_page_url": "https://your.site/"},
        {"home_page_url": "https://your.site/", "feed_url": "https://your.site/data/change-feed.json"},
    ],
)
def test_the_feed_is_a_json_feed(addresses: dict[str, str]) -> None:
    feed = json.loads(build_feed(after((1, MORE), (2, NOTHING)), **addresses).to_bytes())

    hold_to_the_specification(feed)
    assert {name: value for name, value in feed.items() if name.endswith("_url")} == addresses


@pytest.mark.parametrize(
    ("name", "value"), [("version", "1.1"), ("title", None), ("feed_url", None), ("items", [{"id": 1}]), ("extra", 1)]
)
def test_the_check_against_the_specification_finds_what_breaks_it(name: str, value: object) -> None:
    feed = json.loads(build_feed(after()).to_bytes())

    with pytest.raises(ValidationError):
        hold_to_the_specification({**feed, name: value})


def test_an_item_tells_one_day_of_the_log() -> None:
    newest, baseline = json.loads(build_feed(after((1, MORE))).to_bytes())["items"]

    assert newest == {
        "id": "aws-services-feed:changes:2026-11-24",
        "title": "1 new service (b), 1 new service-region pair.",
        "content_text": "New services: b\nNew in us: b",
        "date_published": "2026-11-24T00:00:00Z",
        "tags": ["newRegionalServices", "newServices"],
    }
    assert baseline["content_text"] == baseline["title"] == "Baseline: 1 region, 2 services, 1 pair."


def test_an_item_keeps_its_id_and_time_when_its_day_grows() -> None:
    before, grown = (build_feed(history).items[0] for history in (after((1, MORE)), after((1, MORE), (1, MOST))))

    assert (grown.id, grown.date_published) == (before.id, before.date_published)
    assert grown.content_text != before.content_text


def test_the_feed_holds_the_newest_hundred_entries() -> None:
    history = after(*((day, MORE if day % 2 else NOTHING) for day in range(1, 120)))

    feed = build_feed(history)

    assert len(history.change_log) == 120
    assert [item.date_published.date() for item in feed.items] == [entry.date for entry in history.change_log[:100]]


def test_the_same_history_gives_the_same_bytes() -> None:
    assert build_feed(after((1, MORE))).to_bytes() == build_feed(after((1, MORE))).to_bytes()

import json
from dataclasses import replace
from typing import Any

import pytest

from fetcher.documents import Documents
from fetcher.history import changes_by_item, known_by_log, with_days
from fetcher.items import ItemFacts, build_items
from shared import contract
from tests.fetcher.history.test_looks import days, run
from tests.fetcher.states import state
from tests.shared.test_contract import ANNOUNCEMENTS, encode

SITE = "https://your.site/data/"
NAMES = {"a": "The A", "b": "The B", "us": "US (Ohio)", "eu": "Europe"}
FIRST = state({"us": ["a", "b"], "eu": ["a"]}, names=NAMES, zones={"us": ["z1"]})
LATER = state({"us": ["a", "c"]}, names=NAMES, zones={"us": ["z1"]})


def files(*runs: tuple[int, Documents], **facts: Any) -> dict[str, bytes]:
    """The files after these runs."""
    history, documents = run(*runs), runs[-1][1]
    known = known_by_log(history, {}, None)
    names = {key: sight.name for key, sight in known.sights.items()}
    documents = replace(documents, complete_data=with_days(documents.complete_data, known))
    given = {"announcements": {}, "earlier": None, **facts}
    made = build_items(ItemFacts(documents, changes_by_item(history, ()), names, **given), SITE)
    for name, body in made.items():
        model = contract.model_of(name)
        assert model
        assert model.from_bytes(body).to_bytes() == body
    return made


def read(made: dict[str, bytes], name: str) -> dict[str, Any]:
    return dict(json.loads(made[name]))


AT_FIRST = {"before": str(days(0))}
YESTERDAY, TODAY = str(days(0)), str(days(1))


def test_a_region_has_everything_that_is_known_of_it() -> None:
    assert read(files((0, FIRST), (1, LATER)), "regions/us.json") == {
        "code": "us",
        "name": "US (Ohio)",
        "firstSeen": AT_FIRST,
        **dict.fromkeys(("partition", "domain", "country", "geography", "launchDate", "blogUrl")),
        "zones": {"availability": ["z1"], "local": [], "wavelength": []},
        "services": [
            {"code": "a", "name": "The A", "firstSeen": AT_FIRST},
            {"code": "c", "name": "c", "firstSeen": TODAY},
        ],
        "gone": [{"code": "b", "name": "The B", "firstSeen": AT_FIRST, "lastSeen": YESTERDAY}],
        "changes": [
            {"date": TODAY, "kind": "added", "what": ["c"]},
            {"date": TODAY, "kind": "removed", "what": ["b"]},
        ],
    }


def test_a_service_has_everything_that_is_known_of_it() -> None:
    announcement = contract.Announcements.from_bytes(encode(ANNOUNCEMENTS)).announcements[0]

    made = files((0, FIRST), (1, LATER), announcements={"a": [announcement]}, earlier="change-history.json")

    assert read(made, "services/a.json") == {
        "code": "a",
        "name": "The A",
        "firstSeen": AT_FIRST,
        "homeUrl": None,
        "regions": [{"code": "us", "name": "US (Ohio)", "firstSeen": AT_FIRST}],
        "gone": [{"code": "eu", "name": "Europe", "firstSeen": AT_FIRST, "lastSeen": YESTERDAY}],
        "changes": [{"date": TODAY, "kind": "removed", "what": ["eu"]}],
        "earlier": "change-history.json",
        "announcements": [
            {
                "id": "2",
                "title": "Amazon S3 does more",
                "link": "https://aws.amazon.com/about-aws/whats-new/2026/11/s3-more/",
                "pubDate": "2026-11-22T17:00:00Z",
            }
        ],
    }


def test_what_went_keeps_its_file_with_its_last_day() -> None:
    made = files((0, FIRST), (1, LATER))

    region, service = read(made, "regions/eu.json"), read(made, "services/b.json")
    assert (region["name"], region["lastSeen"], region["services"]) == ("Europe", YESTERDAY, [])
    assert (service["name"], service["lastSeen"], service["regions"]) == ("The B", YESTERDAY, [])
    assert [offer["code"] for offer in (*region["gone"], *service["gone"])] == ["a", "us"]


def test_what_is_back_has_its_first_day_and_no_last_one() -> None:
    made = files((0, LATER), (1, FIRST), (2, LATER), (3, FIRST))

    service = read(made, "services/b.json")
    assert (service["firstSeen"], "lastSeen" in service, service["gone"]) == (str(days(1)), False, [])
    assert service["changes"][:2] == [
        {"date": str(days(3)), "kind": "back", "what": []},
        {"date": str(days(3)), "kind": "returned", "what": ["us"]},
    ]


def test_a_region_that_never_had_services_has_no_first_day() -> None:
    made = files((0, FIRST), (1, state({"us": ["a", "b"], "eu": [], "ap": []}, names=NAMES)))

    assert read(made, "regions/ap.json")["firstSeen"] is None
    assert read(made, "regions/eu.json")["firstSeen"] == AT_FIRST


def test_the_index_comes_last_and_names_every_item_and_its_files() -> None:
    made = files((0, FIRST), (1, LATER))

    index = read(made, "index.json")
    assert list(made)[-1] == "index.json"
    assert index["knownSince"] == YESTERDAY
    assert index["regions"][0] == {
        "code": "eu",
        "name": "Europe",
        "firstSeen": AT_FIRST,
        "lastSeen": YESTERDAY,
        "path": "regions/eu.json",
        "feed": "regions/eu.feed.json",
    }
    named = {entry[file] for kind in ("regions", "services") for entry in index[kind] for file in ("path", "feed")}
    assert named == made.keys() - {"index.json"}


def test_each_item_has_a_feed_of_its_changes() -> None:
    made = files((0, FIRST), (1, LATER))

    feed = read(made, "regions/us.feed.json")
    assert feed["items"][0]["content_text"] == "1 new service: c\n1 removed service: The B"
    assert read(made, "services/b.feed.json")["items"][0]["content_text"] == "gone\n1 removed region: US (Ohio)"
    assert read(made, "services/always.feed.json")["items"] == []


def test_the_same_facts_give_the_same_bytes_whatever_run_it_was() -> None:
    data = LATER.complete_data
    metadata = data.metadata.model_copy(update={"run_id": "another"})
    another = replace(LATER, complete_data=data.model_copy(update={"metadata": metadata}))

    assert files((0, FIRST), (1, LATER)) == files((0, FIRST), (1, another), (1, another))
    assert files((0, FIRST), (1, LATER)) == files((0, FIRST), (1, LATER), (2, LATER), (9, LATER))


def test_old_changes_make_room_where_there_is_much_else() -> None:
    services = [f"s{number:03}" for number in range(440)]
    worlds = [state({"us": services[: 420 + number]}) for number in range(20)]

    made = files(*enumerate(worlds))

    region, service = read(made, "regions/us.json"), read(made, "services/s430.json")
    assert [change["date"] for change in region["changes"]] == [str(days(19 - number)) for number in range(6)]
    assert region["earlier"] == "change-history.json"
    assert "earlier" not in service
    assert len(read(made, "regions/us.feed.json")["items"]) == 19


def test_the_newest_change_stays_however_much_it_is() -> None:
    made = files((0, FIRST), (1, state({"us": [f"{number}" for number in range(800)]})))

    assert len(read(made, "regions/us.json")["changes"]) == 1


ODD = [
    *("a/b", "a b", "a.b", ".", "..", "x.feed", "ü", "日本", "a_b", "a_2Fb", "%2F", "a\\b", "a\nb", "S3", "s3"),
    *("index", "x" * 128, "x" * 129, "x" * 130, "é" * 500, "x" * 64 + "_" * 100, "a?b#c&d=e", "-", "_"),
]


@pytest.mark.parametrize("code", ODD)
def test_whatever_a_code_is_its_files_have_an_address_that_works_everywhere(code: str) -> None:
    made = files((0, FIRST), (1, state({code: [code]})))

    for folder in ("regions", "services"):
        name = f"{folder}/{contract.item_name(code)}.json"
        assert read(made, name)["code"] == code
        assert name.isascii()
        assert len(name) < 150
        assert set(name[len(folder) + 1 : -len(".json")]) <= set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        )


def test_no_two_codes_share_an_address() -> None:
    names = [contract.item_name(code) for code in ODD]

    assert len(set(names)) == len(names)
    assert contract.item_name("us-east-1") == "us-east-1"
    assert contract.item_name("a b/é.feed") == "a_20b_2F_C3_A9_2Efeed"

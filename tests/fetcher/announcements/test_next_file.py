import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.stand_ins.announcement_feed import Item, recent, rss
from fetcher.announcements.next_file import NextFile, next_file
from fetcher.rss import FeedError, Rss, RssItem, parse_rss
from shared import contract

NOW = datetime(2026, 10, 7, 12, tzinfo=UTC)
SOURCE = "https://aws.amazon.com/about-aws/whats-new/recent/feed/"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GOOD = RssItem("1", "News", "<p>Text</p>", "Wed, 07 Oct 2026 11:00:00 GMT", "a,b", "https://aws.amazon.com/x/")


def item(guid: str, published: datetime, title: str = "News") -> Item:
    return Item(guid, title, "<p>Text</p>", published, "general:products/amazon-s3")


def feed(*items: Item, built: datetime = NOW - HOUR) -> Rss:
    return parse_rss(rss(items, built))


def unbuilt(*items: Item) -> Rss:
    return Rss(feed(*items).items, None)


def update(rss: Rss, previous: contract.Announcements | None = None, now: datetime = NOW) -> NextFile:
    """The decision; what it writes fits to the contract when it is read again."""
    result = next_file(rss, previous, SOURCE, now)
    if result.file:
        assert contract.Announcements.from_bytes(result.file.to_bytes()) == result.file
    return result


def file_of(rss: Rss, previous: contract.Announcements | None = None, now: datetime = NOW) -> contract.Announcements:
    file = update(rss, previous, now).file
    assert file
    return file


def ids(file: contract.Announcements) -> list[str]:
    return [each.id for each in file.announcements]


def test_a_feed_becomes_a_file() -> None:
    document: dict[str, Any] = json.loads(file_of(parse_rss(rss(recent(NOW), NOW - HOUR))).to_bytes())

    assert document["metadata"] == {
        "timestamp": "2026-10-07T12:00:00Z",
        "source": SOURCE,
        "feedLastBuildDate": "Wed, 07 Oct 2026 11:00:00 GMT",
        "tool": "aws-services-feed",
        "version": contract.SCHEMA_VERSION,
        "count": 3,
    }
    assert document["announcements"][1] == {
        "id": "5b1f09",
        "title": "AWS Lambda and Amazon EC2 are available in another Region",
        "summary": "Starting today, both are available in another Region. Lambda",
        "link": "https://aws.amazon.com/about-aws/whats-new/",
        "pubDate": "2026-10-05T12:00:00Z",
        "pubDateFormatted": "Oct 5, 2026",
        "categories": [
            "marketing:marchitecture/compute",
            "general:products/aws-lambda",
            "general:products/amazon-ec2",
        ],
        "htmlContent": (
            "<p>Starting today, both are available in another Region.&nbsp;</p>\n<ul>\n <li>Lambda</li>\n</ul>"
        ),
    }
    assert document["announcements"][2]["categories"] == []


def test_announcements_are_the_newest_first_in_whatever_order_they_come() -> None:
    items = [item("b", NOW - HOUR), item("c", NOW), item("a", NOW - HOUR)]

    assert ids(file_of(feed(*items))) == ids(file_of(feed(*items[::-1]))) == ["c", "b", "a"]


def test_what_the_feed_drops_stays_until_it_is_fourteen_days_old() -> None:
    before = file_of(feed(item("1", NOW - 13 * DAY)))

    assert ids(file_of(feed(item("2", NOW)), before)) == ["2", "1"]
    assert ids(file_of(feed(item("2", NOW)), before, NOW + DAY)) == ["2", "1"]
    assert ids(file_of(feed(item("2", NOW)), before, NOW + DAY + timedelta(seconds=1))) == ["2"]


def test_no_more_than_a_hundred_are_kept() -> None:
    before = file_of(feed(*(item(f"{number:03}", NOW - DAY - number * HOUR) for number in range(100))))

    after = ids(file_of(feed(item("new", NOW)), before))

    assert after == ["new", *ids(before)[:-1]]


def test_a_correction_in_the_feed_replaces_what_was_known() -> None:
    before = file_of(feed(item("1", NOW - HOUR, "Nwes"), item("2", NOW - DAY)))

    after = file_of(feed(item("1", NOW - HOUR, "News")), before)

    assert [(each.id, each.title) for each in after.announcements] == [("1", "News"), ("2", "News")]


def test_nothing_is_written_if_nothing_has_changed_but_the_time() -> None:
    before = file_of(feed(item("1", NOW - HOUR)))

    assert update(feed(item("1", NOW - HOUR)), before, NOW + HOUR) == NextFile(None, 1, 0)


def test_another_build_of_the_same_feed_is_written() -> None:
    before = file_of(feed(item("1", NOW - HOUR)))

    after = file_of(feed(item("1", NOW - HOUR), built=NOW), before, NOW + HOUR)

    assert (after.metadata.timestamp, after.announcements) == (NOW + HOUR, before.announcements)


def test_the_file_of_another_version_of_the_program_is_written_anew() -> None:
    before = file_of(feed(item("1", NOW - HOUR)))
    metadata = before.metadata.model_copy(update={"version": "0.1.0"})

    after = file_of(feed(item("1", NOW - HOUR)), before.model_copy(update={"metadata": metadata}))

    assert after.metadata.version == contract.SCHEMA_VERSION


def test_an_announcement_of_a_time_to_come_is_taken_once_its_time_has_come() -> None:
    tomorrow = feed(item("1", NOW - HOUR), item("2", NOW + timedelta(seconds=1)))

    before = file_of(tomorrow)

    assert ids(before) == ["1"]
    assert ids(file_of(tomorrow, before, NOW + timedelta(seconds=1))) == ["2", "1"]


def test_a_feed_that_was_built_in_a_time_to_come_is_read_as_if_it_did_not_say_when() -> None:
    before = file_of(feed(item("1", NOW - HOUR), built=NOW + 300 * DAY))

    assert before.metadata.feed_last_build_date is None
    assert ids(file_of(feed(item("2", NOW)), before)) == ["2", "1"]


@pytest.mark.parametrize(
    "older",
    [
        feed(item("1", NOW - HOUR), item("2", NOW), built=NOW - HOUR - timedelta(seconds=1)),
        unbuilt(item("1", NOW - HOUR - timedelta(seconds=1))),
        unbuilt(item("2", NOW + HOUR)),
    ],
    ids=["by its build", "by its newest announcement", "by having none of a time that has come"],
)
def test_a_feed_that_is_older_than_the_one_before_is_an_error(older: Rss) -> None:
    before = file_of(feed(item("1", NOW - HOUR)))

    with pytest.raises(FeedError, match="older than the one before"):
        update(older, before)


def test_an_announcement_that_was_withdrawn_does_not_make_a_feed_old() -> None:
    before = file_of(feed(item("1", NOW - HOUR), item("2", NOW - DAY)))

    after = file_of(feed(item("2", NOW - DAY), built=NOW), before)

    assert ids(after) == ["1", "2"]


def test_the_feed_at_another_address_may_be_older() -> None:
    before = file_of(feed(item("1", NOW - HOUR)))

    after = next_file(unbuilt(item("2", NOW - DAY)), before, "https://mirror.example/", NOW).file

    assert after
    assert ids(after) == ["1", "2"]


def test_times_to_come_in_the_file_before_make_no_feed_old() -> None:
    ahead = file_of(feed(item("1", NOW + DAY), built=NOW + DAY), now=NOW + DAY)

    assert ids(file_of(feed(item("2", NOW)), ahead)) == ["2"]


LONG = "x" * (contract.MOST_CHARACTERS + 1)


@pytest.mark.parametrize(
    "broken",
    [
        {"guid": ""},
        {"guid": LONG},
        {"title": ""},
        {"title": "\u00a0 "},
        {"pub_date": ""},
        {"pub_date": "yesterday"},
        {"pub_date": "Wed, 07 Oct 2026"},
        {"pub_date": "Wed, 07 Oct 2026 11:00:00 CET"},
        {"link": ""},
        {"link": "http://aws.amazon.com/x/"},
        {"link": "javascript:alert(1)//https://aws.amazon.com/"},
        {"link": "https://aws.amazon.com.evil.example/"},
        {"link": "https://evil.example/?https://aws.amazon.com/"},
        {"link": "https://evilaws.amazon.com/"},
        {"link": "https://user@aws.amazon.com/"},
        {"link": "https://aws.amazon.com/\u0022onclick="},
        {"link": "https://aws.amazon.com/ x"},
        {"link": f"https://aws.amazon.com/{LONG}"},
    ],
)
def test_a_broken_item_is_left_out_and_its_siblings_are_not(broken: dict[str, str]) -> None:
    result = update(Rss([GOOD, replace(GOOD, **{"guid": "2", **broken}), replace(GOOD, guid="3")], None))

    assert result.file
    assert (ids(result.file), result.read, result.broken) == (["3", "1"], 2, 1)


def test_a_feed_of_nothing_but_broken_items_is_an_error() -> None:
    with pytest.raises(FeedError, match="none of its 2 items is an announcement"):
        update(Rss([replace(GOOD, guid=""), replace(GOOD, link="")], None))


def test_an_announcement_that_was_good_before_stays_when_the_feed_breaks_it() -> None:
    before = file_of(Rss([GOOD], None))

    assert ids(file_of(Rss([replace(GOOD, title=""), replace(GOOD, guid="2")], None), before)) == ["2", "1"]


@pytest.mark.parametrize(
    ("written", "categories"),
    [
        ("a:b/c,d:e/f", ("a:b/c", "d:e/f")),
        ("databases, amazon-aurora", ("databases", "amazon-aurora")),
        ("", ()),
        (" , ,,", ()),
        (f"{LONG},a", ("a",)),
        (",".join(["a"] * 1000), ("a",) * contract.MOST_CATEGORIES),
    ],
)
def test_categories_are_a_list(written: str, categories: tuple[str, ...]) -> None:
    assert file_of(Rss([replace(GOOD, category=written)], None)).announcements[0].categories == categories


def test_what_is_too_long_to_be_shown_is_cut_or_left_out() -> None:
    words = "word " * 100_000

    (announcement,) = file_of(Rss([replace(GOOD, title=words, description=words)], None)).announcements

    assert announcement.title == "word " * 59 + "word…"
    assert announcement.summary == "word " * 39 + "word…"
    assert announcement.html_content == ""


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40)


@given(st.builds(RssItem, texts, texts, texts, texts, texts, texts))
def test_any_text_in_a_field_leaves_the_siblings_alone_and_the_contract_whole(item: RssItem) -> None:
    dated = replace(item, pub_date=GOOD.pub_date, link=GOOD.link)

    file = file_of(Rss([item, dated, GOOD], None))

    assert any(each.id == "1" and each.title == "News" for each in file.announcements)

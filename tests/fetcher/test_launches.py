import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fetcher.launches import Launch, find_launches, read_launches
from fetcher.rss import parse_rss
from shared import contract
from tests.fetcher.feed_server import FeedServer, answer
from tests.fetcher.test_rss import DATE, GOOD, OREGON, feed, item

CODES = ["us-east-1", "us-east-12", "us-west-2", "us-gov-west-1", "eusc-de-east-1", "mx-central-1"]
DATE_OF: TypeAdapter[str | None] = TypeAdapter(contract.RfcDate | None)
URL_OF: TypeAdapter[str | None] = TypeAdapter(contract.Url | None)
LAUNCHES = {"us-west-2": Launch(date=DATE, url=OREGON)}


def launches_in(body: bytes) -> dict[str, Launch]:
    return find_launches(parse_rss(body).items, CODES)


def test_the_launches_of_a_feed_are_read_from_its_address() -> None:
    with FeedServer({"/feed": answer(GOOD)}) as server:
        assert read_launches(server.url(), CODES) == LAUNCHES


def test_a_feed_gives_dates_and_links_by_region_code() -> None:
    body = feed(
        item("The new Region's code is mx-central-1.", "Tue, 14 Jan 2025 19:00:00 GMT", "https://a.example/mexico"),
        item(
            "&lt;p&gt;Launched &lt;code class='code'&gt;us-west-2&lt;/code&gt;&lt;/p&gt;",
            "Wed, 9 Nov 2011 19:00:00 GMT",
        ),
    )

    launches = launches_in(body)

    assert list(launches.items()) == [
        ("mx-central-1", Launch(date="Tue, 14 Jan 2025 19:00:00 GMT", url="https://a.example/mexico")),
        ("us-west-2", Launch(date=DATE, url=OREGON)),
    ]


@pytest.mark.parametrize(
    ("description", "code"),
    [
        ("us-west-2", "us-west-2"),
        ("in us-gov-west-1.", "us-gov-west-1"),
        ("(eusc-de-east-1)", "eusc-de-east-1"),
        ("region:us-east-1, at last", "us-east-1"),
        ("US-EAST-1", "us-east-1"),
        ("now in us-east-12", "us-east-12"),
        ("<![CDATA[<td>us-east-1</td><td>2</td>]]>", "us-east-1"),
        ("<table><td>us-east-1</td><td>2</td></table>", "us-east-1"),
        ("<code>us-east-1</code>", "us-east-1"),
        ("us-east-1<sup>2</sup>", "us-east-1"),
        ("<sup>2</sup>us-east-1", "us-east-1"),
        ("&amp;nbsp;us-east-1&amp;nbsp;", "us-east-1"),
        ("us-east-1地域", "us-east-1"),
        ("us-east-1, linked with us-west-2", "us-east-1"),
        ("<![CDATA[see <a href='https://x.example/us-west-2'>us-east-1</a>]]>", "us-east-1"),
        ("<![CDATA[https://x.example/?region=us-west-2<br>us-east-1]]>", "us-east-1"),
        ("us-east-123", None),
        ("us-east-1a", None),
        ("us-east-1-bos-1a", None),
        ("xus-east-1", None),
        ("s3.us-east-1.amazonaws.com", None),
        ("https://x.example/?region=us-east-1", None),
        ("&lt;a href='us-east-1'&gt;here&lt;/a&gt;", None),
        ("a region that nobody knows: mars-north-1", None),
        ("", None),
    ],
)
def test_an_item_is_about_the_first_known_code_that_stands_as_a_word_in_its_description(
    description: str, code: str | None
) -> None:
    assert list(launches_in(feed(item(description)))) == ([code] if code else [])


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("Wed, 09 Nov 2011 19:00:00 GMT", "Wed, 09 Nov 2011 19:00:00 GMT"),
        ("\n Wed, 9 Nov 2011 19:00:00 GMT ", "Wed, 09 Nov 2011 19:00:00 GMT"),
        ("Wed, 12 Dec 2017 19:00:00 GMT", "Tue, 12 Dec 2017 19:00:00 GMT"),
        ("28 Oct 2025 00:00 UTC", "Tue, 28 Oct 2025 00:00:00 GMT"),
        ("Tue, 28 Oct 2025 23:00:00 PDT", "Wed, 29 Oct 2025 06:00:00 GMT"),
        ("Tue, 28 Oct 2025 01:00:00 +0200", "Mon, 27 Oct 2025 23:00:00 GMT"),
        ("Tue, 28 Oct 2025", None),
        ("28 Oct 2025 GMT", None),
        ("2025-10-28T00:00:00Z", None),
        ("Tue, 28 Oct 2025 00:00:00", None),
        ("Tue, 28 Oct 2025 00:00:00 CET", None),
        ("Tue, 28 Oct 2025 00:00:00 GMT, or so", None),
        ("Tue, 28 Oct 2025 00:00:00 +9999", None),
        ("Fri, 31 Dec 9999 23:59:59 -0900", None),
        ("Tue, 31 Feb 2025 00:00:00 GMT", None),
        ("Tue, 28 Oct 2025 25:00:00 GMT", None),
        ("Tue, 28 Oct 2025 00:00:00 GMT</pubDate><pubDate>Tue, 28 Oct 2025 00:00:00 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_date_has_a_time_and_a_zone_and_comes_out_in_one_form(written: str, date: str | None) -> None:
    body = feed(item("us-east-1", written), item())

    assert launches_in(body) == LAUNCHES | {"us-east-1": Launch(date=date, url=OREGON)}


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (f" {OREGON}\n", OREGON),
        ("https://a.example", "https://a.example"),
        ("https://a.example:8443/b?c=d&amp;e=%20#f", "https://a.example:8443/b?c=d&e=%20#f"),
        ("http://a.example/", None),
        ("//a.example/", None),
        ("javascript:alert(1)", None),
        ("JavaScript:alert('https://a.example/')", None),
        ("data:text/html,https://a.example/", None),
        ("https://", None),
        ("https:///a", None),
        ("https://user:secret@a.example/", None),
        ("https://a.example/a b", None),
        ("https://a.example/\ny", None),
        ("https://a.example/&quot;onclick=&quot;", None),
        ("https://a.example/&lt;script&gt;", None),
        ("https://a.example/\x85z", None),
        ("https://a.example/\u202egnp", None),
        ("https://a.example/</link><link>https://b.example/", None),
        ("<a>https://a.example/</a>b", None),
        ("", None),
    ],
)
def test_a_link_is_an_https_address_without_anything_odd(written: str, url: str | None) -> None:
    body = feed(item("us-east-1", link=written), item())

    assert launches_in(body) == LAUNCHES | {"us-east-1": Launch(date=DATE, url=url)}


def test_what_comes_out_satisfies_the_contract() -> None:
    [launch] = launches_in(feed(item(date="9 Nov 2011 19:00 Z"))).values()

    assert DATE_OF.validate_python(launch.date) == DATE
    assert URL_OF.validate_python(launch.url) == OREGON


def test_the_earliest_item_of_a_region_is_its_launch_in_whatever_order_they_come() -> None:
    items = [
        item("a Local Zone of us-west-2", "Thu, 01 Dec 2022 19:00:00 GMT", "https://a.example/zone"),
        item("us-west-2", DATE, "https://a.example/launch"),
        item("us-west-2", DATE, "https://a.example/the-same-day"),
        item("us-west-2", DATE, "none"),
        item("us-west-2", "long ago", "https://a.example/a"),
    ]

    results = [launches_in(feed(*order)) for order in itertools.permutations(items)]

    assert all(result == {"us-west-2": Launch(date=DATE, url="https://a.example/launch")} for result in results)


def test_items_without_a_readable_date_give_their_link_if_no_other_item_has_a_date() -> None:
    items = [item(date="long ago", link="https://a.example/b"), item(date="", link="https://a.example/a")]

    for order in (items, items[::-1]):
        assert launches_in(feed(*order)) == {"us-west-2": Launch(date=None, url="https://a.example/a")}


@pytest.mark.parametrize(
    "odd",
    [
        "<item/>",
        "<item><description/></item>",
        "<item>us-west-2</item>",
        "<item><title>us-west-2</title><pubDate>Wed, 09 Nov 2005 19:00:00 GMT</pubDate></item>",
        item("us-west-2", "never", "nowhere"),
        item("mars-north-1"),
        "<item><item><description>us-west-2</description></item></item>",
        f"<wrapped>{item(date='Wed, 09 Nov 2005 19:00:00 GMT')}</wrapped>",
        "<item xmlns='urn:other'><description>us-east-1</description></item>",
        (
            '<item xmlns:atom="http://www.w3.org/2005/Atom"><description>us-east-1</description>'
            "<atom:link>https://a.example/</atom:link></item>"
        ),
    ],
)
def test_an_odd_item_leaves_its_siblings_alone(odd: str) -> None:
    assert launches_in(feed(odd, item(), odd)) == LAUNCHES


def test_a_region_without_an_item_and_a_feed_without_a_known_region_give_nothing() -> None:
    assert find_launches(parse_rss(GOOD).items, []) == {}


@given(*[st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40)] * 3)
@example("us-west-2", "Tue, 28 Oct 99999999999999999999 00:00:00 GMT", "")
@example("us-west-2", "٢٨ Oct 2025 00:00:00 GMT", "")
def test_any_text_in_a_field_leaves_the_siblings_alone_and_the_contract_whole(
    description: str, date: str, link: str
) -> None:
    texts = (text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for text in (date, link))
    body = feed(item(f"us-east-1 <![CDATA[{description.replace(']]>', '')}]]>", *texts), item())

    launches = launches_in(body)

    assert launches["us-west-2"] == LAUNCHES["us-west-2"]
    for launch in launches.values():
        DATE_OF.validate_python(launch.date)
        URL_OF.validate_python(launch.url)

import ipaddress
import itertools
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fetcher.launches import Launch, LaunchFeedError, parse_launches, read_launches
from shared import contract
from tests.fetcher.launch_server import Answer, LaunchServer, answer, endless, raw, redirect, reset_after

CODES = ["us-east-1", "us-east-12", "us-west-2", "us-gov-west-1", "eusc-de-east-1", "mx-central-1"]
BRIEF = 0.3
NO_OTHERS: dict[str, Answer] = {}
DATE_OF: TypeAdapter[str | None] = TypeAdapter(contract.RfcDate | None)
URL_OF: TypeAdapter[str | None] = TypeAdapter(contract.Url | None)
OREGON = "https://aws.amazon.com/blogs/aws/now-open-us-west-portland-region/"
DATE = "Wed, 09 Nov 2011 19:00:00 GMT"


def item(description: str = "us-west-2", date: str = DATE, link: str = OREGON) -> str:
    return f"<item><description>{description}</description><pubDate>{date}</pubDate><link>{link}</link></item>"


def feed(*items: str) -> bytes:
    channel = f"<title>Regions</title><link>https://docs.aws.amazon.com/</link>{''.join(items)}"
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{channel}</channel></rss>'.encode()


GOOD = feed(item())
LAUNCHES = {"us-west-2": Launch(date=DATE, url=OREGON)}


def read(
    reply: Answer, others: Mapping[str, Answer] = NO_OTHERS, *, seconds: float = 10, max_bytes: int = 2_000_000
) -> dict[str, Launch]:
    with LaunchServer({"/feed": reply, **others}) as server:
        return read_launches(server.url(), CODES, max_seconds=seconds, max_bytes=max_bytes)


# What the feed says


def test_a_feed_gives_dates_and_links_by_region_code() -> None:
    body = feed(
        item("The new Region's code is mx-central-1.", "Tue, 14 Jan 2025 19:00:00 GMT", "https://a.example/mexico"),
        item(
            "&lt;p&gt;Launched &lt;code class='code'&gt;us-west-2&lt;/code&gt;&lt;/p&gt;",
            "Wed, 9 Nov 2011 19:00:00 GMT",
        ),
    )

    launches = parse_launches(body, CODES)

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
    assert list(parse_launches(feed(item(description)), CODES)) == ([code] if code else [])


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

    assert parse_launches(body, CODES) == LAUNCHES | {"us-east-1": Launch(date=date, url=OREGON)}


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

    assert parse_launches(body, CODES) == LAUNCHES | {"us-east-1": Launch(date=DATE, url=url)}


def test_what_comes_out_satisfies_the_contract() -> None:
    [launch] = parse_launches(feed(item(date="9 Nov 2011 19:00 Z")), CODES).values()

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

    results = [parse_launches(feed(*order), CODES) for order in itertools.permutations(items)]

    assert all(result == {"us-west-2": Launch(date=DATE, url="https://a.example/launch")} for result in results)


def test_items_without_a_readable_date_give_their_link_if_no_other_item_has_a_date() -> None:
    items = [item(date="long ago", link="https://a.example/b"), item(date="", link="https://a.example/a")]

    for order in (items, items[::-1]):
        assert parse_launches(feed(*order), CODES) == {"us-west-2": Launch(date=None, url="https://a.example/a")}


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
    assert parse_launches(feed(odd, item(), odd), CODES) == LAUNCHES


def test_a_region_without_an_item_and_a_feed_without_a_known_region_give_nothing() -> None:
    assert parse_launches(GOOD, []) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "cp1252"])
def test_a_feed_in_the_encoding_that_it_declares_is_read(encoding: str) -> None:
    body = GOOD.decode().replace("utf-8", encoding).replace("Regions", "Régions").encode(encoding)

    assert parse_launches(body, CODES) == LAUNCHES


# What is not the feed


def doctype(declaration: str, text: str = "") -> bytes:
    return GOOD.replace(b"<rss ", f"<!DOCTYPE rss {declaration}><rss ".encode()).replace(b"-2", f"-2 {text}".encode())


LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BROKEN = {
    "empty": b"",
    "blank": b" \n",
    "truncated in an item": GOOD[:-40],
    "truncated after the items": GOOD[:-3],
    "not well-formed": GOOD.replace(b"</item>", b"</itme>"),
    "trailing": GOOD + GOOD,
    "unknown entity": GOOD.replace(b"us-west-2", b"&unknown;"),
    "control character": GOOD.replace(b"us-west-2", b"us-west-2\x01"),
    "control character by number": GOOD.replace(b"us-west-2", b"us-west-2&#1;"),
    "NUL": GOOD + b"\0",
    "HTML page": b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>An error<br></body></html>",
    "XHTML page": b'<html xmlns="http://www.w3.org/1999/xhtml"><body>us-west-2</body></html>',
    "JSON": b'{"items": []}',
    "Atom": b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><summary>us-west-2</summary></entry></feed>',
    "RSS in a namespace": GOOD.replace(b"<rss ", b'<rss xmlns="urn:other" '),
    "other root": b"<wrapped>" + GOOD.partition(b"?>")[2] + b"</wrapped>",
    "no items": feed(),
    "items outside a channel": b"<rss><item><description>us-west-2</description></item></rss>",
    "DTD": doctype(""),
    "external DTD": doctype('SYSTEM "http://127.0.0.1:9/rss.dtd"'),
    "external entity": doctype('[<!ENTITY x SYSTEM "file:///etc/passwd">]', "&x;"),
    "billion laughs": doctype(f'[<!ENTITY l0 "lol">{LOL}]', "&l9;"),
    "quadratic blowup": doctype(f'[<!ENTITY a "{"a" * 50_000}">]', "&a;" * 50_000),
    "deep nesting": GOOD.replace(b"us-west-2", b"us-west-2" + b"<b>" * 100_000 + b"</b>" * 100_000),
    "deep nesting without an end": b"<rss>" * 300_000,
    "declared UTF-8, is Latin-1": GOOD.replace(b"us-west-2", b"us-west-2 \xe9"),
    "declared UTF-16, is UTF-8": GOOD.replace(b"utf-8", b"utf-16"),
    "unknown encoding": GOOD.replace(b"utf-8", b"mars-8"),
    "codec that is no encoding": GOOD.replace(b"utf-8", b"hex"),
    "encoding that expat can't read": GOOD.replace(b"utf-8", b"utf-7"),
    "every byte": bytes(range(256)),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_is_not_a_well_formed_rss_feed_with_items_is_an_error(body: bytes) -> None:
    with pytest.raises(LaunchFeedError):
        parse_launches(body, CODES)


def test_the_error_names_the_root_that_is_there_instead() -> None:
    with pytest.raises(LaunchFeedError, match="not an RSS feed: feed"):
        parse_launches(b"<feed/>", CODES)


def test_an_external_entity_is_asked_for_nowhere() -> None:
    with LaunchServer({}) as other:
        doctype = f'<!DOCTYPE rss SYSTEM "{other.url()}" [<!ENTITY x SYSTEM "{other.url()}">]><rss '
        body = GOOD.decode().replace("<rss ", doctype).replace("us-west-2", "us-west-2 &x;")

        with pytest.raises(LaunchFeedError):
            read(answer(body.encode()))

    assert other.requested == []


def test_a_hundred_thousand_items_are_read() -> None:
    short = "<item><link/></item>"

    assert parse_launches(feed(short * 50_000, item(), short * 50_000), CODES) == LAUNCHES


LONG = "x" * 1_000_000


@pytest.mark.parametrize("name", ["<x:t{}/>", "<t x:a{}=''/>"], ids=["elements", "attributes"])
def test_names_in_a_namespace_with_a_long_address_take_no_memory(name: str) -> None:
    body = feed(item(), *map(name.format, range(500))).replace(b"<rss ", f"<rss xmlns:x='{LONG}' ".encode())

    tracemalloc.start()
    launches = parse_launches(body, CODES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert launches == LAUNCHES
    assert peak < 20_000_000


def test_many_elements_within_a_long_namespace_take_no_time() -> None:
    start = time.thread_time()

    launches = parse_launches(feed(item(), f"<long xmlns='{LONG}'>{'<t/>' * 200_000}</long>"), CODES)

    assert launches == LAUNCHES
    assert time.thread_time() - start < 3  # of the processor; a copy of the name for each of them took 10


def test_error_messages_hold_no_control_characters() -> None:
    with pytest.raises(LaunchFeedError) as caught:
        parse_launches("<\u202e\u0085x/>".encode(), CODES)
    with pytest.raises(LaunchFeedError) as redirected:
        read(redirect("file:///\x1b[2J"))

    assert str(caught.value).isprintable()
    assert str(redirected.value).isprintable()


pieces = st.sampled_from(
    [b"<rss>", b"<channel>", b"<item>", b"<description>", b"us-west-2", b"</description>", b"<link>", b"</link>"]
    + [OREGON.encode(), b"<pubDate>", DATE.encode(), b"</pubDate>", b"</item>", b"</channel>", b"</rss>", b"]]>"]
    + [
        b"<![CDATA[",
        b"<!--",
        b"-->",
        b"<?x ?>",
        b"&amp;",
        b"&#x1F600;",
        b"<!DOCTYPE rss>",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ]
    + [b'<?xml version="1.0" encoding="' + name + b'"?>' for name in (b"utf-16", b"cp037", b"big5", b"punycode", b"x")]
)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300) | st.lists(pieces | st.binary(max_size=4), max_size=25).map(b"".join))
@example(GOOD)
def test_any_bytes_give_launches_or_the_one_error(body: bytes) -> None:
    with suppress(LaunchFeedError):
        assert isinstance(parse_launches(body, CODES), dict)


@settings(max_examples=500, deadline=None)
@given(*[st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40)] * 3)
@example("us-west-2", "Tue, 28 Oct 99999999999999999999 00:00:00 GMT", "")
@example("us-west-2", "٢٨ Oct 2025 00:00:00 GMT", "")
def test_any_text_in_a_field_leaves_the_siblings_alone_and_the_contract_whole(
    description: str, date: str, link: str
) -> None:
    texts = (text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for text in (date, link))
    body = feed(item(f"us-east-1 <![CDATA[{description.replace(']]>', '')}]]>", *texts), item())

    launches = parse_launches(body, CODES)

    assert launches["us-west-2"] == LAUNCHES["us-west-2"]
    for launch in launches.values():
        DATE_OF.validate_python(launch.date)
        URL_OF.validate_python(launch.url)


# What the network does


def chunked(body: bytes) -> bytes:
    parts = [body[start : start + 100] for start in range(0, len(body), 100)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TENS = [GOOD[start : start + 10] for start in range(0, len(GOOD), 10)]
READABLE = {
    "chunked": raw(CHUNKED + chunked(GOOD)),
    "until the end of the connection": raw(HEAD + b"\r\n" + GOOD),
    "in small parts": raw(HEAD + b"\r\n", *TENS, every=0.001),
    "with the encoding that was asked for": answer(GOOD, Content_Encoding="identity"),
    **{
        f"as {content_type}": answer(GOOD, content_type=content_type)
        for content_type in (
            *("application/rss+xml", "application/xml; charset=utf-8", "Text/XML;charset=UTF-8"),
            *("binary/octet-stream", "application/octet-stream", "text/plain", "", None),
        )
    },
    **{
        f"after a {status}": redirect("/there", status)
        for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect")
    },
}


@pytest.mark.parametrize("reply", READABLE.values(), ids=READABLE)
def test_the_feed_is_read_however_it_is_sent(reply: Answer) -> None:
    assert read(reply, {"/there": answer(GOOD)}) == LAUNCHES


def test_the_reader_says_who_it_is_and_asks_for_plain_bytes() -> None:
    with LaunchServer({"/feed": answer(GOOD)}) as server:
        read_launches(server.url(), CODES)

    assert "\r\nuser-agent: aws-services-feed\r\n" in server.heads[0].lower()
    assert "\r\naccept-encoding: identity\r\n" in server.heads[0].lower()


SIZE, PADDING = 10_000, b" " * 20_000
UNREADABLE = {
    "reset": (reset_after(b""), "."),
    "nothing": (raw(), "."),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH\r\n"), "."),
    "a thousand headers": (raw(HEAD + b"X: y\r\n" * 1000 + b"\r\n" + GOOD), "."),
    "a long header": (raw(HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n" + GOOD), "."),
    "reset within the body": (reset_after(HEAD + b"\r\n" + GOOD[:100]), "."),
    "shorter than it says": (raw(HEAD + b"Content-Length: 5000\r\n\r\n" + GOOD[:100]), "."),
    "broken chunks": (raw(CHUNKED + b"mars\r\n" + GOOD), "."),
    "HTML with 200": (answer(BROKEN["HTML page"], content_type="text/html"), "content type text/html"),
    "HTML that calls itself XML": (answer(BROKEN["HTML page"]), "not well-formed"),
    "empty": (answer(), "not well-formed"),
    "a long body": (answer(GOOD + PADDING), "longer than 10000 bytes"),
    "an endless body": (endless(HEAD + b"\r\n" + GOOD, PADDING), "longer than 10000 bytes"),
    "endless chunks": (endless(CHUNKED, b"3e8\r\n" + b" " * 1000 + b"\r\n"), "longer than 10000 bytes"),
    **{
        name: (answer(GOOD, content_type=name), f"content type {name.partition(';')[0]}")
        for name in ("text/html; charset=utf-8", "application/json", "image/png")
    },
    **{
        name: (answer(GOOD, Content_Encoding=name), f"content encoding {name}")
        for name in ("gzip", "br", "identity, gzip")
    },
    **{
        name: (answer(GOOD, status=name), f"status {name[:3]}")
        for name in (
            *("204 No Content", "206 Partial Content", "300 Multiple Choices", "302 Found", "304 Not Modified"),
            *("403 Forbidden", "404 Not Found", "500 Internal Server Error", "503 Slow Down"),
        )
    },
}


@pytest.mark.parametrize(("reply", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_another_answer_is_an_error(reply: Answer, words: str) -> None:
    with pytest.raises(LaunchFeedError, match=words):
        read(reply, max_bytes=SIZE)


def test_a_body_of_just_the_limit_is_read() -> None:
    assert read(answer(GOOD), max_bytes=len(GOOD)) == LAUNCHES


def test_a_feed_that_fails_is_asked_for_once() -> None:
    with LaunchServer({"/feed": reset_after(b"")}) as server:
        with pytest.raises(LaunchFeedError):
            read_launches(server.url(), CODES)

        assert server.requested == ["/feed"]


NO_ADDRESSES = ("", "file:///etc/passwd", "ftp://127.0.0.1/feed", "http://", "http://[::1/feed", "http://127.0.0.1:x/")


@pytest.mark.parametrize("url", [*NO_ADDRESSES, "feed", "http://a\0b/", "//x/"])
def test_an_address_that_is_no_http_address_is_an_error(url: str) -> None:
    with pytest.raises(LaunchFeedError):
        read_launches(url, CODES, max_seconds=BRIEF)


def test_a_refused_connection_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(LaunchFeedError):
        read_launches(f"http://127.0.0.1:{port}/feed", CODES, max_seconds=BRIEF)


# Each would be a good answer for a reader that waits half a minute.
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SLOW = {
    "says nothing": raw(b"", HEAD + b"\r\n" + GOOD, every=30),
    "drips headers": raw(HEAD, *[b"X"] * 1500, b": y\r\n\r\n" + GOOD, every=0.02),
    "drips the body": raw(HEAD + b"\r\n" + GOOD, *[b" " * 100] * 1500, every=0.02),
    "drips chunks": raw(
        CHUNKED + chunked(GOOD).removesuffix(b"0\r\n\r\n"), *[b"1\r\n \r\n"] * 1500, b"0\r\n\r\n", every=0.02
    ),
    "says again and again that there is more to come": raw(*[CONTINUE] * 1500, HEAD + b"\r\n" + GOOD, every=0.02),
}


@pytest.mark.parametrize("reply", SLOW.values(), ids=SLOW)
def test_a_server_that_takes_too_long_is_given_up(reply: Answer) -> None:
    with pytest.raises(LaunchFeedError, match="not read within|timed out"):
        read(reply, seconds=BRIEF)


def test_a_look_up_of_the_name_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(30))

    with pytest.raises(LaunchFeedError, match="not read within"):
        read_launches("http://feed.example/", CODES, max_seconds=0.05)

    answered.set()


def test_a_reader_that_was_given_up_hangs_up_by_itself() -> None:
    with LaunchServer({"/feed": SLOW["drips the body"]}) as server:
        with pytest.raises(LaunchFeedError, match="not read within"):
            read_launches(server.url(), CODES, max_seconds=BRIEF)
        for thread in threading.enumerate():
            if thread.name == "launch-feed":
                thread.join(10)

        assert "launch-feed" not in [thread.name for thread in threading.enumerate()]


# Where it is sent


def test_three_redirects_are_followed_and_a_fourth_is_an_error() -> None:
    chain = {"/a": redirect("b"), "/b": redirect("/c"), "/c": answer(GOOD)}

    assert read(redirect("a"), chain) == LAUNCHES
    with pytest.raises(LaunchFeedError, match="more than 3 redirects"):
        read(redirect("/first"), {"/first": redirect("/a"), **chain})


def test_a_redirect_loop_ends() -> None:
    with LaunchServer({"/feed": redirect("/feed")}) as server:
        with pytest.raises(LaunchFeedError, match="more than 3 redirects"):
            read_launches(server.url(), CODES)

        assert server.requested == ["/feed"] * 4


@pytest.mark.parametrize(
    "location", [*NO_ADDRESSES, "javascript:alert(1)", "data:text/xml,<rss/>", "mailto:a@b", "http://127.0.0.1:99999/"]
)
def test_a_redirect_to_anything_but_http_is_an_error(location: str) -> None:
    with pytest.raises(LaunchFeedError):
        read(redirect(location), seconds=BRIEF)


def test_the_body_of_a_redirect_is_not_read() -> None:
    moved = endless(b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", PADDING)

    assert read(moved, {"/there": answer(GOOD)}) == LAUNCHES


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A TLS context for 127.0.0.1, and the file with its certificate, which nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address: Any = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    own, chain = folder / "key.pem", folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    own.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    chain.write_bytes(signed.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, own)
    return context, chain


def test_a_server_with_a_certificate_that_nobody_vouches_for_is_not_asked(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)

    with LaunchServer({"/feed": answer(GOOD)}, context) as server:
        with pytest.raises(LaunchFeedError, match="(?i)certificate"):
            read_launches(server.url(), CODES)

        assert server.requested == []


def test_https_is_read_and_entered_and_never_left_for_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, chain = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))

    answers = {"/feed": answer(GOOD), "/on": redirect("/feed")}
    with LaunchServer(dict(answers)) as plain, LaunchServer(dict(answers), context) as server:
        plain.answers |= {"/safer": redirect(server.url().replace("https", "HTTPS"))}
        plain.answers |= {"/safer-and-away": redirect(server.url("/away"))}
        server.answers |= {"/away": redirect(plain.url()), "/on-and-away": redirect("/away")}
        for url in (server.url(), server.url("/on"), plain.url("/safer")):
            assert read_launches(url, CODES) == LAUNCHES
        for url in (server.url("/away"), server.url("/on-and-away"), plain.url("/safer-and-away")):
            with pytest.raises(LaunchFeedError, match="not followed"):
                read_launches(url, CODES)

    assert plain.requested == ["/safer", "/safer-and-away"]

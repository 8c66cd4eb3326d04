import ipaddress
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
from hypothesis import example, given
from hypothesis import strategies as st

from fetcher.rss import FeedError, RssItem, parse_rss, read_rss
from tests.fetcher.feed_server import Answer, FeedServer, answer, endless, raw, redirect, reset_after

BRIEF = 0.3
NO_OTHERS: dict[str, Answer] = {}
OREGON = "https://aws.amazon.com/blogs/aws/now-open-us-west-portland-region/"
DATE = "Wed, 09 Nov 2011 19:00:00 GMT"


def item(description: str = "us-west-2", date: str = DATE, link: str = OREGON) -> str:
    return f"<item><description>{description}</description><pubDate>{date}</pubDate><link>{link}</link></item>"


def feed(*items: str) -> bytes:
    channel = f"<title>Regions</title><link>https://docs.aws.amazon.com/</link>{''.join(items)}"
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{channel}</channel></rss>'.encode()


GOOD = feed(item())
EMPTY = RssItem("", "", "", "", "", "")
ITEMS = [RssItem("", "", "us-west-2", DATE, "", OREGON)]


def read(
    reply: Answer, others: Mapping[str, Answer] = NO_OTHERS, *, seconds: float = 10, max_bytes: int = 2_000_000
) -> list[RssItem]:
    with FeedServer({"/feed": reply, **others}) as server:
        return read_rss(server.url(), max_seconds=seconds, max_bytes=max_bytes).items


# What the feed says


def test_an_item_has_the_text_of_its_fields_and_nothing_else() -> None:
    body = feed(
        "<item><guid isPermaLink='false'> a1 </guid><title>News &amp; more</title>"
        "<description><![CDATA[<p>Text</p>]]></description><author>aws@amazon.com</author><pubDate>today</pubDate>"
        "<category>a,b</category><category>c</category><link>https://a.example/</link><title>Again</title></item>",
    )

    assert parse_rss(body).items == [
        RssItem("a1", "News & more  Again", "<p>Text</p>", "today", "a,b  c", "https://a.example/")
    ]


@pytest.mark.parametrize(
    ("channel", "built"),
    [
        (
            b"<lastBuildDate> Wed, 07 Oct 2026 00:03:01 GMT\n</lastBuildDate>",
            datetime(2026, 10, 7, 0, 3, 1, tzinfo=UTC),
        ),
        (b"<image><lastBuildDate>Wed, 07 Oct 2026 00:03:01 GMT</lastBuildDate></image>", None),
        (b"<lastBuildDate>Wed, 07 Oct 2026 00:03:01 GMT<b/>!</lastBuildDate>", None),
        (b"<lastBuildDate>today</lastBuildDate>", None),
        (b"<lastBuildDate/>", None),
        (b"<pubDate>Wed, 07 Oct 2026 00:03:01 GMT</pubDate>", None),
    ],
)
def test_a_feed_was_built_when_its_channel_says_so(channel: bytes, built: datetime | None) -> None:
    assert parse_rss(GOOD.replace(b"<item>", channel + b"<item>")).built == built


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "cp1252"])
def test_a_feed_in_the_encoding_that_it_declares_is_read(encoding: str) -> None:
    body = GOOD.decode().replace("utf-8", encoding).replace("Regions", "Régions").encode(encoding)

    assert parse_rss(body).items == ITEMS


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
    with pytest.raises(FeedError):
        parse_rss(body)


def test_the_error_names_the_root_that_is_there_instead() -> None:
    with pytest.raises(FeedError, match="not an RSS feed: feed"):
        parse_rss(b"<feed/>")


def test_an_external_entity_is_asked_for_nowhere() -> None:
    with FeedServer({}) as other:
        doctype = f'<!DOCTYPE rss SYSTEM "{other.url()}" [<!ENTITY x SYSTEM "{other.url()}">]><rss '
        body = GOOD.decode().replace("<rss ", doctype).replace("us-west-2", "us-west-2 &x;")

        with pytest.raises(FeedError):
            read(answer(body.encode()))

    assert other.requested == []


@pytest.mark.untraced
def test_a_hundred_thousand_items_are_read() -> None:
    short = "<item><link/></item>"

    assert parse_rss(feed(short * 50_000, item(), short * 50_000)).items == [EMPTY] * 50_000 + ITEMS + [EMPTY] * 50_000


LONG = "x" * 1_000_000


@pytest.mark.parametrize("name", ["<x:t{}/>", "<t x:a{}=''/>"], ids=["elements", "attributes"])
def test_names_in_a_namespace_with_a_long_address_take_no_memory(name: str) -> None:
    body = feed(item(), *map(name.format, range(500))).replace(b"<rss ", f"<rss xmlns:x='{LONG}' ".encode())

    tracemalloc.start()
    items = parse_rss(body).items
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert items == ITEMS
    assert peak < 20_000_000


@pytest.mark.untraced
def test_many_elements_within_a_long_namespace_take_no_time() -> None:
    start = time.thread_time()

    items = parse_rss(feed(item(), f"<long xmlns='{LONG}'>{'<t/>' * 200_000}</long>")).items

    assert items == ITEMS
    assert time.thread_time() - start < 3  # of the processor; a copy of the name for each of them took 10


def test_error_messages_hold_no_control_characters() -> None:
    with pytest.raises(FeedError) as caught:
        parse_rss("<\u202e\u0085x/>".encode())
    with pytest.raises(FeedError) as redirected:
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


@given(st.binary(max_size=300) | st.lists(pieces | st.binary(max_size=4), max_size=25).map(b"".join))
@example(GOOD)
def test_any_bytes_give_items_or_the_one_error(body: bytes) -> None:
    with suppress(FeedError):
        assert parse_rss(body).items


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
    assert read(reply, {"/there": answer(GOOD)}) == ITEMS


def test_the_reader_says_who_it_is_and_asks_for_plain_bytes() -> None:
    with FeedServer({"/feed": answer(GOOD)}) as server:
        read_rss(server.url())

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
    with pytest.raises(FeedError, match=words):
        read(reply, max_bytes=SIZE)


def test_a_body_of_just_the_limit_is_read() -> None:
    assert read(answer(GOOD), max_bytes=len(GOOD)) == ITEMS


def test_a_feed_that_fails_is_asked_for_once() -> None:
    with FeedServer({"/feed": reset_after(b"")}) as server:
        with pytest.raises(FeedError):
            read_rss(server.url())

        assert server.requested == ["/feed"]


NO_ADDRESSES = ("", "file:///etc/passwd", "ftp://127.0.0.1/feed", "http://", "http://[::1/feed", "http://127.0.0.1:x/")


@pytest.mark.parametrize("url", [*NO_ADDRESSES, "feed", "http://a\0b/", "//x/"])
def test_an_address_that_is_no_http_address_is_an_error(url: str) -> None:
    with pytest.raises(FeedError):
        read_rss(url, max_seconds=BRIEF)


def test_a_refused_connection_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(FeedError):
        read_rss(f"http://127.0.0.1:{port}/feed", max_seconds=BRIEF)


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
    with pytest.raises(FeedError, match="not read within|timed out"):
        read(reply, seconds=BRIEF)


def test_a_look_up_of_the_name_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(30))

    with pytest.raises(FeedError, match="not read within"):
        read_rss("http://feed.example/", max_seconds=0.05)

    answered.set()


def test_a_reader_that_was_given_up_hangs_up_by_itself() -> None:
    with FeedServer({"/feed": SLOW["drips the body"]}) as server:
        with pytest.raises(FeedError, match="not read within"):
            read_rss(server.url(), max_seconds=BRIEF)
        for thread in threading.enumerate():
            if thread.name == "rss":
                thread.join(10)

        assert "rss" not in [thread.name for thread in threading.enumerate()]


# Where it is sent


def test_three_redirects_are_followed_and_a_fourth_is_an_error() -> None:
    chain = {"/a": redirect("b"), "/b": redirect("/c"), "/c": answer(GOOD)}

    assert read(redirect("a"), chain) == ITEMS
    with pytest.raises(FeedError, match="more than 3 redirects"):
        read(redirect("/first"), {"/first": redirect("/a"), **chain})


def test_a_redirect_loop_ends() -> None:
    with FeedServer({"/feed": redirect("/feed")}) as server:
        with pytest.raises(FeedError, match="more than 3 redirects"):
            read_rss(server.url())

        assert server.requested == ["/feed"] * 4


@pytest.mark.parametrize(
    "location", [*NO_ADDRESSES, "javascript:alert(1)", "data:text/xml,<rss/>", "mailto:a@b", "http://127.0.0.1:99999/"]
)
def test_a_redirect_to_anything_but_http_is_an_error(location: str) -> None:
    with pytest.raises(FeedError):
        read(redirect(location), seconds=BRIEF)


def test_the_body_of_a_redirect_is_not_read() -> None:
    moved = endless(b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", PADDING)

    assert read(moved, {"/there": answer(GOOD)}) == ITEMS


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

    with FeedServer({"/feed": answer(GOOD)}, context) as server:
        with pytest.raises(FeedError, match="(?i)certificate"):
            read_rss(server.url())

        assert server.requested == []


def test_https_is_read_and_entered_and_never_left_for_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, chain = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))

    answers = {"/feed": answer(GOOD), "/on": redirect("/feed")}
    with FeedServer(dict(answers)) as plain, FeedServer(dict(answers), context) as server:
        plain.answers |= {"/safer": redirect(server.url().replace("https", "HTTPS"))}
        plain.answers |= {"/safer-and-away": redirect(server.url("/away"))}
        server.answers |= {"/away": redirect(plain.url()), "/on-and-away": redirect("/away")}
        for url in (server.url(), server.url("/on"), plain.url("/safer")):
            assert read_rss(url).items == ITEMS
        for url in (server.url("/away"), server.url("/on-and-away"), plain.url("/safer-and-away")):
            with pytest.raises(FeedError, match="not followed"):
                read_rss(url)

    assert plain.requested == ["/safer", "/safer-and-away"]

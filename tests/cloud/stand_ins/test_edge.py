"""The local edge answers as CloudFront does over the website bucket; a dictionary stands for the bucket."""

import gzip
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import EndpointConnectionError

from cloud.stand_ins.cloudfront import CloudFront
from cloud.stand_ins.edge import Edge, EdgeServer, StoredFile
from cloud.stand_ins.loopback import HttpReply, HttpRequest
from cloud.template import WEBSITE_TEMPLATE, read_template

DISTRIBUTION = "E1"
BODY = b'{"regions": [' + b'"us-east-1",' * 200 + b"null]}"


@dataclass
class World:
    """A bucket, an edge over it, and a clock."""

    files: dict[str, StoredFile] = field(default_factory=dict)
    cloudfront: CloudFront = field(default_factory=lambda: CloudFront({DISTRIBUTION}))
    now: float = 0

    def __post_init__(self) -> None:
        self.edge = Edge(self.files.get, self.cloudfront, clock=lambda: self.now)

    def put(
        self, key: str, body: bytes, cache_control: str = "public, max-age=300", content_type: str = "application/json"
    ) -> None:
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        self.files[key] = StoredFile(body, content_type, cache_control, etag, "Thu, 26 Nov 2026 02:00:00 GMT")

    def get(self, path: str, method: str = "GET", **headers: str) -> HttpReply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.edge.answer(HttpRequest(method, path, named, b""))

    def invalidate(self, *paths: str) -> None:
        self.cloudfront.create(DISTRIBUTION, paths, str(len(self.cloudfront.accepted)))


@pytest.fixture
def world() -> World:
    made = World()
    made.put("data/x.json", BODY)
    made.put("index.html", b"<!doctype html>", "public, max-age=60", "text/html")
    return made


def test_a_file_is_kept_as_long_as_its_header_says(world: World) -> None:
    first = world.get("/data/x.json")
    world.put("data/x.json", b"[]")
    world.now = 299
    kept = world.get("/data/x.json")
    world.now = 300
    later = world.get("/data/x.json")

    assert (first.headers["X-Cache"], kept.headers["X-Cache"]) == ("Miss from cloudfront", "Hit from cloudfront")
    assert (kept.body, kept.headers["Age"]) == (BODY, "299")
    assert (later.body, later.headers["X-Cache"]) == (b"[]", "Miss from cloudfront")


@pytest.mark.parametrize(
    ("cache_control", "fresh", "stale"),
    [
        ("public, max-age=10, s-maxage=100", 99, 100),
        ("", 59, 60),  # the default of the cache policy
        ("max-age=0", None, 0),
        ("no-cache", None, 0),
        ("private, max-age=60", None, 0),
    ],
)
def test_how_long_is_as_a_shared_cache_reads_it(
    cache_control: str, fresh: int | None, stale: int, world: World
) -> None:
    world.put("data/x.json", b"1", cache_control)
    world.get("/data/x.json")
    world.put("data/x.json", b"2", cache_control)

    if fresh is not None:
        world.now = fresh
        assert world.get("/data/x.json").body == b"1"
    world.now = stale
    assert world.get("/data/x.json").body == b"2"


def test_a_stale_file_is_shown_once_more_while_a_new_one_is_fetched(world: World) -> None:
    world.put("data/x.json", b"1", "max-age=60, stale-while-revalidate=600")
    world.get("/data/x.json")
    world.put("data/x.json", b"2", "max-age=60, stale-while-revalidate=600")
    world.now = 100

    assert [world.get("/data/x.json").body, world.get("/data/x.json").body] == [b"1", b"2"]


def test_a_file_that_has_not_changed_is_fetched_again_and_called_so(world: World) -> None:
    world.get("/data/x.json")
    world.now = 300

    assert world.get("/data/x.json").headers["X-Cache"] == "RefreshHit from cloudfront"


@pytest.mark.parametrize(("path", "drops"), [("/data/x.json", True), ("/data/*", True), ("/data/y.json", False)])
def test_an_invalidation_drops_what_it_names_and_nothing_that_is_fetched_after_it(
    path: str, drops: bool, world: World
) -> None:
    world.get("/data/x.json")
    world.put("data/x.json", b"[]")

    world.invalidate(path)

    assert (world.get("/data/x.json").body == b"[]") is drops
    world.put("data/x.json", b"[1]")
    assert world.get("/data/x.json").headers["X-Cache"] == "Hit from cloudfront"


def test_what_is_missing_is_404_and_never_the_page_and_is_asked_for_again(world: World) -> None:
    missing = world.get("/data/new.json")
    world.put("data/new.json", b"[]")

    assert (missing.status, missing.content_type) == (404, "application/xml")
    assert missing.headers["X-Cache"] == "Error from cloudfront"
    assert world.get("/data/new.json").status == 200


def test_the_root_is_the_page_and_a_query_is_no_part_of_the_name(world: World) -> None:
    assert world.get("/").body == b"<!doctype html>"
    assert world.get("/data/x.json?v=1").body == BODY
    assert world.get("/data/x.json?v=2").headers["X-Cache"] == "Hit from cloudfront"


@pytest.mark.parametrize(
    ("key", "size", "media_type", "accepted", "encoding"),
    [
        ("data/x.json", 1_000, "application/json", "gzip, deflate, br", "gzip"),
        ("data/x.json", 999, "application/json", "gzip", None),
        ("data/x.json", 10_000_001, "application/json", "gzip", None),
        ("data/x.json", 1_000, "application/json", "br", None),
        ("data/x.json", 1_000, "application/json", "gzip;q=0, br", None),
        ("data/x.json", 1_000, "application/feed+json", "gzip", None),
        ("app.js", 1_000, "text/javascript; charset=utf-8", "gzip", "gzip"),
    ],
)
def test_what_cloudfront_compresses_is_compressed(  # noqa: PLR0913, PLR0917 - a row of the table
    key: str, size: int, media_type: str, accepted: str, encoding: str | None, world: World
) -> None:
    world.put(key, b" " * size, content_type=media_type)

    reply = world.get(f"/{key}", Accept_Encoding=accepted)

    assert reply.headers.get("Content-Encoding") == encoding
    assert (gzip.decompress(reply.body) if encoding else reply.body) == b" " * size
    assert reply.headers["ETag"].startswith("W/") is bool(encoding)


@pytest.mark.parametrize("accepted", ["gzip", ""])
def test_a_reader_that_has_the_file_gets_no_bytes(accepted: str, world: World) -> None:
    etag = world.get("/data/x.json", Accept_Encoding=accepted).headers["ETag"]

    again = world.get("/data/x.json", If_None_Match=etag, Accept_Encoding=accepted)
    other = world.get("/data/x.json", If_None_Match='"another"', Accept_Encoding=accepted)

    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert other.status == 200


@pytest.mark.parametrize(
    ("asked", "status", "part", "content_range"),
    [
        ("bytes=0-3", 206, slice(0, 4), "bytes 0-3/{}"),
        ("bytes=5-", 206, slice(5, None), "bytes 5-{last}/{}"),
        ("bytes=-4", 206, slice(-4, None), "bytes {four}-{last}/{}"),
        ("bytes=10-999999", 206, slice(10, None), "bytes 10-{last}/{}"),
        ("bytes=999999-", 416, slice(0, 0), "bytes */{}"),
        ("bytes=0-1,4-5", 200, slice(None), None),
        ("bytes=-", 200, slice(None), None),
    ],
)
def test_a_range_is_a_part_of_the_uncompressed_file(
    asked: str, status: int, part: slice, content_range: str | None, world: World
) -> None:
    reply = world.get("/data/x.json", Range=asked, Accept_Encoding="gzip")

    expected = content_range and content_range.format(len(BODY), last=len(BODY) - 1, four=len(BODY) - 4)
    assert (reply.status, reply.body) == (status, BODY[part])
    assert reply.headers.get("Content-Range") == expected


@pytest.mark.parametrize(
    ("path", "policy"), [("/data/x.json", "DataHeaders"), ("/", "PageHeaders"), ("/no", "PageHeaders")]
)
def test_every_answer_has_the_headers_of_its_behaviours_policy(path: str, policy: str, world: World) -> None:
    config = read_template(WEBSITE_TEMPLATE)["Resources"][policy]["Properties"]["ResponseHeadersPolicyConfig"]

    headers = world.get(path).headers

    csp = config["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert headers["Content-Security-Policy"] == csp
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_page_of_another_origin_may_read_the_files_and_not_the_page(world: World) -> None:
    assert world.get("/data/x.json", Origin="https://reader.example").headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in world.get("/", Origin="https://reader.example").headers


def test_nobody_writes_through_the_edge(world: World) -> None:
    assert world.get("/data/x.json", "POST").status == 403


@pytest.fixture
def served(world: World) -> Iterator[str]:
    with EdgeServer() as server:
        server.edge = world.edge
        yield server.url


def ask(url: str, **options: str) -> HTTPResponse:
    response: HTTPResponse = urlopen(Request(url, **options))  # type: ignore[arg-type] # noqa: S310 - of this machine
    return response


def test_over_http_head_has_the_headers_without_the_bytes(served: str) -> None:
    with ask(f"{served}/data/x.json", method="HEAD") as head, ask(f"{served}/data/x.json") as whole:
        assert (head.read(), whole.read()) == (b"", BODY)
        assert head.headers["Content-Length"] == str(len(BODY))
        assert head.headers["ETag"] == whole.headers["ETag"]


def test_a_bucket_that_does_not_answer_is_502(world: World) -> None:
    def refuse(_: str) -> StoredFile:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    edge = Edge(refuse, world.cloudfront)

    assert edge.answer(HttpRequest("GET", "/data/x.json", {}, b"")).status == 502


def test_a_reader_that_hangs_up_leaves_no_word(served: str, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.put("data/large.bin", b" " * 20_000_000)
    host, port = served.removeprefix("http://").split(":")
    ask(f"{served}/data/large.bin")  # opens the connections that stay
    others = {*threading.enumerate()}

    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET /data/large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    give_up = time.monotonic() + 5
    while {*threading.enumerate()} - others and time.monotonic() < give_up:
        time.sleep(0.01)

    assert capfd.readouterr().err == ""


def test_an_edge_without_a_bucket_answers_503() -> None:
    with EdgeServer() as server, pytest.raises(HTTPError, match="503"):
        ask(server.url)

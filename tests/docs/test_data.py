"""What docs/data.md says is tried: its Python runs against files of the present version, served on this machine."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from cloud.template import ROOT
from fetcher.next_state import ALWAYS_WRITTEN
from shared import contract
from shared.contract import FILES, SCHEMA_VERSION, schemas
from tests.shared.example_files import example_files

TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^(.+):\n\n```python\n([^`]+)```$", TEXT, re.MULTILINE))
PRINTED = {
    "Files that belong together, each checked against its hash": [
        "20261123T020000Z-runofday has 3 regions and 4 services"
    ],
    "The services that are offered everywhere": ["['s3']"],
    "How old the data is, and for which regions it is older than that": [
        r"made -?\d+ day\(s\) ago",
        "us-east-1 was last read at 2026-11-23T02:00:00Z",
    ],
    "Every change since a day": [
        "2026-11-23 s3 is new in ap-southeast-7",
        "2026-11-23 AmazonGameLiftStreams is new in us-east-1",
        "2025-11-23 s3 is new in ap-southeast-7",
        "2025-11-23 AmazonGameLiftStreams is new in us-east-1",
    ],
    "Which regions got Amazon S3 in a year": ["Asia Pacific (Thailand) since some day up to 2025-11-23"],
    "Since when Amazon S3 is in Thailand": ["after 2025-11-20, by 2025-11-23"],
    "Checking a file against its schema, with `pip install jsonschema`": ["3 regions, all as the schema says"],
}


ITEM = re.compile(f"{contract.ITEM_FILE.pattern}|{contract.ITEM_FEED.pattern}")
FRESH = {**example_files(), **schemas()}
STALE = FRESH["complete-data.json"].replace(b'"staleRegions": []', b'"staleRegions": ["us-east-1"]')
RELEASE = {f"{json.loads(FRESH['manifest.json'])['path']}{name}": body for name, body in FRESH.items()}
SITE = {f"/data/{name}": body for name, body in {**FRESH, "complete-data.json": STALE, **RELEASE}.items()}


class Site(BaseHTTPRequestHandler):
    """A site that has the example files and their schemas, and nothing else; one region was carried over."""

    def do_GET(self) -> None:
        body = SITE.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_request(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("title", PRINTED)
def test_a_python_example_prints_what_it_promises(title: str, site: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(PROGRAMS[title].replace("https://your.site", site), title, "exec"), {})  # noqa: S102 - the document's own examples

    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(PRINTED[title])
    assert all(
        re.fullmatch(pattern, line) or pattern == line for pattern, line in zip(PRINTED[title], printed, strict=True)
    )


def test_every_python_example_is_tried() -> None:
    assert set(PROGRAMS) == set(PRINTED)
    assert TEXT.count("```python") == len(PRINTED)


def test_every_address_in_the_examples_is_of_a_file_that_is_published() -> None:
    addresses = set(re.findall(r"https://your\.site/data/([\w./-]+)", TEXT))

    assert addresses
    assert all(f"/data/{address}" in SITE or ITEM.fullmatch(address) for address in addresses)


def test_every_file_and_its_schema_is_listed_and_the_version_is_named() -> None:
    for name in (*FILES, "change-history-<year>.json"):
        assert f"| `{name}` |" in TEXT
    for schema in schemas():
        assert f"| `{schema}` |" in TEXT
    assert f"The version of this contract is `{SCHEMA_VERSION}`" in TEXT
    assert f"\n| {SCHEMA_VERSION} |" in TEXT


def test_the_files_that_every_run_writes_tell_which_run_it_was_and_no_others_do() -> None:
    files = {name: json.loads(body) for name, body in example_files().items()}
    named = {name: file["metadata"] for name, file in files.items() if "runId" in file.get("metadata", {})}
    timed = {name: file["timestamp"] for name, file in files.items() if "timestamp" in file}

    assert named.keys() | timed.keys() == ALWAYS_WRITTEN
    assert named.keys() == {"complete-data.json", "service-regions.json"}
    assert {metadata["runId"] for metadata in named.values()} == {"run-of-day-23"}
    assert {metadata["timestamp"] for metadata in named.values()} == set(timed.values())


def fields(schema: object) -> Iterator[str]:
    match schema:
        case {"properties": dict(properties), **rest}:
            yield from properties
            yield from fields([*properties.values(), *rest.values()])
        case dict():
            yield from fields(list(schema.values()))
        case list():
            for one in schema:
                yield from fields(one)


@pytest.mark.parametrize("schema", schemas())
def test_every_field_of_a_file_is_described(schema: str) -> None:
    described = {word for quoted in re.findall(r"`([^`\n]+)`", TEXT) for word in re.findall(r"\w+", quoted)}

    assert set(fields(json.loads(schemas()[schema]))) - described == set()

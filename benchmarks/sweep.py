"""Sweeps of very many objects, by the sweeper as it is built: within one invocation, and in a chain of them.

The buckets are a stand-in's: keys without end that take no room, in real pages of 1,000.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from rich.table import Table

from benchmarks import DOCUMENT
from benchmarks.crawl import ACCESS, LAMBDA_512_MB, built, run_limited
from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer

OBJECTS = 100_000, 1_000_000, 2_000_000
LATENCY = 0.1
TIME, MARGIN = 900, 60  # seconds that template.yaml gives, and those in which a sweep begins no other page
EACH_MISSING = 100_000
SOURCE, WEBSITE = "aws-data", "data"
XML = "application/xml"
BODY = json.dumps(DOCUMENT).encode()
MODIFIED = {"Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}
ENTRY = (
    "<Contents><Key>{prefix}/{number:09}.json</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
    "<ETag>&quot;{number:032x}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>18000</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>b</Name><Prefix>{prefix}/</Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>"
    "<IsTruncated>{truncated}</IsTruncated>{token}{entries}</ListBucketResult>"
)
COPIED = "<CopyObjectResult><ETag>&quot;{0:032x}&quot;</ETag></CopyObjectResult>"


class Listings(LoopbackServer):
    """S3 with as many objects on both sides, of which the website lacks some; and Lambda, which keeps each event.

    For one client that makes one call at a time.
    """

    def __init__(self, objects: int, *, page: int = 1000, each_missing: int = EACH_MISSING) -> None:
        """`each_missing`: the website lacks the last of so many."""
        self.objects, self.page, self.each_missing = objects, page, each_missing
        self.calls = Counter[str]()
        self.copied: set[int] = set()
        self.events: list[Any] = []

    def reply(self, request: HttpRequest) -> HttpReply:
        """A page, an object, a copy, or Lambda's consent."""
        address = urlsplit(request.path)
        query = parse_qs(address.query)
        self.calls["LIST" if "list-type" in query else request.method] += 1
        if address.path.startswith("/2015-03-31/functions/"):
            self.events.append(json.loads(request.body))
            return HttpReply(202, XML, b"")
        if "list-type" in query:
            return HttpReply(200, XML, self._list(query).encode())
        number = int(address.path.rpartition("/")[2].removesuffix(".json"))
        if request.method == "PUT":
            self.copied.add(number)
            return HttpReply(200, XML, COPIED.format(number).encode())
        return HttpReply(200, "application/json", BODY, {"ETag": f'"{number:032x}"', **MODIFIED})

    def _list(self, query: dict[str, list[str]]) -> str:
        prefix = query["prefix"][0].rstrip("/")
        after = query.get("continuation-token") or query.get("start-after") or [""]
        name = after[0].removeprefix(f"{prefix}/").removesuffix(".json")
        start = int(name) + 1 if name.isdigit() else 0 if name < "1" else self.objects
        numbers = range(start, min(start + self.page, self.objects))
        truncated = bool(numbers) and numbers[-1] + 1 < self.objects
        entries = [ENTRY.format(prefix=prefix, number=number) for number in numbers if self._is_held(prefix, number)]
        token = f"{prefix}/{numbers[-1]:09}.json" if truncated else ""
        return PAGE.format(
            prefix=escape(prefix),
            count=len(entries),
            truncated=str(truncated).lower(),
            token=f"<NextContinuationToken>{token}</NextContinuationToken>" if token else "",
            entries="".join(entries),
        )

    def _is_held(self, prefix: str, number: int) -> bool:
        return prefix == SOURCE or (number + 1) % self.each_missing != 0 or number in self.copied


def sweep_table() -> Table:
    """One sweep for each number of objects."""
    columns = ("objects", "invocations", "seconds of each", "LISTs", "missing, copied", "CPU, s", "peak, MB")
    title = f"{LAMBDA_512_MB} of a core, {LATENCY * 1000:.0f} ms for each answer, 512 MiB of address space"
    table = Table(*columns, title=title)
    with tempfile.TemporaryDirectory() as folder:
        path = built(Path(folder), "Sweeper")
        for objects in OBJECTS:
            with Listings(objects) as s3:
                runs = _chain(s3, path)
            table.add_row(
                f"{sum(run['compared'] for run in runs):,}",
                str(len(runs)),
                ", ".join(f"{run['elapsed']:.0f}" for run in runs),
                f"{s3.calls['LIST']:,}",
                f"{objects // EACH_MISSING}, {len(s3.copied)}",
                f"{sum(run['cpu'] for run in runs):.0f}",
                f"{max(run['peak'] for run in runs):.0f}",
            )
    return table


def environment_for(s3: Listings, path: str) -> dict[str, str]:
    """The environment of a function that is built at `path`."""
    return {
        **ACCESS,
        "AWS_ENDPOINT_URL": s3.url,
        "SOURCE_BUCKET": "source",
        "DISTRIBUTION_BUCKET": "website",
        "DISTRIBUTION_PREFIX": WEBSITE,
        "MALLOC_ARENA_MAX": "1",
        "PYTHONPATH": path,
    }


def _chain(s3: Listings, path: str) -> list[Any]:
    """Each invocation in a process of its own, with the event that the last one has given to Lambda."""
    runs: list[Any] = []
    events: list[Any] = [{}]
    while events:
        event = json.dumps(events.pop())
        arguments = ("distributor.sweeper.handler", str(TIME), event, "1", str(LAMBDA_512_MB), str(LATENCY))
        runs.append(run_limited(arguments, environment_for(s3, path), 1))
        events, s3.events = s3.events, []
    return runs

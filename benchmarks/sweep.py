"""Sweeps of very many objects, by the sweeper as it is built: within one invocation, and in a chain of them.

The buckets are a stand-in's: keys without end that take no room, in real pages of 1,000.
"""

import json
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from rich.table import Table

from benchmarks.crawl import ACCESS, LAMBDA_512_MB, run_limited
from cloud.built import HERE, build, link_runtime
from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer

LATENCY = 0.1
TIME, MARGIN = 900, 60  # seconds that template.yaml gives, and those in which a sweep begins no other page
EACH_MISSING = 100_000
SOURCE, WEBSITE = "aws-data", "data"
XML = "application/xml"
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
    """S3 with as many objects on both sides, of which the website lacks some; and Lambda, which keeps each event."""

    def __init__(self, objects: int, *, page: int = 1000, each_missing: int = EACH_MISSING, latency: float = 0) -> None:
        """`each_missing`: the website lacks the last of so many. `latency` in seconds."""
        self.objects, self.page, self.each_missing, self.latency = objects, page, each_missing, latency
        self.pages = 0
        self.copied: set[int] = set()
        self.events: list[Any] = []
        self._lock = threading.Lock()

    def reply(self, request: HttpRequest) -> HttpReply:
        """A page, an object, a copy, or Lambda's consent."""
        time.sleep(self.latency)
        address = urlsplit(request.path)
        query = parse_qs(address.query)
        if address.path.startswith("/2015-03-31/functions/"):
            self.events.append(json.loads(request.body))
            return HttpReply(202, XML, b"")
        if "list-type" in query:
            return HttpReply(200, XML, self._list(query).encode())
        number = int(address.path.rpartition("/")[2].removesuffix(".json"))
        if request.method == "PUT":
            self.copied.add(number)
            return HttpReply(200, XML, COPIED.format(number).encode())
        return HttpReply(200, "application/json", b"{}", {"ETag": f'"{number:032x}"', **MODIFIED})

    def _list(self, query: dict[str, list[str]]) -> str:
        prefix = query["prefix"][0].rstrip("/")
        after = query.get("continuation-token") or query.get("start-after") or [""]
        name = after[0].removeprefix(f"{prefix}/").removesuffix(".json")
        start = int(name) + 1 if name.isdigit() else 0 if name < "1" else self.objects
        numbers = range(start, min(start + self.page, self.objects))
        with self._lock:
            self.pages += 1
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


@dataclass(frozen=True)
class Scenario:
    """`share`: of one core. With a whole core an invocation has as much less time, so that it does as much."""

    objects: int
    share: float

    @property
    def seconds(self) -> int:
        """The time of an invocation."""
        return round(MARGIN + (TIME - MARGIN) * LAMBDA_512_MB / self.share)


SCENARIOS = Scenario(100_000, LAMBDA_512_MB), Scenario(1_000_000, LAMBDA_512_MB), Scenario(3_000_000, 1)


def sweep_table() -> Table:
    """One sweep for each number of objects."""
    columns = ("objects", "of a core", "invocations", "LISTs", "missing, copied", "seconds", "CPU, s", "peak, MB")
    table = Table(*columns, title=f"Sweeps: {LATENCY * 1000:.0f} ms latency, 512 MiB of address space")
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder) / "runtime"
        packages.mkdir()
        path = f"{build(Path(folder), 'Sweeper', *HERE)}:{link_runtime(packages)}"
        for scenario in SCENARIOS:
            with Listings(scenario.objects, latency=LATENCY) as s3:
                runs = _chain(scenario, s3, path)
            table.add_row(
                f"{sum(run['compared'] for run in runs):,}",
                f"{scenario.share:.2f}",
                str(len(runs)),
                f"{s3.pages:,}",
                f"{scenario.objects // EACH_MISSING}, {len(s3.copied)}",
                " + ".join(f"{run['seconds']:.0f}" for run in runs),
                f"{sum(run['cpu'] for run in runs):.0f}",
                f"{max(run['peak'] for run in runs):.0f}",
            )
    return table


def _chain(scenario: Scenario, s3: Listings, path: str) -> list[Any]:
    """Each invocation in a process of its own, with the event that the last one has given to Lambda."""
    environment = {
        **ACCESS,
        "AWS_ENDPOINT_URL": s3.url,
        "SOURCE_BUCKET": "source",
        "DISTRIBUTION_BUCKET": "website",
        "DISTRIBUTION_PREFIX": WEBSITE,
        "MALLOC_ARENA_MAX": "1",
        "PYTHONPATH": path,
    }
    runs: list[Any] = []
    events: list[Any] = [{}]
    while events:
        started = time.monotonic()
        arguments = ("distributor.sweeper.handler", str(scenario.seconds), json.dumps(events.pop()))
        runs.append(run_limited(arguments, environment, scenario.share) | {"seconds": time.monotonic() - started})
        events, s3.events = s3.events, []
    return runs

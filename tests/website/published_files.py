"""The files of some weeks as the fetcher publishes them, from the catalogue that moto ships."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cloud.stand_ins import announcement_feed
from cloud.stand_ins.launch_feed import LAUNCHES
from cloud.stand_ins.ssm import ROOT, catalogue
from fetcher.announcements.next_file import next_file
from fetcher.launches import Launch
from fetcher.next_state import CrawlResult, next_state
from fetcher.rss import parse_rss
from fetcher.settings import FetcherSettings, Job, RunRequest
from fetcher.source import SourceBucket, read_previous_files
from fetcher.ssm import CallCounts, crawl
from shared import contract
from tests.fetcher.memory_s3 import MemoryS3
from tests.fetcher.small_world import MemoryStore

Parameters = dict[str, str]

RUNS = tuple(datetime(2026, 11, day, 2, 0, 7, tzinfo=UTC) for day in (2, 5, 9, 12, 17, 20, 24))
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
"""The time in the browser: the newest release is some hours old."""


class Site:
    """What the fetcher and the distributor leave below `/data/`, without a cloud between them."""

    def __init__(self) -> None:
        self._s3: Any = MemoryS3("source")
        self.files: dict[str, bytes] = {}

    def publish(self, now: datetime, parameters: Parameters) -> None:
        """One run, published."""
        bucket = SourceBucket(self._s3, "source", "aws-data")
        settings = FetcherSettings(
            source_bucket="source",
            ssm_regions=("us-east-1",),
            site_url="https://catalogue.example/",
            schedule_expression="cron(0 2 * * ? *)",
            max_shrink_percent=100,
        )
        rss = parse_rss(announcement_feed.rss(announcement_feed.recent(now), now))
        file = next_file(rss, None, "https://aws.amazon.com/about-aws/whats-new/recent/feed/", now).file
        announced = file.to_bytes() if file else b""
        bucket.write(contract.ANNOUNCEMENTS_FILE, announced, {})
        job = Job(f"{now:%m%d%H%M}-0000-4000-8000-000000000000", settings, RunRequest())
        readings = crawl(MemoryStore(parameters), (), lambda: now)
        launches = {
            code: Launch(*launch) for code, launch in LAUNCHES.items() if f"{ROOT}/regions/{code}" in parameters
        }
        result = CrawlResult(readings, CallCounts(), 10.0, launches, "")
        state = next_state(job, result, read_previous_files(bucket), now)
        for name, body in state.files.items():
            bucket.write(name, body, state.metadata)
        published = {name: body for name, body in state.files.items() if "/" not in name}
        manifest = contract.Manifest.from_bytes(published[contract.MANIFEST_FILE])
        self.files |= {**published, **state.items, contract.ANNOUNCEMENTS_FILE: announced}
        self.files |= {manifest.path + file.name: self.files[file.name] for file in manifest.files}
        self.files[f"{manifest.path}{contract.MANIFEST_FILE}"] = published[contract.MANIFEST_FILE]


def publish_weeks() -> Site:
    """Seven runs, each of which found something new, the last of them today's."""
    site = Site()
    for run, parameters in zip(RUNS, _weeks(), strict=True):
        site.publish(run, parameters)
    return site


def _weeks() -> Iterator[Parameters]:
    """What SSM had at each run: today's catalogue without what came later, and with what has gone since."""
    newest = catalogue()
    chance = random.Random(2026)  # noqa: S311 - the same weeks each time
    pairs = [
        path for path in sorted(newest) if path.startswith(f"{ROOT}/regions/") and path.split("/")[-2] == "services"
    ]
    came = {path: run for run in RUNS[1:] for path in chance.sample(pairs, chance.randint(3, 12))}
    for path in newest:
        if path.startswith(f"{ROOT}/regions/ap-southeast-6"):
            came[path] = RUNS[4]
        elif "/services/nova-act" in path:
            came[path] = RUNS[5]
        elif path.endswith("/services/bedrock-agentcore") and "/eu-" in path:
            came[path] = RUNS[6]
    for run in RUNS:
        parameters = {path: value for path, value in newest.items() if came.get(path, run) <= run}
        if run < RUNS[3]:
            parameters[f"{ROOT}/regions/eu-west-3/services/forecastquery"] = "forecastquery"
            parameters[f"{ROOT}/services/quicksight/longName"] = "Amazon QuickSight"
        if run == RUNS[4]:
            del parameters[f"{ROOT}/regions/sa-east-1/services/sqs"]  # it comes back, and is not new
        yield parameters

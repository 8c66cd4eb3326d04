"""One run: read SSM, the feed of launches and the bucket, decide the next state, write it to the bucket."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fetcher.launches import Launch, read_launches
from fetcher.next_state import CrawlResult, NextState, next_state, require_previous_data
from fetcher.rss import FeedError
from fetcher.settings import Job, RequestError
from fetcher.source import (
    ItemCounts,
    OvertakenError,
    PreviousFiles,
    SourceBucket,
    WrittenObject,
    read_previous_files,
    write_items,
)
from fetcher.ssm import crawl, open_parameter_store
from shared import contract
from shared.tracing import traced

MARGIN_SECONDS = 30.0  # reserved for the feed of launches and the writes
LONGEST_REQUEST = 50.0  # seconds, with all its tries; no item is written in the last ones of a run
MOST_TRIES = 5
LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """A completed run: what it read, the previous files, the next state, the written objects and the items."""

    crawl: CrawlResult
    previous: PreviousFiles
    state: NextState
    written: list[WrittenObject]
    items: ItemCounts


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def run(job: Job, bucket: SourceBucket, seconds: float, clock: Callable[[], datetime] = _now) -> RunResult:
    """Read, then write files that agree with one another; if another run wrote meanwhile, build on its files instead.

    `seconds`: the time that the run may take. After any error no file is partial, and the next run makes all files
    agree again. If time runs short, the rest of the items is left to the next run.
    """
    end = time.monotonic() + seconds
    deadline = end - MARGIN_SECONDS
    previous = read_previous_files(bucket)
    require_previous_data(job.request, previous)
    with traced("crawl", run_id=job.id):
        result = _gather(job, deadline, clock)
    for _ in range(MOST_TRIES):
        try:
            with traced("write", run_id=job.id):
                state = next_state(job, result, previous, clock())
                written = _apply(state, previous, bucket)
                items = _apply_items(state, written, bucket, lambda: time.monotonic() < end - LONGEST_REQUEST)
                return RunResult(result, previous, state, [*written.values()], items)
        except OvertakenError as error:
            overtaken = error
            # So that two runs don't collide again, and over a second, which gives the release another name.
            time.sleep(LONGEST_PAUSE * random.uniform(0.51, 1))  # noqa: S311
            previous = read_previous_files(bucket)
    raise overtaken


def _gather(job: Job, deadline: float, clock: Callable[[], datetime]) -> CrawlResult:
    settings, started = job.settings, time.monotonic()
    with open_parameter_store(settings.ssm_places, settings.ssm_requests_per_second, deadline - started) as store:
        readings = crawl(store, job.request.regions, clock)
        counts, seconds = store.counts, time.monotonic() - started
    regions = readings.listings["regions"].codes if "regions" in readings.listings else job.request.regions
    unknown = sorted(set(job.request.regions).difference(regions))
    if unknown:
        msg = f"SSM lists no region {', '.join(unknown)}"
        raise RequestError(msg)
    launches, launch_error = _launches(settings.launch_feed_url, regions)
    return CrawlResult(readings, counts, seconds, launches, launch_error)


def _launches(url: str, regions: Sequence[str]) -> tuple[dict[str, Launch], str]:
    """The launches, and an error text if the feed could not be read: a run continues without them."""
    try:
        return (read_launches(url, regions) if url else {}), ""
    except FeedError as error:
        return {}, str(error)


def _apply(state: NextState, previous: PreviousFiles, bucket: SourceBucket) -> dict[str, WrittenObject]:
    """Write each file over the previous one; the snapshot, which has none, is written without a condition."""
    return {
        name: bucket.write(name, body, state.metadata, previous.files.get(name)) for name, body in state.files.items()
    }


def _apply_items(
    state: NextState, written: Mapping[str, WrittenObject], bucket: SourceBucket, has_time: Callable[[], bool]
) -> ItemCounts:
    """Write the items; OvertakenError also if another run has written its files since this one wrote its own.

    That run may have listed the items before these were written, and passed over one that then was as it should be.
    """
    metadata = {name: value for name, value in state.metadata.items() if name != "release"}  # they belong to none
    counts = write_items(bucket, state.items, metadata, has_time)
    if counts.written and has_time():
        bucket.require_unchanged(contract.COMPLETE_DATA_FILE, written[contract.COMPLETE_DATA_FILE].etag)
    return counts

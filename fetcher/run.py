"""One run: read SSM, the feed of launches and the bucket, decide the next state, write it to the bucket."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fetcher.launches import Launch, read_launches
from fetcher.next_state import CrawlResult, NextState, next_state, require_previous_data
from fetcher.rss import FeedError
from fetcher.settings import Job, RequestError
from fetcher.source import OvertakenError, PreviousFiles, SourceBucket, WrittenObject, read_previous_files
from fetcher.ssm import crawl, open_parameter_store
from shared.tracing import traced

MARGIN_SECONDS = 30.0  # reserved for the feed of launches and the writes
MOST_TRIES = 5
LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """A completed run: what it read, the previous files, the next state and the written objects."""

    crawl: CrawlResult
    previous: PreviousFiles
    state: NextState
    written: list[WrittenObject]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def run(job: Job, bucket: SourceBucket, seconds: float, clock: Callable[[], datetime] = _now) -> RunResult:
    """Read, then write files that agree with one another; if another run wrote meanwhile, build on its files instead.

    `seconds`: the time that the run may take. After any error no file is partial, and the next run makes all files
    agree again.
    """
    deadline = time.monotonic() + seconds - MARGIN_SECONDS
    previous = read_previous_files(bucket)
    require_previous_data(job.request, previous)
    with traced("crawl", run_id=job.id):
        result = _gather(job, deadline, clock)
    for _ in range(MOST_TRIES):
        try:
            with traced("write", run_id=job.id):
                state = next_state(job, result, previous, clock())
                return RunResult(result, previous, state, _apply(state, previous, bucket))
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


def _apply(state: NextState, previous: PreviousFiles, bucket: SourceBucket) -> list[WrittenObject]:
    """Write each file over the previous one; the snapshot, which has none, is written without a condition."""
    return [bucket.write(name, body, state.metadata, previous.files.get(name)) for name, body in state.files.items()]

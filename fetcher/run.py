"""One run: gather what SSM, the feed of launches and the bucket hold, decide the next state, apply it to the bucket."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fetcher.launches import Launch, LaunchFeedError, read_launches
from fetcher.next_state import CrawlResult, NextState, next_state, require_previous_data
from fetcher.settings import Job, RequestError
from fetcher.source import OvertakenError, PreviousFiles, SourceBucket, WrittenObject, read_previous_files
from fetcher.ssm import crawl, open_parameter_store
from shared.tracing import traced

MARGIN_SECONDS = 30.0  # of the function's time: for the feed of launches and the writes
MOST_TRIES = 5
LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that has written its files: what it read, the files before it, the state after it, the objects written."""

    crawl: CrawlResult
    previous: PreviousFiles
    state: NextState
    written: list[WrittenObject]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def run(job: Job, bucket: SourceBucket, seconds: float, clock: Callable[[], datetime] = _now) -> RunResult:
    """Read, then write files that belong together; if another run has written meanwhile, build on its files instead.

    `seconds` is the time that the run has. After any error no file is partial, and the next run makes all files belong
    together again.
    """
    deadline = time.monotonic() + seconds - MARGIN_SECONDS
    previous = read_previous_files(bucket)
    require_previous_data(job.request, previous)
    with traced("crawl", run_id=job.id):
        result = _gather(job, deadline)
    for _ in range(MOST_TRIES):
        try:
            with traced("write", run_id=job.id):
                state = next_state(job, result, previous, clock())
                return RunResult(result, previous, state, _apply(state, previous, bucket))
        except OvertakenError as error:
            overtaken = error
            time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - so that two runs don't stay in step
            previous = read_previous_files(bucket)
    raise overtaken


def _gather(job: Job, deadline: float) -> CrawlResult:
    settings, started = job.settings, time.monotonic()
    with open_parameter_store(settings.ssm_places, settings.ssm_requests_per_second, deadline - started) as store:
        readings = crawl(store, job.request.regions)
        counts, seconds = store.counts, time.monotonic() - started
    regions = readings.listings["regions"].codes if "regions" in readings.listings else job.request.regions
    unknown = sorted(set(job.request.regions).difference(regions))
    if unknown:
        msg = f"SSM lists no region {', '.join(unknown)}"
        raise RequestError(msg)
    launches, launch_error = _launches(settings.launch_feed_url, regions)
    return CrawlResult(readings, counts, seconds, launches, launch_error)


def _launches(url: str, regions: Sequence[str]) -> tuple[dict[str, Launch], str]:
    """The launches, and why there are none if the feed could not be read: a run goes on without them."""
    try:
        return (read_launches(url, regions) if url else {}), ""
    except LaunchFeedError as error:
        return {}, str(error)


def _apply(state: NextState, previous: PreviousFiles, bucket: SourceBucket) -> list[WrittenObject]:
    """Write each file over the previous one; the snapshot, which has none, over anything."""
    return [bucket.write(name, body, state.metadata, previous.files.get(name)) for name, body in state.files.items()]

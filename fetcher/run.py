"""One run: SSM, the feed of launches and the last run's files in; all files of the next state, or none, out."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from fetcher.catalogue import Catalogue, LastGood, Terms, assemble
from fetcher.documents import Documents, build_documents
from fetcher.guard import require_no_shrink
from fetcher.history.feed import build_feed
from fetcher.history.merge import merge
from fetcher.history.steps import State
from fetcher.last_good import last_good
from fetcher.launches import Launch, LaunchFeedError, read_launches
from fetcher.published import Published, read_published
from fetcher.settings import FetcherSettings
from fetcher.source import OvertakenError, SourceBucket, Written
from fetcher.ssm.crawl import crawl
from fetcher.ssm.endpoint import Traffic
from fetcher.ssm.parameter_store import connect
from fetcher.ssm.readings import Readings
from shared import contract
from shared.text import first_error, utc_stamp
from shared.tracing import traced

MARGIN_SECONDS = 30.0  # of the function's time: for the feed of launches and the writes
MOST_TRIES = 5
LONGEST_PAUSE = 1.0
OF_EVERY_RUN = frozenset(
    {contract.REGIONS_FILE, contract.SERVICES_FILE, contract.SERVICE_REGIONS_FILE, contract.COMPLETE_DATA_FILE}
)


class RequestError(ValueError):
    """What was asked for cannot be done. No retry helps."""


class Request(BaseModel):
    """The event: empty for a whole run. `regions`: read only these, and keep the rest as it was published last.

    `accept_shrink`: write also what has lost more than can be believed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    regions: tuple[str, ...] = ()
    accept_shrink: bool = False


def read_request(event: object) -> Request:
    """The request that an event is; RequestError if it holds anything else."""
    try:
        return Request.model_validate(event or {})
    except ValidationError as error:
        msg = f"an event may hold regions and accept_shrink, nothing else; {first_error(error)}"
        raise RequestError(msg) from error


@dataclass(frozen=True, slots=True)
class Reading:
    """What a crawl brought; `launch_error` says why launches could not be read, if so; `seconds` of SSM alone."""

    readings: Readings
    traffic: Traffic
    seconds: float
    launch_error: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has written its files; `published` is what it built upon."""

    reading: Reading
    catalogue: Catalogue
    documents: Documents
    published: Published
    written: list[Written]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a run is told and given; `seconds` is the time that it has."""

    settings: FetcherSettings
    bucket: SourceBucket
    run_id: str
    seconds: float
    clock: Callable[[], datetime] = lambda: datetime.now(UTC).replace(microsecond=0)


def run(request: Request, given: Circumstances) -> Finished:
    """Read, then write what belongs together; if another run has written meanwhile, on top of what that left.

    Whatever is raised, no partial file was written, and another run makes all files belong together again.
    """
    deadline = time.monotonic() + given.seconds - MARGIN_SECONDS
    published = read_published(given.bucket)
    _require_whole(request, published)
    with traced("crawl", run_id=given.run_id):
        reading = _read(request, given, deadline)
    for _ in range(MOST_TRIES):
        try:
            with traced("write", run_id=given.run_id):
                return _write(request, given, reading, published)
        except OvertakenError as error:
            overtaken = error
            time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - so that two runs don't stay in step
            published = read_published(given.bucket)
    raise overtaken


def _require_whole(request: Request, published: Published) -> None:
    if request.regions and published.complete_data is None:
        msg = "there is no complete-data.json of which a part could be renewed: run with {} first"
        raise RequestError(msg)


def _read(request: Request, given: Circumstances, deadline: float) -> Reading:
    settings, started = given.settings, time.monotonic()
    with connect(settings.ssm_places, settings.ssm_requests_per_second, deadline - started) as store:
        readings = crawl(store, request.regions)
        traffic, took = store.traffic, time.monotonic() - started
    regions = readings.listings["regions"].codes if "regions" in readings.listings else request.regions
    unknown = sorted(set(request.regions).difference(regions))
    if unknown:
        msg = f"SSM lists no region {', '.join(unknown)}"
        raise RequestError(msg)
    launches: dict[str, Launch] = {}
    launch_error = ""
    if settings.launch_feed_url:
        try:
            launches = read_launches(settings.launch_feed_url, regions)
        except LaunchFeedError as error:
            launch_error = str(error)
    values = {**readings.values, **dict(_launch_values(launches))}
    return Reading(replace(readings, values=values), traffic, took, launch_error)


def _launch_values(launches: Mapping[str, Launch]) -> Iterator[tuple[str, str]]:
    """Only what is known: the feed may forget a region, but a launch once known stays."""
    for code, launch in launches.items():
        if launch.date:
            yield f"regions/{code}/launchDate", launch.date
        if launch.url:
            yield f"regions/{code}/launchUrl", launch.url


def _write(request: Request, given: Circumstances, reading: Reading, published: Published) -> Finished:
    _require_whole(request, published)
    settings, bucket = given.settings, given.bucket
    known = last_good(published.complete_data, published.services) if published.complete_data else LastGood()
    terms = Terms(settings.max_stale_percent, request.regions, request.accept_shrink)
    catalogue = assemble(reading.readings, known, terms)
    documents = build_documents(catalogue, given.run_id, given.clock())
    if published.complete_data and not request.accept_shrink:
        require_no_shrink(published.complete_data, documents.complete_data, settings.max_shrink_percent)
    files = _files(documents, published)
    about = _about(documents, reading)
    written = [
        bucket.replace(name, body, published.found[name], about)
        for name, body in files.items()
        if name in OF_EVERY_RUN or not published.found[name].holds(body)
    ]
    snapshot = (
        f"{contract.HISTORY_FOLDER}/complete-data-{documents.complete_data.metadata.timestamp:%Y%m%dT%H%M%SZ}.json"
    )
    written.append(bucket.put(snapshot, files[contract.COMPLETE_DATA_FILE], about))
    return Finished(reading, catalogue, documents, published, written)


def _files(documents: Documents, published: Published) -> dict[str, bytes]:
    """Every file in the order of writing.

    What changed first: a run that dies after it says the same again, and `merge` then adds nothing; the other way round
    a change would be lost. The complete data last: whoever sees it finds the rest.
    """
    return {
        **_changes(documents, published),
        **contract.schemas(),
        contract.REGIONS_FILE: documents.regions.to_bytes(),
        contract.SERVICES_FILE: documents.services.to_bytes(),
        contract.SERVICE_REGIONS_FILE: documents.service_regions.to_bytes(),
        contract.COMPLETE_DATA_FILE: documents.complete_data.to_bytes(),
    }


def _changes(documents: Documents, published: Published) -> dict[str, bytes]:
    """The history with its feed; neither if there is a history that can't be read: it is not written over."""
    if contract.CHANGE_HISTORY_FILE in published.unreadable:
        return {}
    before = State(published.complete_data, published.services) if published.complete_data else None
    now = State(documents.complete_data, documents.services)
    history = merge(published.history, before, now, documents.complete_data.metadata.timestamp.date())
    return {
        contract.CHANGE_HISTORY_FILE: history.to_bytes(),
        contract.CHANGE_FEED_FILE: build_feed(history).to_bytes(),
    }


def _about(documents: Documents, reading: Reading) -> dict[str, str]:
    """Where a file comes from, as metadata of its object."""
    metadata = documents.complete_data.metadata
    return {
        "generated-at": utc_stamp(metadata.timestamp, "seconds"),
        "schema-version": metadata.version,
        "run-id": metadata.run_id,
        "ssm-calls": str(reading.traffic.calls),
        "ssm-throttles": str(reading.traffic.throttles),
        "ssm-seconds": f"{reading.seconds:.1f}",
        "stale-regions": str(len(metadata.stale_regions)),
    }

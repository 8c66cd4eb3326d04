"""What a run read and the previous files in, the next files out. Pure: no clock, no network, no bucket."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from fetcher.announcements.matching import announcements_by_service
from fetcher.catalogue import Catalogue, assemble
from fetcher.documents import Documents, build_documents
from fetcher.history import (
    Known,
    build_feed,
    changes_by_item,
    forget_undone,
    known_by_log,
    known_without_log,
    merge,
    move_years,
    with_days,
)
from fetcher.items import Announcements, ItemFacts, build_items
from fetcher.last_good import MAX_CLOCK_SKEW, LastGood, last_good
from fetcher.launches import Launch
from fetcher.manifest import build_manifest
from fetcher.settings import Job, RequestError, RunRequest
from fetcher.source import PreviousFiles
from fetcher.ssm import CallCounts, Readings
from shared import contract
from shared.strict_json import UnfitError
from shared.text import utc_stamp

ALWAYS_WRITTEN = frozenset(
    {contract.REGIONS_FILE, contract.SERVICES_FILE, contract.SERVICE_REGIONS_FILE, contract.COMPLETE_DATA_FILE}
)

LONGEST_RUN = timedelta(hours=1)  # Lambda stops a run after a quarter of that; clocks may differ


class ShrunkCatalogueError(Exception):
    """Too much has vanished to be credible. Nothing is written, unless the event is `{"accept_shrink": true}`."""


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What a run has read: from SSM, in `seconds`, and from the feed of launches, by region.

    `launch_error`: why the feed could not be read; empty if it was read or is switched off.
    """

    readings: Readings
    counts: CallCounts
    seconds: float
    launches: Mapping[str, Launch]
    launch_error: str


@dataclass(frozen=True, slots=True)
class NextState:
    """The files to write, by name, in the order of writing; and the `metadata` of each object.

    `ahead`: the times and dates in the previous files that are later than now, so that they were not believed.
    `unfit_history`: why the history is not written but stays as it is; empty if it is fit to be read again.
    `items`: the files of single regions and services, by name, last their index, which are written behind all others;
    none if the history is not known as a whole, so that the old ones stay.
    """

    catalogue: Catalogue
    documents: Documents
    files: Mapping[str, bytes]
    metadata: Mapping[str, str]
    ahead: Mapping[str, str]
    unfit_history: str
    items: Mapping[str, bytes]


def next_state(job: Job, result: CrawlResult, previous: PreviousFiles, timestamp: datetime) -> NextState:
    """The next state, or an error if it must not be written: it is incomplete, has shrunk or breaks an invariant.

    Files in `ALWAYS_WRITTEN` are always written (`fetcher.source` explains why), others only if their bytes differ.
    Last come a snapshot of the complete data, whose name contains the time, to the second, and the manifest, if there
    are releases.
    """
    request, settings, before = job.request, job.settings, previous.state
    require_previous_data(request, previous)
    last = last_good(before.complete_data, before.services, timestamp) if before else LastGood()
    catalogue = assemble(
        _with_launches(result),
        last,
        only=request.regions,
        max_stale_percent=settings.max_stale_percent,
        accept_shrink=request.accept_shrink,
    )
    documents = build_documents(catalogue, job.id, timestamp)
    if before and not request.accept_shrink:
        require_no_shrink(before.complete_data, documents.complete_data, settings.max_shrink_percent)
    log = _extended_log(documents, previous)
    known = _known(documents, log, previous)
    if known:
        documents = replace(documents, complete_data=with_days(documents.complete_data, known))
    history_files = _history_files(log, documents, previous, settings.site_url) if log else {}
    history, unfit_history = _read_back(history_files, previous)
    all_files = _files(documents, {} if unfit_history else history_files)
    changed = {
        name: body for name, body in all_files.items() if name in ALWAYS_WRITTEN or not previous.files[name].holds(body)
    }
    snapshot = (
        f"{contract.HISTORY_FOLDER}/complete-data-{documents.complete_data.metadata.timestamp:%Y%m%dT%H%M%SZ}.json"
    )
    files = {**changed, snapshot: changed[contract.COMPLETE_DATA_FILE]}
    if settings.releases:
        released = _released(all_files, history, previous)
        manifest = build_manifest(documents, released, history, settings.schedule_expression)
        files[contract.MANIFEST_FILE] = manifest.to_bytes()
    ahead = _ahead(last, previous.history, timestamp)
    facts = _item_facts(documents, log, known, previous) if not unfit_history else None
    items = build_items(facts, settings.site_url) if facts else {}
    return NextState(catalogue, documents, files, _metadata(documents, result), ahead, unfit_history, items)


def require_previous_data(request: RunRequest, previous: PreviousFiles) -> None:
    """RequestError if only some regions are requested and there is no previous data for the others."""
    if request.regions and previous.state is None:
        msg = "there is no complete-data.json of which a part could be renewed: run with {} first"
        raise RequestError(msg)


def _with_launches(result: CrawlResult) -> Readings:
    return replace(result.readings, values={**result.readings.values, **dict(_launch_values(result.launches))})


def _launch_values(launches: Mapping[str, Launch]) -> Iterator[tuple[str, str]]:
    """Only known values: if the feed drops a region, its known launch is kept."""
    for code, launch in launches.items():
        if launch.date:
            yield f"regions/{code}/launchDate", launch.date
        if launch.url:
            yield f"regions/{code}/launchUrl", launch.url


def require_no_shrink(previous: contract.CompleteData, current: contract.CompleteData, max_percent: float) -> None:
    """ShrunkCatalogueError if a larger share of the previous regions, services or pairs of both has vanished."""
    shrink = describe_shrink(previous, current, max_percent)
    if shrink:
        msg = f'nothing is written: {shrink}; if that is right, invoke the fetcher with {{"accept_shrink": true}}'
        raise ShrunkCatalogueError(msg)


def describe_shrink(previous: contract.CompleteData, current: contract.CompleteData, max_percent: float) -> str:
    """What has vanished, if it is more than this share; else empty."""
    remaining = _codes_by_kind(current)
    for kind, codes in _codes_by_kind(previous).items():
        lost = sorted(codes - remaining[kind])
        if len(lost) * 100 > len(codes) * max_percent:
            return (
                f"{len(lost)} of {len(codes)} {kind} have vanished, more than {max_percent:g} %, "
                f"such as {', '.join(lost[:3])}"
            )
    return ""


def _codes_by_kind(data: contract.CompleteData) -> dict[str, set[str]]:
    by_region = data.services_by_region.by_region
    return {
        "regions": set(by_region),
        "services": set(data.services.services),
        "pairs": {f"{service} in {code}" for code, entry in by_region.items() for service in entry.services},
    }


def _files(documents: Documents, history: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file in the order of writing.

    The history comes first: if the run dies after it, the next run finds the same changes, and `merge` does not repeat
    them; in the other order they would be lost. Years that leave it are written before it, so that each entry is always
    in a file. The complete data comes last: when it exists, all other files do.
    """
    return {
        **history,
        **contract.schemas(),
        contract.REGIONS_FILE: documents.regions.to_bytes(),
        contract.SERVICES_FILE: documents.services.to_bytes(),
        contract.SERVICE_REGIONS_FILE: documents.service_regions.to_bytes(),
        contract.COMPLETE_DATA_FILE: documents.complete_data.to_bytes(),
    }


def _extended_log(documents: Documents, previous: PreviousFiles) -> contract.ChangeHistory | None:
    """The log with the changes of this run; None if the previous one can't be read, so that it stays."""
    if contract.CHANGE_HISTORY_FILE in previous.unreadable:
        return None
    now = documents.complete_data.metadata.timestamp
    return merge(_settled_history(previous, now), previous.state, documents, now.date(), _latest_day(now))


def _known(documents: Documents, log: contract.ChangeHistory | None, previous: PreviousFiles) -> Known | None:
    """Since when things are there; None if nobody knows.

    If the log begins anew, or can't be read as a whole, the days of the previous data are kept, and the changes of this
    run are added to them.
    """
    before, today = previous.state, documents.complete_data.metadata.timestamp.date()
    if log and previous.history and previous.sights is not None:
        return known_by_log(log, previous.sights, before)
    known = known_without_log(before, documents, today) if before else None
    return known_by_log(log, {}, None) if log and not previous.history and not known else known


def _item_facts(
    documents: Documents, log: contract.ChangeHistory | None, known: Known | None, previous: PreviousFiles
) -> ItemFacts | None:
    """What the files of items are made of; None if the log can't be read as a whole."""
    if not (log and known) or previous.sights is None:
        return None
    return ItemFacts(
        documents=documents,
        changes=changes_by_item(log, previous.sights),
        names={key: sight.name for key, sight in known.sights.items()},
        announcements=_announcements(documents, previous.announcements),
        earlier=contract.CHANGE_HISTORY_FILE if log.earlier else None,
    )


def _announcements(documents: Documents, file: contract.Announcements | None) -> Announcements:
    """The announcements by service. Those of a file that is no longer kept up get too old."""
    if file is None:
        return {}
    oldest = documents.complete_data.metadata.timestamp - contract.ANNOUNCEMENTS_KEPT
    recent = [each for each in file.announcements if each.pub_date >= oldest]
    names = {service.code: service.name for service in documents.services.services}
    return announcements_by_service(recent, names)


def _history_files(
    log: contract.ChangeHistory, documents: Documents, previous: PreviousFiles, site_url: str
) -> dict[str, bytes]:
    """The history, its feed, and the years that move. Nothing moves while dates of the log are put right."""
    latest = _latest_day(documents.complete_data.metadata.timestamp)
    dated_right = previous.history and all(entry.date <= latest for entry in previous.history.change_log[:1])
    years = previous.years if dated_right else {}
    history = move_years(log, years, previous.state or documents)
    return {
        **{name: year.to_bytes() for name, year in years.items()},
        contract.CHANGE_HISTORY_FILE: history.to_bytes(),
        contract.CHANGE_FEED_FILE: build_feed(history, documents, site_url).to_bytes(),
    }


def _read_back(
    history_files: Mapping[str, bytes], previous: PreviousFiles
) -> tuple[contract.ChangeHistory | None, str]:
    """The history as the bucket will hold it, and why it stays as it is: the next run could not read the new one."""
    if contract.CHANGE_HISTORY_FILE not in history_files:
        return previous.history, ""
    try:
        return contract.ChangeHistory.from_bytes(history_files[contract.CHANGE_HISTORY_FILE]), ""
    except UnfitError as error:
        return previous.history, f"with the changes of today: {error}"


def _released(
    files: Mapping[str, bytes], history: contract.ChangeHistory | None, previous: PreviousFiles
) -> dict[str, bytes]:
    """The files that belong together, as the bucket will hold them; those of older years belong to no run.

    A history that stays as it is belongs to them if it can be read. Its feed does not: nobody has read its bytes.
    """
    kept = {contract.CHANGE_HISTORY_FILE: previous.files[contract.CHANGE_HISTORY_FILE].body} if history else {}
    return {name: body for name, body in {**kept, **files}.items() if not contract.YEAR_FILE.fullmatch(name)}


def _settled_history(previous: PreviousFiles, now: datetime) -> contract.ChangeHistory | None:
    """The previous history, without what was undone if by its age no other run is under way."""
    written_at = previous.files[contract.CHANGE_HISTORY_FILE].modified
    if not (previous.history and previous.state and written_at) or now - written_at < LONGEST_RUN:
        return previous.history
    return forget_undone(previous.history, previous.state)


def _latest_day(now: datetime) -> date:
    """The latest day that the history may have an entry of: a run with a faster clock may have come to tomorrow."""
    return (now + MAX_CLOCK_SKEW).date()


def _ahead(last: LastGood, history: contract.ChangeHistory | None, now: datetime) -> dict[str, str]:
    times = {f"{contract.COMPLETE_DATA_FILE} {name}": utc_stamp(time, "seconds") for name, time in last.ahead.items()}
    days = {
        **({"metadata.created": history.metadata.created} if history else {}),
        **{f"changeLog.{index}.date": entry.date for index, entry in enumerate(history.change_log if history else ())},
    }
    latest = _latest_day(now)
    return {
        **times,
        **{f"{contract.CHANGE_HISTORY_FILE} {name}": str(day) for name, day in days.items() if day > latest},
    }


def _metadata(documents: Documents, result: CrawlResult) -> dict[str, str]:
    """The origin of the files, as metadata of their objects."""
    metadata = documents.complete_data.metadata
    return {
        "generated-at": utc_stamp(metadata.timestamp, "seconds"),
        "schema-version": metadata.version,
        "run-id": metadata.run_id,
        "release": contract.name_release(f"{metadata.timestamp:%Y%m%dT%H%M%SZ}", metadata.run_id),
        "ssm-calls": str(result.counts.calls),
        "ssm-throttles": str(result.counts.throttles),
        "ssm-seconds": f"{result.seconds:.1f}",
        "stale-regions": str(len(metadata.stale_regions)),
    }

"""Checks the files of the source bucket: present and valid, the catalogue's of one run, and fresh. Pure."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from distributor.content import check
from ops.checks.check import CLOCK_SKEW, Check, exists
from ops.observation import Listing, Observation, StoredObject, Unavailable, fetched_files
from shared.contract import (
    ANNOUNCEMENTS_FILE,
    COMPLETE_DATA_FILE,
    FILES,
    MANIFEST_FILE,
    MODELS,
    REGIONS_FILE,
    SERVICES_FILE,
    Announcements,
    CompleteData,
    Document,
    Manifest,
    Regions,
    Services,
    model_of,
)
from shared.strict_json import UnfitError

GROUP = "Source bucket"
LONGEST_CALM = timedelta(days=7)  # AWS announces something on each working day
LONGEST_RUN = timedelta(minutes=15)  # Lambda's limit: no run writes later than that


def check_source(observed: Observation, now: datetime, max_age: timedelta) -> Iterator[Check]:
    """Check that each file is there and valid; of the catalogue, that its files are of one run, and not too old."""
    if observed.is_before_first_run(now):
        actual = f"not since the stack was created, {observed.stack.created:%Y-%m-%d %H:%M} UTC"
        advice = "feed fetch is the first run"
        yield Check(GROUP, "the fetcher has run", holds=False, actual=actual, advice=advice, trouble=False)
        return

    yield from _check_listing(observed.listing)
    for name, stored in observed.source.items():
        fetched = name in fetched_files(observed.stack)
        yield exists(GROUP, name, stored, "feed fetch writes it; feed logs shows why it is not there")
        if isinstance(stored, StoredObject):
            releases = observed.stack.releases
            wrong = breach(name, stored.body, releases=releases)
            modelled = model_of(name) is not None and (releases or name != MANIFEST_FILE)
            sentence = f"{name} keeps the contract" if modelled else f"{name} is fit to be published"
            writes = "feed fetch writes it anew" if fetched else "upload a good one"
            was_published = fetched or isinstance(observed.website.get(name), StoredObject)
            back = f"feed rollback {name}" if was_published else f"feed unpublish {name}"
            yield Check(GROUP, sentence, not wrong, wrong or "valid", f"{writes}, or {back}")
    documents = parsed(observed)
    complete = documents.get(COMPLETE_DATA_FILE)
    put_back = _put_back_at(observed, documents)
    if put_back:
        yield _tell_put_back(documents, put_back)
    if isinstance(complete, CompleteData):
        expected = put_back is not None and now - put_back <= max_age  # the next run ends it
        yield check_freshness(complete, now, max_age, trouble=observed.fetches_on_schedule and not expected)
    yield from _check_together(observed, documents)
    yield from _check_announcements(observed, now)


def _check_announcements(observed: Observation, now: datetime) -> Iterator[Check]:
    """Check that the file of announcements has changed lately; whether they can be read, an alarm says within a day."""
    stored = observed.source.get(ANNOUNCEMENTS_FILE)
    if not (observed.stack.reads_announcements and isinstance(stored, StoredObject)):
        return
    with suppress(UnfitError):  # which another check tells
        time = Announcements.from_bytes(stored.body).metadata.timestamp
        yield Check(
            GROUP,
            f"{ANNOUNCEMENTS_FILE} has changed in the last {LONGEST_CALM.days} days",
            now - time <= LONGEST_CALM,
            f"{time:%Y-%m-%d %H:%M} UTC",
            "the stack's output ReadAnnouncementsNow reads AWS's feed; its answer has the reason if that fails",
        )


def _check_listing(listing: Listing | Unavailable) -> Iterator[Check]:
    if isinstance(listing, Unavailable):
        advice = "ask for the right s3:ListBucket on it; until then only the catalogue's files are looked at"
        yield Check(GROUP, "it can be listed", holds=False, actual=listing.reason, advice=advice)
    elif listing.unread:
        actual = "not looked at here; feed sweep compares all"
        yield Check(GROUP, f"{listing.unread} further file(s)", holds=True, actual=actual)


def parsed(observed: Observation) -> dict[str, Document]:
    """The source's files of the catalogue that exist and match the contract; none if the stack does not fetch it."""
    if not observed.stack.fetches:
        return {}
    documents: dict[str, Document] = {}
    for name, stored in observed.source.items():
        if name in FILES and isinstance(stored, StoredObject):
            with suppress(UnfitError):
                documents[name] = MODELS[name].from_bytes(stored.body)
    return documents


def check_freshness(complete: CompleteData, now: datetime, max_age: timedelta, *, trouble: bool) -> Check:
    """Check that the last run is recent enough; old data is no `trouble` if somebody has chosen it."""
    age = now - complete.metadata.timestamp
    return Check(
        GROUP,
        f"the data is at most {max_age.total_seconds() / 3600:g} h old",
        -CLOCK_SKEW <= age <= max_age,
        f"{age.total_seconds() / 3600:.1f} h, of {complete.metadata.timestamp:%Y-%m-%d %H:%M} UTC",
        "feed fetch runs the fetcher now; if that fails, feed logs shows where to look",
        trouble=trouble,
    )


def _put_back_at(observed: Observation, documents: dict[str, Document]) -> datetime | None:
    """When somebody wrote the manifest, if that was after its run; None if the run wrote it."""
    manifest, stored = documents.get(MANIFEST_FILE), observed.source.get(MANIFEST_FILE)
    if not (isinstance(manifest, Manifest) and isinstance(stored, StoredObject)):
        return None
    return stored.last_modified if stored.last_modified - manifest.time > LONGEST_RUN else None


def _tell_put_back(documents: dict[str, Document], time: datetime) -> Check:
    release = getattr(documents[MANIFEST_FILE], "release", "")
    actual = f"somebody put back {release} at {time:%Y-%m-%d %H:%M} UTC"
    advice = (
        "the next run, or feed fetch, writes anew; to keep it, pause the schedule: feed rollback --release "
        f"{release} --pause --yes"
    )
    return Check(GROUP, "the release is that of the last run", holds=False, actual=actual, advice=advice, trouble=False)


def _check_together(observed: Observation, documents: dict[str, Document]) -> Iterator[Check]:
    stamps = {name: stamp for name, document in documents.items() if (stamp := getattr(document, "timestamp", None))}
    complete = documents.get(COMPLETE_DATA_FILE)
    if isinstance(complete, CompleteData):
        stamps[COMPLETE_DATA_FILE] = complete.metadata.timestamp
    restored = _restored(observed, stamps)
    advice = "feed fetch writes all files in one run; the write of one of them failed"
    if restored:
        advice = (
            f"somebody put back an earlier version: {', '.join(restored)}. The next run, or feed fetch, writes anew; "
            "to keep it, deploy with ScheduleState=DISABLED"
        )
    if len(stamps) > 1:
        actual = ", ".join(f"{name} {stamp:%Y-%m-%d %H:%M:%S}" for name, stamp in sorted(stamps.items()))
        same = len(set(stamps.values())) == 1
        actual = "one timestamp" if same else actual
        yield Check(GROUP, "the files are of one run", same, actual, advice, trouble=not restored)
    regions, services = documents.get(REGIONS_FILE), documents.get(SERVICES_FILE)
    if isinstance(complete, CompleteData) and isinstance(regions, Regions) and isinstance(services, Services):
        inside, beside = complete.metadata.counts, (regions.count, services.count)
        same = (
            [region.code for region in complete.regions.regions] == [region.code for region in regions.regions]
            and list(complete.services.services) == [service.code for service in services.services]
        )  # fmt: skip
        yield Check(
            GROUP,
            "the files name the same regions and services",
            same,
            f"{beside[0]} regions and {beside[1]} services"
            if same
            else f"{COMPLETE_DATA_FILE} has {inside.regions} regions and {inside.services} services, "
            f"{REGIONS_FILE} {beside[0]}, {SERVICES_FILE} {beside[1]}",
            advice,
            trouble=not restored,
        )


def _restored(observed: Observation, stamps: dict[str, datetime]) -> list[str]:
    """The files of an earlier run, with times, if all were written after the last run: then no write has failed.

    S3 gives the times of writes in whole seconds.
    """
    written = {
        name: stored.last_modified for name, stored in observed.source.items() if isinstance(stored, StoredObject)
    }
    last_run = max(stamps.values(), default=None)
    end = max((written[name] for name, stamp in stamps.items() if stamp == last_run), default=None)
    earlier = [name for name, stamp in stamps.items() if stamp != last_run]
    if end is None or any(written[name] <= end for name in earlier):
        return []
    return [f"{name} at {written[name]:%Y-%m-%d %H:%M} UTC" for name in earlier]


def breach(name: str, body: bytes, *, releases: bool = True) -> str:
    """Why a file is not fit to be published; empty if it is."""
    try:
        check(name, body, releases=releases)
    except UnfitError as error:
        return str(error)
    return ""

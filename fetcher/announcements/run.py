"""One run: read AWS's feed and the file before, decide the next file, write it if anything has changed."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fetcher.announcements.next_file import NextFile, next_file
from fetcher.rss import FeedError, Rss, read_rss
from fetcher.settings import AnnouncementsSettings
from fetcher.source import OvertakenError, SourceBucket, StoredFile, WrittenObject
from shared import contract
from shared.strict_json import UnfitError

MOST_TRIES = 5
LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """A completed run. `next`: None if the feed could not be used, for the reason in `feed_error`.

    `unreadable`: why the file before could not be used, empty if there was none. `written`: None if nothing has
    changed.
    """

    next: NextFile | None = None
    feed_error: str = ""
    unreadable: str = ""
    written: WrittenObject | None = None


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def run(
    settings: AnnouncementsSettings, bucket: SourceBucket, run_id: str, clock: Callable[[], datetime] = _now
) -> RunResult:
    """Bring the file up to date; if the feed can't be used, it stays as it is.

    If another run wrote meanwhile, this one builds on its file. ClientError or BotoCoreError if S3 fails; a retry is
    safe.
    """
    try:
        return _update(read_rss(settings.announcements_feed_url), settings, bucket, run_id, clock)
    except FeedError as error:
        return RunResult(feed_error=str(error))


def _update(
    rss: Rss, settings: AnnouncementsSettings, bucket: SourceBucket, run_id: str, clock: Callable[[], datetime]
) -> RunResult:
    for _ in range(MOST_TRIES):
        stored = bucket.read(contract.ANNOUNCEMENTS_FILE)
        previous, unreadable = _parse(stored)
        result = next_file(rss, previous, settings.announcements_feed_url, clock())
        try:
            written = _write(result, stored, bucket, run_id)
            return RunResult(result, unreadable=unreadable, written=written)
        except OvertakenError as error:
            overtaken = error
            time.sleep(LONGEST_PAUSE * random.uniform(0, 1))  # noqa: S311 - so that two runs don't collide again
    raise overtaken


def _parse(stored: StoredFile) -> tuple[contract.Announcements | None, str]:
    try:
        return (contract.Announcements.from_bytes(stored.body) if stored.etag else None), ""
    except UnfitError as error:
        return None, str(error)


def _write(result: NextFile, stored: StoredFile, bucket: SourceBucket, run_id: str) -> WrittenObject | None:
    if result.file is None:
        return None
    metadata = {"schema-version": result.file.metadata.version, "run-id": run_id}
    return bucket.write(contract.ANNOUNCEMENTS_FILE, result.file.to_bytes(), metadata, stored)

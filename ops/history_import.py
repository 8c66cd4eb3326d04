"""A stack's history and older snapshots in, the history that begins with them out; writes it over the one it read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import takewhile

from fetcher.documents import Documents
from fetcher.history import begin_earlier, first_day
from fetcher.settings import FetcherSettings
from fetcher.source import OvertakenError, PreviousFiles, SourceBucket, read_previous_files
from ops.rollback import unfit
from ops.snapshots import Snapshot, build_states
from ops.stack import DeployedStack, StackError
from ops.versions import Version, open_source_file
from shared.contract import CHANGE_HISTORY_FILE, COMPLETE_DATA_FILE, ChangeEntry, ChangeHistory, ChangeHistoryYear
from shared.strict_json import UnfitError


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What is there, and what the history becomes. `data`: the complete data, which gets the new days by a fetch.

    `first_look`: the day of the stack's first look. `days`: those of the snapshots that are older. `gap`: the entry
    with what changed from the last of these to the first look; None if nothing did.
    """

    bucket: SourceBucket
    previous: PreviousFiles
    present: Version
    data: Version
    first_look: date
    days: list[date]
    new_entries: int
    gap: ChangeEntry | None
    body: bytes

    def write(self) -> None:
        """Write the history; StackError if somebody has written it since it was read."""
        try:
            self.bucket.write(CHANGE_HISTORY_FILE, self.body, {}, self.previous.files[CHANGE_HISTORY_FILE])
        except OvertakenError as error:
            if not self.bucket.read_etag(CHANGE_HISTORY_FILE).holds(self.body):  # else an earlier try of the SDK did it
                msg = f"{error}; nothing was imported: try again"
                raise StackError(msg) from error


def plan_import(stack: DeployedStack, snapshots: Iterable[Snapshot], *, accept_shrink: bool) -> ImportPlan:
    """Read the stack's files, and put the snapshots from before its first look in front of its log.

    StackError if the files cannot be read, or the result would not be published. SnapshotError as `build_states`.
    """
    stack.output("FetcherFunctionName")  # without it the file is anybody's
    bucket = SourceBucket(stack.client("s3"), stack.output("SourceBucketName"), stack.output("SourceKeyPrefix"))
    previous = read_previous_files(bucket)
    if not (previous.history and previous.state and previous.state.services):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in previous.unreadable.items())
        msg = f"the stack has no files of a whole run to begin with{f' ({reasons})' if reasons else ''}; try feed fetch"
        raise StackError(msg)
    present, data = (open_source_file(stack, name).newest() for name in (CHANGE_HISTORY_FILE, COMPLETE_DATA_FILE))
    own = _whole(bucket, previous.history)
    first_look, days = first_day(own), list[date]()

    def older() -> Iterator[tuple[date, Documents]]:
        wanted = takewhile(lambda snapshot: snapshot.time.date() < first_look, snapshots)
        default = FetcherSettings.max_shrink_percent
        percent = float(stack.parameters.get("MaxShrinkPercent") or default)
        for snapshot, documents in build_states(wanted, percent, accept_shrink=accept_shrink):
            days.append(snapshot.time.date())
            yield days[-1], documents

    history = begin_earlier(own, previous.state, older())
    body = history.to_bytes()
    if reason := unfit(stack, CHANGE_HISTORY_FILE, body):
        msg = f"the stack would not publish the history: {reason}"
        raise StackError(msg)
    gap = next((entry for entry in history.change_log if entry.date == first_look), None)
    new_entries = len(history.change_log) - len(own.change_log)
    return ImportPlan(bucket, previous, present, data, first_look, days, new_entries, gap, body)


def _whole(bucket: SourceBucket, history: ChangeHistory) -> ChangeHistory:
    """The history with the entries that have left it; the fetcher's next run moves them again."""
    log = list(history.change_log)
    for earlier in history.earlier:
        try:
            log += ChangeHistoryYear.from_bytes(bucket.read(earlier.file).body).change_log
        except UnfitError as error:
            msg = f"{earlier.file} has a part of the history, but cannot be read: {error}"
            raise StackError(msg) from error
    return history.model_copy(update={"change_log": tuple(log), "earlier": ()})

"""Makes an earlier release current again: finds its files, proves their SHA-256, and puts them back into the source.

The log of changes goes last but for the manifest. If a run of the fetcher comes in between, it finds older data beside
a newer log, and logs nothing twice; beside an older log and newer data it would miss changes for good. The manifest
ends it: its event publishes the release, as after a run.

Each write is bound to what was looked at, so nothing is put over what others write meanwhile. Whatever ends this
half-way, the rest is done by beginning again: what is there already is left alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from distributor.settings import Location
from distributor.sweeper.comparison import list_entries
from ops.releases import READ_AT_ONCE, RELEASE_ID, read_manifest, release_folder
from ops.rollback import unfit
from ops.stack import DeployedStack, StackError
from ops.versions import Content, SourceFile, Version, open_source_file, read_content
from shared.contract import CHANGE_FEED_FILE, CHANGE_HISTORY_FILE, MANIFEST_FILE, Manifest, ReleaseFile

MOST_LISTED = 1_000  # versions of a file that are looked at: one page of S3
MOST_READ = 20  # versions of a file of the right size that are read, those from about the release's time first
LAST = (CHANGE_HISTORY_FILE, CHANGE_FEED_FILE, MANIFEST_FILE)


class Origin(StrEnum):
    """Where the bytes of a file of the release are."""

    PRESENT = "in the source already"
    VERSION = "a version of the source"
    RELEASE = "the release itself: the source no longer keeps that version"


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file of the release, what the source has now, and the bytes to put back. `present`: None without a version.

    `folder`: that of the release, if the bytes come from there.
    """

    name: str
    file: SourceFile
    present: Version | None
    wanted: Content
    origin: Origin
    folder: Location | None = None

    @property
    def needed(self) -> bool:
        """Whether the source does not have the bytes already."""
        return self.origin is not Origin.PRESENT


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """A release with its files in the order in which they are put back."""

    manifest: Manifest
    files: tuple[FilePlan, ...]


def plan_release_rollback(stack: DeployedStack, release: str) -> ReleasePlan:
    """Find every file of the release. StackError if one is nowhere any more, or is not fit to be published."""
    if not RELEASE_ID.fullmatch(release):
        msg = f"{release} is not the id of a release: feed releases shows them"
        raise StackError(msg)
    s3, folder = stack.client("s3"), release_folder(stack, release)
    try:
        content, manifest = read_manifest(s3, folder)
    except StackError as error:
        msg = f"no manifest of {release}, so it was never complete or is gone: {error}"
        raise StackError(msg) from error
    if manifest.release != release:
        msg = f"the manifest in {folder.prefix} is that of {manifest.release}"
        raise StackError(msg)
    sha256 = hashlib.sha256(content.body).hexdigest()
    own = ReleaseFile(name=MANIFEST_FILE, size=len(content.body), sha256=sha256, content_type="application/json")
    etags = {entry.name: entry.etag for entry in list_entries(s3, folder)}
    finder = _Finder(stack, manifest, open_source_file(stack, MANIFEST_FILE), etags)
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        return ReleasePlan(manifest, tuple(pool.map(finder.find, _in_order([*manifest.files, own]))))


def put_back_release(plan: ReleasePlan) -> Iterator[FilePlan]:
    """Put back what is needed, and yield each file that was. StackError if others have written one meanwhile."""
    for file in (file for file in plan.files if file.needed):
        try:
            file.file.put_back(file.wanted, file.present, elsewhere=file.folder)
        except StackError as error:
            msg = f"{error}. What was put back before it stays; the same command again does the rest"
            raise StackError(msg) from error
        yield file


def pause_fetches(stack: DeployedStack) -> None:
    """Disable the schedule of the fetcher; ClientError if that is refused.

    Whatever a request leaves out gets its default:
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
    """
    scheduler = stack.client("scheduler")
    schedule = scheduler.get_schedule(Name=f"{stack.name}-fetch")
    read_only = ("Arn", "CreationDate", "LastModificationDate", "ResponseMetadata", "State")
    kept = {name: value for name, value in schedule.items() if name not in read_only}
    scheduler.update_schedule(**kept, State="DISABLED")


@dataclass(frozen=True, slots=True)
class _Finder:
    """`file`: the manifest in the source. `etags`: of the release's own files, a hint which versions match.

    Where ETags are MD5s they are the same; the proof is the SHA-256.
    """

    stack: DeployedStack
    manifest: Manifest
    file: SourceFile
    etags: dict[str, str]

    def find(self, entry: ReleaseFile) -> FilePlan:
        """The bytes of a file: what the source has, else an earlier version, else the release's own."""
        file = replace(self.file, key=f"{self.stack.output('SourceKeyPrefix')}/{entry.name}")
        versions = list(islice(file.versions(), MOST_LISTED))
        present = versions[0] if versions else None
        wanted, origin = self._version(file, versions, entry), Origin.VERSION
        if wanted is None:
            wanted, origin = self._own(entry), Origin.RELEASE
        elif present and wanted.version == present.id:
            origin = Origin.PRESENT
        if reason := unfit(self.stack, entry.name, wanted.body):
            msg = f"{entry.name} of {self.manifest.release} is not fit to be published; nothing was put back: {reason}"
            raise StackError(msg)
        folder = release_folder(self.stack, self.manifest.release) if origin is Origin.RELEASE else None
        return FilePlan(entry.name, file, present, wanted, origin, folder)

    def _version(self, file: SourceFile, versions: list[Version], entry: ReleaseFile) -> Content | None:
        def nearest(version: Version) -> tuple[bool, bool, float]:
            seconds = abs((version.modified - self.manifest.time).total_seconds())
            return not version.current, version.etag != self.etags.get(entry.name), seconds

        sized = [version for version in versions if not version.deletion and version.size == entry.size]
        distinct: dict[str, Version] = {}
        for version in sorted(sized, key=nearest):
            distinct.setdefault(version.etag, version)
        for version in islice(distinct.values(), MOST_READ):
            content = file.read(version.id)
            if hashlib.sha256(content.body).hexdigest() == entry.sha256:
                return content
        return None

    def _own(self, entry: ReleaseFile) -> Content:
        folder = release_folder(self.stack, self.manifest.release)
        lost = f"no version of {entry.name} is left that {self.manifest.release} names; nothing was put back"
        try:
            content = read_content(self.file.client, folder.bucket, f"{folder.prefix}/{entry.name}")
        except StackError as error:
            msg = f"{lost}: {error}"
            raise StackError(msg) from error
        if hashlib.sha256(content.body).hexdigest() != entry.sha256:
            msg = f"{lost}: the release itself has other bytes"
            raise StackError(msg)
        return content


def _in_order(files: Iterable[ReleaseFile]) -> list[ReleaseFile]:
    return sorted(files, key=lambda file: (LAST.index(file.name) if file.name in LAST else -1, file.name))

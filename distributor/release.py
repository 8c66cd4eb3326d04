"""A manifest in, its release at a destination out: every file that it names and the manifest itself, or why not.

The files are copied one after the other, so that no more than one of them is in memory.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from distributor.content import Facts
from distributor.outcomes import Failed, Publish, Skipped
from distributor.plan import headers_for, refuse
from distributor.settings import DistributorSettings, Location
from distributor.store import ObjectStore, SourceObject, TooLargeError
from shared.files import MANIFEST_FILE
from shared.strict_json import UnfitError

if TYPE_CHECKING:
    from shared.contract import Manifest, ReleaseFile

MAX_TRIES = 2  # the client gives up on each only after three tries of its own

Check: TypeAlias = Callable[[Publish, SourceObject], Facts]


@dataclass(frozen=True, slots=True)
class Release:
    """The files that a manifest names, at one destination. `task` publishes the manifest there."""

    task: Publish
    manifest: "Manifest"
    settings: DistributorSettings

    @property
    def folder(self) -> Location:
        """Where its files go, once and for ever."""
        destination = self.task.destination
        return destination._replace(prefix=f"{destination.prefix}/{self.manifest.path.removesuffix('/')}")

    def part(self, name: str) -> Publish:
        """The task that copies a file of this name. UnfitError if the settings leave it out, so none could be whole."""
        headers = headers_for(name, self.settings, self.manifest.path)
        part = replace(self.task, destination=self.folder, name=name, headers=headers)
        refusal = refuse(part, self.settings.publish_patterns)
        if refusal:
            msg = f"{name}: {refusal.reason}"
            raise UnfitError(msg)
        return part


def publish_release(release: Release, etag: str, store: ObjectStore, check: Check) -> Skipped | Failed | None:
    """Copy every file of the release, then the manifest with this ETag. None if all of them are there.

    Otherwise the outcome, unless the manifest has changed meanwhile: then its present release must be published.
    Doing it again changes nothing, and a copy may land late, since each name stands for the same bytes for ever.
    UnfitError if a file must not be published; StoreError as in the store.
    """
    parts = [(release.part(file.name), file) for file in release.manifest.files]  # none is copied if one may not be
    for part, file in parts:
        outcome = _publish_file(release, part, file, store, check)
        if outcome:
            return outcome
    manifest = release.part(MANIFEST_FILE)
    copied = any(store.copy(manifest, etag).copied for _ in range(MAX_TRIES))
    return None if copied else _not_copied(release, MANIFEST_FILE)


def _publish_file(
    release: Release, part: Publish, file: "ReleaseFile", store: ObjectStore, check: Check
) -> Skipped | Failed | None:
    for _ in range(MAX_TRIES):
        try:
            source = store.get(part)
            if source is None or hashlib.sha256(source.body).hexdigest() != file.sha256:
                reason = f"{release.manifest.release} was overtaken: {file.name} is no longer the file that it names"
                return Skipped(release.task.source_key, reason)
            check(part, source)
            _require_size(file, len(source.body))
        except (TooLargeError, UnfitError) as error:
            msg = f"{file.name}: {error}"
            raise UnfitError(msg) from error
        if store.copy(part, source.etag).copied:
            return None
    return _not_copied(release, file.name)


def _require_size(file: "ReleaseFile", size: int) -> None:
    """UnfitError if the manifest states another size, since each sweep would then find the release not to be whole."""
    if file.size != size:
        msg = f"it has {size} bytes, but the manifest says {file.size}"
        raise UnfitError(msg)


def _not_copied(release: Release, name: str) -> Failed:
    return Failed(release.task.source_key, f"{release.manifest.release}: no copy of {name} was confirmed")

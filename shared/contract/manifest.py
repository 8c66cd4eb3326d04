"""The file that says which files belong together: those of one run, with their hashes. Since 1.3.0."""

import re
from typing import Annotated, Final, Self

from pydantic import Field, NonNegativeInt, model_validator

from shared.contract.data import Counts
from shared.contract.document import Codes, Date, Document, Items, Text, Timestamp, require, require_sorted
from shared.files import MANIFEST_FILE, RELEASES_FOLDER
from shared.strict_json import UnfitError

MOST_FILES: Final = 1000
MOST_BYTES: Final = 1_000_000  # one is in memory, for each destination, while the files that it names are checked

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$", max_length=200)]


class ReleaseFile(Document):
    """One file of a release, as its bytes are."""

    name: FileName
    size: NonNegativeInt = Field(alias="bytes")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="In hex.")
    content_type: Text


class LatestChange(Document):
    """The newest entry of the log of changes."""

    date: Date
    summary: Text


class Manifest(Document):
    """`manifest.json`: the files of one run, which are also kept below `path`, where they never change."""

    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    release: str = Field(
        pattern=r"^\d{8}T\d{6}Z-[0-9A-Za-z]{1,8}$",
        description="The time of the run and the start of its id. Names sort by time.",
    )
    time: Timestamp
    path: str = Field(description="The folder of the release, relative to this file.")
    files: Items[ReleaseFile] = Field(
        min_length=1, max_length=MOST_FILES, description="Sorted by name. All but this file and older years of the log."
    )
    counts: Counts
    stale_regions: Codes = ()
    latest_change: LatestChange | None = Field(description="Null if the log could not be read.")
    next_expected: Timestamp | None = Field(
        description="When the next run by the schedule will have ended; null if that is unknown."
    )

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """The same as of every document; UnfitError also if it is over `MOST_BYTES`."""
        if len(body) > MOST_BYTES:
            msg = f"a manifest of over {MOST_BYTES:,} bytes"
            raise UnfitError(msg)
        return super().from_bytes(body)

    @model_validator(mode="after")
    def _holds(self) -> Self:
        names = [file.name for file in self.files]
        require_sorted(names, "files")
        require(MANIFEST_FILE not in names, f"files must not name {MANIFEST_FILE} itself")
        require(self.release.startswith(f"{self.time:%Y%m%dT%H%M%SZ}-"), "release must begin with the time")
        require(self.path == f"{RELEASES_FOLDER}/{self.release}/", f"path must be {RELEASES_FOLDER}/<release>/")
        return self


def name_release(stamp: str, run_id: str) -> str:
    """The name of a run's release; `stamp` is its time as in the names of snapshots."""
    return f"{stamp}-{re.sub('[^0-9A-Za-z]', '', run_id)[:8]}"

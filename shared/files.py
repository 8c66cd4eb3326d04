"""Names of the published files, below the prefix. Their models are in `shared.contract`, and take longer to load."""

import hashlib
import re
from typing import Final, Literal

REGIONS_FILE: Final = "regions.json"
SERVICES_FILE: Final = "services.json"
SERVICE_REGIONS_FILE: Final = "service-regions.json"
COMPLETE_DATA_FILE: Final = "complete-data.json"
CHANGE_HISTORY_FILE: Final = "change-history.json"
CHANGE_FEED_FILE: Final = "change-feed.json"
MANIFEST_FILE: Final = "manifest.json"
ANNOUNCEMENTS_FILE: Final = "aws-whats-new.json"
INDEX_FILE: Final = "index.json"

FILES: Final = (
    REGIONS_FILE,
    SERVICES_FILE,
    SERVICE_REGIONS_FILE,
    COMPLETE_DATA_FILE,
    CHANGE_HISTORY_FILE,
    CHANGE_FEED_FILE,
    MANIFEST_FILE,
)
"""The files of every run."""

OTHER_FILES: Final = (ANNOUNCEMENTS_FILE, INDEX_FILE)
"""Files that are in no release. Beside these, those of `year_file` and those of items, no other has a model."""

YEAR_FILE: Final = re.compile(r"change-history-[0-9]{4}(-[0-9]+)?\.json")
ITEM_FILE: Final = re.compile(r"(regions|services)/[A-Za-z0-9_-]+\.json")
ITEM_FEED: Final = re.compile(r"(regions|services)/[A-Za-z0-9_-]+\.feed\.json")
YEAR_KIND, REGION_KIND, SERVICE_KIND = "change-history-year.json", "region.json", "service.json"  # of `kind_of`

HISTORY_FOLDER: Final = "history"
RELEASES_FOLDER: Final = "releases"
ITEM_FOLDERS: Final = ("regions/", "services/")
ItemFolder = Literal["regions", "services"]
LONGEST_NAME: Final = 128  # characters, in a key that may have 1,024 bytes and a file name of 255

JSON, JSON_FEED = "application/json", "application/feed+json"  # https://www.jsonfeed.org/version/1.1/ has the second
FEED_SUFFIX: Final = ".feed.json"


def year_file(year: int, part: int) -> str:
    """The name of a file with older entries of the history; `part` counts from 1."""
    return f"change-history-{year:04}.json" if part == 1 else f"change-history-{year:04}-{part}.json"


def item_name(code: str) -> str:
    """The name of an item's file, without the suffix: an address that needs no escaping, another for each code.

    Letters and digits of ASCII and hyphens stay as they are. Every other byte is `_` and two capital hex digits. A name
    that is too long ends with a hash.
    """
    name = re.sub(rb"[^A-Za-z0-9-]", lambda byte: b"_%02X" % ord(byte[0]), code.encode()).decode()
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME // 2]}__{hashlib.sha256(code.encode()).hexdigest()[:32]}"


def content_type(name: str) -> str:
    """The content type of the file with this name below the prefix or the folder of its release."""
    return JSON_FEED if name == CHANGE_FEED_FILE or name.endswith(FEED_SUFFIX) else JSON


def kind_of(name: str) -> str | None:
    """The name that stands for all files with the same model and schema; None if it is no file of the contract."""
    if ITEM_FEED.fullmatch(name):
        return CHANGE_FEED_FILE
    if item := ITEM_FILE.fullmatch(name):
        return REGION_KIND if item[1] == "regions" else SERVICE_KIND
    if YEAR_FILE.fullmatch(name):
        return YEAR_KIND
    return name if name in FILES + OTHER_FILES else None


def schema_name(name: str) -> str:
    """The name of the schema of a file or a kind: complete-data.json has complete-data.schema.json."""
    return f"{(kind_of(name) or name).removesuffix('.json')}.schema.json"

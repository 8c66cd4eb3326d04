"""Models of the published files: they write JSON bytes, and read bytes or raise UnfitError.

Only this package defines what readers rely on. The models do no I/O. Names are snake_case here and camelCase in the
JSON. Unknown keys are ignored, so that a file of a later minor version is still accepted.
"""

from collections.abc import Mapping
from functools import cache

from shared.contract.announcements import (
    ANNOUNCEMENTS_FILE,
    ANNOUNCEMENTS_KEPT,
    MOST_ANNOUNCEMENTS,
    MOST_CATEGORIES,
    MOST_CHARACTERS,
    SUMMARY_CHARACTERS,
    TITLE_CHARACTERS,
    Announcement,
    Announcements,
    AnnouncementsMetadata,
    format_day,
)
from shared.contract.changes import (
    YEAR_FILE,
    ChangeEntry,
    ChangeHistory,
    ChangeHistoryYear,
    Changes,
    EarlierChanges,
    HistoryMetadata,
    Inception,
    NamedCode,
    RegionalService,
    Renamed,
    ZoneChange,
    ZoneKind,
)
from shared.contract.data import (
    SCHEMA_VERSION,
    SOURCE,
    TOOL,
    CompleteData,
    Counts,
    Metadata,
    Region,
    Regions,
    RegionServices,
    Service,
    ServiceCodes,
    ServiceRegion,
    ServiceRegions,
    Services,
    ServicesByRegion,
    Summary,
    Zones,
)
from shared.contract.document import Document, RfcDate, Url
from shared.contract.feed import ChangeFeed, FeedItem
from shared.contract.items import (
    INDEX_FILE,
    ITEM_FEED,
    ITEM_FILE,
    IndexEntry,
    ItemAnnouncement,
    ItemChange,
    ItemChangeKind,
    ItemFolder,
    ItemIndex,
    ItemOffer,
    RegionItem,
    ServiceItem,
    item_name,
)
from shared.contract.manifest import MANIFEST_FILE, RELEASES_FOLDER, LatestChange, Manifest, ReleaseFile, name_release
from shared.contract.schema import build_schemas, schema_name
from shared.contract.seen import Between, Key, Seen, Sightings, earliest, latest

__all__ = [
    "ANNOUNCEMENTS_FILE",
    "ANNOUNCEMENTS_KEPT",
    "CHANGE_FEED_FILE",
    "CHANGE_HISTORY_FILE",
    "COMPLETE_DATA_FILE",
    "FEED_SUFFIX",
    "FILES",
    "HISTORY_FOLDER",
    "INDEX_FILE",
    "ITEM_FEED",
    "ITEM_FILE",
    "ITEM_FOLDERS",
    "JSON",
    "MANIFEST_FILE",
    "MOST_ANNOUNCEMENTS",
    "MOST_CATEGORIES",
    "MOST_CHARACTERS",
    "OTHER_FILES",
    "REGIONS_FILE",
    "RELEASES_FOLDER",
    "SCHEMA_VERSION",
    "SERVICES_FILE",
    "SERVICE_REGIONS_FILE",
    "SOURCE",
    "SUMMARY_CHARACTERS",
    "TITLE_CHARACTERS",
    "TOOL",
    "YEAR_FILE",
    "Announcement",
    "Announcements",
    "AnnouncementsMetadata",
    "Between",
    "ChangeEntry",
    "ChangeFeed",
    "ChangeHistory",
    "ChangeHistoryYear",
    "Changes",
    "CompleteData",
    "Counts",
    "Document",
    "EarlierChanges",
    "FeedItem",
    "HistoryMetadata",
    "Inception",
    "IndexEntry",
    "ItemAnnouncement",
    "ItemChange",
    "ItemChangeKind",
    "ItemFolder",
    "ItemIndex",
    "ItemOffer",
    "Key",
    "LatestChange",
    "Manifest",
    "Metadata",
    "NamedCode",
    "Region",
    "RegionItem",
    "RegionServices",
    "RegionalService",
    "Regions",
    "ReleaseFile",
    "Renamed",
    "RfcDate",
    "Seen",
    "Service",
    "ServiceCodes",
    "ServiceItem",
    "ServiceRegion",
    "ServiceRegions",
    "Services",
    "ServicesByRegion",
    "Sightings",
    "Summary",
    "Url",
    "ZoneChange",
    "ZoneKind",
    "Zones",
    "content_type",
    "earliest",
    "format_day",
    "item_name",
    "latest",
    "model_of",
    "name_release",
    "schema_name",
    "schemas",
    "year_file",
]

REGIONS_FILE = "regions.json"
SERVICES_FILE = "services.json"
SERVICE_REGIONS_FILE = "service-regions.json"
COMPLETE_DATA_FILE = "complete-data.json"
CHANGE_HISTORY_FILE = "change-history.json"
CHANGE_FEED_FILE = "change-feed.json"
HISTORY_FOLDER = "history"
ITEM_FOLDERS = ("regions/", "services/")

JSON, JSON_FEED = "application/json", "application/feed+json"  # https://www.jsonfeed.org/version/1.1/ has the second
FEED_SUFFIX = ".feed.json"

FILES: dict[str, type[Document]] = {
    REGIONS_FILE: Regions,
    SERVICES_FILE: Services,
    SERVICE_REGIONS_FILE: ServiceRegions,
    COMPLETE_DATA_FILE: CompleteData,
    CHANGE_HISTORY_FILE: ChangeHistory,
    CHANGE_FEED_FILE: ChangeFeed,
    MANIFEST_FILE: Manifest,
}
"""The files of every run, by name below the prefix."""

OTHER_FILES: dict[str, type[Document]] = {ANNOUNCEMENTS_FILE: Announcements, INDEX_FILE: ItemIndex}
"""Files that are in no release. Beside these, those of `year_file` and those of items, no other has a model."""


def year_file(year: int, part: int) -> str:
    """The name of a file with older entries of the history; `part` counts from 1."""
    return f"change-history-{year:04}.json" if part == 1 else f"change-history-{year:04}-{part}.json"


def content_type(name: str) -> str:
    """The content type of the file with this name below the prefix or the folder of its release."""
    return JSON_FEED if name == CHANGE_FEED_FILE or name.endswith(FEED_SUFFIX) else JSON


def model_of(name: str) -> type[Document] | None:
    """The model of a file, by its name below the prefix; None if it is not a file of the contract."""
    if ITEM_FEED.fullmatch(name):
        return ChangeFeed
    if ITEM_FILE.fullmatch(name):
        return RegionItem if name.startswith("regions/") else ServiceItem
    return ChangeHistoryYear if YEAR_FILE.fullmatch(name) else {**FILES, **OTHER_FILES}.get(name)


@cache
def schemas() -> Mapping[str, bytes]:
    """The JSON Schema of every file of the contract, by the schema's name; files of a kind share one."""
    years_and_items: dict[str, type[Document]] = {
        "change-history-year.json": ChangeHistoryYear,
        "region.json": RegionItem,
        "service.json": ServiceItem,
    }
    return build_schemas({**FILES, **years_and_items, **OTHER_FILES})

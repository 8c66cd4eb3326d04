"""Models of the published files: they write JSON bytes, and read bytes or raise UnfitError.

Only this package defines what readers rely on. The models do no I/O. Names are snake_case here and camelCase in the
JSON. Unknown keys are ignored, so that a file of a later minor version is still accepted.
"""

from collections.abc import Mapping
from functools import cache

from shared.contract.announcements import (
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
    IndexEntry,
    ItemAnnouncement,
    ItemChange,
    ItemChangeKind,
    ItemIndex,
    ItemOffer,
    RegionItem,
    ServiceItem,
)
from shared.contract.manifest import LatestChange, Manifest, ReleaseFile, name_release
from shared.contract.schema import build_schemas
from shared.contract.seen import Between, Key, Seen, Sightings, earliest, latest
from shared.files import (
    ANNOUNCEMENTS_FILE,
    CHANGE_FEED_FILE,
    CHANGE_HISTORY_FILE,
    COMPLETE_DATA_FILE,
    FEED_SUFFIX,
    FILES,
    HISTORY_FOLDER,
    INDEX_FILE,
    ITEM_FEED,
    ITEM_FILE,
    ITEM_FOLDERS,
    JSON,
    MANIFEST_FILE,
    OTHER_FILES,
    REGION_KIND,
    REGIONS_FILE,
    RELEASES_FOLDER,
    SERVICE_KIND,
    SERVICE_REGIONS_FILE,
    SERVICES_FILE,
    YEAR_FILE,
    YEAR_KIND,
    ItemFolder,
    content_type,
    item_name,
    kind_of,
    schema_name,
    year_file,
)

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
    "MODELS",
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

MODELS: dict[str, type[Document]] = {
    REGIONS_FILE: Regions,
    SERVICES_FILE: Services,
    SERVICE_REGIONS_FILE: ServiceRegions,
    COMPLETE_DATA_FILE: CompleteData,
    CHANGE_HISTORY_FILE: ChangeHistory,
    CHANGE_FEED_FILE: ChangeFeed,
    MANIFEST_FILE: Manifest,
    YEAR_KIND: ChangeHistoryYear,
    REGION_KIND: RegionItem,
    SERVICE_KIND: ServiceItem,
    ANNOUNCEMENTS_FILE: Announcements,
    INDEX_FILE: ItemIndex,
}
"""The model of every kind of file; see `kind_of`."""


def model_of(name: str) -> type[Document] | None:
    """The model of a file, by its name below the prefix; None if it is not a file of the contract."""
    kind = kind_of(name)
    return MODELS[kind] if kind else None


@cache
def schemas() -> Mapping[str, bytes]:
    """The JSON Schema of every kind of file, by the schema's name."""
    return build_schemas(MODELS)

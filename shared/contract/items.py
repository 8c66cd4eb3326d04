"""The files of one region or one service each, and the file that names them all. Since 1.4.0."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from shared.contract.data import Zones
from shared.contract.document import Code, Date, Document, Items, RfcDate, Text, Timestamp, Url, require, require_sorted
from shared.contract.seen import SeenField
from shared.files import ITEM_FEED, ITEM_FILE

ItemChangeKind = Literal["new", "back", "gone", "renamed", "added", "returned", "removed", "zonesAdded", "zonesRemoved"]


class Compact(Document):
    """A file of which there are many: its bytes are on one line."""

    def to_bytes(self) -> bytes:
        """UTF-8 JSON: keys in the order of the fields, no spaces, a newline at the end."""
        return self.model_dump_json(by_alias=True).encode() + b"\n"


class ItemOffer(Document):
    """A service of the region, or a region of the service. `lastSeen` is there if it went."""

    code: Code
    name: str
    first_seen: SeenField
    last_seen: SeenField | None = Field(default=None, exclude_if=lambda seen: seen is None)


class ItemChange(Document):
    """Changes of one day and one kind. Those of kinds `new`, `back` and `gone` are of the item itself."""

    date: Date
    after: Date | None = Field(
        default=None,
        description="The day of the look before, if it was more than one day earlier.",
        exclude_if=lambda after: after is None,
    )
    kind: ItemChangeKind = Field(description="What is `returned` or `back` was there before.")
    what: Items[str] = Field(description="Codes, zone ids, or the old name and the new one.")


class ItemAnnouncement(Document):
    """What AWS announced about a service in the last days."""

    id: Code
    title: Text
    link: Url
    pub_date: Timestamp


class Item(Compact):
    """What the files of regions and services share."""

    code: Code
    name: str
    first_seen: SeenField | None = Field(description="Null for a region that has had no services yet.")
    last_seen: SeenField | None = Field(
        default=None, description="Absent while it is there.", exclude_if=lambda seen: seen is None
    )


class RegionItem(Item):
    """`regions/<name>.json`: one region. Of a region that went, the values that SSM had are null."""

    partition: str | None
    domain: str | None
    country: str | None
    geography: str | None
    launch_date: RfcDate | None
    blog_url: Url | None
    zones: Zones
    services: Items[ItemOffer]
    gone: Items[ItemOffer] = Field(description="Services that it had.")
    changes: Items[ItemChange] = Field(description="Newest first.")
    earlier: str | None = Field(
        default=None,
        description="The file with older changes; absent if there are none.",
        exclude_if=lambda file: file is None,
    )

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_order(self.services, self.gone, self.changes)
        return self


class ServiceItem(Item):
    """`services/<name>.json`: one service."""

    home_url: Url | None
    regions: Items[ItemOffer]
    gone: Items[ItemOffer] = Field(description="Regions that had it.")
    changes: Items[ItemChange] = Field(description="Newest first.")
    earlier: str | None = Field(
        default=None,
        description="The file with older changes; absent if there are none.",
        exclude_if=lambda file: file is None,
    )
    announcements: Items[ItemAnnouncement] = Field(
        default=(), description="Of the last days, newest first.", exclude_if=lambda announcements: not announcements
    )

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_order(self.regions, self.gone, self.changes)
        return self


class IndexEntry(Item):
    """One item and its files, relative to the index."""

    path: str = Field(pattern=f"^{ITEM_FILE.pattern}$")
    feed: str = Field(pattern=f"^{ITEM_FEED.pattern}$")


class ItemIndex(Compact):
    """`index.json`: every region and service that there is or was, and their files."""

    known_since: Date
    regions: Items[IndexEntry]
    services: Items[IndexEntry]

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require_sorted((entry.code for entry in self.regions), "regions")
        require_sorted((entry.code for entry in self.services), "services")
        return self


def _require_order(there: Sequence[ItemOffer], gone: Sequence[ItemOffer], changes: Sequence[ItemChange]) -> None:
    require_sorted((offer.code for offer in there), "what is there")
    require_sorted((offer.code for offer in gone), "gone")
    require(not {offer.code for offer in there} & {offer.code for offer in gone}, "gone names what is there")
    require(all(newer.date >= older.date for newer, older in pairwise(changes)), "changes must be newest first")

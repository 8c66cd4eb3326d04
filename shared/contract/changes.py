"""The file that says what changed, and when. Since 1.1.0."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, model_validator
from pydantic.alias_generators import to_camel

from shared.contract.document import Code, Codes, Date, Document, Items, Text, require, require_sorted

ZoneKind = Literal["availability", "local", "wavelength"]


class NamedCode(Document):
    """A region or a service; without a name, `name` is the code."""

    code: Code
    name: str


class RegionalService(Document):
    """A service in a region."""

    region: Code
    service: Code


class Renamed(Document):
    """A region or service that got another name; its code stays the same."""

    kind: Literal["region", "service"]
    code: Code
    old: str = Field(alias="from")
    new: str = Field(alias="to")


class ZoneChange(Document):
    """The zones of one kind that a region gained and lost."""

    region: Code
    kind: ZoneKind
    added: Codes = ()
    removed: Codes = ()


class Changes(Document):
    """What was added, removed or renamed. Every list is sorted and free of duplicates."""

    new_services: Items[NamedCode] = ()
    new_regional_services: Items[RegionalService] = ()
    new_regions: Items[NamedCode] = ()
    removed_services: Items[NamedCode] = ()
    removed_regional_services: Items[RegionalService] = ()
    removed_regions: Items[NamedCode] = ()
    renamed: Items[Renamed] = ()
    zone_changes: Items[ZoneChange] = ()

    @model_validator(mode="after")
    def _holds(self) -> Self:
        for field in ("new_services", "new_regions", "removed_services", "removed_regions"):
            require_sorted((item.code for item in getattr(self, field)), to_camel(field))
        for field in ("new_regional_services", "removed_regional_services"):
            require_sorted(((item.region, item.service) for item in getattr(self, field)), to_camel(field))
        require_sorted(((item.kind, item.code) for item in self.renamed), "renamed")
        require_sorted(((zones.region, zones.kind) for zones in self.zone_changes), "zoneChanges")
        return self


class ChangeEntry(Document):
    """The changes of one day. The first entry, the baseline, has none."""

    date: Date
    summary: Text
    changes: Changes


class Inception(Document):
    """How many additions the log holds."""

    new_regions: NonNegativeInt
    new_services: NonNegativeInt
    new_regional_services: NonNegativeInt


class HistoryMetadata(Document):
    """When the log began, when it was last updated, and how much there was then."""

    created: Date
    last_updated: Date
    total_regions: NonNegativeInt
    total_services: NonNegativeInt
    total_regional_services: NonNegativeInt
    changes_since_inception: Inception


class ChangeHistory(Document):
    """`change-history.json`: what changed, newest first, at most one entry a day."""

    metadata: HistoryMetadata
    change_log: Items[ChangeEntry]
    undone: Changes = Field(
        default=Changes(),
        description="Only for the fetcher: changes that reversed others of the same day, so that no entry has either.",
        exclude_if=lambda undone: undone == Changes(),
    )

    @model_validator(mode="after")
    def _holds(self) -> Self:
        days = [entry.date for entry in self.change_log]
        require(
            all(newer > older for newer, older in pairwise(days)),
            "changeLog must be newest first, with one entry a day",
        )
        return self

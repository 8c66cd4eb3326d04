"""The files that say what changed, and when. Since 1.1.0."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, model_validator
from pydantic.alias_generators import to_camel

from shared.contract.document import Code, Codes, Date, Document, Items, Text, require, require_sorted
from shared.files import YEAR_FILE

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
    after: Date | None = Field(
        default=None,
        description="The day of the look before, if it was more than one day earlier: it changed between both. "
        "Since 1.4.0.",
        exclude_if=lambda after: after is None,
    )
    regions_after: dict[Code, Date] = Field(
        default={},
        description="The same for regions whose list had been read before that look. Since 1.4.0.",
        exclude_if=lambda regions: not regions,
    )

    @model_validator(mode="after")
    def _holds(self) -> Self:
        looks = (*((self.after,) if self.after else ()), *self.regions_after.values())
        require(all(look < self.date for look in looks), "after and regionsAfter must be before the date")
        return self


class Inception(Document):
    """How many regions, services and pairs were added."""

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


class EarlierChanges(Document):
    """A file of older entries: the days of its oldest and newest, and how many additions it holds."""

    file: str = Field(pattern=f"^{YEAR_FILE.pattern}$")
    oldest: Date
    newest: Date
    additions: Inception


class ChangeHistory(Document):
    """`change-history.json`: what changed, newest first, at most one entry a day."""

    metadata: HistoryMetadata
    change_log: Items[ChangeEntry]
    earlier: Items[EarlierChanges] = Field(
        default=(),
        description="The files with the entries before these, newest first. Since 1.2.0.",
        exclude_if=lambda earlier: not earlier,
    )
    undone: Changes = Field(
        default_factory=Changes,
        description="Only for the fetcher: changes that no entry here has, but that the data may not yet agree with.",
        exclude_if=lambda undone: undone == Changes(),
    )

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_newest_first(self.change_log)
        return self


class ChangeHistoryYear(Document):
    """`change-history-<year>.json`: entries of one year that are no longer in `change-history.json`. Since 1.2.0."""

    year: int
    change_log: Items[ChangeEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_newest_first(self.change_log)
        require(all(entry.date.year == self.year for entry in self.change_log), "every date must be of the year")
        return self


def _require_newest_first(log: Sequence[ChangeEntry]) -> None:
    require(
        all(newer.date > older.date for newer, older in pairwise(log)),
        "changeLog must be newest first, with one entry a day",
    )

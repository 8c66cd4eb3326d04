"""The published files as models: facts in, JSON bytes out; bytes in, a checked model or a ValidationError out.

This is the one statement in code of what readers rely on. The models do no I/O. Names are snake_case here and
camelCase in the JSON. Unknown keys are ignored, so that a file of a later minor version is still accepted.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    NonNegativeInt,
    model_validator,
)
from pydantic.alias_generators import to_camel

SCHEMA_VERSION = "1.0.0"
TOOL: Final = "aws-services-feed"
SOURCE: Final = "ssm"

ROUNDING = 0.5

REGIONS_FILE = "regions.json"
SERVICES_FILE = "services.json"
COMPLETE_DATA_FILE = "complete-data.json"
HISTORY_FOLDER = "history"


_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def _written_out(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _TIMESTAMP.fullmatch(value):
        msg = "must be an ISO 8601 time in UTC, such as 2026-11-23T02:00:00Z"
        raise ValueError(msg)
    return datetime.fromisoformat(value)


def _in_utc(value: datetime) -> datetime:
    if value.utcoffset() != timedelta(0):
        msg = "must be in UTC"
        raise ValueError(msg)
    return value.astimezone(UTC)


def _sorted_and_unique(codes: tuple[str, ...]) -> tuple[str, ...]:
    _require_sorted(codes, "the list")
    return codes


Timestamp = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
_RFC_822 = r"^([A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d)? ([A-Z]{1,4}|[+-]\d{4})$"
RfcDate = Annotated[str, Field(pattern=_RFC_822)]
Code = Annotated[str, Field(min_length=1)]
Codes = Annotated[tuple[Code, ...], FailFast(), AfterValidator(_sorted_and_unique)]


class Document(BaseModel):
    """A JSON object of the contract. Frozen; equal content gives equal bytes."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True, strict=True)

    def to_bytes(self) -> bytes:
        """UTF-8 JSON: keys in the order of the fields, two-space indent, a newline at the end."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """The model of a published file; pydantic's ValidationError if it breaks the contract."""
        return cls.model_validate_json(body, by_alias=True, by_name=False)


class Zones(Document):
    """The zone ids of one region."""

    availability: Codes
    local: Codes
    wavelength: Codes


class Region(Document):
    """One region, as SSM states it; what SSM does not state is null."""

    code: Code
    name: str
    availability_zones: NonNegativeInt
    launch_date: RfcDate | None = None
    blog_url: Url | None = None
    partition: str | None = None
    domain: str | None = None
    country: str | None = None
    geography: str | None = None
    zones: Zones

    @model_validator(mode="after")
    def _counts_its_zones(self) -> Self:
        _require_count("availabilityZones", self.availability_zones, self.zones.availability)
        return self


class Regions(Document):
    """`regions.json`: every region, by code."""

    count: NonNegativeInt
    regions: Annotated[tuple[Region, ...], FailFast()] = Field(min_length=1)
    source: Literal["ssm"]
    timestamp: Timestamp

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_count("count", self.count, self.regions)
        _require_sorted([region.code for region in self.regions], "regions")
        return self


class Service(Document):
    """One service and in how many regions it is offered; 0 is a valid number."""

    code: Code
    name: str
    home_url: Url | None = None
    regions: NonNegativeInt


class Services(Document):
    """`services.json`: every service, by code."""

    count: NonNegativeInt
    services: Annotated[tuple[Service, ...], FailFast()] = Field(min_length=1)
    source: Literal["ssm"]
    timestamp: Timestamp

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_count("count", self.count, self.services)
        _require_sorted([service.code for service in self.services], "services")
        return self


class Counts(Document):
    """How much there is: `region_services` counts the pairs of a region and a service offered in it."""

    regions: NonNegativeInt
    services: NonNegativeInt
    region_services: NonNegativeInt


class Metadata(Document):
    """Which run made the file, and when."""

    timestamp: Timestamp
    tool: Literal["aws-services-feed"]
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    run_id: str
    counts: Counts


class ServiceCodes(Document):
    """The services as codes alone."""

    count: NonNegativeInt
    services: Codes = Field(min_length=1)
    source: Literal["ssm"]
    timestamp: Timestamp

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_count("count", self.count, self.services)
        return self


class RegionServices(Document):
    """The services of one region; `last_fetched` is when SSM was really asked for them."""

    region_code: Code
    service_count: NonNegativeInt
    services: Codes
    last_fetched: Timestamp

    @model_validator(mode="after")
    def _holds(self) -> Self:
        _require_count("serviceCount", self.service_count, self.services)
        return self


class Summary(Document):
    """Totals over all regions, and how many of their lists this run fetched or carried over."""

    total_regions: NonNegativeInt
    total_services: NonNegativeInt
    average_services_per_region: NonNegativeInt
    cached_regions: NonNegativeInt
    fetched_regions: NonNegativeInt
    timestamp: Timestamp
    last_updated: Timestamp


class ServicesByRegion(Document):
    """The services of every region, by the region's code."""

    by_region: dict[str, RegionServices]
    summary: Summary


class CompleteData(Document):
    """`complete-data.json`: everything in one file, the single source of truth."""

    metadata: Metadata
    regions: Regions
    services: ServiceCodes
    services_by_region: ServicesByRegion

    @model_validator(mode="after")
    def _holds(self) -> Self:
        by_region = self.services_by_region.by_region
        codes = [region.code for region in self.regions.regions]
        _require(sorted(by_region) == codes, "servicesByRegion.byRegion must have exactly the codes in regions.regions")
        _require(
            all(code == entry.region_code for code, entry in by_region.items()),
            "every regionCode must equal its key in servicesByRegion.byRegion",
        )
        known = set(self.services.services)
        unknown = sorted({code for entry in by_region.values() for code in entry.services if code not in known})
        _require(not unknown, f"servicesByRegion names services that services.services lacks: {unknown[:3]}")
        self._counts_hold()
        return self

    def _counts_hold(self) -> None:
        counts, summary = self.metadata.counts, self.services_by_region.summary
        entries = self.services_by_region.by_region.values()
        pairs = sum(entry.service_count for entry in entries)
        _require(
            (counts.regions, counts.services, counts.region_services)
            == (self.regions.count, self.services.count, pairs),
            "metadata.counts must equal the numbers of regions, services and pairs in the file",
        )
        _require(
            (summary.total_regions, summary.total_services) == (self.regions.count, self.services.count),
            "servicesByRegion.summary must give the totals of regions and services in the file",
        )
        _require(
            abs(summary.average_services_per_region - pairs / self.regions.count) <= ROUNDING,
            "averageServicesPerRegion must be the rounded average",
        )
        _require(
            summary.cached_regions + summary.fetched_regions == self.regions.count,
            "cachedRegions and fetchedRegions must add up to the number of regions",
        )


FILES: dict[str, type[Document]] = {
    REGIONS_FILE: Regions,
    SERVICES_FILE: Services,
    COMPLETE_DATA_FILE: CompleteData,
}
"""The files that have a model, by name below the prefix."""


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence at each call
    if not holds:
        raise ValueError(otherwise)


def _require_count(field: str, count: int, items: Sequence[object]) -> None:
    _require(count == len(items), f"{field} is {count}, but its list has {len(items)}")


def _require_sorted(codes: Sequence[str], what: str) -> None:
    _require(list(codes) == sorted(set(codes)), f"{what} must be sorted by code and free of duplicates")

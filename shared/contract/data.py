"""The files that describe the present: regions, services, and the services of each region."""

from typing import Final, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from shared.contract.document import (
    Code,
    Codes,
    Date,
    Document,
    Items,
    RfcDate,
    Timestamp,
    Url,
    require,
    require_count,
    require_sorted,
)
from shared.contract.seen import Key, Seen, Sightings, earliest, latest

SCHEMA_VERSION = "1.4.0"
TOOL: Final = "aws-services-feed"
SOURCE: Final = "ssm"

ROUNDING = 0.5


class Zones(Document):
    """The zone ids of one region."""

    availability: Codes
    local: Codes
    wavelength: Codes


class Region(Document):
    """One region; values that SSM does not state are null."""

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
        require_count("availabilityZones", self.availability_zones, self.zones.availability)
        return self


class Regions(Document):
    """`regions.json`: every region, by code."""

    count: NonNegativeInt
    regions: Items[Region] = Field(min_length=1)
    source: Literal["ssm"]
    timestamp: Timestamp

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require_count("count", self.count, self.regions)
        require_sorted([region.code for region in self.regions], "regions")
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
    services: Items[Service] = Field(min_length=1)
    source: Literal["ssm"]
    timestamp: Timestamp

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require_count("count", self.count, self.services)
        require_sorted([service.code for service in self.services], "services")
        return self


class Counts(Document):
    """The numbers of regions, services and pairs."""

    regions: NonNegativeInt
    services: NonNegativeInt
    region_services: NonNegativeInt = Field(description="Pairs of a region and a service offered in it.")


class Metadata(Document):
    """Which run created the file, and when."""

    timestamp: Timestamp
    tool: Literal["aws-services-feed"]
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    run_id: str
    counts: Counts
    stale_regions: Codes = Field(
        default=(), description="Regions whose list could not be read at the last try. Since 1.1.0."
    )


class ServiceCodes(Document):
    """The services as codes alone."""

    count: NonNegativeInt
    services: Codes = Field(min_length=1)
    source: Literal["ssm"]
    timestamp: Timestamp

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require_count("count", self.count, self.services)
        return self


class RegionServices(Document):
    """The services of one region."""

    region_code: Code
    service_count: NonNegativeInt
    services: Codes
    last_fetched: Timestamp = Field(description="When they were last read from SSM; ISO 8601, in UTC.")

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require_count("serviceCount", self.service_count, self.services)
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
    known_since: Date | None = Field(
        default=None,
        description="The day of the first look of all; absent if the log of changes was never read. Since 1.4.0.",
        exclude_if=lambda day: day is None,
    )
    first_seen: Sightings | None = Field(
        default=None,
        description="When things came; what is not named was there on knownSince. Since 1.4.0.",
        exclude_if=lambda sightings: sightings is None,
    )
    last_seen: Sightings | None = Field(
        default=None,
        description="When things that are no longer there were last seen. Since 1.4.0.",
        exclude_if=lambda sightings: sightings is None,
    )

    @model_validator(mode="after")
    def _holds(self) -> Self:
        parts = (self.known_since, self.first_seen, self.last_seen)
        require(
            all(part is None for part in parts) or all(part is not None for part in parts),
            "knownSince, firstSeen and lastSeen must be there together",
        )
        return self

    def sightings(self) -> tuple[dict[Key, Seen], dict[Key, Seen]]:
        """The first and the last of everything that has a day of its own."""
        return (
            self.first_seen.by_key() if self.first_seen else {},
            self.last_seen.by_key() if self.last_seen else {},
        )


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
        require(sorted(by_region) == codes, "servicesByRegion.byRegion must have exactly the codes in regions.regions")
        require(
            all(code == entry.region_code for code, entry in by_region.items()),
            "every regionCode must equal its key in servicesByRegion.byRegion",
        )
        known = set(self.services.services)
        unknown = sorted({code for entry in by_region.values() for code in entry.services if code not in known})
        require(not unknown, f"servicesByRegion names services that services.services lacks: {unknown[:3]}")
        self._counts_hold()
        self._stale_regions_hold()
        self._sightings_hold()
        return self

    def what_is_there(self) -> set[Key]:
        """Every region, service and pair, as in `Sightings`."""
        by_region = self.services_by_region.by_region
        return {
            *(("region", code, code) for code in by_region),
            *(("service", "", code) for code in self.services.services),
            *(("offer", region, code) for region, entry in by_region.items() for code in entry.services),
        }

    def _sightings_hold(self) -> None:
        first, last = self.services_by_region.sightings()
        there = self.what_is_there() if first or last else set()
        still, unknown = there & last.keys(), first.keys() - there - last.keys()
        require(not still, f"lastSeen names what is there: {sorted(still)[:3]}")
        require(not unknown, f"firstSeen names what neither is there nor in lastSeen: {sorted(unknown)[:3]}")
        late = [key for key, seen in last.items() if key in first and latest(first[key]) > earliest(seen)]
        require(not late, f"firstSeen must not be after lastSeen: {late[:3]}")

    def _counts_hold(self) -> None:
        counts, summary = self.metadata.counts, self.services_by_region.summary
        entries = self.services_by_region.by_region.values()
        pairs = sum(entry.service_count for entry in entries)
        require(
            (counts.regions, counts.services, counts.region_services)
            == (self.regions.count, self.services.count, pairs),
            "metadata.counts must equal the numbers of regions, services and pairs in the file",
        )
        require(
            (summary.total_regions, summary.total_services) == (self.regions.count, self.services.count),
            "servicesByRegion.summary must give the totals of regions and services in the file",
        )
        require(
            abs(summary.average_services_per_region - pairs / self.regions.count) <= ROUNDING,
            "averageServicesPerRegion must be the rounded average",
        )
        require(
            summary.cached_regions + summary.fetched_regions == self.regions.count,
            "cachedRegions and fetchedRegions must add up to the number of regions",
        )

    def _stale_regions_hold(self) -> None:
        stale, cached = self.metadata.stale_regions, self.services_by_region.summary.cached_regions
        require(len(stale) <= cached, f"metadata.staleRegions has {len(stale)} codes, but cachedRegions is {cached}")
        unknown = sorted(set(stale) - set(self.services_by_region.by_region))
        require(not unknown, f"metadata.staleRegions names regions that regions.regions lacks: {unknown[:3]}")


class ServiceRegion(Document):
    """The regions that offer one service; there may be none."""

    service_code: Code
    name: str
    region_count: NonNegativeInt
    regions: Codes

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require_count("regionCount", self.region_count, self.regions)
        return self


class ServiceRegions(Document):
    """`service-regions.json`: the regions of every service, by the service's code. Since 1.1.0."""

    metadata: Metadata
    by_service: dict[str, ServiceRegion] = Field(min_length=1)

    @model_validator(mode="after")
    def _holds(self) -> Self:
        counts, entries = self.metadata.counts, self.by_service.values()
        require(
            all(code == entry.service_code for code, entry in self.by_service.items()),
            "every serviceCode must equal its key in byService",
        )
        require(
            (counts.services, counts.region_services) == (len(entries), sum(entry.region_count for entry in entries)),
            "metadata.counts must equal the numbers of services and pairs in the file",
        )
        require(
            counts.regions >= len({code for entry in entries for code in entry.regions}),
            "metadata.counts.regions must not be less than the regions in the file",
        )
        return self

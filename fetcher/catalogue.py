"""Readings in, the catalogue out. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fetcher.last_good import BestReadings, IncompleteCatalogueError, LastGood
from fetcher.ssm import Readings


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """One region. Attributes that SSM does not state are None; codes are spelled as in SSM, in any order.

    `fetched_at`: when the last page of the region's services was read; `is_carried_over`: another run read it.
    """

    code: str
    name: str | None
    partition: str | None
    domain: str | None
    country: str | None
    geography: str | None
    launch_date: str | None
    launch_url: str | None
    availability_zones: tuple[str, ...]
    local_zones: tuple[str, ...]
    wavelength_zones: tuple[str, ...]
    services: tuple[str, ...]
    fetched_at: datetime
    is_carried_over: bool


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service. It may have no name, and it may be offered in no region."""

    code: str
    name: str | None
    home_url: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is known after one crawl, by code.

    `stale`: the last good readings that replace unreadable ones, by name, with the reasons; `stale_regions`: regions
    whose list of services is among them. `unplaced_zones` have no known parent region.
    """

    regions: Mapping[str, RegionFacts]
    services: Mapping[str, ServiceFacts]
    stale_regions: tuple[str, ...] = ()
    stale: Mapping[str, str] = field(default_factory=dict)
    unplaced_zones: tuple[str, ...] = ()


def assemble(
    fresh: Readings, last: LastGood, *, only: Sequence[str] = (), max_stale_percent: float, accept_shrink: bool = False
) -> Catalogue:
    """The catalogue, or an IncompleteCatalogueError that names what is missing.

    `only`: the regions that this run had to read, empty for all; the others are carried over. `max_stale_percent`: the
    share of readings that the last good ones may replace. `accept_shrink`: believe SSM even if more than half of a list
    has vanished.
    """
    if "regions" not in fresh.listings:
        msg = f"nothing is written: the regions could not be listed: {fresh.errors['regions']}"
        raise IncompleteCatalogueError(msg)
    readings = BestReadings(fresh, last, accept_shrink=accept_shrink)
    codes = sorted({*last.readings.listings["regions"].codes, *only} if only else fresh.listings["regions"].codes)
    local, wavelength = (_zones_by_region(readings, root, codes) for root in ("local-zones", "wavelength-zones"))
    regions = {code: _region(readings, code, local[code], wavelength[code]) for code in codes}
    offered = {service for region in regions.values() for service in region.services}
    services = sorted(offered.union(readings.listing("services").codes))
    catalogue = Catalogue(
        regions=regions,
        services={code: _service(readings, code) for code in services},
        stale_regions=tuple(code for code in codes if _is_stale(readings, code, last.stale_regions)),
        stale=readings.stale,
        unplaced_zones=local[None] + wavelength[None],
    )
    readings.require_few_stale(len(set(only)) or len(regions), max_stale_percent)
    return catalogue


def _zones_by_region(readings: BestReadings, root: str, regions: list[str]) -> Mapping[str | None, tuple[str, ...]]:
    """The zones of one kind by region; zones whose parent is no known region are under None."""
    zones = defaultdict[str | None, tuple[str, ...]](tuple)
    for zone in readings.listing(root).codes:
        parent = readings.value(f"{root}/{zone}/parent-region")
        zones[parent if parent in regions else None] += (zone,)
    return zones


def _region(readings: BestReadings, code: str, local: tuple[str, ...], wavelength: tuple[str, ...]) -> RegionFacts:
    services_listing = readings.latest_listing(_services_path(code))

    def value(attribute: str) -> str | None:
        return readings.value(f"regions/{code}/{attribute}")

    return RegionFacts(
        code=code,
        name=value("longName"),
        partition=value("partition"),
        domain=value("domain"),
        country=value("geolocationCountry"),
        geography=value("geolocationRegion"),
        launch_date=value("launchDate"),
        launch_url=value("launchUrl"),
        availability_zones=readings.listing(f"regions/{code}/availability-zones").codes,
        local_zones=local,
        wavelength_zones=wavelength,
        services=services_listing.codes,
        fetched_at=services_listing.read_at,
        is_carried_over=services_listing is not readings.fresh.listings.get(_services_path(code)),
    )


def _service(readings: BestReadings, code: str) -> ServiceFacts:
    """A run that lists a service also reads its name, so a name that is missing from both runs was in a lost file."""
    name, home_url = (readings.known_value(f"services/{code}/{value}") for value in ("longName", "marketingHomeURL"))
    return ServiceFacts(code, name, home_url)


def _is_stale(readings: BestReadings, region: str, stale_before: Sequence[str]) -> bool:
    """Whether the region's services could not be read, by this run or, if it did not try, by an earlier one."""
    path = _services_path(region)
    return path in readings.stale or (region in stale_before and path not in readings.fresh.listings)


def _services_path(region: str) -> str:
    return f"regions/{region}/services"

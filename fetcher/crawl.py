"""A parameter store in, the whole catalogue out, or an error that names what is missing.

Listings are not recursive: a recursive one also returns each service's endpoint and protocols, three times the pages.
Availability Zones are listed region by region, Local and Wavelength Zones from their roots with `parent-region`:
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-global-infrastructure.html
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from fetcher.catalogue import Catalogue, RegionFacts, ServiceFacts
from fetcher.ssm import CONNECTIONS, NAMES_PER_CALL, ParameterStoreError

ROOT = "/aws/service/global-infrastructure"
REGION_ATTRIBUTES = ("longName", "partition", "domain", "geolocationCountry", "geolocationRegion")
SERVICE_ATTRIBUTES = ("longName", "marketingHomeURL")

Codes = tuple[str, ...]


class IncompleteCatalogueError(Exception):
    """A part of the catalogue could not be read, so nothing may be written. A later run may succeed."""


class Store(Protocol):
    """What a crawl needs of SSM; see `fetcher.ssm.ParameterStore`."""

    def codes_under(self, path: str) -> Codes:
        """The codes directly under the path."""

    def values(self, names: Sequence[str]) -> Mapping[str, str]:
        """The values of at most ten names; names that do not exist are left out."""


@dataclass(frozen=True, slots=True)
class _Listing:
    codes: Codes
    read_at: datetime


@dataclass(frozen=True, slots=True)
class _Listings:
    """Every list of the catalogue; the mappings are by region."""

    services: Codes
    local_zones: Codes
    wavelength_zones: Codes
    availability_zones: Mapping[str, Codes]
    offered: Mapping[str, _Listing]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def crawl(store: Store, clock: Callable[[], datetime] = _now) -> Catalogue:
    """Read every list, then every attribute ten at a time; listings run side by side, their pages in turn."""
    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        listings = _read_listings(pool, store, clock)
        values = _read_values(pool, store, _names_to_read(listings))
    except ParameterStoreError as error:
        msg = f"the catalogue is incomplete, nothing is written: {error}"
        raise IncompleteCatalogueError(msg) from error
    finally:
        pool.shutdown(cancel_futures=True)
    return _assemble(listings, values)


def _read_listings(pool: Executor, store: Store, clock: Callable[[], datetime]) -> _Listings:
    def listing(path: str) -> Future[_Listing]:
        return pool.submit(lambda: _Listing(store.codes_under(f"{ROOT}/{path}"), clock()))

    regions = listing("regions")
    services, local_zones, wavelength_zones = listing("services"), listing("local-zones"), listing("wavelength-zones")
    codes = regions.result().codes
    offered = {region: listing(f"regions/{region}/services") for region in codes}
    availability_zones = {region: listing(f"regions/{region}/availability-zones") for region in codes}
    return _Listings(
        services=services.result().codes,
        local_zones=local_zones.result().codes,
        wavelength_zones=wavelength_zones.result().codes,
        availability_zones={region: found.result().codes for region, found in availability_zones.items()},
        offered={region: found.result() for region, found in offered.items()},
    )


def _all_services(listings: _Listings) -> list[str]:
    """The union of what the root lists and what the regions list: neither holds all of them."""
    return sorted({*listings.services, *(code for offer in listings.offered.values() for code in offer.codes)})


def _names_to_read(listings: _Listings) -> list[str]:
    return [
        *(f"{ROOT}/regions/{code}/{attribute}" for code in listings.offered for attribute in REGION_ATTRIBUTES),
        *(
            f"{ROOT}/services/{code}/{attribute}"
            for code in _all_services(listings)
            for attribute in SERVICE_ATTRIBUTES
        ),
        *(f"{ROOT}/local-zones/{zone}/parent-region" for zone in listings.local_zones),
        *(f"{ROOT}/wavelength-zones/{zone}/parent-region" for zone in listings.wavelength_zones),
    ]


def _read_values(pool: Executor, store: Store, names: Sequence[str]) -> dict[str, str]:
    batches = [names[start : start + NAMES_PER_CALL] for start in range(0, len(names), NAMES_PER_CALL)]
    return {name: value for values in pool.map(store.values, batches) for name, value in values.items()}


def _assemble(listings: _Listings, values: Mapping[str, str]) -> Catalogue:
    local_zones, homeless_local = _by_parent("local-zones", listings.local_zones, values, listings.offered)
    wavelength_zones, homeless_wavelength = _by_parent(
        "wavelength-zones", listings.wavelength_zones, values, listings.offered
    )

    def region(code: str, offer: _Listing) -> RegionFacts:
        name, partition, domain, country, geography = (
            values.get(f"{ROOT}/regions/{code}/{attribute}") for attribute in REGION_ATTRIBUTES
        )
        return RegionFacts(
            code=code,
            name=name,
            partition=partition,
            domain=domain,
            country=country,
            geography=geography,
            availability_zones=listings.availability_zones[code],
            local_zones=local_zones[code],
            wavelength_zones=wavelength_zones[code],
            services=offer.codes,
            fetched_at=offer.read_at,
        )

    def service(code: str) -> ServiceFacts:
        name, home_url = (values.get(f"{ROOT}/services/{code}/{attribute}") for attribute in SERVICE_ATTRIBUTES)
        return ServiceFacts(code=code, name=name, home_url=home_url)

    return Catalogue(
        regions={code: region(code, offer) for code, offer in listings.offered.items()},
        services={code: service(code) for code in _all_services(listings)},
        unplaced_zones=(*homeless_local, *homeless_wavelength),
    )


def _by_parent(
    kind: str, zones: Iterable[str], values: Mapping[str, str], regions: Mapping[str, object]
) -> tuple[defaultdict[str, Codes], Codes]:
    """Each region's zones of this kind, and the zones whose parent is not a region that SSM lists."""
    placed: defaultdict[str, Codes] = defaultdict(tuple)
    homeless: Codes = ()
    for zone in zones:
        parent = values.get(f"{ROOT}/{kind}/{zone}/parent-region")
        if parent is not None and parent in regions:
            placed[parent] = (*placed[parent], zone)
        else:
            homeless = (*homeless, zone)
    return placed, homeless

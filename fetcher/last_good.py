"""The published files in, the last good readings out: what stands in for what can't be read. Pure."""

from collections.abc import Iterator

from fetcher.catalogue import LastGood
from fetcher.ssm.readings import Listing, Readings
from shared import contract


def last_good(complete_data: contract.CompleteData, services: contract.Services | None) -> LastGood:
    """What the files say, as if it had been read; without `services.json` no service's name is known."""
    read_at = complete_data.metadata.timestamp
    regions = complete_data.regions.regions
    zones = {
        root: {zone: region.code for region in regions for zone in getattr(region.zones, kind)}
        for root, kind in (("local-zones", "local"), ("wavelength-zones", "wavelength"))
    }
    listings = {
        "regions": Listing(tuple(region.code for region in regions), read_at),
        "services": Listing(complete_data.services.services, read_at),
        **{root: Listing(tuple(parents), read_at) for root, parents in zones.items()},
        **{
            f"regions/{region.code}/availability-zones": Listing(region.zones.availability, read_at)
            for region in regions
        },
        **{
            f"regions/{code}/services": Listing(entry.services, entry.last_fetched)
            for code, entry in complete_data.services_by_region.by_region.items()
        },
    }
    values = {
        **{name: value for region in regions for name, value in _region_values(region)},
        **{
            f"{root}/{zone}/parent-region": parent
            for root, parents in zones.items()
            for zone, parent in parents.items()
        },
        **{
            name: value
            for service in (services.services if services else ())
            for name, value in _service_values(service)
        },
    }
    return LastGood(Readings(listings, values), complete_data.metadata.stale_regions)


def _region_values(region: contract.Region) -> Iterator[tuple[str, str | None]]:
    path = f"regions/{region.code}"
    yield f"{path}/longName", _own_name(region.name, region.code)
    yield f"{path}/partition", region.partition
    yield f"{path}/domain", region.domain
    yield f"{path}/geolocationCountry", region.country
    yield f"{path}/geolocationRegion", region.geography
    yield f"{path}/launchDate", region.launch_date
    yield f"{path}/launchUrl", region.blog_url


def _service_values(service: contract.Service) -> Iterator[tuple[str, str | None]]:
    yield f"services/{service.code}/longName", _own_name(service.name, service.code)
    yield f"services/{service.code}/marketingHomeURL", service.home_url


def _own_name(name: str, code: str) -> str | None:
    """None for what is shown by its code since it has no name."""
    return None if name == code else name

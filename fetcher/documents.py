"""A catalogue in, the published documents out; every invariant of the contract is checked. Pure: no clock, no I/O."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from fetcher.catalogue import Catalogue, RegionFacts, ServiceFacts
from shared import contract


@dataclass(frozen=True, slots=True)
class Documents:
    """The files of one run, which agree with one another."""

    regions: contract.Regions
    services: contract.Services
    service_regions: contract.ServiceRegions
    complete_data: contract.CompleteData


def build_documents(catalogue: Catalogue, run_id: str, timestamp: datetime) -> Documents:
    """Documents that agree with one another; pydantic's ValidationError names the invariant that does not hold.

    Everything is sorted here, since SSM lists in no useful order.
    """
    by_region = {code: _region_services(catalogue.regions[code]) for code in sorted(catalogue.regions)}
    offered = Counter(code for entry in by_region.values() for code in entry.services)
    carried_over = sum(region.is_carried_over for region in catalogue.regions.values())
    regions = contract.Regions(
        count=len(by_region),
        regions=tuple(_region(catalogue.regions[code]) for code in by_region),
        source=contract.SOURCE,
        timestamp=timestamp,
    )
    services = contract.Services(
        count=len(catalogue.services),
        services=tuple(_service(catalogue.services[code], offered[code]) for code in sorted(catalogue.services)),
        source=contract.SOURCE,
        timestamp=timestamp,
    )
    complete_data = contract.CompleteData(
        metadata=contract.Metadata(
            timestamp=timestamp,
            tool=contract.TOOL,
            version=contract.SCHEMA_VERSION,
            run_id=run_id,
            counts=contract.Counts(regions=regions.count, services=services.count, region_services=offered.total()),
            stale_regions=catalogue.stale_regions,
        ),
        regions=regions,
        services=contract.ServiceCodes(
            count=services.count,
            services=tuple(service.code for service in services.services),
            source=contract.SOURCE,
            timestamp=timestamp,
        ),
        services_by_region=contract.ServicesByRegion(
            by_region=by_region,
            summary=contract.Summary(
                total_regions=regions.count,
                total_services=services.count,
                average_services_per_region=round(offered.total() / regions.count),
                cached_regions=carried_over,
                fetched_regions=regions.count - carried_over,
                timestamp=timestamp,
                last_updated=timestamp,
            ),
        ),
    )
    return Documents(
        regions=regions,
        services=services,
        service_regions=_service_regions(services, complete_data),
        complete_data=complete_data,
    )


def _service_regions(services: contract.Services, data: contract.CompleteData) -> contract.ServiceRegions:
    regions = defaultdict[str, list[str]](list)
    for region, entry in data.services_by_region.by_region.items():
        for code in entry.services:
            regions[code].append(region)
    return contract.ServiceRegions(
        metadata=data.metadata,
        by_service={
            service.code: contract.ServiceRegion(
                service_code=service.code,
                name=service.name,
                region_count=service.regions,
                regions=tuple(regions[service.code]),
            )
            for service in services.services
        },
    )


def _region(facts: RegionFacts) -> contract.Region:
    zones = contract.Zones(
        availability=_codes(facts.availability_zones),
        local=_codes(facts.local_zones),
        wavelength=_codes(facts.wavelength_zones),
    )
    return contract.Region(
        code=facts.code,
        name=facts.name or facts.code,
        availability_zones=len(zones.availability),
        launch_date=facts.launch_date,
        blog_url=facts.launch_url,
        partition=facts.partition,
        domain=facts.domain,
        country=facts.country,
        geography=facts.geography,
        zones=zones,
    )


def _region_services(facts: RegionFacts) -> contract.RegionServices:
    services = _codes(facts.services)
    return contract.RegionServices(
        region_code=facts.code, service_count=len(services), services=services, last_fetched=facts.fetched_at
    )


def _service(facts: ServiceFacts, regions: int) -> contract.Service:
    return contract.Service(
        code=facts.code, name=facts.name or facts.code, home_url=_url(facts.home_url), regions=regions
    )


def _url(text: str | None) -> str | None:
    """The home page if it is an http or https URL; one unusual value must not make the whole run fail."""
    return text if text and re.fullmatch(r"https?://\S+", text) else None


def _codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(codes)))

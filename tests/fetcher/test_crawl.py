from collections import defaultdict
from datetime import UTC, datetime

import pytest

from fetcher.crawl import IncompleteCatalogueError, crawl
from ops.embedded.parameters import catalogue
from tests.fetcher.small_world import PARAMETERS, ROOT, MemoryStore

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def test_a_region_is_known_with_its_attributes_zones_and_services() -> None:
    region = crawl(MemoryStore(PARAMETERS), lambda: NOW).regions["us-east-1"]

    assert (region.name, region.partition, region.domain) == ("US East (N. Virginia)", "aws", "amazonaws.com")
    assert (region.country, region.geography) == ("US", "US-VA")
    assert set(region.availability_zones) == {"use1-az1", "use1-az2"}
    assert (region.local_zones, region.wavelength_zones) == (("use1-bos1-az1",), ("use1-wl1-atl-wlz1",))
    assert set(region.services) == {"s3", "AmazonGameLiftStreams", "only-below-regions"}
    assert region.fetched_at == NOW


def test_what_ssm_does_not_state_is_none() -> None:
    found = crawl(MemoryStore(PARAMETERS))

    assert found.regions["eusc-de-east-1"].name is None
    assert found.services["only-below-regions"].name is None
    assert found.services["AmazonGameLiftStreams"].home_url is None


def test_services_are_the_union_of_what_the_root_and_the_regions_list() -> None:
    found = crawl(MemoryStore(PARAMETERS))

    assert set(found.services) == {"s3", "AmazonGameLiftStreams", "only-below-regions", "offered-nowhere"}


def test_zones_without_a_known_parent_are_set_apart() -> None:
    assert set(crawl(MemoryStore(PARAMETERS)).unplaced_zones) == {"nobodys-az1", "mars-wlz1"}


@pytest.mark.parametrize(
    "failing",
    [
        "regions",
        "services",
        "local-zones",
        "wavelength-zones",
        "regions/eusc-de-east-1/services",
        "regions/us-east-1/availability-zones",
        "services/s3/longName",
    ],
)
def test_whatever_cannot_be_read_fails_the_crawl_by_its_name(failing: str) -> None:
    store = MemoryStore(PARAMETERS, failing=f"{ROOT}/{failing}")

    with pytest.raises(IncompleteCatalogueError, match=rf"{failing}: ThrottlingException"):
        crawl(store)


def test_the_whole_catalogue_is_read_fact_by_fact() -> None:
    raw = catalogue()

    found = crawl(MemoryStore(raw))

    services, zones = defaultdict(set), defaultdict(set)
    for name in raw:
        match name.removeprefix(f"{ROOT}/").split("/"):
            case ["regions", region, "services", service]:
                services[region].add(service)
            case ["regions", region, "availability-zones" | "local-zones" | "wavelength-zones" as kind, zone]:
                zones[region, kind].add(zone)
    assert set(found.regions) == set(services)
    assert {code: set(region.services) for code, region in found.regions.items()} == services
    for code, facts in found.regions.items():
        assert set(facts.availability_zones) == zones[code, "availability-zones"]
        assert set(facts.local_zones) == zones[code, "local-zones"]
        assert set(facts.wavelength_zones) == zones[code, "wavelength-zones"]
        assert facts.name == raw[f"{ROOT}/regions/{code}/longName"]
    assert {code: service.name for code, service in found.services.items() if service.name} == {
        name.split("/")[-2]: value
        for name, value in raw.items()
        if name.startswith(f"{ROOT}/services/") and name.endswith("/longName")
    }
    assert found.unplaced_zones == ()

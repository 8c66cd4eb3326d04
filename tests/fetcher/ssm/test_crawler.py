from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from cloud.stand_ins.ssm import catalogue
from fetcher.catalogue import Catalogue, assemble
from fetcher.last_good import LastGood
from fetcher.ssm import Listing, crawl
from tests.fetcher.small_world import PARAMETERS, ROOT, MemoryStore

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def test_every_list_is_read_and_dated() -> None:
    readings = crawl(MemoryStore(PARAMETERS), clock=lambda: NOW)

    assert readings.listings == {
        "regions": Listing(("us-east-1", "eusc-de-east-1"), NOW),
        "services": Listing(("s3", "offered-nowhere", "AmazonGameLiftStreams"), NOW),
        "local-zones": Listing(("use1-bos1-az1", "nobodys-az1"), NOW),
        "wavelength-zones": Listing(("use1-wl1-atl-wlz1", "mars-wlz1"), NOW),
        "regions/us-east-1/services": Listing(("s3", "only-below-regions", "AmazonGameLiftStreams"), NOW),
        "regions/eusc-de-east-1/services": Listing(("s3",), NOW),
        "regions/us-east-1/availability-zones": Listing(("use1-az2", "use1-az1"), NOW),
        "regions/eusc-de-east-1/availability-zones": Listing(("eusc-az1",), NOW),
    }


def test_every_attribute_is_read_and_what_ssm_does_not_state_is_none() -> None:
    values = crawl(MemoryStore(PARAMETERS)).values

    assert values["regions/us-east-1/longName"] == "US East (N. Virginia)"
    assert values["regions/eusc-de-east-1/longName"] is None
    assert values["services/s3/marketingHomeURL"] == "https://aws.amazon.com/s3/"
    assert values["services/only-below-regions/longName"] is None
    assert values["wavelength-zones/mars-wlz1/parent-region"] == "mars-1"
    assert values["local-zones/nobodys-az1/parent-region"] is None
    assert len(values) == 2 * 5 + 4 * 2 + 4


def test_names_are_asked_for_ten_at_a_time() -> None:
    store = MemoryStore(PARAMETERS)
    sizes: list[int] = []
    read = store.values

    def counting(names: Sequence[str]) -> dict[str, str]:
        sizes.append(len(names))
        return read(names)

    store.values = counting  # type: ignore[method-assign]

    crawl(store)

    assert sorted(sizes) == [2, 10, 10]


@pytest.mark.parametrize(
    ("failing", "lost"),
    [
        ("services", {"services"}),
        ("local-zones", {"local-zones"}),
        ("regions/eusc-de-east-1/services", {"regions/eusc-de-east-1/services"}),
        ("regions/us-east-1/availability-zones", {"regions/us-east-1/availability-zones"}),
    ],
)
def test_what_cannot_be_listed_is_named_and_touches_nothing_else(failing: str, lost: set[str]) -> None:
    whole = crawl(MemoryStore(PARAMETERS), clock=lambda: NOW)

    readings = crawl(MemoryStore(PARAMETERS, failing), clock=lambda: NOW)

    assert readings.errors == {failing: f"{ROOT}/{failing}: ThrottlingException"}
    assert readings.listings == {path: listing for path, listing in whole.listings.items() if path not in lost}


def test_without_the_list_of_regions_no_region_is_read() -> None:
    readings = crawl(MemoryStore(PARAMETERS, "regions"))

    assert set(readings.errors) == {"regions"}
    assert set(readings.listings) == {"services", "local-zones", "wavelength-zones"}


def test_a_batch_of_names_that_fails_is_named_in_full() -> None:
    readings = crawl(MemoryStore(PARAMETERS, "services/s3/longName"))

    assert "services/s3/longName" in readings.errors
    assert len(readings.errors) + len(readings.values) == 22
    assert not readings.errors.keys() & readings.values.keys()


def test_of_a_part_only_the_roots_and_that_part_are_read() -> None:
    store = MemoryStore(PARAMETERS)

    readings = crawl(store, only=("eusc-de-east-1",))

    assert {path for path in readings.listings if path.startswith("regions/")} == {
        "regions/eusc-de-east-1/services",
        "regions/eusc-de-east-1/availability-zones",
    }
    assert not [path for path in store.requested if "regions/us-east-1/" in path]


FIELDS = {
    "longName": "name",
    "partition": "partition",
    "domain": "domain",
    "geolocationCountry": "country",
    "geolocationRegion": "geography",
    "marketingHomeURL": "home_url",
}
ZONES = {
    "availability-zones": "availability_zones",
    "local-zones": "local_zones",
    "wavelength-zones": "wavelength_zones",
}

Fact = tuple[str, ...]


def facts_of_raw_data() -> Iterator[Fact]:
    for name, value in catalogue().items():
        match name.removeprefix(f"{ROOT}/").split("/"):
            case ["regions", region]:
                yield "region", region
            case ["services", service]:
                yield "service", service
            case ["regions", region, "services", service]:
                yield "service", service
                yield "pair", region, service
            case ["regions", region, kind, zone] if kind in ZONES:
                yield kind, region, zone
            case ["regions" | "services" as kind, code, attribute] if attribute in FIELDS:
                yield kind, code, FIELDS[attribute], value


def facts_of_catalogue(whole: Catalogue) -> Iterator[Fact]:
    for code, region in whole.regions.items():
        yield "region", code
        yield from (("pair", code, service) for service in region.services)
        yield from ((kind, code, zone) for kind, field in ZONES.items() for zone in getattr(region, field))
    yield from (("service", code) for code in whole.services)
    for kind, facts_by_code in (("regions", whole.regions), ("services", whole.services)):
        for code, facts in facts_by_code.items():
            values = {field: getattr(facts, field, None) for field in FIELDS.values()}
            yield from ((kind, code, field, value) for field, value in values.items() if value is not None)


def test_the_whole_catalogue_is_read_fact_by_fact() -> None:
    whole = assemble(crawl(MemoryStore(catalogue())), LastGood(), max_stale_percent=0)

    assert set(facts_of_catalogue(whole)) == set(facts_of_raw_data())
    assert sum(len(region.services) for region in whole.regions.values()) == 9289
    assert (len(whole.regions), len(whole.services), whole.unplaced_zones) == (39, 405, ())

from datetime import UTC, datetime, timedelta

import pytest

from fetcher.catalogue import Catalogue, assemble
from fetcher.last_good import IncompleteCatalogueError, LastGood
from fetcher.ssm import Readings, crawl
from tests.fetcher.small_world import PARAMETERS, ROOT, MemoryStore

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
US, EU = "us-east-1", "eusc-de-east-1"


def read(parameters: dict[str, str], *failing: str, at: datetime = NOW, only: tuple[str, ...] = ()) -> Readings:
    return crawl(MemoryStore(parameters, *failing), only, clock=lambda: at)


def without(*paths: str) -> dict[str, str]:
    return {name: value for name, value in PARAMETERS.items() if name.removeprefix(f"{ROOT}/") not in paths}


LAST_GOOD = LastGood(read(PARAMETERS, at=YESTERDAY))


def catalogue(*failing: str, known: LastGood = LAST_GOOD, max_stale_percent: float = 50) -> Catalogue:
    return assemble(read(PARAMETERS, *failing), known, max_stale_percent=max_stale_percent)


def test_a_region_is_known_with_its_attributes_zones_and_services() -> None:
    region = assemble(read(PARAMETERS), LastGood(), max_stale_percent=0).regions[US]

    assert (region.name, region.partition, region.domain) == ("US East (N. Virginia)", "aws", "amazonaws.com")
    assert (region.country, region.geography) == ("US", "US-VA")
    assert set(region.availability_zones) == {"use1-az1", "use1-az2"}
    assert (region.local_zones, region.wavelength_zones) == (("use1-bos1-az1",), ("use1-wl1-atl-wlz1",))
    assert set(region.services) == {"s3", "AmazonGameLiftStreams", "only-below-regions"}
    assert (region.fetched_at, region.is_carried_over) == (NOW, False)


def test_what_ssm_does_not_state_is_none() -> None:
    result = catalogue()

    assert (result.regions[EU].name, result.regions[EU].launch_date) == (None, None)
    assert result.services["only-below-regions"].name is None
    assert result.services["AmazonGameLiftStreams"].home_url is None


def test_services_are_the_union_of_what_the_root_and_the_regions_list() -> None:
    assert set(catalogue().services) == {"s3", "AmazonGameLiftStreams", "only-below-regions", "offered-nowhere"}


def test_zones_without_a_known_parent_are_set_apart() -> None:
    assert set(catalogue().unplaced_zones) == {"nobodys-az1", "mars-wlz1"}


def test_a_region_that_cannot_be_listed_keeps_its_last_list_and_its_date() -> None:
    result = catalogue(f"regions/{EU}/services")

    assert result.regions[EU].services == ("s3",)
    assert (result.regions[EU].fetched_at, result.regions[EU].is_carried_over) == (YESTERDAY, True)
    assert result.regions[US].fetched_at == NOW
    assert result.stale_regions == (EU,)
    assert result.stale == {f"regions/{EU}/services": f"{ROOT}/regions/{EU}/services: ThrottlingException"}


@pytest.mark.parametrize(
    "failing",
    ["services", "local-zones", "wavelength-zones", f"regions/{US}/availability-zones", "services/s3/longName"],
)
def test_whatever_else_cannot_be_read_keeps_its_last_value_too(failing: str) -> None:
    result = catalogue(failing)

    whole = catalogue()
    assert (result.regions, result.services) == (whole.regions, whole.services)
    assert failing in result.stale
    assert result.stale_regions == ()


@pytest.mark.parametrize(
    "failing",
    [
        "regions",
        "services",
        "local-zones",
        f"regions/{EU}/services",
        f"regions/{US}/availability-zones",
        "services/s3/longName",
    ],
)
def test_what_no_run_has_read_yet_fails_by_its_name(failing: str) -> None:
    with pytest.raises(IncompleteCatalogueError, match=rf"{failing}: ThrottlingException"):
        catalogue(failing, known=LastGood())


def test_without_the_list_of_regions_there_is_no_catalogue() -> None:
    with pytest.raises(IncompleteCatalogueError, match="the regions could not be listed: .*ThrottlingException"):
        catalogue("regions")


def test_a_name_that_ssm_no_longer_has_is_not_kept() -> None:
    result = assemble(read(without("services/s3/longName")), LAST_GOOD, max_stale_percent=50)

    assert result.services["s3"].name is None
    assert result.stale == {}


@pytest.mark.parametrize(
    ("failing", "percent", "words"),
    [
        ((f"regions/{EU}/services",), 49, "1 of 2 regions could not be read, such as regions/eusc-de-east-1/services"),
        (("services/s3/longName",), 25, "10 of 22 values could not be read"),
    ],
)
def test_more_than_the_allowed_share_of_stale_readings_fails(failing: tuple[str], percent: float, words: str) -> None:
    with pytest.raises(IncompleteCatalogueError, match=words):
        catalogue(*failing, max_stale_percent=percent)


def test_a_region_that_suddenly_lists_nothing_is_not_believed() -> None:
    emptied = read(without(f"regions/{EU}/services/s3"))

    result = assemble(emptied, LAST_GOOD, max_stale_percent=50)

    assert result.regions[EU].services == ("s3",)
    assert result.stale_regions == (EU,)
    assert result.stale[f"regions/{EU}/services"] == "SSM listed 0 codes where there were 1"


def test_unless_a_person_says_so() -> None:
    emptied = read(without(f"regions/{EU}/services/s3"))

    result = assemble(emptied, LAST_GOOD, max_stale_percent=50, accept_shrink=True)

    assert result.regions[EU].services == ()
    assert result.stale_regions == ()


def test_a_new_region_may_list_nothing() -> None:
    result = assemble(read(without(f"regions/{EU}/services/s3")), LastGood(), max_stale_percent=0)

    assert result.regions[EU].services == ()


def test_a_list_that_another_run_read_later_is_kept() -> None:
    later = LastGood(read(without(f"regions/{US}/services/s3"), at=NOW + timedelta(seconds=1)))

    result = assemble(read(PARAMETERS), later, max_stale_percent=50)

    assert "s3" not in result.regions[US].services
    assert (result.regions[US].fetched_at, result.regions[US].is_carried_over) == (NOW + timedelta(seconds=1), True)
    assert result.stale_regions == ()


def test_a_part_is_renewed_and_the_rest_kept_with_its_date() -> None:
    result = assemble(read(PARAMETERS, only=(EU,)), LAST_GOOD, max_stale_percent=0, only=(EU,))

    assert {code: region.fetched_at for code, region in result.regions.items()} == {US: YESTERDAY, EU: NOW}
    assert [code for code, region in result.regions.items() if region.is_carried_over] == [US]
    assert result.services == catalogue().services
    assert (result.stale_regions, result.stale) == ((), {})


@pytest.mark.parametrize("only", [(EU,), (EU, EU)], ids=["named once", "named twice"])
def test_a_part_that_could_not_be_renewed_fails(only: tuple[str, ...]) -> None:
    with pytest.raises(IncompleteCatalogueError, match="1 of 1 regions"):
        assemble(read(PARAMETERS, f"regions/{EU}/services", only=only), LAST_GOOD, max_stale_percent=99, only=only)


def test_a_stale_region_stays_stale_until_it_is_read() -> None:
    stale = LastGood(LAST_GOOD.readings, stale_regions=(US, EU))

    result = assemble(read(PARAMETERS, only=(EU,)), stale, max_stale_percent=50, only=(EU,))

    assert result.stale_regions == (US,)


def test_a_part_leaves_out_a_region_that_nobody_has_read_yet() -> None:
    without_us = {name: value for name, value in PARAMETERS.items() if f"/{US}" not in name}
    before = LastGood(read(without_us, at=YESTERDAY))

    result = assemble(read(PARAMETERS, only=(EU,)), before, max_stale_percent=0, only=(EU,))

    assert set(result.regions) == {EU}


@pytest.mark.parametrize(
    ("path", "lost"),
    [
        (f"regions/{US}/services", ("AmazonGameLiftStreams", "only-below-regions")),
        (f"regions/{EU}/availability-zones", ("eusc-az1",)),
        ("services", ("s3", "AmazonGameLiftStreams")),
    ],
)
def test_a_list_that_lost_more_than_half_is_not_believed(path: str, lost: tuple[str, ...]) -> None:
    shortened = read(without(*(f"{path}/{code}" for code in lost)))

    result = assemble(shortened, LAST_GOOD, max_stale_percent=50)

    assert (result.services, result.stale_regions) == (catalogue().services, (US,) if US in path else ())
    assert [region.availability_zones for region in result.regions.values()] == [
        region.availability_zones for region in catalogue().regions.values()
    ]
    assert path in result.stale


def test_a_list_that_lost_half_may_have() -> None:
    shortened = read(without(f"regions/{US}/availability-zones/use1-az1"))

    assert assemble(shortened, LAST_GOOD, max_stale_percent=0).regions[US].availability_zones == ("use1-az2",)


def test_a_service_whose_name_was_lost_with_two_things_at_once_is_not_shown_without() -> None:
    known = LastGood(Readings(LAST_GOOD.readings.listings))

    with pytest.raises(
        IncompleteCatalogueError, match="no run has read services/offered-nowhere/longName yet: not asked"
    ):
        catalogue("services", known=known)

from datetime import UTC, datetime, timedelta

from fetcher.catalogue import assemble
from fetcher.documents import build_documents
from fetcher.last_good import LastGood, last_good
from fetcher.ssm import Readings, crawl
from tests.fetcher.small_world import PARAMETERS, MemoryStore, read_catalogue

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
DOCUMENTS = build_documents(read_catalogue(PARAMETERS, NOW), "run-1", NOW)


def test_what_was_published_stands_in_for_everything_that_can_be_read() -> None:
    known = last_good(DOCUMENTS.complete_data, DOCUMENTS.services, NOW)
    only_regions = Readings({"regions": known.readings.listings["regions"]})

    catalogue = assemble(only_regions, known, max_stale_percent=0)

    again = build_documents(catalogue, "run-1", NOW)
    assert again.regions == DOCUMENTS.regions
    assert again.services == DOCUMENTS.services
    assert again.complete_data.services_by_region.by_region == DOCUMENTS.complete_data.services_by_region.by_region


def test_every_name_that_a_crawl_asks_for_is_known_but_for_zones_without_region() -> None:
    fresh = crawl(MemoryStore(PARAMETERS))

    known = last_good(DOCUMENTS.complete_data, DOCUMENTS.services, NOW).readings

    assert fresh.listings.keys() == known.listings.keys()
    unplaced = {"local-zones/nobodys-az1/parent-region", "wavelength-zones/mars-wlz1/parent-region"}
    assert fresh.values.keys() - known.values.keys() == unplaced


def test_a_launch_is_kept() -> None:
    launch = {
        "regions/us-east-1/launchDate": "Fri, 25 Aug 2006 00:00:00 GMT",
        "regions/us-east-1/launchUrl": "https://a.b",
    }
    fresh = crawl(MemoryStore(PARAMETERS))
    documents = build_documents(
        assemble(Readings(fresh.listings, {**fresh.values, **launch}), LastGood(), max_stale_percent=0), "run", NOW
    )

    assert launch.items() <= last_good(documents.complete_data, documents.services, NOW).readings.values.items()


def test_without_the_services_file_no_service_has_a_known_name() -> None:
    known = last_good(DOCUMENTS.complete_data, None, NOW).readings

    assert not [name for name in known.values if name.startswith("services/")]
    assert set(known.listings["services"].codes) == set(DOCUMENTS.complete_data.services.services)


def test_lists_keep_the_time_at_which_they_were_read_and_regions_their_staleness() -> None:
    failing = "regions/us-east-1/services"
    later = crawl(MemoryStore(PARAMETERS, failing), clock=lambda: NOW + timedelta(days=1))
    known = last_good(DOCUMENTS.complete_data, DOCUMENTS.services, NOW)
    documents = build_documents(assemble(later, known, max_stale_percent=50), "run-2", NOW + timedelta(days=1))

    again = last_good(documents.complete_data, documents.services, NOW)

    assert again.readings.listings[failing].read_at == NOW
    assert again.stale_regions == ("us-east-1",)

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from fetcher.catalogue import Catalogue
from fetcher.documents import build_documents
from tests.fetcher.small_world import PARAMETERS, read_catalogue

READ_AT = datetime(2026, 11, 23, 2, 0, 7, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


@pytest.fixture
def catalogue() -> Catalogue:
    return read_catalogue(PARAMETERS, READ_AT)


def test_regions_are_sorted_and_a_region_without_a_name_shows_its_code(catalogue: Catalogue) -> None:
    regions = build_documents(catalogue, "run", NOW).regions

    assert [(region.code, region.name) for region in regions.regions] == [
        ("eusc-de-east-1", "eusc-de-east-1"),
        ("us-east-1", "US East (N. Virginia)"),
    ]
    assert regions.regions[1].zones.availability == ("use1-az1", "use1-az2")
    assert (regions.count, regions.regions[1].availability_zones) == (2, 2)


def test_services_tell_in_how_many_regions_they_are_offered(catalogue: Catalogue) -> None:
    services = build_documents(catalogue, "run", NOW).services

    assert [(service.code, service.name, service.regions) for service in services.services] == [
        ("AmazonGameLiftStreams", "Amazon GameLift Streams", 1),
        ("offered-nowhere", "Amazon Nowhere", 0),
        ("only-below-regions", "only-below-regions", 1),
        ("s3", "Amazon Simple Storage Service (S3)", 2),
    ]


def test_each_service_names_its_regions_also_the_one_that_is_offered_nowhere(catalogue: Catalogue) -> None:
    documents = build_documents(catalogue, "run", NOW)

    file = documents.service_regions
    assert [(code, service.name, service.regions) for code, service in file.by_service.items()] == [
        ("AmazonGameLiftStreams", "Amazon GameLift Streams", ("us-east-1",)),
        ("offered-nowhere", "Amazon Nowhere", ()),
        ("only-below-regions", "only-below-regions", ("us-east-1",)),
        ("s3", "Amazon Simple Storage Service (S3)", ("eusc-de-east-1", "us-east-1")),
    ]
    assert file.metadata == documents.complete_data.metadata


def test_a_home_page_that_is_no_address_is_left_out(catalogue: Catalogue) -> None:
    odd = replace(catalogue.services["s3"], home_url="javascript:alert(1)")

    services = build_documents(replace(catalogue, services={**catalogue.services, "s3": odd}), "run", NOW).services

    assert services.services[-1].home_url is None


def test_complete_data_holds_the_other_documents_and_the_runs_provenance(catalogue: Catalogue) -> None:
    documents = build_documents(catalogue, "run-7", NOW)

    complete = documents.complete_data
    assert complete.regions == documents.regions
    assert complete.services.services == tuple(service.code for service in documents.services.services)
    assert (complete.metadata.run_id, complete.metadata.timestamp) == ("run-7", NOW)
    assert complete.metadata.counts.model_dump() == {"regions": 2, "services": 4, "region_services": 4}
    assert complete.services_by_region.by_region["us-east-1"].last_fetched == READ_AT
    summary = complete.services_by_region.summary
    assert (summary.fetched_regions, summary.cached_regions, summary.average_services_per_region) == (2, 0, 2)


def test_the_same_catalogue_in_another_order_gives_the_same_bytes(catalogue: Catalogue) -> None:
    shuffled = Catalogue(
        regions={
            code: replace(region, services=region.services[::-1], availability_zones=region.availability_zones[::-1])
            for code, region in reversed(list(catalogue.regions.items()))
        },
        services=dict(reversed(list(catalogue.services.items()))),
    )

    first, second = build_documents(catalogue, "run", NOW), build_documents(shuffled, "run", NOW)

    assert first.complete_data.to_bytes() == second.complete_data.to_bytes()
    assert first.services.to_bytes() == second.services.to_bytes()
    assert first.regions.to_bytes() == second.regions.to_bytes()
    assert first.service_regions.to_bytes() == second.service_regions.to_bytes()


def test_a_catalogue_that_breaks_an_invariant_gives_no_documents(catalogue: Catalogue) -> None:
    forgotten = Catalogue(catalogue.regions, {"s3": catalogue.services["s3"]})

    with pytest.raises(ValidationError, match="services that services.services lacks"):
        build_documents(forgotten, "run", NOW)


def test_an_empty_catalogue_gives_no_documents(catalogue: Catalogue) -> None:
    for empty in (replace(catalogue, regions={}), replace(catalogue, services={})):
        with pytest.raises(ValidationError, match="at least 1"):
            build_documents(empty, "run", NOW)

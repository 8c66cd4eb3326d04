import json
from datetime import UTC, datetime

import pytest

from distributor.content import Facts, check
from shared.contract import schemas
from shared.strict_json import UnfitError
from tests.shared.test_contract import COMPLETE, DOCUMENTS, encode


@pytest.mark.parametrize("body", [b"{}", b"[]", b' {"a": [1, -2.5e3, true, null, "\xe6\x97\xa5"]} \n'])
def test_strict_json_with_an_object_or_array_at_the_top_is_fit(body: bytes) -> None:
    check("x.json", body)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_file_of_the_contract_that_satisfies_it_is_fit(name: str) -> None:
    check(name, encode(DOCUMENTS[name]))


def test_complete_data_says_when_it_was_read_and_no_other_file_does() -> None:
    times = {name: check(name, encode(document)).data_time for name, document in DOCUMENTS.items()}

    stated = {name: time for name, time in times.items() if time}
    assert stated == {"complete-data.json": datetime(2026, 11, 23, 2, tzinfo=UTC)}
    assert check("folder/complete-data.json", encode(COMPLETE)) == Facts()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": [1, 2', "not JSON"),
        (b"null", "null, not an object"),
        (b"5", "5, not an object"),
        (b'"x"', "not an object"),
    ],
)
def test_everything_else_is_unfit_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        check("x.json", body)


def test_a_file_of_the_contract_that_breaks_it_is_unfit_and_the_place_is_named() -> None:
    broken = json.loads(encode(COMPLETE))
    broken["regions"]["count"] = 7

    with pytest.raises(UnfitError, match=r"breaks the contract in 1 place.* regions: .*count is 7"):
        check("complete-data.json", encode(broken))


def test_a_year_of_the_history_is_held_to_its_model_too() -> None:
    check("change-history-2025-2.json", encode(DOCUMENTS["change-history-2025.json"]))

    with pytest.raises(UnfitError, match=r"breaks the contract in 1 place.*at least 1 item"):
        check("change-history-2025-2.json", b'{"year": 2025, "changeLog": []}')


def test_a_file_of_a_region_or_service_is_held_to_its_model() -> None:
    for name in ("regions/us-east-1.json", "services/s3.feed.json", "index.json"):
        with pytest.raises(UnfitError, match="breaks the contract"):
            check(name, b'{"secret": 1}')


@pytest.mark.parametrize("name", ["regions/my.own.json", "services/of mine.json", "services/a/b.json"])
def test_the_folders_of_regions_and_services_hold_no_other_files(name: str) -> None:
    with pytest.raises(UnfitError, match="only the files of the contract"):
        check(name, b'{"secret": 1}')

    check(f"mine/{name}", b"{}")


def test_a_breach_of_the_document_as_a_whole_is_named_too() -> None:
    broken = json.loads(encode(COMPLETE))
    broken["servicesByRegion"]["byRegion"].pop("us-east-1")

    with pytest.raises(UnfitError, match=r"place\(s\); servicesByRegion.*exactly the codes"):
        check("complete-data.json", encode(broken))


def test_only_a_name_of_the_contract_is_held_to_it() -> None:
    check("copy-of-regions.json", b'{"count": 99}')
    check("folder/regions.json", b'{"count": 99}')


@pytest.mark.parametrize("services", [405, 5000])
def test_a_file_with_as_many_services_as_there_are_and_more_is_fit(services: int) -> None:
    codes = [f"service-{number:04}" for number in range(services)]
    by_service = {code: {"serviceCode": code, "name": code, "regionCount": 1, "regions": ["eu"]} for code in codes}
    counts = {"regions": 1, "services": services, "regionServices": services}

    check(
        "service-regions.json",
        encode({"metadata": {**COMPLETE["metadata"], "counts": counts}, "byService": by_service}),
    )


def test_the_schemas_are_fit() -> None:
    for name, body in schemas().items():
        check(name, body)


def test_an_object_larger_than_any_of_the_contract_is_refused_before_its_model_is_tried() -> None:
    hostile = json.dumps({"servicesByRegion": {"byRegion": {str(number): {} for number in range(5001)}}}).encode()

    with pytest.raises(UnfitError, match="over 5,000 names"):
        check("complete-data.json", hostile)
    check("other.json", hostile)

import threading
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from fetcher import ssm
from fetcher.ssm import Pacer, ParameterStore, ParameterStoreError
from ops.embedded.parameters import ParameterServer, Quirks
from tests.fetcher.small_world import PARAMETERS, ROOT

MANY = {f"{ROOT}/services/s{number:03}": "x" for number in range(137)}


def store_on(server: ParameterServer, monkeypatch: pytest.MonkeyPatch, per_second: float = 10_000) -> ParameterStore:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
    return ssm.connect(per_second)


@pytest.fixture
def server() -> Iterator[ParameterServer]:
    with ParameterServer(PARAMETERS | MANY) as started:
        yield started


def test_codes_are_the_last_segments_of_the_names_directly_below(
    server: ParameterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = store_on(server, monkeypatch).codes_under(f"{ROOT}/regions/us-east-1/services")

    assert sorted(codes) == ["AmazonGameLiftStreams", "only-below-regions", "s3"]


def test_a_path_with_nothing_below_it_gives_no_codes(server: ParameterServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_on(server, monkeypatch).codes_under(f"{ROOT}/regions/mars-1/services") == ()


def test_every_page_is_read_and_every_call_counted(server: ParameterServer, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_on(server, monkeypatch)

    codes = store.codes_under(f"{ROOT}/services")

    assert len(set(codes)) == len(codes) == 140
    assert store.calls == server.traffic.calls == 14


def test_values_leave_out_names_that_do_not_exist(server: ParameterServer, monkeypatch: pytest.MonkeyPatch) -> None:
    long_name, missing = f"{ROOT}/services/s3/longName", f"{ROOT}/services/only-below-regions/longName"

    assert store_on(server, monkeypatch).values([long_name, missing]) == {
        long_name: "Amazon Simple Storage Service (S3)"
    }


def test_short_pages_and_empty_pages_with_a_token_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with ParameterServer(MANY, Quirks(short_pages=0.5, empty_pages=0.3)) as server:
        codes = store_on(server, monkeypatch).codes_under(f"{ROOT}/services")

    assert len(set(codes)) == len(codes) == 137


def test_throttling_is_survived_and_its_retries_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with ParameterServer(MANY, Quirks(throttle_next=2)) as server:
        store = store_on(server, monkeypatch)
        codes = store.codes_under(f"{ROOT}/services")

    assert len(codes) == 137
    assert (server.traffic.throttled, store.calls) == (2, 14 + 2)


def test_an_error_that_stays_is_raised_with_the_path(server: ParameterServer, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_on(server, monkeypatch)
    with pytest.raises(ParameterStoreError, match=rf"^{ROOT}/x0: .*ValidationException"):
        store.values([f"{ROOT}/x{number}" for number in range(11)])


def test_an_endpoint_that_is_not_there_is_an_error_and_no_empty_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    with ParameterServer(MANY) as server:
        url = server.url
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", url)

    with pytest.raises(ParameterStoreError, match="Could not connect"):
        ssm.connect(10_000, attempts=1).codes_under(f"{ROOT}/services")


def test_a_name_that_is_neither_given_nor_refused_is_an_error() -> None:
    client = Mock()
    client.get_parameters.return_value = {"Parameters": [], "InvalidParameters": []}

    with pytest.raises(ParameterStoreError, match="neither gave nor refused /a"):
        ParameterStore(client, Pacer(1)).values(["/a"])


def test_slots_are_handed_out_evenly_however_many_threads_ask() -> None:
    slept: list[float] = []
    pacer = Pacer(10, clock=lambda: 100.0, sleep=slept.append)
    threads = [threading.Thread(target=pacer.wait) for _ in range(5)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(slept) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert pacer.slots == 5


def test_time_that_passed_unused_is_not_saved_up() -> None:
    slept: list[float] = []
    times = iter([0.0, 50.0, 50.0])
    pacer = Pacer(10, clock=lambda: next(times), sleep=slept.append)

    for _ in range(3):
        pacer.wait()

    assert slept == pytest.approx([0.1])

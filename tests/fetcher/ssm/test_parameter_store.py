import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from unittest.mock import Mock

import pytest
from botocore.exceptions import NoCredentialsError

from cloud.stand_ins.ssm import ParameterServer, Quirks
from fetcher.ssm import endpoint, open_parameter_store
from fetcher.ssm.parameter_store import ParameterStore, ParameterStoreError
from tests.fetcher.small_world import PARAMETERS, ROOT

MANY = {f"{ROOT}/services/s{number:03}": "x" for number in range(137)}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LONGEST_PAUSE", 0)


@contextmanager
def store_on(*servers: ParameterServer) -> Iterator[ParameterStore]:
    with open_parameter_store([("us-east-1", server.url) for server in servers], 10_000, seconds=60) as store:
        yield store


@contextmanager
def serving(*quirks: Quirks) -> Iterator[Sequence[ParameterServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(ParameterServer(PARAMETERS | MANY, behaviour)) for behaviour in quirks]


def test_codes_are_the_last_segments_of_the_names_directly_below() -> None:
    with serving(Quirks()) as servers, store_on(*servers) as store:
        codes = store.codes_under(f"{ROOT}/regions/us-east-1/services")

    assert sorted(codes) == ["AmazonGameLiftStreams", "only-below-regions", "s3"]


def test_a_path_with_nothing_below_it_gives_no_codes() -> None:
    with serving(Quirks()) as servers, store_on(*servers) as store:
        assert store.codes_under(f"{ROOT}/regions/mars-1/services") == ()


def test_every_page_is_read_and_every_call_counted() -> None:
    with serving(Quirks()) as servers, store_on(*servers) as store:
        codes = store.codes_under(f"{ROOT}/services")

    assert len(set(codes)) == len(codes) == 140
    assert store.counts.calls == servers[0].traffic.calls == 14


def test_values_leave_out_names_that_do_not_exist() -> None:
    long_name, missing = f"{ROOT}/services/s3/longName", f"{ROOT}/services/only-below-regions/longName"

    with serving(Quirks()) as servers, store_on(*servers) as store:
        assert store.values([long_name, missing]) == {long_name: "Amazon Simple Storage Service (S3)"}


def test_short_pages_and_empty_pages_with_a_token_lose_nothing() -> None:
    with serving(Quirks(short_pages=0.5, empty_pages=0.3)) as servers, store_on(*servers) as store:
        codes = store.codes_under(f"{ROOT}/services")

    assert len(set(codes)) == len(codes) == 140


def test_a_page_is_tried_again_and_not_the_listing() -> None:
    with serving(Quirks(errors=0.3, seed=5)) as servers, store_on(*servers) as store:
        codes = store.codes_under(f"{ROOT}/services")

    assert len(codes) == 140
    assert store.counts.calls == 14 + store.counts.errors
    assert store.counts.errors


def test_work_is_spread_over_the_endpoints() -> None:
    with serving(Quirks(), Quirks()) as servers, store_on(*servers) as store:
        with store._least_busy(store._endpoints) as first, store._least_busy(store._endpoints) as second:
            assert first is not second
        assert store.connections == 20


def test_an_endpoint_that_fails_is_left_aside_and_its_work_goes_to_the_others() -> None:
    with serving(Quirks(errors=1), Quirks()) as (broken, good), store_on(broken, good) as store:
        for _ in range(20):
            assert len(store.codes_under(f"{ROOT}/services")) == 140

    assert good.traffic.calls == 20 * 14
    assert broken.traffic.calls == endpoint.STRIKES


def test_an_endpoint_that_is_not_there_is_left_aside() -> None:
    with ParameterServer(MANY) as gone:
        pass
    with serving(Quirks()) as (good,), store_on(gone, good) as store:
        assert len(store.codes_under(f"{ROOT}/services")) == 140


def test_a_token_never_goes_to_another_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "STRIKES", 1)
    with serving(Quirks(), Quirks()) as (failing, other), store_on(failing, other) as store:
        answer, tokens = failing.answer, []

        def fail_on_the_third_page(operation: str, request: dict[str, str], headers: object) -> object:
            tokens.append(request.get("NextToken"))
            if len(tokens) > 2:
                return 500, {}
            return answer(operation, request, {})

        monkeypatch.setattr(failing, "answer", fail_on_the_third_page)
        codes = store.codes_under(f"{ROOT}/services")

    assert len(set(codes)) == len(codes) == 140
    assert tokens == [None, "10", "20"]
    assert other.traffic.calls == 14


def test_when_no_endpoint_answers_the_error_has_the_path_and_each_reason() -> None:
    with serving(Quirks(errors=1), Quirks(errors=1)) as servers, store_on(*servers) as store:
        words = rf"^{ROOT}/services: Internal.*{servers[0].url}.*; Internal"
        with pytest.raises(ParameterStoreError, match=words):
            store.codes_under(f"{ROOT}/services")


def test_past_the_deadline_everything_ends_in_an_error() -> None:
    with (
        serving(Quirks()) as (server,),
        open_parameter_store([("us-east-1", server.url)], 10_000, seconds=0) as store,
    ):
        assert store.counts.calls == 0
        with pytest.raises(ParameterStoreError, match="DeadlineExceeded"):
            store.values([f"{ROOT}/services/s3/longName"])

    assert server.traffic.calls == 0


def test_a_name_that_is_neither_given_nor_refused_is_an_error() -> None:
    silent = Mock(is_down=False)
    silent.pacer.per_second = 1
    silent.call.return_value = {"Parameters": []}

    with pytest.raises(ParameterStoreError, match="neither gave nor refused /a"):
        ParameterStore([silent], time.monotonic() + 1).values(["/a"])


def test_without_a_url_the_address_is_that_of_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Quirks()) as (server,):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        with open_parameter_store([("", "")], 10_000, seconds=60) as store:
            assert store.codes_under(f"{ROOT}/local-zones/nobodys-az1") == ()

    assert server.traffic.calls == 1


def test_without_credentials_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(NoCredentialsError), open_parameter_store([("us-east-1", "")], 1, seconds=1):
        pass

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.auth import SigV4Auth
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from cloud.stand_ins.ssm import ParameterServer, Quirks
from fetcher.ssm import endpoint
from fetcher.ssm.endpoint import CallCounts, Endpoint, EndpointError
from fetcher.ssm.pacer import Pacer
from tests.fetcher.small_world import PARAMETERS, ROOT

SERVICES = {"Path": f"{ROOT}/services"}


@contextmanager
def session(seconds: float) -> Iterator[URLLib3Session]:
    timeout: Any = seconds
    http = URLLib3Session(timeout=timeout)
    yield http
    http.close()


@pytest.fixture
def http() -> Iterator[URLLib3Session]:
    """A session in which no request times out, however busy the machine is."""
    with session(30) as http:
        yield http


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LONGEST_PAUSE", 0)


def endpoint_at(url: str, http: URLLib3Session) -> Endpoint:
    signer = SigV4Auth(Credentials("key", "secret"), "ssm", "eu-west-1")
    return Endpoint(url, signer, Pacer(10_000), http)


def call(
    ssm: Endpoint, request: dict[str, object] | None = None, *, seconds: float = 60, patient: bool = True
) -> object:
    return ssm.call("GetParametersByPath", request or SERVICES, time.monotonic() + seconds, lambda: not patient)


def test_an_answer_is_given_as_it_came(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS) as server:
        answer = call(endpoint_at(server.url, http), {"Path": f"{ROOT}/wavelength-zones/mars-wlz1"})

    assert answer == {"Parameters": [{"Name": f"{ROOT}/wavelength-zones/mars-wlz1/parent-region", "Value": "mars-1"}]}


def test_requests_are_signed_for_the_endpoints_region(http: URLLib3Session) -> None:
    seen: list[str] = []

    def authorize(key: str, _headers: object, action: str, arn: str) -> bool:
        seen.append(f"{key} {action} {arn}")
        return True

    with ParameterServer(PARAMETERS, authorize=authorize) as server:
        call(endpoint_at(server.url, http))

    assert seen == [f"key ssm:GetParametersByPath arn:aws:ssm:eu-west-1::parameter{ROOT}/services"]


def test_throttling_is_survived_counted_and_slows_the_endpoint_down(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS, Quirks(throttle_next=2)) as server:
        ssm = endpoint_at(server.url, http)
        call(ssm)

    assert ssm.counts == CallCounts(calls=3, throttles=2)
    assert server.traffic.throttled == 2
    assert ssm.pacer.per_second < 10_000


def test_errors_of_the_server_are_survived(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS, Quirks(errors=0.5, seed=3)) as server:
        ssm = endpoint_at(server.url, http)
        for _ in range(8):
            call(ssm)

    assert ssm.counts.calls == 8 + ssm.counts.errors
    assert ssm.counts.errors


def test_time_outs_are_survived() -> None:
    with ParameterServer(PARAMETERS, Quirks(hangs=0.5, hang=0.4, seed=1)) as server, session(0.3) as http:
        ssm = endpoint_at(server.url, http)
        for _ in range(2):
            call(ssm)

    assert ssm.counts.calls == 2 + ssm.counts.errors
    assert ssm.counts.errors


def test_what_no_retry_can_help_is_not_tried_again(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS, authorize=lambda *_: False) as server:
        ssm = endpoint_at(server.url, http)
        with pytest.raises(EndpointError, match="^AccessDeniedException: not authorized .*http://127"):
            call(ssm)

    assert ssm.counts == CallCounts(calls=1, errors=1)


def test_an_error_that_stays_is_raised_after_the_last_attempt(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS, Quirks(failing=("services",))) as server:
        ssm = endpoint_at(server.url, http)
        with pytest.raises(EndpointError, match="^InternalServerError: the stand-in was told to fail"):
            call(ssm)

    assert ssm.counts.calls == endpoint.ATTEMPTS


def test_whoever_has_another_way_need_not_try_to_the_end(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS, Quirks(failing=("services",))) as server:
        ssm = endpoint_at(server.url, http)
        with pytest.raises(EndpointError):
            call(ssm, patient=False)

    assert ssm.counts.calls == 1


def test_nothing_is_asked_past_the_deadline(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS) as server:
        ssm = endpoint_at(server.url, http)
        with pytest.raises(EndpointError, match="DeadlineExceeded: no time was left to ask"):
            call(ssm, seconds=-1)

    assert server.traffic.calls == 0


def test_whoever_is_too_late_does_not_wait_for_a_slot(http: URLLib3Session) -> None:
    sleep = Mock()
    signer = SigV4Auth(Credentials("key", "secret"), "ssm", "eu-west-1")
    ssm = Endpoint("http://127.0.0.1:9", signer, Pacer(1, sleep=sleep), http)

    for _ in range(3):
        with pytest.raises(EndpointError, match="no time was left"):
            call(ssm, seconds=0)

    sleep.assert_not_called()


def test_an_endpoint_is_down_after_many_failures_in_a_row_and_up_after_a_success(http: URLLib3Session) -> None:
    with ParameterServer(PARAMETERS, Quirks(throttle_next=10)) as server:
        ssm = endpoint_at(server.url, http)
        with pytest.raises(EndpointError):
            call(ssm)
        was_down_early = ssm.is_down
        with pytest.raises(EndpointError):
            call(ssm, patient=False)
        with pytest.raises(EndpointError):
            call(ssm, patient=False)
        was_down = ssm.is_down
        call(ssm)

    assert (was_down_early, was_down, ssm.is_down) == (False, True, False)


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, [], "HTTP 200: not an answer of SSM"),
        (200, {"Odd": 1}, "HTTP 200: not an answer of SSM"),
        (200, {"Parameters": None}, "HTTP 200: not an answer of SSM"),
        (200, {"Parameters": [{"Name": "/a"}]}, "HTTP 200: not an answer of SSM"),
        (429, {"reason": "slow"}, "HTTP 429: not an answer of SSM"),
        (502, "<html>", "HTTP 502: not an answer of SSM"),
        (400, {"__type": "com.amazonaws.ssm#ThrottlingException", "Message": "Rate"}, "ThrottlingException: Rate"),
    ],
)
def test_an_odd_answer_may_pass(status: int, content: object, words: str) -> None:
    answer = endpoint._read(status, content)

    assert f"{answer.code}: {answer.message}" == words
    assert answer.is_temporary


def test_a_body_that_is_not_json_is_an_error() -> None:
    proxy = Mock()
    proxy.send.return_value = Mock(status_code=200, content=b"<html>")

    with pytest.raises(EndpointError, match="^JSONDecodeError"):
        call(endpoint_at("http://127.0.0.1:1", proxy), patient=False)

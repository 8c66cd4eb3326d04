from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from cloud.stand_ins.cloudfront import CloudFront, CloudFrontServer, EdgeQuirks
from distributor.invalidator.cloudfront import PAUSE, create_invalidations
from distributor.invalidator.requests import Created, Deferred, InvalidationRequest, Refused
from shared.clients import INVALIDATING, connect


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFrontServer]:
    with CloudFrontServer(CloudFront({"E1", "E2"})) as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", started.url)
        yield started


@pytest.fixture
def client(server: CloudFrontServer) -> Any:
    return connect("cloudfront", INVALIDATING)


def request(distribution: str = "E1", *paths: str, reference: str = "reference") -> InvalidationRequest:
    return InvalidationRequest(distribution, paths or ("/data/x.json",), reference)


def test_an_invalidation_is_created_with_its_paths_and_reference(server: CloudFrontServer, client: Any) -> None:
    sent = request("E1", "/data/*", "/x.json")

    (answer,) = create_invalidations(client, [sent])

    (accepted,) = server.cloudfront.accepted
    assert answer == Created(sent, accepted.id, "InProgress")
    assert (accepted.distribution, accepted.paths, accepted.caller_reference) == ("E1", sent.paths, "reference")


def test_a_repetition_gets_the_invalidation_that_exists(server: CloudFrontServer, client: Any) -> None:
    assert create_invalidations(client, [request()]) == create_invalidations(client, [request()])
    assert len(server.cloudfront.accepted) == 1


def test_one_distribution_after_the_other_gets_its_request_with_a_pause_whatever_the_first_says(
    server: CloudFrontServer,
    client: Any,
) -> None:
    slept: list[float] = []
    several = [request("E0"), request("E1"), request("E2")]

    answers = create_invalidations(client, several, slept.append)

    assert [type(answer) for answer in answers] == [Refused, Created, Created]
    assert slept == [PAUSE, PAUSE]


@pytest.mark.parametrize(
    ("quirks", "reason"),
    [
        (EdgeQuirks(throttle_next=1), "Throttling"),
        (EdgeQuirks(too_many_next=1), "TooManyInvalidationsInProgress"),
        (EdgeQuirks(errors=1), "ServiceUnavailable"),
        (EdgeQuirks(lost=1), "ServiceUnavailable"),
    ],
)
def test_what_passes_by_itself_is_deferred_after_one_request(
    server: CloudFrontServer, client: Any, quirks: EdgeQuirks, reason: str
) -> None:
    server.cloudfront.quirks = quirks

    (answer,) = create_invalidations(client, [request()])

    assert isinstance(answer, Deferred)
    assert reason in answer.reason
    assert server.cloudfront.traffic.requests == 1


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (request("E0"), "NoSuchDistribution"),
        (request("E1", "/odd/x.json"), "InvalidArgument"),
        (request("E1", *(f"/{number}" for number in range(3001))), "BatchTooLarge"),
    ],
)
def test_what_no_retry_helps_is_refused(
    server: CloudFrontServer, client: Any, odd: InvalidationRequest, reason: str
) -> None:
    server.cloudfront.quirks = EdgeQuirks(odd="odd")

    (answer,) = create_invalidations(client, [odd], lambda _: None)

    assert isinstance(answer, Refused)
    assert reason in answer.reason


def test_a_wildcard_replaces_paths_of_which_cloudfront_refuses_one_after_a_pause(
    server: CloudFrontServer, client: Any
) -> None:
    server.cloudfront.quirks = EdgeQuirks(odd="odd")
    slept: list[float] = []

    (answer,) = create_invalidations(client, [request("E1", "/data/a.json", "/data/odd.json")], slept.append)

    assert isinstance(answer, Created)
    assert "InvalidArgument" in answer.request.refusal
    assert [accepted.paths for accepted in server.cloudfront.accepted] == [("/data/*",)]
    assert slept == [PAUSE]


def test_a_missing_right_is_refused(server: CloudFrontServer, client: Any) -> None:
    server.authorize = lambda *_: False

    (answer,) = create_invalidations(client, [request()])

    assert isinstance(answer, Refused)
    assert "AccessDenied" in answer.reason


def test_a_request_that_the_sdk_does_not_send_is_refused(server: CloudFrontServer, client: Any) -> None:
    broken: Any = InvalidationRequest("E1", ("/x",), None)  # type: ignore[arg-type]

    (answer,) = create_invalidations(client, [broken])

    assert isinstance(answer, Refused)


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="http://edge"),
        ConnectTimeoutError(endpoint_url="http://edge"),
        NoCredentialsError(),
        ResponseParserError("half an answer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_is_deferred(server: CloudFrontServer, client: Any, error: Exception) -> None:

    def fail(**_: object) -> None:
        raise error

    client.meta.events.register("before-send.cloudfront.CreateInvalidation", fail)

    (answer,) = create_invalidations(client, [request()])

    assert isinstance(answer, Deferred)
    assert type(error).__name__ in answer.reason


def test_too_many_requests_is_deferred_under_whatever_code(server: CloudFrontServer, client: Any) -> None:
    answer_429: Any = lambda request, **_: AWSResponse(request.url, 429, HTTPHeaders(), Raw())  # noqa: E731
    client.meta.events.register("before-send.cloudfront.CreateInvalidation", answer_429)

    (answer,) = create_invalidations(client, [request()])

    assert isinstance(answer, Deferred)


class Raw:
    def stream(self, **_: object) -> Iterator[bytes]:
        yield b""

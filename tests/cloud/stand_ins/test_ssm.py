from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloud.stand_ins.ssm import ROOT, ParameterServer, Quirks, catalogue
from tests.fetcher.small_world import PARAMETERS


def client_of(server: ParameterServer) -> Any:
    return boto3.client("ssm", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def ssm() -> Iterator[Any]:
    with ParameterServer(PARAMETERS) as server:
        yield client_of(server)


def test_the_catalogue_is_motos_with_the_roots_of_the_zones() -> None:
    everything = catalogue()

    assert everything[f"{ROOT}/regions/eu-west-3/longName"] == "Europe (Paris)"
    assert everything[f"{ROOT}/local-zones/use1-bos1-az1/parent-region"] == "us-east-1"
    assert len([name for name in everything if name.count("/") == 5 and name.startswith(f"{ROOT}/regions/")]) == 39


def test_a_listing_holds_what_is_directly_below(ssm: Any) -> None:
    answer = ssm.get_parameters_by_path(Path=f"{ROOT}/services/s3")

    assert sorted(parameter["Value"] for parameter in answer["Parameters"]) == [
        "Amazon Simple Storage Service (S3)",
        "https://aws.amazon.com/s3/",
    ]


def test_an_unknown_operation_and_eleven_names_are_refused(ssm: Any) -> None:
    with pytest.raises(ClientError, match="UnknownOperation"):
        ssm.get_parameter(Name="/a")
    with pytest.raises(ClientError, match="at most 10 names"):
        ssm.get_parameters(Names=[f"/{number}" for number in range(11)])


def test_more_requests_than_the_quota_are_throttled() -> None:
    with ParameterServer(PARAMETERS, Quirks(per_second=2.01)) as server:
        ssm = client_of(server)
        for _ in range(2):
            ssm.get_parameters(Names=["/a"])
        with pytest.raises(ClientError, match="Rate exceeded"):
            ssm.get_parameters(Names=["/a"])

    assert server.traffic.throttled == 1


def test_it_fails_and_dawdles_when_told_to() -> None:
    with (
        ParameterServer(PARAMETERS, Quirks(errors=1, latency=0.001)) as server,
        pytest.raises(ClientError, match="told to fail"),
    ):
        client_of(server).get_parameters(Names=["/a"])

    assert server.traffic.failed == 1


def test_iam_is_asked_for_every_name_with_its_action_and_arn() -> None:
    asked: list[tuple[str, str, str]] = []

    def authorize(key: str, _headers: object, action: str, arn: str) -> bool:
        asked.append((key, action, arn))
        return not arn.endswith("/b")

    with ParameterServer(PARAMETERS, authorize=authorize) as server:
        ssm = client_of(server)
        ssm.get_parameters(Names=["/a"])
        with pytest.raises(ClientError, match="AccessDenied"):
            ssm.get_parameters(Names=["/b"])

    arn = "arn:aws:ssm:us-east-1::parameter"
    assert asked == [("test", "ssm:GetParameters", f"{arn}/a"), ("test", "ssm:GetParameters", f"{arn}/b")]

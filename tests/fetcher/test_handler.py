from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from fetcher import handler
from fetcher.crawl import IncompleteCatalogueError
from ops.embedded.parameters import ParameterServer
from shared.settings import ConfigurationError
from tests.fetcher.small_world import PARAMETERS, ROOT

Printed = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    handler.settings.cache_clear()
    monkeypatch.setenv("SOURCE_BUCKET", "my-source")
    monkeypatch.setenv("SSM_REQUESTS_PER_SECOND", "10000")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="my-source")
        yield


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> Iterator[ParameterServer]:
    with ParameterServer(PARAMETERS) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        yield server


def written() -> list[str]:
    return [entry["Key"] for entry in boto3.client("s3").list_objects_v2(Bucket="my-source").get("Contents", [])]


def test_a_run_writes_every_file_and_tells_what_it_did(
    parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed
) -> None:
    summary = handler.lambda_handler({}, lambda_context)

    assert (summary["regions"], summary["services"], summary["regionServices"]) == (2, 4, 4)
    assert summary["runId"] == lambda_context.aws_request_id
    assert summary["ssmCalls"] == parameters.traffic.calls
    assert sorted(summary["unplacedZones"]) == ["mars-wlz1", "nobodys-az1"]
    assert sorted(one["key"] for one in summary["written"]) == written()
    assert len(written()) == 4


def test_a_run_writes_its_metrics_and_one_log_line(
    parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed
) -> None:
    handler.lambda_handler({}, lambda_context)

    lines = printed()
    (metrics,) = [line for line in lines if "SsmCalls" in line]
    assert (metrics["Regions"], metrics["Services"], metrics["RegionServices"]) == ([2.0], [4.0], [4.0])
    assert metrics["SsmCalls"] == [float(parameters.traffic.calls)]
    messages = [line["message"] for line in lines if "message" in line]
    assert messages == ["zones_without_region", "run_finished"]


def test_a_catalogue_without_odd_zones_warns_of_nothing(
    parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed
) -> None:
    parameters.replace(
        {name: value for name, value in PARAMETERS.items() if "mars" not in name and "nobody" not in name}
    )

    summary = handler.lambda_handler({}, lambda_context)

    assert summary["unplacedZones"] == []
    assert [line["message"] for line in printed() if "message" in line] == ["run_finished"]


def test_an_incomplete_catalogue_writes_nothing_and_is_raised(
    parameters: ParameterServer, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "authorize", lambda key, headers, action, arn: "eusc" not in arn)

    with pytest.raises(IncompleteCatalogueError, match=rf"{ROOT}/regions/eusc-de-east-1/.*AccessDenied"):
        handler.lambda_handler({}, lambda_context)

    assert written() == []


def test_a_run_is_traced_as_one_crawl_and_one_write_however_many_calls_it_makes(
    parameters: ParameterServer, lambda_context: LambdaContext, traces: Callable[[], list[dict[str, Any]]]
) -> None:
    handler.lambda_handler({}, lambda_context)

    steps = [(one["name"], one["annotations"]["run_id"]) for one in traces()]
    assert steps == [("crawl", lambda_context.aws_request_id), ("write", lambda_context.aws_request_id)]


def test_an_unset_variable_stops_the_function_with_its_name(
    lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_BUCKET")

    with pytest.raises(ConfigurationError, match="SOURCE_BUCKET"):
        handler.lambda_handler({}, lambda_context)

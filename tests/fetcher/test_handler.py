import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from cloud.stand_ins.ssm import ParameterServer, Quirks
from fetcher import handler
from fetcher.last_good import IncompleteCatalogueError
from fetcher.report import UnreadableHistoryError
from shared import contract
from shared.contract.document import LIMITS
from shared.settings import ConfigurationError
from tests.fetcher.small_world import PARAMETERS, ROOT

Printed = Callable[[], list[dict[str, Any]]]


EU = "eusc-de-east-1"
TROUBLES = ("StaleRegions", "StaleValues", "SsmThrottles", "LaunchFeedFailed")


@pytest.fixture(autouse=True)
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The environment's bucket."""
    handler.settings.cache_clear()
    monkeypatch.setenv("SOURCE_BUCKET", "my-source")
    monkeypatch.setenv("SSM_REQUESTS_PER_SECOND", "10000")
    monkeypatch.setenv("MAX_STALE_PERCENT", "50")
    monkeypatch.setattr("fetcher.ssm.endpoint.LONGEST_PAUSE", 0)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="my-source")
        yield client


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> Iterator[ParameterServer]:
    with ParameterServer(PARAMETERS) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        yield server


def keys(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket="my-source").get("Contents", [])]


def test_a_run_writes_every_file_and_tells_what_it_did(
    s3: Any, parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed
) -> None:
    summary = handler.lambda_handler({}, lambda_context)

    assert (summary["regions"], summary["services"], summary["regionServices"]) == (2, 4, 4)
    assert summary["runId"] == lambda_context.aws_request_id
    assert summary["ssmCalls"] == parameters.traffic.calls
    assert sorted(summary["unplacedZones"]) == ["mars-wlz1", "nobodys-az1"]
    assert {written["key"] for written in summary["written"]} < set(keys(s3))
    assert len(summary["written"]) == len(contract.FILES) + len(contract.schemas()) + 1
    assert (summary["itemsWritten"], summary["itemsLeft"]) == (len(keys(s3)) - len(summary["written"]), 0)
    metadata = s3.head_object(Bucket="my-source", Key="aws-data/regions.json")["Metadata"]
    assert metadata["run-id"] == summary["runId"]


def test_a_run_writes_its_metrics_and_one_log_line(
    parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed
) -> None:
    handler.lambda_handler({}, lambda_context)

    lines = printed()
    (metrics,) = [line for line in lines if "SsmCalls" in line]
    assert (metrics["Regions"], metrics["Services"], metrics["RegionServices"]) == ([2.0], [4.0], [4.0])
    assert metrics["SsmCalls"] == [float(parameters.traffic.calls)]
    assert [metrics[name] for name in TROUBLES] == [[0.0]] * 4
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
    s3: Any, parameters: ParameterServer, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "authorize", lambda key, headers, action, arn: "eusc" not in arn)

    with pytest.raises(IncompleteCatalogueError, match=rf"{ROOT}/regions/eusc-de-east-1/.*AccessDenied"):
        handler.lambda_handler({}, lambda_context)

    assert keys(s3) == []


def test_what_is_not_as_it_should_be_is_counted_and_said(
    parameters: ParameterServer,
    lambda_context: LambdaContext,
    printed: Printed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler.lambda_handler({}, lambda_context)
    printed()
    handler.settings.cache_clear()
    monkeypatch.setenv("LAUNCH_FEED_URL", f"{parameters.url}/regions.rss")
    parameters.quirks = Quirks(failing=(f"regions/{EU}/services",), throttle_next=1)

    summary = handler.lambda_handler({}, lambda_context)

    lines = printed()
    (metrics,) = [line for line in lines if "SsmCalls" in line]
    assert [metrics[name] for name in TROUBLES] == [[1.0]] * 4
    assert (summary["staleRegions"], summary["cachedRegions"], summary["fetchedRegions"]) == ([EU], 1, 1)
    warnings = {line["message"]: line for line in lines if "message" in line}
    assert warnings["last_good_readings_used"]["regions"] == [EU]
    assert warnings["last_good_readings_used"]["readings"][0].startswith(f"regions/{EU}/services: {ROOT}/regions/{EU}")
    assert "status 400" in warnings["launch_feed_failed"]["reason"]


def released(s3: Any) -> set[str]:
    """The names in the manifest, each with the hash of what the bucket holds."""
    manifest = json.loads(s3.get_object(Bucket="my-source", Key="aws-data/manifest.json")["Body"].read())
    for file in manifest["files"]:
        body = s3.get_object(Bucket="my-source", Key=f"aws-data/{file['name']}")["Body"].read()
        assert (file["bytes"], file["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    return {file["name"] for file in manifest["files"]}


RELEASED = {*contract.FILES, *contract.schemas()} - {"manifest.json"}


def test_the_manifest_names_all_files_of_the_run_also_those_that_it_left_as_they_were(
    s3: Any, parameters: ParameterServer, lambda_context: LambdaContext
) -> None:
    handler.lambda_handler({}, lambda_context)
    assert released(s3) == RELEASED

    summary = handler.lambda_handler({}, lambda_context)

    assert summary["written"][-1]["key"] == "aws-data/manifest.json"
    assert "aws-data/change-history.json" not in {file["key"] for file in summary["written"]}
    assert released(s3) == RELEASED


def test_a_history_that_cannot_be_read_is_raised_when_all_else_is_written(
    s3: Any, parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed
) -> None:
    s3.put_object(Bucket="my-source", Key="aws-data/change-history.json", Body=b"{}")

    with pytest.raises(UnreadableHistoryError, match="change-history.json .*left as it is.*metadata: Field required"):
        handler.lambda_handler({}, lambda_context)

    assert "aws-data/complete-data.json" in keys(s3)
    assert s3.get_object(Bucket="my-source", Key="aws-data/change-history.json")["Body"].read() == b"{}"
    (warning,) = [line for line in printed() if line.get("message") == "published_files_unreadable"]
    assert warning["files"] == {"change-history.json": "breaks the contract in 2 place(s); metadata: Field required"}
    assert released(s3) == RELEASED - {"change-history.json", "change-feed.json"}


def test_a_history_that_would_outgrow_its_limits_stays_as_it_is_and_is_raised(
    s3: Any, parameters: ParameterServer, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.contract.document.LIMITS", replace(LIMITS, nodes=6000))
    handler.lambda_handler({}, lambda_context)
    history = json.loads(s3.get_object(Bucket="my-source", Key="aws-data/change-history.json")["Body"].read())
    untrue = [{"region": f"{number:06}", "service": "x"} for number in range(1000)]  # the run would log their removal
    history["changeLog"][0]["changes"]["newRegionalServices"] = untrue
    history["changeLog"][0]["date"] = history["metadata"]["created"] = "2026-01-01"
    edited = json.dumps(history).encode()
    s3.put_object(Bucket="my-source", Key="aws-data/change-history.json", Body=edited)
    s3.delete_object(Bucket="my-source", Key="aws-data/complete-data.json")

    with pytest.raises(UnreadableHistoryError, match="left as it is.*changes of today: over 6,000 values"):
        handler.lambda_handler({}, lambda_context)

    assert "aws-data/complete-data.json" in keys(s3)
    assert s3.get_object(Bucket="my-source", Key="aws-data/change-history.json")["Body"].read() == edited
    assert released(s3) == RELEASED - {"change-feed.json"}


def test_times_later_than_now_are_said_once_and_then_right(
    s3: Any, parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed
) -> None:
    handler.lambda_handler({}, lambda_context)
    body = s3.get_object(Bucket="my-source", Key="aws-data/complete-data.json")["Body"].read()
    edited = re.sub(rb'("lastFetched": ")\d{4}', rb"\g<1>2999", body)
    s3.put_object(Bucket="my-source", Key="aws-data/complete-data.json", Body=edited)
    printed()

    summary, again = (handler.lambda_handler({}, lambda_context) for _ in range(2))

    assert (summary["timesAhead"], again["timesAhead"]) == (2, 0)
    (warning,) = [line for line in printed() if line.get("message") == "published_times_ahead"]
    assert warning["times"][0].startswith(f"complete-data.json regions/{EU}/services: 2999-")


def test_items_that_are_left_are_counted_and_said(
    parameters: ParameterServer, lambda_context: LambdaContext, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fetcher.run.LONGEST_REQUEST", 1_000_000)

    summary = handler.lambda_handler({}, lambda_context)

    (warning,) = [line for line in printed() if line.get("message") == "items_left"]
    assert summary["itemsWritten"] == 0
    assert warning["items"] == summary["itemsLeft"] > 0


def test_an_item_names_its_run_and_no_release(
    s3: Any, parameters: ParameterServer, lambda_context: LambdaContext
) -> None:
    handler.lambda_handler({}, lambda_context)

    metadata = s3.head_object(Bucket="my-source", Key=f"aws-data/regions/{EU}.json")["Metadata"]
    assert metadata["run-id"] == lambda_context.aws_request_id
    assert "release" not in metadata


def test_a_part_is_asked_for_in_the_event(parameters: ParameterServer, lambda_context: LambdaContext) -> None:
    handler.lambda_handler({}, lambda_context)

    summary = handler.lambda_handler({"regions": [EU]}, lambda_context)

    assert (summary["regions"], summary["fetchedRegions"], summary["staleRegions"]) == (2, 1, [])


def test_a_run_is_traced_as_one_crawl_and_one_write_however_many_calls_it_makes(
    parameters: ParameterServer, lambda_context: LambdaContext, traces: Callable[[], list[dict[str, Any]]]
) -> None:
    handler.lambda_handler({}, lambda_context)

    steps = [(trace["name"], trace["annotations"]["run_id"]) for trace in traces()]
    assert steps == [("crawl", lambda_context.aws_request_id), ("write", lambda_context.aws_request_id)]


def test_an_unset_variable_stops_the_function_with_its_name(
    lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_BUCKET")

    with pytest.raises(ConfigurationError, match="SOURCE_BUCKET"):
        handler.lambda_handler({}, lambda_context)

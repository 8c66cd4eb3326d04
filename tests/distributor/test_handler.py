import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from moto import mock_aws

from distributor import handler
from distributor.answers import DistributionFailedError
from distributor.dependencies import build_dependencies
from distributor.events import EnvelopeError
from shared.clients import connect
from shared.settings import ConfigurationError
from tests.distributor.world import ENVIRONMENT, event, record
from tests.shared.test_contract import COMPLETE, DOCUMENTS, encode

REGIONS = encode(DOCUMENTS["regions.json"])
EVENTS = Path(__file__).parents[1] / "events"
Printed = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    build_dependencies.cache_clear()
    with mock_aws():
        url = boto3.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
        for name, value in (ENVIRONMENT | {"FAILURE_QUEUE_URL": url}).items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="my-source")
        client.create_bucket(Bucket="my-website")
        client.put_object(Bucket="my-source", Key="aws-data/x.json", Body=b"{}")
        yield client


def published(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket="my-website").get("Contents", [])]


def test_a_new_object_is_published_and_in_the_summary(s3: Any, lambda_context: LambdaContext) -> None:
    summary = handler.lambda_handler(event(record()), lambda_context)

    assert published(s3) == ["data/x.json"]
    assert summary["counts"]["copied"] == 1
    assert summary["objects"][0]["destination"] == "s3://my-website/data/x.json"


def test_one_published_object_costs_one_get_one_copy_and_one_head(s3: Any, lambda_context: LambdaContext) -> None:
    calls: Counter[str] = Counter()
    store = build_dependencies().store
    store.client.meta.events.register("before-send.s3", lambda request, **_: calls.update([request.method]))

    handler.lambda_handler(event(record()), lambda_context)

    assert calls == {"GET": 1, "PUT": 1, "HEAD": 1}


def test_only_where_a_bus_is_named_eventbridge_gets_a_client_and_a_call(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = Counter[str]()
    monkeypatch.setattr(
        "distributor.dependencies.connect",
        lambda service, *rest: clients.update([service]) or connect(service, *rest),
    )
    calls = Counter[str]()

    handler.lambda_handler(event(record()), lambda_context)
    without = dict(clients)
    monkeypatch.setenv("EVENT_BUS_NAME", "default")
    build_dependencies.cache_clear()
    bus: Any = build_dependencies().event_bus
    bus.client.meta.events.register("before-call.events", lambda model, **_: calls.update([model.name]))
    handler.lambda_handler(event(record()), lambda_context)

    assert "events" not in without
    assert clients["events"] == 1
    assert calls == {"PutEvents": 1}


def test_without_a_bus_its_module_is_not_even_loaded() -> None:
    loaded = (
        "import sys, distributor.handler, distributor.sweeper.handler; print('distributor.event_bus' in sys.modules)"
    )

    assert (
        subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_an_event_that_is_not_put_touches_no_copy_and_waits_on_the_failure_queue(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_BUS_NAME", "no-such-bus")

    summary = handler.lambda_handler(event(record()), lambda_context)

    (message,) = boto3.client("sqs").receive_message(QueueUrl=build_dependencies().settings.failure_queue_url)[
        "Messages"
    ]
    kept = json.loads(message["Body"])
    assert (published(s3), summary["counts"]["copied"]) == (["data/x.json"], 1)
    assert (kept["outcome"], kept["keys"]) == ("not announced", ["aws-data/x.json"])


def test_each_record_has_its_own_outcome_and_none_touches_another(s3: Any, lambda_context: LambdaContext) -> None:
    s3.put_object(Bucket="my-source", Key="aws-data/broken.json", Body=b'{"a":')
    keys = ["aws-data/broken.json", "aws-data/gone.json", "aws-data/history/h.json", "aws-data/x.json"]

    summary = handler.lambda_handler(event(None, *map(record, keys), record(bucket="evil")), lambda_context)

    assert [line["outcome"] for line in summary["objects"]] == [
        *("rejected", "rejected", "gone", "skipped", "copied", "rejected")
    ]
    assert published(s3) == ["data/x.json"]


def test_what_is_rejected_is_kept_on_the_failure_queue(s3: Any, lambda_context: LambdaContext) -> None:
    handler.lambda_handler(event(record("aws-data/%FF.json")), lambda_context)

    url = build_dependencies().settings.failure_queue_url
    (message,) = boto3.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["reason"] == "the key is not UTF-8"


def test_what_failed_is_raised_after_its_siblings_were_published(s3: Any, lambda_context: LambdaContext) -> None:
    with pytest.raises(DistributionFailedError, match=r"1 object\(s\) not published: aws-data/y.json: eventVersion"):
        handler.lambda_handler(event(record("aws-data/y.json", eventVersion="3.0"), record()), lambda_context)

    assert published(s3) == ["data/x.json"]


def test_the_age_of_the_complete_data_that_was_published_is_measured(
    s3: Any, lambda_context: LambdaContext, printed: Printed
) -> None:
    s3.put_object(Bucket="my-source", Key="aws-data/complete-data.json", Body=encode(COMPLETE))

    handler.lambda_handler(event(record("aws-data/complete-data.json"), record()), lambda_context)

    (measured,) = [line for line in printed() if "PublishedDataAge" in line]
    stated = datetime(2026, 11, 23, 2, tzinfo=UTC)
    (age,) = measured["PublishedDataAge"]
    assert age == pytest.approx((datetime.now(UTC) - stated).total_seconds(), abs=60)


def test_an_event_is_traced_as_one_step_with_its_outcomes(
    s3: Any, lambda_context: LambdaContext, traces: Callable[[], list[dict[str, Any]]]
) -> None:
    handler.lambda_handler(event(record(), record("aws-data/gone.json"), record("aws-data/%FF.json")), lambda_context)

    (step,) = traces()
    assert step["name"] == "publish"
    assert step["annotations"] == {"copied": 1, "gone": 1, "skipped": 0, "rejected": 1, "failed": 0}


def test_an_event_without_records_is_a_warning(s3: Any, lambda_context: LambdaContext, printed: Printed) -> None:
    summary = handler.lambda_handler({"Records": []}, lambda_context)

    assert summary["objects"] == []
    assert [line["message"] for line in printed() if "message" in line] == ["event_without_records"]


def test_an_envelope_that_is_not_understood_is_raised(s3: Any, lambda_context: LambdaContext) -> None:
    with pytest.raises(EnvelopeError):
        handler.lambda_handler({}, lambda_context)


def test_an_odd_variable_stops_the_function_with_its_name(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTRIBUTION_BUCKET", "s3://my-website")

    with pytest.raises(ConfigurationError, match="DISTRIBUTION_BUCKET"):
        handler.lambda_handler(event(record()), lambda_context)


@pytest.mark.parametrize("sample", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_sample_events_do_what_their_names_say(sample: Path, s3: Any, lambda_context: LambdaContext) -> None:
    for key in ("regions.json", "space plus+file.json", "history/complete-data-20261123T020000Z.json"):
        s3.put_object(Bucket="my-source", Key=f"aws-data/{key}", Body=b"[]")
    s3.put_object(Bucket="my-source", Key="aws-data/regions.json", Body=REGIONS)

    summary = handler.lambda_handler(json.loads(sample.read_text(encoding="utf-8")), lambda_context)

    assert {line["outcome"] for line in summary["objects"]} == {sample.stem.partition("-")[0]}


def test_a_job_of_batch_operations_gets_a_result_for_each_task(s3: Any, lambda_context: LambdaContext) -> None:
    keys = {"1": "aws-data/x.json", "2": "aws-data/gone.json"}
    job = {
        "invocationSchemaVersion": "2.0",
        "invocationId": "i",
        "tasks": [{"taskId": task, "s3Key": key, "s3Bucket": "my-source"} for task, key in keys.items()],
    }

    answer = handler.lambda_handler(job, lambda_context)

    codes = {result["taskId"]: result["resultCode"] for result in answer["results"]}
    assert codes == {"1": "Succeeded", "2": "PermanentFailure"}
    assert published(s3) == ["data/x.json"]


def test_an_operator_finds_every_key_in_the_answer_and_nothing_is_raised_or_kept(
    s3: Any, lambda_context: LambdaContext
) -> None:
    s3.put_object(Bucket="my-source", Key="aws-data/broken.json", Body=b"<html>")
    unreachable: Any = Mock(side_effect=RuntimeError("unreachable"))
    build_dependencies().store.client.meta.events.register("before-call.s3.HeadObject", unreachable)

    summary = handler.lambda_handler({"keys": ["aws-data/broken.json", "aws-data/x.json"]}, lambda_context)

    assert [line["outcome"] for line in summary["objects"]] == ["rejected", "failed"]
    url = build_dependencies().settings.failure_queue_url
    assert "Messages" not in boto3.client("sqs").receive_message(QueueUrl=url)


@pytest.fixture
def invalidations(s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    url = boto3.client("sqs").create_queue(QueueName="invalidations")["QueueUrl"]
    monkeypatch.setenv("INVALIDATION_QUEUE_URL", url)
    return url


def messages(url: str) -> list[dict[str, Any]]:
    received = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in received]


JOB = {
    "invocationSchemaVersion": "2.0",
    "tasks": [{"taskId": key, "s3Key": key, "s3Bucket": "my-source"} for key in ("aws-data/x.json", "aws-data/y.json")],
}


@pytest.mark.parametrize(
    "request_event", [event(record(), record("aws-data/y.json")), {"keys": ["aws-data/x.json", "aws-data/y.json"]}, JOB]
)
def test_what_is_published_is_queued_for_invalidation_whatever_the_event(
    s3: Any, invalidations: str, lambda_context: LambdaContext, request_event: dict[str, Any], printed: Printed
) -> None:
    s3.put_object(Bucket="my-source", Key="aws-data/x.json", Body=b"{}", Metadata={"run-id": "run-1"})
    s3.put_object(Bucket="my-source", Key="aws-data/y.json", Body=b"[]")

    handler.lambda_handler(request_event, lambda_context)

    assert [message["key"] for message in messages(invalidations)] == ["data/x.json", "data/y.json"]
    assert {line.get("correlation_id") for line in printed() if line.get("source") == "aws-data/x.json"} == {"run-1"}


@pytest.mark.parametrize("request_event", [event(record()), {"keys": ["aws-data/x.json"]}, JOB])
def test_a_key_that_the_invalidation_queue_does_not_take_is_kept_and_the_copy_is_not_repeated(
    s3: Any,
    invalidations: str,
    lambda_context: LambdaContext,
    request_event: dict[str, Any],
    printed: Printed,
) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=invalidations)

    handler.lambda_handler(request_event, lambda_context)

    (kept,) = messages(build_dependencies().settings.failure_queue_url)
    assert kept["keys"] == ["aws-data/x.json"]
    assert "invalidation_not_queued" in [line.get("message") for line in printed()]


def test_a_key_that_no_queue_keeps_is_raised_so_that_the_event_is_tried_again(
    s3: Any, invalidations: str, lambda_context: LambdaContext, printed: Printed
) -> None:
    for url in (invalidations, build_dependencies().settings.failure_queue_url):
        boto3.client("sqs").delete_queue(QueueUrl=url)

    with pytest.raises(ClientError, match="NonExistentQueue"):
        handler.lambda_handler(event(record()), lambda_context)

    assert "invalidation_not_queued" in [line.get("message") for line in printed()]

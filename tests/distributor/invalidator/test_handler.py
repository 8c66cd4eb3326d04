import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from cloud.stand_ins.cloudfront import CloudFront, CloudFrontServer, EdgeQuirks
from distributor.events import EnvelopeError
from distributor.invalidator import cloudfront
from distributor.invalidator.handler import build_invalidator_dependencies, lambda_handler
from shared.settings import ConfigurationError
from tests.distributor.messages import body, queue_event, received

Printed = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    build_invalidator_dependencies.cache_clear()
    monkeypatch.setattr(cloudfront, "PAUSE", 0)
    with CloudFrontServer(CloudFront({"E1", "E2"})) as server, mock_aws():
        # moto answers for every host of AWS; the stand-in is none of them.
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", server.url)
        sqs = boto3.client("sqs")
        for variable, name in (("INVALIDATION_QUEUE_URL", "invalidations"), ("FAILURE_QUEUE_URL", "failures")):
            monkeypatch.setenv(variable, sqs.create_queue(QueueName=name)["QueueUrl"])
        monkeypatch.setenv("CLOUDFRONT_DISTRIBUTION_ID", "E1")
        yield server.cloudfront


def deliver(*bodies: str) -> dict[str, Any]:
    """What Lambda would hand on after these messages were sent."""
    sqs, url = boto3.client("sqs"), build_invalidator_dependencies().settings.invalidation_queue_url
    for text in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=text)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=720)["Messages"]
    return queue_event(
        *(
            received(text=message["Body"], receipt=message["ReceiptHandle"]) | {"messageId": message["MessageId"]}
            for message in messages
        )
    )


def ids(event: dict[str, Any]) -> list[str]:
    return [message["messageId"] for message in event["Records"]]


def failed(answer: dict[str, Any]) -> list[str]:
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def kept() -> list[tuple[str, str]]:
    url = build_invalidator_dependencies().settings.failure_queue_url
    messages = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["reason"]
    )
    return [
        (message["Body"], message["MessageAttributes"]["reason"]["StringValue"])
        for message in messages.get("Messages", [])
    ]


def measured(lines: list[dict[str, Any]]) -> dict[str, list[float]]:
    (metrics,) = [line for line in lines if "InvalidationsDeferred" in line]
    return {name: value for name, value in metrics.items() if name.startswith("Invalid")}


HOUR = 3600.0


def sent_an_hour_ago(event: dict[str, Any]) -> dict[str, Any]:
    for message in event["Records"]:
        message["attributes"]["SentTimestamp"] = f"{(time.time() - HOUR) * 1000:.0f}"
    return event


def test_many_messages_become_one_invalidation(
    edge: CloudFront, lambda_context: LambdaContext, printed: Printed
) -> None:
    event = deliver(body("data/b.json"), body("data/a.json"), body("data/b.json", "run-2"))

    assert failed(lambda_handler(event, lambda_context)) == []
    assert [invalidation.paths for invalidation in edge.accepted] == [("/data/a.json", "/data/b.json")]
    lines = printed()
    assert measured(lines) == {
        "InvalidationsCreated": [1.0],
        "InvalidatedPaths": [2.0],
        "InvalidationsDeferred": [0.0],
        "InvalidationsRefused": [0.0],
        "InvalidationWait": [0.0],
    }
    (created,) = [line for line in lines if line.get("message") == "invalidation_created"]
    assert created["correlation_id"] == "run-1, run-2"
    assert created["caller_reference"] == edge.accepted[0].caller_reference


def test_a_batch_is_traced_as_one_step_with_cloudfronts_answers(
    edge: CloudFront, lambda_context: LambdaContext, traces: Callable[[], list[dict[str, Any]]]
) -> None:
    lambda_handler(deliver(body("data/a.json")), lambda_context)

    steps = [(step["name"], step["annotations"]) for step in traces()]
    assert steps == [("invalidate", {"created": 1, "deferred": 0, "refused": 0})]


def test_the_same_delivery_again_creates_no_second_invalidation(
    edge: CloudFront, lambda_context: LambdaContext
) -> None:
    event = deliver(body("data/a.json"), body("data/b.json"))

    lambda_handler(event, lambda_context)
    lambda_handler(queue_event(*reversed(event["Records"])), lambda_context)

    assert len(edge.accepted) == 1
    assert edge.traffic.answers == {"Created": 1, "Known": 1}


def test_a_later_copy_of_the_same_bytes_is_invalidated_again(edge: CloudFront, lambda_context: LambdaContext) -> None:
    for _ in range(2):
        lambda_handler(deliver(body()), lambda_context)

    assert len(edge.accepted) == 2


def test_every_distribution_is_invalidated(
    edge: CloudFront, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFRONT_DISTRIBUTION_ID", "E1,E2")

    lambda_handler(deliver(body()), lambda_context)

    assert [invalidation.distribution for invalidation in edge.accepted] == ["E1", "E2"]


def test_when_one_distribution_is_late_all_comes_again_and_the_other_has_it_already(
    edge: CloudFront, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFRONT_DISTRIBUTION_ID", "E1,E2")
    event = deliver(body())
    edge.quirks = EdgeQuirks(too_many_next=1)

    again = lambda_handler(event, lambda_context)
    done = lambda_handler(event, lambda_context)

    assert (failed(again), failed(done)) == (ids(event), [])
    assert [invalidation.distribution for invalidation in edge.accepted] == ["E2", "E1"]
    assert edge.traffic.answers["Known"] == 1


@pytest.mark.parametrize("quirks", [EdgeQuirks(throttle_next=1), EdgeQuirks(errors=1), EdgeQuirks(too_many_next=1)])
def test_what_cloudfront_cannot_take_at_present_comes_again_later(
    edge: CloudFront, lambda_context: LambdaContext, printed: Printed, quirks: EdgeQuirks
) -> None:
    event = sent_an_hour_ago(deliver(body("data/a.json"), body("data/b.json")))
    edge.quirks = quirks

    assert failed(lambda_handler(event, lambda_context)) == ids(event)
    assert kept() == []
    lines = printed()
    figures = measured(lines)
    (wait,) = figures.pop("InvalidationWait")
    assert figures == {"InvalidationsDeferred": [2.0], "InvalidationsRefused": [0.0]}
    assert wait >= HOUR
    (deferred,) = [line for line in lines if line.get("message") == "invalidation_deferred"]
    assert (deferred["level"], deferred["correlation_id"]) == ("WARNING", "run-1")
    (finished,) = [line for line in lines if line.get("message") == "batch_finished"]
    assert (finished["again"], finished["put_off"]) == (2, 2)


def test_what_cloudfront_will_never_take_is_kept_with_the_reason_at_once(
    edge: CloudFront, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    monkeypatch.setenv("CLOUDFRONT_DISTRIBUTION_ID", "E0")

    assert failed(lambda_handler(deliver(body()), lambda_context)) == []
    ((text, reason),) = kept()
    assert (text, "E0: NoSuchDistribution" in reason) == (body(), True)
    lines = printed()
    assert measured(lines) == {
        "InvalidationsDeferred": [0.0],
        "InvalidationsRefused": [1.0],
        "InvalidationWait": [0.0],
    }
    assert [line["level"] for line in lines if line.get("message") == "invalidation_refused"] == ["ERROR"]


def test_a_malformed_message_is_kept_with_the_reason_and_touches_no_other(
    edge: CloudFront, lambda_context: LambdaContext, printed: Printed
) -> None:
    assert failed(lambda_handler(deliver("?", body()), lambda_context)) == []

    ((text, reason),) = kept()
    assert (text, "not a message of the distributor" in reason) == ("?", True)
    assert [invalidation.paths for invalidation in edge.accepted] == [("/data/x.json",)]
    assert [line["body"] for line in printed() if line.get("message") == "message_refused"] == ["?"]


ODD = EdgeQuirks(odd="odd")


def test_a_path_that_cloudfront_refuses_costs_no_other_its_invalidation(
    edge: CloudFront, lambda_context: LambdaContext, printed: Printed
) -> None:
    edge.quirks = ODD

    event = deliver(body("data/odd.json"), *(body(f"data/{number}.json") for number in range(9)))

    assert failed(lambda_handler(event, lambda_context)) == []
    assert kept() == []
    assert [invalidation.paths for invalidation in edge.accepted] == [("/data/*",)]
    (widened,) = [line for line in printed() if line.get("message") == "invalidation_widened"]
    assert (widened["level"], widened["paths"]) == ("WARNING", ["/data/*"])
    assert "InvalidArgument" in widened["reason"]


def test_a_batch_with_a_refused_path_that_is_delivered_again_creates_no_second_invalidation(
    edge: CloudFront, lambda_context: LambdaContext
) -> None:
    edge.quirks = ODD
    event = deliver(body("data/odd.json"), body("data/a.json"))

    lambda_handler(event, lambda_context)
    lambda_handler(event, lambda_context)

    assert edge.traffic.answers == {"InvalidArgument": 2, "Created": 1, "Known": 1}


def test_a_folder_that_cloudfront_refuses_costs_no_key_outside_it_its_invalidation(
    edge: CloudFront, lambda_context: LambdaContext
) -> None:
    edge.quirks = ODD

    lambda_handler(deliver(body("odd/a.json"), body("data/a.json")), lambda_context)
    lambda_handler(deliver(body("odd/b.json")), lambda_context)

    assert [invalidation.paths for invalidation in edge.accepted] == [("/*",)]
    ((text, reason),) = kept()
    assert (text, "InvalidArgument" in reason) == (body("odd/b.json"), True)


def test_what_cannot_be_kept_comes_again(edge: CloudFront, lambda_context: LambdaContext, printed: Printed) -> None:
    event = deliver("?", body())
    boto3.client("sqs").delete_queue(QueueUrl=build_invalidator_dependencies().settings.failure_queue_url)

    assert failed(lambda_handler(event, lambda_context)) == ids(event)[:1]
    assert measured(printed())["InvalidationsRefused"] == [0.0]


def test_a_key_that_the_distribution_does_not_show_is_counted_and_done(
    edge: CloudFront, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    monkeypatch.setenv("DISTRIBUTION_ORIGIN_PATH", "/site")

    assert failed(lambda_handler(deliver(body("data/x.json"), body("site/data/y.json")), lambda_context)) == []
    assert [invalidation.paths for invalidation in edge.accepted] == [("/data/y.json",)]
    assert [line["unreachable"] for line in printed() if line.get("message") == "batch_received"] == [1]


def test_of_very_many_correlation_ids_the_first_are_named(
    edge: CloudFront, lambda_context: LambdaContext, printed: Printed
) -> None:
    event = queue_event(*(received(number, body(correlation_id=f"run-{number:02}")) for number in range(25)))

    lambda_handler(event, lambda_context)

    (line,) = [line for line in printed() if line.get("message") == "batch_received"]
    assert line["correlation_id"].startswith("run-00, run-01, ")
    assert line["correlation_id"].endswith("run-19, and 5 more")


def test_an_event_that_is_not_of_a_queue_is_raised(edge: CloudFront, lambda_context: LambdaContext) -> None:
    with pytest.raises(EnvelopeError):
        lambda_handler({}, lambda_context)


def test_an_odd_variable_stops_the_function_with_its_name(
    edge: CloudFront, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFRONT_DISTRIBUTION_ID", "")

    with pytest.raises(ConfigurationError, match="CLOUDFRONT_DISTRIBUTION_ID"):
        lambda_handler(queue_event(), lambda_context)

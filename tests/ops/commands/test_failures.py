"""`feed failures` and `feed redrive` against the embedded cloud, as they would run against a stack on AWS."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from tests.ops.commands.conftest import STACK, Deploy, Feed, distributed_at, upload

ARN = "arn:aws:lambda:us-east-1:123456789012:function"
DISTRIBUTOR, SWEEPER = f"{ARN}:{STACK}-distributor:$LATEST", f"{ARN}:{STACK}-sweeper:$LATEST"
PUBLISHED = {"keys": ["aws-data/regions.json"]}


def shown(feed: Feed) -> Any:
    return json.loads(feed("failures", "--json").stdout)


def test_failures_are_shown_with_their_reasons_and_stay_in_the_queue(cloud: EmbeddedCloud, feed: Feed) -> None:
    assert feed("failures").exit_code == 0
    upload(cloud, "broken.json", b"<html>")

    first, second = feed("failures"), shown(feed)

    assert first.exit_code == 1
    assert [(failure["kind"], failure["keys"]) for failure in second] == [("rejected", ["aws-data/broken.json"])]
    assert second[0]["reason"].startswith("not JSON")


def test_a_redrive_deletes_only_what_went_well(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "mended.json", b"<html>")
    upload(cloud, "broken.json", b"<html>")
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key="aws-data/mended.json", Body=b"[]")
    cloud.settle()

    looked = feed("redrive")
    kept = len(shown(feed))
    done = feed("redrive", "--yes", "--json")

    assert (looked.exit_code, kept, done.exit_code) == (1, 2, 1)
    results = {result["keys"][0]: result["done"] for result in json.loads(done.stdout)}
    assert results == {"aws-data/mended.json": True, "aws-data/broken.json": False}
    assert [failure["keys"] for failure in shown(feed)] == [["aws-data/broken.json"]]


@pytest.mark.prove
def test_many_failures_are_a_few_lines_by_reason_and_all_of_them_when_asked_for(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    folder = f"aws-data/{'customers-of-last-year/' * 4}"
    for number in range(60):
        reason = f"not JSON: Expecting value: line {number} column 1" if number else "starts with a byte order mark"
        put_on_queue(cloud, {"outcome": "rejected", "reason": reason, "keys": [f"{folder}{number:02}.json"]})

    listed, every, looked, tried = (
        feed(*words) for words in (["failures"], ["failures", "--all"], ["redrive"], ["redrive", "--yes"])
    )

    assert [one.exit_code for one in (listed, every, looked, tried)] == [1, 1, 1, 0]  # the source has none of them
    for finished in (listed, looked, tried):
        assert finished.stdout.startswith("60 message(s); ")
        assert len(finished.stdout.splitlines()) < 10
        assert max(map(len, finished.stdout.splitlines())) <= 80
    assert re.search(
        r"   59 rejected: not JSON: Expecting value: line \d+ column 1\n"
        r"      aws-data/customers-\S+…\S+/\d\d\.json\n"
        r"      \S+\n"
        r"      and 57 more\n"
        r"    1 rejected: starts with a byte order mark\n",
        listed.stdout,
    )
    assert all(f"{number:02}.json" in every.stdout for number in range(60))


INTERRUPTED = """
import signal
from ops.cli import app
from ops.stack import DeployedStack

DeployedStack.invoke = lambda *_: signal.raise_signal(signal.{signal})
app()
"""


@pytest.mark.parametrize("signal", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.prove)])
def test_an_interrupted_redrive_gives_every_message_back_at_once(cloud: EmbeddedCloud, feed: Feed, signal: str) -> None:
    for name in ("first.json", "second.json"):
        upload(cloud, name, b"<html>")

    command = [sys.executable, "-c", INTERRUPTED.format(signal=signal), "redrive", "--yes"]
    finished = subprocess.run(command, env=os.environ | cloud.environment(), capture_output=True, check=False)

    assert finished.returncode == 130, finished.stderr
    assert b"Traceback" not in finished.stderr
    assert len(shown(feed)) == 2


def test_a_queue_of_which_another_command_has_the_messages_is_not_empty(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "broken.json", b"<html>")
    url = cloud.queue_url("DistributionFailures")
    cloud.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=900)

    listed, looked, tried, status = (
        feed(*words) for words in (["failures"], ["redrive"], ["redrive", "--yes"], ["status"])
    )

    assert [one.exit_code for one in (listed, looked, tried, status)] == [1, 1, 1, 1]
    for one in (listed, looked, tried):
        assert "0 message(s), and 1 in the hands of another command" in one.stdout
    assert "1 message(s), 1 of them in the hands of another command" in status.stdout


def test_an_event_that_failed_for_good_is_redriven_through_its_function(cloud: EmbeddedCloud, feed: Feed) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]}
    role = {"RoleName": "aws-services-feed-DistributorRole", "PolicyName": "no-copies"}
    cloud.client("iam").put_role_policy(**role, PolicyDocument=json.dumps(document))
    upload(cloud, "late.json")
    (failed,) = shown(feed)
    cloud.client("iam").delete_role_policy(**role)

    done = feed("redrive", "--yes")

    assert (failed["kind"], failed["keys"]) == ("failed event", ["aws-data/late.json"])
    assert done.exit_code == 0, done.output
    assert "data/late.json" in cloud.objects(cloud.website)
    assert shown(feed) == []


def test_an_event_that_never_ran_is_shown_with_the_condition_that_lambda_gives(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    function = {"FunctionName": "aws-services-feed-distributor"}
    cloud.client("lambda").put_function_concurrency(**function, ReservedConcurrentExecutions=0)
    upload(cloud, "paused.json")
    (failed,) = shown(feed)
    cloud.client("lambda").delete_function_concurrency(**function)

    done = feed("redrive", "--yes")

    assert (failed["keys"], failed["reason"]) == (["aws-data/paused.json"], "ZeroReservedConcurrency")
    assert done.exit_code == 0, done.output
    assert "data/paused.json" in cloud.objects(cloud.website)


@pytest.mark.parametrize(
    ("body", "kind", "exit_code"),
    [
        ({"outcome": "rejected", "source": "?", "reason": "malformed", "keys": []}, "rejected", 1),
        ("no json", "unknown", 1),
        ({}, "schedule", 0),
        (
            {
                "requestContext": {"functionArn": f"{ARN}:aws-services-feed-sweeper:$LATEST"},
                "requestPayload": {"dry_run": True},
            },
            "failed event",
            0,
        ),
        ({"requestContext": {"functionArn": "aws-services-feed-distributor"}, "requestPayload": {}}, "failed event", 1),
    ],
)  # fmt: skip
def test_other_messages_are_shown_for_what_they_are(
    cloud: EmbeddedCloud, feed: Feed, body: Any, kind: str, exit_code: int
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("DistributionFailures"), MessageBody=text)

    assert [failure["kind"] for failure in shown(feed)] == [kind]
    assert feed("redrive", "--yes").exit_code == exit_code


def failed_event(arn: str, event: object) -> dict[str, Any]:
    return {"requestContext": {"functionArn": arn, "condition": "RetriesExhausted"}, "requestPayload": event}


def put_on_queue(cloud: EmbeddedCloud, message: object) -> None:
    queue = cloud.queue_url("DistributionFailures")
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(message))


def of_s3(cloud: EmbeddedCloud, *, bucket: str = "", name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """A record of S3 about regions.json, by default in the source bucket."""
    s3 = {"bucket": {"name": bucket or cloud.source_bucket()}, "object": {"key": "aws-data/regions.json"}}
    return {"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": name, "s3": s3}


@pytest.mark.parametrize(
    "message",
    [
        failed_event(f"{ARN}:{STACK}-fetcher:$LATEST", {"accept_shrink": True}),
        failed_event(DISTRIBUTOR.replace("123456789012", "111122223333"), PUBLISHED),
        failed_event(DISTRIBUTOR.replace("us-east-1", "eu-west-1"), PUBLISHED),
        failed_event(DISTRIBUTOR.replace("arn:aws:", "arn:aws-cn:"), PUBLISHED),
        failed_event(DISTRIBUTOR.replace("lambda", "states"), PUBLISHED),
        failed_event(DISTRIBUTOR.replace("$LATEST", "7"), PUBLISHED),
        failed_event(f"{DISTRIBUTOR}:$LATEST:$LATEST", PUBLISHED),
        failed_event(f"{STACK}-distributor", PUBLISHED),
        failed_event("", PUBLISHED),
        failed_event(DISTRIBUTOR, {"accept_shrink": True}),
        failed_event(DISTRIBUTOR, {"keys": ["aws-data/regions.json", 1]}),
        failed_event(DISTRIBUTOR, {}),
        failed_event(SWEEPER, PUBLISHED),
        failed_event(SWEEPER, {"dry_run": False, "bucket": "other"}),
        failed_event(SWEEPER, None),
        {"outcome": "rejected", "reason": "malformed", "keys": []},
        {"function": DISTRIBUTOR, **PUBLISHED},
    ],
    ids=lambda message: json.dumps(message)[-80:],
)  # fmt: skip
def test_a_message_that_no_function_of_the_stack_has_left_is_refused_and_stays(
    cloud: EmbeddedCloud, feed: Feed, message: object
) -> None:
    put_on_queue(cloud, message)
    before = len(cloud.lambdas.invocations)

    (looked,) = json.loads(feed("redrive", "--json").stdout)
    finished = feed("redrive", "--yes", "--json")

    (result,) = json.loads(finished.stdout)
    assert (looked["function"], looked["event"]) == (None, None)
    assert (finished.exit_code, result["done"], result["reason"]) == (1, False, f"refused: {looked['refusal']}")
    assert len(cloud.lambdas.invocations) == before
    assert [json.loads(kept["message"]) for kept in shown(feed)] == [message]


def test_an_event_about_another_bucket_or_about_no_write_is_refused(cloud: EmbeddedCloud, feed: Feed) -> None:
    other, removed = of_s3(cloud, bucket="other-bucket"), of_s3(cloud, name="ObjectRemoved:Delete")
    for record in (other, removed):
        put_on_queue(cloud, failed_event(DISTRIBUTOR, {"Records": [of_s3(cloud), record]}))

    results = json.loads(feed("redrive", "--yes", "--json").stdout)

    assert [(result["done"], result["reason"]) for result in results] == [
        (False, "refused: it does not name keys of the source bucket alone")
    ] * 2


@pytest.mark.parametrize(
    ("message", "function", "event"),
    [
        (failed_event(DISTRIBUTOR, PUBLISHED | {"accept_shrink": True}), "distributor", PUBLISHED),
        (failed_event(SWEEPER, {"after": "a", "follow": True}), "sweeper", {"after": "a", "follow": True}),
        (failed_event(SWEEPER.removesuffix(":$LATEST"), {}), "sweeper", {}),
        ({}, "sweeper", {}),
        ({"outcome": "not invalidated", "reason": "x", **PUBLISHED, "function": "x"}, "distributor", PUBLISHED),
        ({"outcome": "not announced", "reason": "x", **PUBLISHED}, "distributor", PUBLISHED),
    ],
)
def test_what_is_invoked_is_shown_before_and_is_all_that_is_invoked(
    cloud: EmbeddedCloud, feed: Feed, message: object, function: str, event: object
) -> None:
    put_on_queue(cloud, message)
    before = len(cloud.lambdas.invocations)

    looked, table = json.loads(feed("redrive", "--json").stdout), feed("redrive").stdout
    between = len(cloud.lambdas.invocations)
    finished = feed("redrive", "--yes")

    assert [(one["function"], one["event"], one["refusal"]) for one in looked] == [(f"{STACK}-{function}", event, "")]
    assert f"{STACK}-{function}" in table
    assert json.dumps(looked[0]["event"]) in table
    assert between == before
    invoked = [(one.function, one.event) for one in cloud.lambdas.invocations[before:]]
    assert (finished.exit_code, invoked) == (0, [(f"{STACK}-{function}", event)])
    assert shown(feed) == []


def test_a_stack_that_distributes_nothing_is_said_so(deploy: Deploy, feed: Feed) -> None:
    deploy("fetch-only", {"SourceBucketName": "x"})

    finished = feed("failures", "--stack-name", "fetch-only")

    assert finished.exit_code == 2
    assert "distributes nothing" in finished.stderr


def test_a_key_whose_invalidation_could_not_be_asked_for_is_shown_and_published_again(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    before = distributed_at(cloud, "regions.json")
    kept = {"outcome": "not invalidated", "reason": "AccessDenied", "keys": ["aws-data/regions.json"]}
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("DistributionFailures"), MessageBody=json.dumps(kept))

    listed = shown(feed)
    results = json.loads(feed("redrive", "--yes", "--json").stdout)

    assert [failure["keys"] for failure in listed if failure["kind"] == "not invalidated"] == [
        ["aws-data/regions.json"]
    ]
    assert [result["done"] for result in results if result["keys"] == ["aws-data/regions.json"]] == [True]
    assert distributed_at(cloud, "regions.json") > before

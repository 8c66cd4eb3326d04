"""`feed failures` and `feed redrive` against the embedded cloud, as they would run against a stack on AWS."""

import json
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from tests.ops.commands.conftest import Deploy, Feed, distributed_at, upload

ARN = "arn:aws:lambda:us-east-1:123456789012:function"


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

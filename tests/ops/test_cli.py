"""The operator's commands against the embedded cloud, as they would run against a stack on AWS."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from ops.cli import app
from shared import contract
from tests.fetcher.small_world import PARAMETERS

ARN = "arn:aws:lambda:us-east-1:123456789012:function"


@pytest.fixture(scope="module")
def cloud() -> Iterator[EmbeddedCloud]:
    # A function that runs in this process has its stdout to itself, and so has a command under typer's runner; an
    # invalidation would run beside the command.
    quiet = {"CloudFrontDistributionId": ""}
    with EmbeddedCloud(quiet, ssm=ParameterServer(PARAMETERS), in_process=True) as started:
        started.lambdas._retry_delay = 0
        started.fire("FetchSchedule")
        started.settle()
        yield started


@pytest.fixture(autouse=True)
def pointed_at_the_cloud(cloud: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch, no_aws: None) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)


def feed(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def upload(cloud: EmbeddedCloud, name: str, body: bytes = b"[]") -> None:
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
    cloud.settle()


def distributed_at(cloud: EmbeddedCloud, name: str) -> str:
    head = cloud.client("s3").head_object(Bucket=cloud.website, Key=f"data/{name}")
    return str(head["Metadata"]["distributed-at"])


def take_from_website(cloud: EmbeddedCloud, name: str) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.website, Key=f"data/{name}")


def test_named_files_are_published_again(cloud: EmbeddedCloud) -> None:
    before = distributed_at(cloud, "regions.json")

    finished = feed("redistribute", "regions.json", "aws-data/services.json")

    assert finished.exit_code == 0, finished.output
    assert finished.output.count("copied") == 2
    assert distributed_at(cloud, "regions.json") > before


def test_a_file_that_is_not_there_is_no_success() -> None:
    finished = feed("redistribute", "none.json")

    assert finished.exit_code == 1
    assert "no longer exists" in finished.output


def test_a_selection_is_only_shown_until_it_is_confirmed(cloud: EmbeddedCloud) -> None:
    take_from_website(cloud, "services.json")

    shown = feed("redistribute", "--glob", "services.js*")
    missing = cloud.objects(cloud.website)
    done = feed("redistribute", "--glob", "services.js*", "--yes", "--json")

    assert (shown.exit_code, done.exit_code) == (0, 0)
    assert "aws-data/services.json" in shown.output
    assert "data/services.json" not in missing
    assert [one["outcome"] for one in json.loads(done.stdout)] == ["copied"]


def test_everything_is_everything_below_the_prefix() -> None:
    finished = feed("redistribute", "--all", "--yes", "--json")

    outcomes = {one["source"]: one["outcome"] for one in json.loads(finished.stdout)}
    assert finished.exit_code == 0
    assert outcomes["aws-data/complete-data.json"] == "copied"
    assert sum(outcome == "skipped" for outcome in outcomes.values()) == 1


def test_naming_nothing_is_refused() -> None:
    finished = feed("redistribute")

    assert finished.exit_code == 2
    assert "name keys" in finished.output


def test_a_sweep_looks_and_only_mends_when_told_to(cloud: EmbeddedCloud) -> None:
    assert feed("sweep").exit_code == 0
    take_from_website(cloud, "regions.json")

    looked = feed("sweep")
    mended = feed("sweep", "--yes")
    again = feed("sweep", "--json")

    assert (looked.exit_code, mended.exit_code, again.exit_code) == (1, 0, 0)
    assert "missing" in looked.output
    assert "copied" in mended.output
    assert json.loads(again.stdout)[0]["inStep"] == len(contract.FILES) + len(contract.schemas())


def drain(cloud: EmbeddedCloud) -> None:
    sqs, url = cloud.client("sqs"), cloud.queue_url("DistributionFailures")
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def shown(*arguments: str) -> Any:
    return json.loads(feed(*arguments, "--json").stdout)


def test_failures_are_shown_with_their_reasons_and_stay_in_the_queue(cloud: EmbeddedCloud) -> None:
    drain(cloud)
    assert feed("failures").exit_code == 0
    upload(cloud, "broken.json", b"<html>")

    first, second = feed("failures"), shown("failures")

    assert first.exit_code == 1
    assert [(one["kind"], one["keys"]) for one in second] == [("rejected", ["aws-data/broken.json"])]
    assert second[0]["reason"].startswith("not JSON")


def test_a_redrive_deletes_only_what_went_well(cloud: EmbeddedCloud) -> None:
    drain(cloud)
    upload(cloud, "mended.json", b"<html>")
    upload(cloud, "broken.json", b"<html>")
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key="aws-data/mended.json", Body=b"[]")
    cloud.settle()

    looked = feed("redrive")
    kept = len(shown("failures"))
    done = feed("redrive", "--yes", "--json")

    assert (looked.exit_code, kept, done.exit_code) == (0, 2, 1)
    results = {one["keys"][0]: one["done"] for one in json.loads(done.stdout)}
    assert results == {"aws-data/mended.json": True, "aws-data/broken.json": False}
    assert [one["keys"] for one in shown("failures")] == [["aws-data/broken.json"]]


def test_an_event_that_failed_for_good_is_redriven_through_its_function(cloud: EmbeddedCloud) -> None:
    drain(cloud)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]}
    role = {"RoleName": "aws-services-feed-DistributorRole", "PolicyName": "no-copies"}
    cloud.client("iam").put_role_policy(**role, PolicyDocument=json.dumps(document))
    upload(cloud, "late.json")
    (failed,) = shown("failures")
    cloud.client("iam").delete_role_policy(**role)

    done = feed("redrive", "--yes")

    assert (failed["kind"], failed["keys"]) == ("failed event", ["aws-data/late.json"])
    assert done.exit_code == 0, done.output
    assert "data/late.json" in cloud.objects(cloud.website)
    assert shown("failures") == []


def test_an_event_that_never_ran_is_shown_with_the_condition_that_lambda_gives(cloud: EmbeddedCloud) -> None:
    drain(cloud)
    function = {"FunctionName": "aws-services-feed-distributor"}
    cloud.client("lambda").put_function_concurrency(**function, ReservedConcurrentExecutions=0)
    upload(cloud, "paused.json")
    (failed,) = shown("failures")
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
def test_other_messages_are_shown_for_what_they_are(cloud: EmbeddedCloud, body: Any, kind: str, exit_code: int) -> None:
    drain(cloud)
    text = body if isinstance(body, str) else json.dumps(body)
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("DistributionFailures"), MessageBody=text)

    assert [one["kind"] for one in shown("failures")] == [kind]
    assert feed("redrive", "--yes").exit_code == exit_code


def test_a_stack_that_is_not_there_is_said_in_one_line() -> None:
    finished = feed("sweep", "--stack-name", "nowhere")

    assert finished.exit_code == 2
    assert finished.stderr.startswith("feed: cannot look up the stack nowhere")


def test_a_stack_that_distributes_nothing_is_said_so(cloud: EmbeddedCloud) -> None:
    template = {
        "Resources": {"Placeholder": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {"SourceBucketName": {"Value": "x"}},
    }
    cloud.client("cloudformation").create_stack(StackName="fetch-only", TemplateBody=json.dumps(template))

    finished = feed("failures", "--stack-name", "fetch-only")

    assert finished.exit_code == 2
    assert "distributes nothing" in finished.stderr


def test_a_profile_that_does_not_exist_is_said_in_one_line() -> None:
    finished = feed("sweep", "--profile", "nobody")

    assert finished.exit_code == 2
    assert "nobody" in finished.stderr


def test_a_key_whose_invalidation_could_not_be_asked_for_is_shown_and_published_again(cloud: EmbeddedCloud) -> None:
    before = distributed_at(cloud, "regions.json")
    kept = {"outcome": "not invalidated", "reason": "AccessDenied", "keys": ["aws-data/regions.json"]}
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("DistributionFailures"), MessageBody=json.dumps(kept))

    shown = json.loads(feed("failures", "--json").stdout)
    tried = json.loads(feed("redrive", "--yes", "--json").stdout)

    assert [one["keys"] for one in shown if one["kind"] == "not invalidated"] == [["aws-data/regions.json"]]
    assert [one["done"] for one in tried if one["keys"] == ["aws-data/regions.json"]] == [True]
    assert distributed_at(cloud, "regions.json") > before

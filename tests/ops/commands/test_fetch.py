"""`feed fetch` against the embedded cloud: run, follow, and tell when readers have it."""

import json
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from ops.arrivals import await_items
from ops.stack import find_stack
from shared.contract import FILES
from tests.ops.commands.conftest import STACK, Deploy, ProcessFeed, take_from_website, upload

pytestmark = pytest.mark.prove

REWRITTEN = {  # by every run
    *("regions.json", "services.json", "service-regions.json", "complete-data.json", "manifest.json"),
}


@pytest.fixture
def feed(process_feed: ProcessFeed) -> ProcessFeed:
    return process_feed


def set_patterns(cloud: EmbeddedCloud, patterns: str) -> None:
    lambda_, name = cloud.client("lambda"), f"{STACK}-distributor"
    variables = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {"Variables": variables | {"PUBLISH_PATTERNS": patterns}}
    lambda_.update_function_configuration(FunctionName=name, Environment=changed)


def test_a_fetch_ends_when_the_website_has_every_file(cloud: EmbeddedCloud, feed: ProcessFeed) -> None:
    finished = feed("fetch")

    assert finished.returncode == 0, finished.stderr
    website = {
        name: cloud.client("s3").get_object(Bucket=cloud.website, Key=f"data/{name}")["Body"].read() for name in FILES
    }
    run = json.loads(website["complete-data.json"])["metadata"]["runId"]
    assert f"Fetched: run {run}" in finished.stdout
    assert finished.stdout.count("after ") + finished.stdout.count("unchanged") == len(REWRITTEN)
    assert finished.stdout.count("aws-data/history/") == 1


def test_a_script_gets_the_summary_and_the_lag_of_each_file(cloud: EmbeddedCloud, feed: ProcessFeed) -> None:
    answer: Any = json.loads(feed("fetch", "--json").stdout)

    assert (answer["summary"]["regions"], answer["summary"]["regionServices"]) == (2, 4)
    assert {file["name"] for file in answer["published"]} == REWRITTEN
    assert answer["late"] == []


@pytest.mark.usefixtures("without_notification")
def test_a_website_that_does_not_get_the_files_is_no_success(feed: ProcessFeed) -> None:
    late, not_waited_for = feed("fetch", "--seconds", "0"), feed("fetch", "--no-wait")

    assert late.returncode == 1
    assert "not on the website after 0 s" in late.stdout
    assert "feed failures" in late.stdout
    assert not_waited_for.returncode == 0


def test_only_what_is_to_be_published_is_waited_for(cloud: EmbeddedCloud, feed: ProcessFeed) -> None:
    set_patterns(cloud, "nothing-of-ours.json")

    finished = feed("fetch", "--seconds", "0")
    set_patterns(cloud, "*.json,regions/*.json,services/*.json")

    assert finished.returncode == 0, finished.stderr
    assert "nothing to wait for" in finished.stdout


def test_items_are_waited_for_too(cloud: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = find_stack(STACK, None, None)
    assert await_items(stack, 0) == 0

    take_from_website(cloud, "services/s3.json")
    assert await_items(stack, 0) == 1

    monkeypatch.setattr("time.sleep", lambda _: upload_again(cloud, "services/s3.json"))
    assert await_items(stack, 60) == 0


def upload_again(cloud: EmbeddedCloud, name: str) -> None:
    source = {"Bucket": cloud.source_bucket(), "Key": f"aws-data/{name}"}
    upload(cloud, name, cloud.client("s3").get_object(**source)["Body"].read())


def test_a_stack_without_a_website_has_nothing_to_wait_for(
    cloud: EmbeddedCloud, deploy: Deploy, feed: ProcessFeed
) -> None:
    wanted = ("SourceBucketName", "SourceKeyPrefix", "FetcherFunctionName")
    deploy("fetch-only", {name: cloud.stack.outputs[name] for name in wanted})

    finished = feed("fetch", "--stack-name", "fetch-only")

    assert finished.returncode == 0, finished.stderr
    assert "nothing to wait for" in finished.stdout


def test_a_fetch_that_fails_gives_the_fetcher_s_own_words(cloud: EmbeddedCloud, feed: ProcessFeed) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]}
    role = {"RoleName": f"{STACK}-FetcherRole", "PolicyName": "no-writes"}
    cloud.client("iam").put_role_policy(**role, PolicyDocument=json.dumps(document))

    finished = feed("fetch")
    cloud.client("iam").delete_role_policy(**role)

    assert finished.returncode == 1
    assert finished.stderr.startswith("feed: the fetcher failed: ")
    assert "AccessDenied" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        ([], {}),
        (
            ["--region-code", "eu-west-3", "--region-code", "us-east-1", "--any-region", "--accept-shrink"],
            {"regions": ["eu-west-3", "us-east-1"], "accept_shrink": True},
        ),
    ],
)
def test_the_fetcher_is_told_what_was_asked_for(
    cloud: EmbeddedCloud, feed: ProcessFeed, arguments: list[str], event: dict[str, Any]
) -> None:
    earlier = len(cloud.lambdas.invocations)

    feed("fetch", "--no-wait", *arguments)

    events = [
        invocation.event
        for invocation in cloud.lambdas.invocations[earlier:]
        if invocation.function == f"{STACK}-fetcher"
    ]
    assert events == [event]


def test_a_region_that_nobody_knows_is_refused_before_a_run_fails(cloud: EmbeddedCloud, feed: ProcessFeed) -> None:
    earlier = len(cloud.lambdas.invocations)

    finished = feed("fetch", "--region-code", "us-east-9", "--region-code", "us-east-1")

    assert finished.returncode == 2
    assert "us-east-9: no such region in regions.json (similar: us-east-1" in finished.stderr
    assert "--any-region" in finished.stderr
    assert len(cloud.lambdas.invocations) == earlier


@pytest.mark.parametrize("body", [None, b"{}"])
def test_any_region_may_be_named_where_no_regions_are_known(
    cloud: EmbeddedCloud, feed: ProcessFeed, body: bytes | None
) -> None:
    regions = {"Bucket": cloud.source_bucket(), "Key": "aws-data/regions.json"}
    if body is None:
        cloud.client("s3").delete_object(**regions)
    else:
        upload(cloud, "regions.json", body)

    finished = feed("fetch", "--no-wait", "--region-code", "us-east-1")

    assert finished.returncode == 0, finished.stderr


def test_a_fetcher_that_is_paused_is_said_so_with_what_ends_it(cloud: EmbeddedCloud, feed: ProcessFeed) -> None:
    function = {"FunctionName": f"{STACK}-fetcher"}
    cloud.client("lambda").put_function_concurrency(**function, ReservedConcurrentExecutions=0)

    finished = feed("fetch", "--region", "us-east-1")
    cloud.client("lambda").delete_function_concurrency(**function)

    assert finished.returncode == 2
    assert finished.stderr.startswith(f"feed: {STACK}-fetcher is paused")
    command = f"aws lambda delete-function-concurrency --region us-east-1 --function-name {STACK}-fetcher"
    assert command in finished.stderr


def test_a_paused_distributor_is_not_waited_for(cloud: EmbeddedCloud, feed: ProcessFeed) -> None:
    function = {"FunctionName": f"{STACK}-distributor"}
    cloud.client("lambda").put_function_concurrency(**function, ReservedConcurrentExecutions=0)

    finished = feed("fetch", "--seconds", "86400")
    cloud.client("lambda").delete_function_concurrency(**function)

    assert finished.returncode == 1
    assert "not on the website after 0 s: " in finished.stdout
    assert "the distributor is paused; feed status says what ends that" in finished.stdout

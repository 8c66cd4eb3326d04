"""`feed verify` against the embedded cloud and a loopback edge: green if all is well, red where it is not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.cloudformation.models import cloudformation_backends

from cloud.embedded import EmbeddedCloud
from cloud.template import ACCOUNT, REGION
from ops.checks.check import Check
from ops.checks.edge import EdgeResponse, check_edge
from ops.checks.machinery import check_alarms, check_listeners, check_machinery
from ops.checks.source import check_source
from ops.checks.website import cache_control, check_website
from ops.monitoring import AlarmState, Listeners
from ops.observation import FunctionState, Observation, StoredObject, Unavailable, observe
from ops.stack import DeployedStack, find_stack
from ops.verification import (
    check_items,
    check_readers,
    check_release_at_edge,
    check_release_in_bucket,
    request,
    verify,
)
from shared.contract import FILES, schemas
from tests.ops.commands.conftest import ITEMS, STACK, Deploy, Feed, alarm, take_from_website, upload
from tests.ops.commands.edge_server import EdgeServer

FRESH = timedelta(hours=26)


@pytest.fixture(scope="module")
def originals(started: EmbeddedCloud) -> dict[str, bytes]:
    return {name: read(started, started.source_bucket(), f"aws-data/{name}") for name in FILES}


Red = Callable[[], dict[str, str]]


def read(cloud: EmbeddedCloud, bucket: str, key: str) -> bytes:
    body: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


@pytest.fixture(scope="module")
def observed(started: EmbeddedCloud) -> Observation:
    """The stack in order, looked at once: to make boto3's clients takes longer than all their calls."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in started.environment().items():
            patched.setenv(name, value)
        return observe(find_stack(STACK, None, None))


@pytest.fixture(scope="module")
def stack(observed: Observation) -> DeployedStack:
    return observed.stack


@pytest.fixture
def red(stack: DeployedStack, cloud: EmbeddedCloud) -> Red:
    """The checks that do not hold now, and what to do about each."""
    return lambda: {check.name: check.advice for check in verify(stack, [], datetime.now(UTC), FRESH) if check.fails}


def failing(checks: Iterator[Check]) -> dict[str, str]:
    return {check.name: check.actual for check in checks if not check.holds}


def test_a_deployment_in_order_is_green(cloud: EmbeddedCloud, feed: Feed) -> None:
    finished = feed("verify")

    assert finished.exit_code == 0, finished.output
    assert "✗" not in finished.stdout
    assert finished.stdout.count("!") == 1  # nobody hears of the alarms
    assert "No trouble, but look at what is yellow" in finished.stdout
    for name in FILES:
        assert f"{name} keeps the contract" in finished.stdout
        assert f"{name} has the source's bytes" in finished.stdout


def test_what_is_red_is_followed_by_what_to_do(cloud: EmbeddedCloud, feed: Feed) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.website, Key="data/regions.json")

    finished = feed("verify")

    assert finished.exit_code == 1
    lines = finished.stdout.splitlines()
    (number,) = (index for index, line in enumerate(lines) if "✗" in line)
    assert "regions.json is there" in lines[number]
    assert "NoSuchKey" in lines[number]
    assert "feed redistribute regions.json" in lines[number + 1]
    assert "NOT every check holds" in lines[-1]


# ---- the alarms


def test_alarms_that_nobody_hears_are_one_yellow_line_and_no_failure(cloud: EmbeddedCloud, feed: Feed) -> None:
    topic, sns = cloud.stack.outputs["AlarmTopicArn"], cloud.client("sns")

    silent = feed("verify", "--json")
    mail = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="you@example.com")["SubscriptionArn"]
    heard = feed("verify")
    sns.unsubscribe(SubscriptionArn=mail)

    (line,) = (check for check in json.loads(silent.stdout) if not check["holds"])
    assert (silent.exit_code, line["trouble"], line["name"]) == (0, False, "somebody hears of the alarms")
    assert "AlarmEmail" in line["advice"]
    assert heard.exit_code == 0
    assert "1 confirmed subscription(s)" in heard.stdout
    assert "Every check holds" in heard.stdout


def test_a_mail_that_nobody_has_confirmed_is_said_so() -> None:
    check = check_listeners(Listeners(confirmed=0, pending=1))

    assert (check.holds, check.fails) == (False, False)
    assert "1 to be confirmed" in check.actual


def test_subscriptions_that_may_not_be_read_are_no_trouble() -> None:
    check = check_listeners(Unavailable("AuthorizationError: no"))

    assert not check.fails
    assert "sns:ListSubscriptionsByTopic" in check.advice


def test_an_alarm_that_is_on_is_red(cloud: EmbeddedCloud, feed: Feed) -> None:
    alarm(cloud, f"{STACK}-sweep-rejected", "ALARM")

    finished = feed("verify")

    assert finished.exit_code == 1
    assert f"✗ alarm {STACK}-sweep-rejected  on since " in finished.stdout


# ---- the website bucket


def put_by_hand(**changed: Any) -> Callable[[EmbeddedCloud], None]:
    """Put regions.json on the website as it is, but for what is changed."""

    def damage(cloud: EmbeddedCloud) -> None:
        s3 = cloud.client("s3")
        stored = s3.get_object(Bucket=cloud.website, Key="data/regions.json")
        kept = {name: stored[name] for name in ("ContentType", "CacheControl", "Metadata")}
        body = {"Body": stored["Body"].read()}
        s3.put_object(Bucket=cloud.website, Key="data/regions.json", **{**kept, **body, **changed})

    return damage


PROVENANCE = {
    "distributed-at": "2026-11-23T02:00:00.000Z",
    "source-bucket": "aws-services-feed-123456789012-us-east-1",
    "source-key": "aws-data/regions.json",
}


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (put_by_hand(CacheControl="no-store"), "regions.json: Cache-Control"),
        (put_by_hand(CacheControl=""), "regions.json: Cache-Control"),
        (put_by_hand(ContentType="text/html"), "regions.json: Content-Type"),
        (put_by_hand(Metadata={}), "regions.json: provenance"),
        (put_by_hand(Metadata=PROVENANCE | {"source-bucket": "other"}), "regions.json: provenance"),
        (put_by_hand(Metadata=PROVENANCE | {"source-key": "aws-data/other.json"}), "regions.json: provenance"),
        (put_by_hand(Metadata=PROVENANCE | {"distributed-at": "yesterday"}), "regions.json: provenance"),
        (put_by_hand(Metadata=PROVENANCE | {"distributed-at": "2026-11-23T02:00:00"}), "regions.json: provenance"),
        (put_by_hand(Metadata=PROVENANCE | {"distributed-at": "9999-11-23T02:00:00Z"}), "regions.json: provenance"),
        (put_by_hand(Body=b"{}"), "regions.json has the source's bytes"),
    ],
)
def test_a_file_that_was_put_on_the_website_by_hand_is_red(
    cloud: EmbeddedCloud, red: Red, damage: Callable[[EmbeddedCloud], None], name: str
) -> None:
    damage(cloud)

    wrong = red()

    assert wrong.keys() == {name}
    assert "feed redistribute regions.json" in wrong[name]


def test_bytes_of_the_same_length_are_still_compared(
    cloud: EmbeddedCloud, originals: dict[str, bytes], stack: DeployedStack
) -> None:
    put_by_hand(Body=originals["regions.json"].replace(b"Virginia", b"Virginib"))(cloud)

    wrong = failing(check_website(observe(stack), datetime.now(UTC)))

    assert wrong["regions.json has the source's bytes"].endswith("but others")


def test_a_file_that_was_written_by_hand_is_one_line(cloud: EmbeddedCloud, red: Red) -> None:
    cloud.client("s3").put_object(Bucket=cloud.website, Key="data/regions.json", Body=b"[]")

    assert red().keys() == {"regions.json has the source's bytes"}


CONDITIONAL_WRITES = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::example-website/*",
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    },
}


def test_a_website_that_demands_conditional_writes_is_red_and_named_in_the_failure(
    cloud: EmbeddedCloud, red: Red
) -> None:
    cloud.client("s3").put_bucket_policy(Bucket=cloud.website, Policy=json.dumps(CONDITIONAL_WRITES))
    upload(cloud, "conditional.json", b"[]")
    kept = cloud.messages("DistributionFailures")

    wrong = red()
    cloud.client("s3").delete_bucket_policy(Bucket=cloud.website)

    assert "demands conditional writes" in json.dumps(kept)
    assert wrong.keys() == {
        "the bucket's policy lets copies in",
        "DistributionFailures is empty",
        "conditional.json is there",
    }


# ---- the source bucket


def test_a_missing_source_is_red(cloud: EmbeddedCloud, red: Red) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key="aws-data/services.json")

    assert red() == {"services.json is there": "feed fetch writes it; feed logs shows why it is not there"}


def test_a_truncated_file_is_red_in_the_source_and_in_the_queue_and_the_website_keeps_the_good_one(
    cloud: EmbeddedCloud, red: Red, originals: dict[str, bytes]
) -> None:
    upload(cloud, "complete-data.json", originals["complete-data.json"][:-100])

    finished = red()

    assert finished.keys() == {
        "complete-data.json keeps the contract",
        "DistributionFailures is empty",
    }
    assert "feed failures" in finished["DistributionFailures is empty"]


def test_a_new_file_that_is_unfit_is_one_line_with_what_helps(cloud: EmbeddedCloud, red: Red) -> None:
    upload(cloud, "new.json", b'{"a": 1, "a": 2}')

    wrong = red()

    assert wrong.keys() == {"new.json is fit to be published", "DistributionFailures is empty"}
    assert wrong["new.json is fit to be published"] == "upload a good one, or feed unpublish new.json"


def at(originals: dict[str, bytes], time: str) -> dict[str, bytes]:
    """The files but the manifest, as if their run had been at that time."""
    run = json.loads(originals["complete-data.json"])["metadata"]["timestamp"]
    files = {name: body for name, body in originals.items() if name != "manifest.json"}
    return {name: body.replace(run.encode(), time.encode()) for name, body in files.items()}


def test_data_of_the_day_before_yesterday_is_red(
    cloud: EmbeddedCloud, feed: Feed, red: Red, originals: dict[str, bytes]
) -> None:
    then = (datetime.now(UTC) - timedelta(hours=27)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, body in at(originals, then).items():
        upload(cloud, name, body)

    finished = red()

    assert finished.keys() == {"the data is at most 26 h old"}
    assert "feed fetch" in finished["the data is at most 26 h old"]
    assert feed("verify", "--max-age-hours", "28").exit_code == 0


@pytest.mark.parametrize("command", ["status", "verify"])
def test_how_old_data_may_be_is_what_the_stack_s_alarm_allows(
    command: str, cloud: EmbeddedCloud, feed: Feed, deploy: Deploy, originals: dict[str, bytes]
) -> None:
    then = (datetime.now(UTC) - timedelta(hours=27)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, body in at(originals, then).items():
        upload(cloud, name, body)
    for hours in ("25", "28"):
        deploy(f"within-{hours}", cloud.stack.outputs, {"FreshnessHours": hours})

    too_old, young = (feed(command, "--stack-name", f"within-{hours}") for hours in ("25", "28"))

    assert "✗ the data is at most 25 h old" in too_old.stdout
    assert "✗ the data is at most" not in young.stdout


@pytest.mark.parametrize(("seconds_later", "red"), [(-1, True), (0, True), (60, False)])
def test_a_file_of_an_earlier_run_is_red_but_yellow_if_it_was_put_there_since(
    observed: Observation, originals: dict[str, bytes], *, seconds_later: int, red: bool
) -> None:
    regions, complete = observed.source["regions.json"], observed.source["complete-data.json"]
    assert isinstance(regions, StoredObject)
    assert isinstance(complete, StoredObject)  # a run writes it last
    earlier = replace(
        regions,
        body=at(originals, "2026-01-01T00:00:00Z")["regions.json"],
        last_modified=complete.last_modified + timedelta(seconds=seconds_later),
    )
    changed = replace(observed, source=observed.source | {"regions.json": earlier})

    (check,) = (one for one in check_source(changed, datetime.now(UTC), FRESH) if not one.holds)

    assert (check.name, check.fails) == ("the files are of one run", red)
    assert ("ScheduleState=DISABLED" in check.advice) is not red


def test_a_new_stack_without_any_file_is_yellow_until_its_first_run_is_overdue(observed: Observation) -> None:
    none: dict[str, StoredObject | Unavailable] = dict.fromkeys(FILES, Unavailable("NoSuchKey"))
    empty = replace(observed, source=none, website=none)
    created = observed.stack.created
    assert created

    def wrong(age: timedelta) -> list[Check]:
        checks = [*check_source(empty, created + age, FRESH), *check_website(empty, created + age)]
        return [check for check in checks if not check.holds]

    (yellow,) = wrong(timedelta(hours=25))
    assert not yellow.fails
    assert yellow.actual.endswith(f"{created:%Y-%m-%d %H:%M} UTC")
    assert "feed fetch" in yellow.advice
    assert sum(check.fails for check in wrong(timedelta(hours=26))) == 2 * len(FILES)


@pytest.mark.parametrize(("name", "hours", "red"), [("data-stale", 1, False), ("data-stale", 26, True), ("x", 1, True)])
def test_an_alarm_about_what_a_new_stack_has_not_yet_done_is_yellow(
    stack: DeployedStack, *, name: str, hours: int, red: bool
) -> None:
    assert stack.created
    now = stack.created + timedelta(hours=hours)

    (check,) = check_alarms(stack, [AlarmState(f"{STACK}-{name}", "ALARM", stack.created, "no data", "")], now)

    assert (check.holds, check.fails) == (False, red)


def test_files_that_disagree_on_their_services_are_red(
    cloud: EmbeddedCloud, red: Red, originals: dict[str, bytes]
) -> None:
    services = json.loads(originals["services.json"])
    services["services"].pop()
    services["count"] -= 1
    upload(cloud, "services.json", json.dumps(services).encode())

    assert red().keys() == {"the files name the same regions and services"}


# ---- the release that manifest.json names


def released(cloud: EmbeddedCloud, name: str) -> dict[str, str]:
    path = json.loads(read(cloud, cloud.website, "data/manifest.json"))["path"]
    return {"Bucket": cloud.website, "Key": f"data/{path}{name}"}


def test_the_release_is_proved_by_every_hash_and_header(cloud: EmbeddedCloud, feed: Feed) -> None:
    release = json.loads(read(cloud, cloud.website, "data/manifest.json"))["release"]

    finished = feed("verify")

    assert f"✓ {release} is whole, by every SHA-256  {len(FILES) + len(schemas())} files, " in finished.stdout
    assert f"✓ {release} has its headers" in finished.stdout


def test_a_release_that_is_not_what_its_manifest_says_is_red(
    cloud: EmbeddedCloud, red: Red, feed: Feed, originals: dict[str, bytes]
) -> None:
    s3 = cloud.client("s3")
    other = originals["services.json"].replace(b"Simple", b"Double")  # of the same size
    immutable = {"ContentType": "application/json", "CacheControl": "public, max-age=31536000, immutable"}
    s3.delete_object(**released(cloud, "regions.json"))
    s3.put_object(**released(cloud, "services.json"), Body=other, **immutable)
    s3.put_object(**released(cloud, "complete-data.json"), Body=originals["complete-data.json"])
    release = json.loads(originals["manifest.json"])["release"]

    wrong, found = red(), feed("verify").stdout

    assert wrong.keys() == {f"{release} is whole, by every SHA-256", f"{release} has its headers"}
    assert "feed redistribute manifest.json" in wrong[f"{release} is whole, by every SHA-256"]
    assert f"regions.json: NoSuchKey: The specified key does not exist.; services.json: {len(other):,} bytes" in found
    assert "complete-data.json: Content-Type binary/octet-stream, not application/json" in found


def test_where_releases_are_off_none_is_expected(cloud: EmbeddedCloud, observed: Observation) -> None:
    distributor = observed.functions["distributor"]
    assert isinstance(distributor, FunctionState)
    off = replace(distributor, environment=distributor.environment | {"RELEASES": "false"})
    without = replace(observed, functions=observed.functions | {"distributor": off})

    with EdgeServer({}) as edge:
        assert list(check_release_at_edge(without, f"{edge.url}/")) == []
    assert list(check_release_in_bucket(without)) == []
    assert len(list(check_release_in_bucket(observed))) == 2


def test_a_release_that_was_overtaken_is_yellow_and_says_what_to_do(
    observed: Observation, originals: dict[str, bytes]
) -> None:
    stored, newest = observed.website["manifest.json"], observed.source["regions.json"]
    assert isinstance(stored, StoredObject)
    assert isinstance(newest, StoredObject)
    behind = replace(observed, website=observed.website | {"manifest.json": replace(stored, body=b"{}")})
    another = replace(newest, body=originals["regions.json"].replace(b"Virginia", b"Elsewhere"))

    def of_manifest(observed: Observation) -> Check:
        checks = check_website(observed, datetime.now(UTC))
        return next(check for check in checks if check.name == "manifest.json has the source's bytes")

    late = of_manifest(behind)
    overtaken = of_manifest(replace(behind, source=observed.source | {"regions.json": another}))

    assert late.fails
    assert (overtaken.holds, overtaken.fails) == (False, False)
    assert "the source has another regions.json" in overtaken.actual
    assert "feed rollback --release ID" in overtaken.advice


@pytest.mark.parametrize(("hours", "old"), [(30, True), (1, False)])
def test_an_old_release_that_was_put_back_lately_is_yellow(
    observed: Observation, originals: dict[str, bytes], *, hours: int, old: bool
) -> None:
    run = datetime.fromisoformat(json.loads(originals["manifest.json"])["time"])
    put_back_at, now = run + timedelta(hours=20), run + timedelta(hours=20 + hours)
    source = {
        name: replace(stored, last_modified=put_back_at) if isinstance(stored, StoredObject) else stored
        for name, stored in observed.source.items()
    }

    checks = {check.name: check for check in check_source(replace(observed, source=source), now, timedelta(hours=20))}

    told = checks["the release is that of the last run"]
    assert (told.holds, told.fails) == (False, False)
    assert f"at {put_back_at:%Y-%m-%d %H:%M} UTC" in told.actual
    assert checks["the data is at most 20 h old"].fails is old


# ---- what brings the files there


def fill(queue: str) -> Callable[[EmbeddedCloud], None]:
    return lambda cloud: cloud.client("sqs").send_message(QueueUrl=cloud.queue_url(queue), MessageBody="{}")


@pytest.mark.parametrize(
    ("queue", "advice"),
    [("DistributionFailures", "feed redrive --yes"), ("FetchFailures", "purge-queue")],
)
def test_a_failure_queue_that_holds_something_is_red(cloud: EmbeddedCloud, red: Red, queue: str, advice: str) -> None:
    fill(queue)(cloud)

    wrong = red()

    assert wrong.keys() == {f"{queue} is empty"}
    assert advice in wrong[f"{queue} is empty"]


@pytest.mark.parametrize(
    ("name", "parameter"), [(f"{STACK}-fetch", "ScheduleState"), (f"{STACK}-sweep", "SweepScheduleState")]
)
def test_a_schedule_that_is_paused_is_yellow_and_one_that_is_gone_is_red(
    cloud: EmbeddedCloud, feed: Feed, red: Red, name: str, parameter: str
) -> None:
    scheduler = cloud.client("scheduler")
    fields = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    schedule = {field: scheduler.get_schedule(Name=name)[field] for field in fields}
    scheduler.update_schedule(**schedule, State="DISABLED")

    paused, status = feed("verify", "--max-age-hours", "0"), feed("status")
    scheduler.delete_schedule(Name=name)
    deleted = red()
    scheduler.create_schedule(**schedule, State="ENABLED")

    sentence = f"the schedule {name} is enabled"
    assert f"! {sentence}  DISABLED, last changed {datetime.now(UTC):%Y-%m-%d}" in paused.stdout
    assert paused.exit_code == (0 if name.endswith("fetch") else 1)  # old data is no trouble if nothing fetches
    assert status.exit_code == 0
    assert "All is well" in status.stdout
    assert f"! {sentence}" in status.stdout
    assert f" {parameter}=ENABLED" in status.stdout
    assert deleted.keys() == {sentence}
    assert red() == {}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Events": ["s3:ObjectCreated:Put"]},
        {"LambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:aws-services-feed-fetcher"},
        {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "aws-data/history/"}]}}},
        {"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}}},
    ],
    ids=["none", "fewer events", "another function", "another prefix", "another suffix"],
)
def test_a_notification_that_is_gone_or_misses_files_is_red(
    cloud: EmbeddedCloud, red: Red, change: dict[str, Any]
) -> None:
    s3, bucket = cloud.client("s3"), cloud.source_bucket()
    (whole,) = s3.get_bucket_notification_configuration(Bucket=bucket)["LambdaFunctionConfigurations"]
    changed = {"LambdaFunctionConfigurations": [{**whole, **change}]} if change else {}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=changed)

    wrong = red()
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [whole]}
    )

    assert wrong.keys() == {"the source bucket notifies the distributor"}
    assert "feed sweep --yes" in wrong["the source bucket notifies the distributor"]


def test_a_paused_function_is_red(cloud: EmbeddedCloud, red: Red) -> None:
    function = {"FunctionName": f"{STACK}-distributor"}
    cloud.client("lambda").put_function_concurrency(**function, ReservedConcurrentExecutions=0)

    wrong = red()
    cloud.client("lambda").delete_function_concurrency(**function)

    assert wrong.keys() == {"the distributor is not paused"}
    assert "delete-function-concurrency" in wrong["the distributor is not paused"]


def test_a_deployment_that_was_rolled_back_is_red(observed: Observation) -> None:
    rolled_back = replace(observed, stack=replace(observed.stack, status="UPDATE_ROLLBACK_COMPLETE"))

    assert failing(check_machinery(rolled_back)) == {f"{STACK} is deployed": "UPDATE_ROLLBACK_COMPLETE"}


def test_a_function_that_is_gone_or_cannot_start_is_red(observed: Observation) -> None:
    broken = FunctionState("a-sweeper", "Failed", "Failed", None, {})
    changed = observed.functions | {"fetcher": Unavailable("ResourceNotFoundException: gone"), "sweeper": broken}

    assert failing(check_machinery(replace(observed, functions=changed))) == {
        "the fetcher is there": "ResourceNotFoundException: gone",
        "the sweeper can run": "Failed, last update Failed",
    }


def test_a_queue_or_notification_that_is_not_shown_is_red(observed: Observation) -> None:
    refused = Unavailable("AccessDenied: no")
    changed = replace(observed, notifications=refused, queues={"FetchFailures": refused})

    assert failing(check_machinery(changed)) == {
        "the source bucket notifies the distributor": "AccessDenied: no",
        "FetchFailures is there": "AccessDenied: no",
    }


def test_a_distributor_that_cannot_be_read_leaves_its_setting_unknown(observed: Observation) -> None:
    changed = replace(observed, functions={"distributor": Unavailable("AccessDenied")})

    wrong = failing(check_website(changed, datetime.now(UTC)))

    assert wrong.keys() == {f"{name}: Cache-Control" for name in FILES}


@pytest.mark.parametrize(
    ("rules", "header"),
    [("regions.json=no-store;**=no-cache", "no-store"), ("history/**=no-store", "public, max-age=300"), ("odd", None)],
)
def test_the_header_to_expect_is_what_the_distributors_rules_say_if_they_can_be_read(
    observed: Observation, rules: str, header: str | None
) -> None:
    distributor = observed.functions["distributor"]
    assert isinstance(distributor, FunctionState)
    ruled = replace(distributor, environment=distributor.environment | {"CACHE_CONTROL_RULES": rules})

    assert cache_control("regions.json", replace(observed, functions={"distributor": ruled})) == header


def test_a_file_that_is_not_to_be_published_is_not_missed(observed: Observation) -> None:
    distributor = observed.functions["distributor"]
    assert isinstance(distributor, FunctionState)
    chosen = replace(distributor, environment=distributor.environment | {"PUBLISH_PATTERNS": "regions.json, other"})
    gone = Unavailable("NoSuchKey")
    changed = replace(
        observed,
        functions={"distributor": chosen},
        website={name: stored if name == "regions.json" else gone for name, stored in observed.website.items()},
    )

    assert failing(check_website(changed, datetime.now(UTC))) == {}


def test_a_source_without_its_main_file_cannot_be_judged_fresh_but_the_rest_is_checked(observed: Observation) -> None:
    changed = replace(observed, source=observed.source | {"complete-data.json": Unavailable("NoSuchKey")})

    wrong = failing(check_source(changed, datetime.now(UTC), FRESH))

    assert wrong == {"complete-data.json is there": "NoSuchKey"}


def test_a_stack_that_only_fetches_is_verified_without_a_website(
    cloud: EmbeddedCloud, deploy: Deploy, feed: Feed
) -> None:
    wanted = ("SourceBucketName", "SourceKeyPrefix", "FetcherFunctionName", "FetchFailuresUrl")
    deploy("fetch-only", {name: cloud.stack.outputs[name] for name in wanted})

    finished = feed("verify", "--stack-name", "fetch-only")

    assert "left out: the stack distributes nothing" in finished.stdout
    assert "Website bucket" in finished.stdout
    assert "sweep" not in finished.stdout


def test_an_older_deployment_is_asked_to_be_brought_up_to_date(
    cloud: EmbeddedCloud, deploy: Deploy, feed: Feed
) -> None:
    outputs = cloud.stack.outputs
    deploy("older", {name: value for name, value in outputs.items() if name != "WebsiteBucketName"})

    finished = feed("verify", "--stack-name", "older")

    assert finished.exit_code == 2
    assert "deploy this version of template.yaml" in finished.stderr


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_a_stack_whose_first_deployment_failed_can_only_be_deleted(
    cloud: EmbeddedCloud, deploy: Deploy, feed: Feed, status: str
) -> None:
    deploy("failed", {})
    stacks = cloudformation_backends[ACCOUNT][REGION].stacks.values()
    next(stack for stack in stacks if stack.name == "failed").status = status

    finished = feed("verify", "--stack-name", "failed")

    assert finished.exit_code == 2
    assert f"in {status} CloudFormation can only delete it" in finished.stderr
    assert "sam delete, sam deploy" in finished.stderr


@pytest.mark.parametrize(
    ("owner", "ownership", "found"),
    [
        ("", "ObjectWriter", None),
        (ACCOUNT, "ObjectWriter", None),
        ("999999999999", "BucketOwnerEnforced", None),
        ("999999999999", "ObjectWriter", "ObjectWriter"),
        ("999999999999", "BucketOwnerPreferred", "BucketOwnerPreferred"),
        ("999999999999", None, "OwnershipControlsNotFoundError"),
    ],
)
def test_a_bucket_of_another_account_must_own_the_copies(
    cloud: EmbeddedCloud, stack: DeployedStack, owner: str, ownership: str | None, found: str | None
) -> None:
    if ownership:
        controls = {"Rules": [{"ObjectOwnership": ownership}]}
        cloud.client("s3").put_bucket_ownership_controls(Bucket=cloud.website, OwnershipControls=controls)
    seen = observe(stack)
    cloud.client("s3").delete_bucket_ownership_controls(Bucket=cloud.website)
    distributor = seen.functions["distributor"]
    assert isinstance(distributor, FunctionState)
    variables = {**distributor.environment, "DISTRIBUTION_BUCKET_OWNER": owner}
    seen = replace(seen, functions={**seen.functions, "distributor": replace(distributor, environment=variables)})

    reasons = [check.actual for check in check_website(seen, datetime.now(UTC)) if not check.holds]

    assert [reason.partition(":")[0] for reason in reasons] == ([found] if found else [])


# ---- samconfig.toml

SAMCONFIG = """
version = 0.1
[default.global.parameters]
stack_name = "another"
[prod.global.parameters]
stack_name = "configured"
[prod.deploy.parameters]
parameter_overrides = ["LogLevel=WARN", 'CacheControl="public, max-age=60"']
"""


@pytest.mark.parametrize(
    ("deployed", "problems"),
    [
        ({"LogLevel": "WARN", "CacheControl": "public, max-age=60"}, []),
        ({"LogLevel": "INFO", "CacheControl": "public, max-age=60"}, ["LogLevel is 'INFO', not 'WARN'"]),
        ({"LogLevel": "WARN", "CacheControl": "public, max-age=60", "New": "38"}, ["New stays '38'"]),
        ({}, []),
    ],
    ids=["the same", "another value", "not in the file", "a stack that shows none"],
)
def test_what_is_deployed_is_compared_with_what_samconfig_says(  # noqa: PLR0913, PLR0917 - a row of the table
    cloud: EmbeddedCloud,
    deploy: Deploy,
    feed: Feed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deployed: dict[str, str],
    problems: list[str],
) -> None:
    (tmp_path / "samconfig.toml").write_text(SAMCONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    deploy("configured", cloud.stack.outputs, deployed)

    finished = feed("verify", "--stack-name", "configured", "--json")

    checks = [check for check in json.loads(finished.stdout) if "samconfig.toml" in check["name"]]
    assert [check["found"] for check in checks if not check["holds"]] == problems
    assert len(checks) == (2 if deployed else 0)


def test_a_samconfig_that_cannot_be_read_is_said_in_one_line(
    cloud: EmbeddedCloud, feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "samconfig.toml").write_text("[default", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    finished = feed("verify")

    assert (finished.exit_code, finished.stdout) == (2, "")
    assert "samconfig.toml cannot be read" in finished.stderr


def test_a_stack_that_samconfig_does_not_name_is_not_compared(
    cloud: EmbeddedCloud, deploy: Deploy, feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("by-hand", cloud.stack.outputs, {"LogLevel": "WARN"})

    for text in ("", SAMCONFIG):
        (tmp_path / "samconfig.toml").write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        assert "samconfig" not in feed("verify", "--stack-name", "by-hand").stdout


# ---- readers


@pytest.fixture
def edge(originals: dict[str, bytes], started: EmbeddedCloud) -> Iterator[EdgeServer]:
    folder = json.loads(originals["manifest.json"])["path"]
    released = {
        key.removeprefix("data/"): read(started, started.website, key)
        for key in started.objects(started.website, f"data/{folder}")
    }
    with EdgeServer({**originals, **released}) as running:
        yield running


@pytest.fixture
def red_at_edge(observed: Observation, edge: EdgeServer) -> Red:
    """The checks of the edge that do not hold now, and what to do about each."""
    return lambda: {
        check.name: check.advice
        for check in check_readers(observed, f"{edge.url}/", datetime.now(UTC))
        if not check.holds
    }


def test_readers_get_what_is_on_the_website(cloud: EmbeddedCloud, feed: Feed, edge: EdgeServer) -> None:
    finished = feed("verify", "--url", edge.url)

    assert finished.exit_code == 0, finished.output
    assert f"{edge.url}/" in finished.stdout
    for name in FILES:
        assert f"{name} has the website bucket's bytes" in finished.stdout


@pytest.mark.parametrize(
    ("header", "value", "sentence", "advice"),
    [
        ("Content-Type", "text/html", "Content-Type", "policy"),
        ("Content-Type", None, "Content-Type", "policy"),
        ("Cache-Control", None, "Cache-Control", "policy"),
        ("Cache-Control", "public, max-age=86400", "Cache-Control", "policy"),
        ("Age", "301", "Age", "minimum TTL"),
        ("Age", "old", "Age", "minimum TTL"),
        ("Access-Control-Allow-Origin", None, "CORS", "SimpleCORS"),
        ("Access-Control-Allow-Origin", "https://other.example", "CORS", "SimpleCORS"),
    ],
)
def test_each_header_that_readers_need_is_red_when_it_is_wrong(  # noqa: PLR0913, PLR0917 - a row of the table
    edge: EdgeServer, red_at_edge: Red, header: str, value: str | None, sentence: str, advice: str
) -> None:
    edge.headers[header] = value

    wrong = red_at_edge()

    assert wrong.keys() == {f"{name}: {sentence}" for name in FILES}
    assert advice in wrong[f"regions.json: {sentence}"]


@pytest.mark.parametrize("header", [{"Age": None}, {"Access-Control-Allow-Origin": "https://reader.example"}])
def test_a_miss_has_no_age_and_one_origin_may_be_named(
    edge: EdgeServer, red_at_edge: Red, header: dict[str, str | None]
) -> None:
    edge.headers |= header

    assert red_at_edge() == {}


@pytest.mark.parametrize(("known", "holds"), [({"gzip"}, True), ({"br"}, True), (set(), False)])
def test_either_compression_will_do_for_what_is_large_enough(
    edge: EdgeServer, red_at_edge: Red, known: set[str], *, holds: bool
) -> None:
    edge.compresses = known

    wrong = red_at_edge()

    assert (wrong == {}) is holds
    assert all("automatic compression" in advice for advice in wrong.values())


@pytest.mark.parametrize(("name", "is_red"), [("change-history.json", True), ("change-feed.json", False)])
def test_a_feed_need_not_be_compressed_since_cloudfront_compresses_none(
    observed: Observation, name: str, *, is_red: bool
) -> None:
    plain = EdgeResponse(f"https://your.site/data/{name}", 200, {}, b"[%s]" % (b" " * 1000), "")

    checks = failing(check_edge(name, plain, Unavailable("not needed"), None, datetime.now(UTC)))

    assert (f"{name}: compression" in checks) is is_red


def test_a_page_instead_of_a_file_is_red_though_it_comes_with_200(edge: EdgeServer, red_at_edge: Red) -> None:
    edge.files["regions.json"] = b"<!doctype html><title>Oops</title>"

    wrong = red_at_edge()

    assert wrong.keys() == {"regions.json is JSON and no page"}
    assert "custom error responses" in wrong["regions.json is JSON and no page"]


@pytest.mark.parametrize(
    ("status", "location", "advice"),
    [(403, None, "bucket's policy"), (301, "https://www.your.site/data/regions.json", "what it leads to")],
)
def test_anything_but_200_is_red(
    edge: EdgeServer, red_at_edge: Red, status: int, location: str | None, advice: str
) -> None:
    edge.status, edge.headers["Location"] = status, location

    wrong = red_at_edge()

    assert wrong.keys() == {f"{name} answers 200" for name in FILES}
    assert advice in wrong["regions.json answers 200"]


@pytest.mark.parametrize("number", ["9" * 12, "9" * 5000])
def test_an_age_beyond_all_measure_is_red(edge: EdgeServer, red_at_edge: Red, number: str) -> None:
    edge.headers |= {"Age": number, "Cache-Control": f"max-age={number}"}

    assert red_at_edge().keys() == {f"{name}: {header}" for name in FILES for header in ("Age", "Cache-Control")}


def test_a_file_that_is_too_deep_to_be_read_is_red(edge: EdgeServer, red_at_edge: Red) -> None:
    edge.files["regions.json"] = b"[" * 100_000

    assert "regions.json is JSON and no page" in red_at_edge()


def test_an_address_that_is_no_utf_8_is_red(edge: EdgeServer, red_at_edge: Red) -> None:
    edge.status, edge.headers["Location"] = 301, "\x9b"

    assert red_at_edge().keys() == {f"{name} answers" for name in FILES}


def test_no_answer_is_red(observed: Observation) -> None:
    with EdgeServer({}) as stopped:
        pass

    wrong = failing(check_readers(observed, f"{stopped.url}/", datetime.now(UTC)))

    assert wrong.keys() == {f"{name} answers" for name in FILES}


@pytest.fixture
def release_at_edge(observed: Observation, edge: EdgeServer) -> Callable[[], dict[str, str]]:
    """What of the release does not hold at the edge, and what is there instead."""
    return lambda: failing(check_release_at_edge(observed, f"{edge.url}/"))


def test_readers_get_the_release_by_every_hash(
    observed: Observation, edge: EdgeServer, originals: dict[str, bytes], release_at_edge: Callable[[], dict[str, str]]
) -> None:
    manifest = json.loads(originals["manifest.json"])
    names = [f"{manifest['release']} is whole, by every SHA-256", f"{manifest['release']} has its headers"]
    checks = list(check_release_at_edge(observed, f"{edge.url}/"))

    edge.files[f"{manifest['path']}regions.json"] += b" "
    del edge.files[f"{manifest['path']}services.json"]
    damaged = release_at_edge()
    edge.headers["Cache-Control"] = "no-store"
    without_headers = release_at_edge()

    assert [(check.name, check.holds, check.group) for check in checks] == [
        (name, True, f"{edge.url}/") for name in names
    ]
    assert damaged.keys() == {names[0]}
    assert "with another SHA-256; services.json: answers 404" in damaged[names[0]]
    assert "Cache-Control no-store, not public, max-age=31536000, immutable" in without_headers[names[1]]


@pytest.mark.parametrize(("body", "words"), [(b"{}", "200, 2 bytes"), (None, "404, 6 bytes")])
def test_an_edge_whose_manifest_names_no_release_is_red(
    edge: EdgeServer, release_at_edge: Callable[[], dict[str, str]], body: bytes | None, words: str
) -> None:
    del edge.files["manifest.json"]
    if body:
        edge.files["manifest.json"] = body

    assert release_at_edge() == {"manifest.json names a release": words}


def test_no_more_is_read_than_a_published_file_may_have(edge: EdgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    edge.files["endless.json"] = b" " * 3_000_000
    monkeypatch.setattr("ops.verification.MAX_BYTES", 1_000_000)

    response = request(f"{edge.url}/endless.json")

    assert isinstance(response, EdgeResponse)
    assert 1_000_000 < len(response.body) < 1_200_000


def test_an_edge_may_be_behind_for_as_long_as_max_age(observed: Observation) -> None:
    website = observed.website["regions.json"]
    assert isinstance(website, StoredObject)
    headers = {"content-type": "application/json", "cache-control": "public, max-age=300"}
    headers["access-control-allow-origin"] = "*"
    behind = EdgeResponse("https://your.site/data/regions.json", 200, headers, b"[]", "gzip")

    def at_second(second: int) -> dict[str, Check]:
        now = website.last_modified + timedelta(seconds=second)
        checks = check_edge("regions.json", behind, website, cache_control("regions.json", observed), now)
        return {check.name: check for check in checks}

    sentence = "regions.json has the website bucket's bytes"
    assert at_second(300)[sentence].holds
    assert "older copy for 100 s more" in at_second(200)[sentence].actual
    assert not at_second(301)[sentence].holds
    assert "feed invalidate regions.json" in at_second(301)[sentence].advice


@pytest.mark.parametrize("url", ["http://your.site/data/", "your.site/data", "ftp://127.0.0.1/", "https://"])
def test_a_url_that_no_reader_would_use_is_refused(feed: Feed, url: str) -> None:
    finished = feed("verify", "--url", url)

    assert finished.exit_code == 2
    assert "https://" in finished.stderr


def test_items_are_compared_by_their_listings(cloud: EmbeddedCloud, observed: Observation) -> None:
    (well,) = check_items(observed)
    for name in ("services/s3.json", "index.json"):
        take_from_website(cloud, name)
    (check,) = check_items(observed)

    assert (well.holds, well.actual) == (True, f"{ITEMS}, by listings")
    assert (check.fails, check.advice) == (
        True,
        "a first run takes minutes; then feed sweep --yes publishes them, or says why not",
    )
    assert check.actual == f"2 of {ITEMS} are not: index.json not published, services/s3.json not published"


def test_items_that_are_not_for_the_website_are_no_trouble(cloud: EmbeddedCloud, observed: Observation) -> None:
    distributor = observed.functions["distributor"]
    assert isinstance(distributor, FunctionState)
    for name in ("services/s3.json", "index.json"):
        take_from_website(cloud, name)
    chosen = replace(distributor, environment=distributor.environment | {"PUBLISH_PATTERNS": "regions.json"})

    (check,) = check_items(replace(observed, functions={**observed.functions, "distributor": chosen}))

    assert check.holds


def test_items_that_may_not_be_listed_are_told_of(cloud: EmbeddedCloud, observed: Observation) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "*"}]}
    policy = {"UserName": "operator", "PolicyName": "no-listing"}
    cloud.client("iam").put_user_policy(**policy, PolicyDocument=json.dumps(document))

    (check,) = check_items(observed)
    cloud.client("iam").delete_user_policy(**policy)

    assert check.fails
    assert check.advice == "ask for the right s3:ListBucket on both buckets"


def test_without_a_fetcher_or_the_distributors_settings_items_are_not_looked_at(observed: Observation) -> None:
    stack = observed.stack
    outputs = {name: value for name, value in stack.outputs.items() if name != "FetcherFunctionName"}
    unknown = {**observed.functions, "distributor": Unavailable("ResourceNotFoundException: gone")}

    assert list(check_items(replace(observed, stack=replace(stack, outputs=outputs)))) == []
    assert list(check_items(replace(observed, functions=unknown))) == []

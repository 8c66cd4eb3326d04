"""`feed unpublish` against the embedded cloud: what the buckets, the queue and the log hold afterwards."""

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloud.embedded import EmbeddedCloud
from ops import takedown
from ops.stack import DeployedStack
from tests.ops.commands.conftest import Deploy, Feed, take_from_website, upload

pytestmark = pytest.mark.prove

DISTRIBUTOR = "aws-services-feed-distributor"
REPLICA = "example-replica"
INVALIDATING = "invalidating"
Hook = Callable[[str, dict[str, Any]], None]


@pytest.fixture(autouse=True)
def looked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.takedown.SECONDS_BETWEEN", 0)


@pytest.fixture
def published(cloud: EmbeddedCloud) -> EmbeddedCloud:
    """A cloud with a file that no program writes again."""
    upload(cloud, "old.json", b'["old"]')
    return cloud


@pytest.fixture
def replica(cloud: EmbeddedCloud) -> Iterator[str]:
    """A second bucket, to which the distributor copies by the settings that Lambda shows; it keeps versions."""
    s3, lambda_ = cloud.client("s3"), cloud.client("lambda")
    variables = lambda_.get_function_configuration(FunctionName=DISTRIBUTOR)["Environment"]["Variables"]
    replicating = {"Variables": {**variables, "REPLICA_DESTINATIONS": f"{REPLICA}/copies"}}
    lambda_.update_function_configuration(FunctionName=DISTRIBUTOR, Environment=replicating)
    s3.create_bucket(Bucket=REPLICA)
    s3.put_bucket_versioning(Bucket=REPLICA, VersioningConfiguration={"Status": "Enabled"})
    yield REPLICA
    lambda_.update_function_configuration(FunctionName=DISTRIBUTOR, Environment={"Variables": variables})
    empty(cloud, REPLICA)


@pytest.fixture
def queue(cloud: EmbeddedCloud, deploy: Deploy) -> Iterator[str]:
    """The URL of an invalidation queue; a stack that has it is deployed beside the usual one."""
    url: str = cloud.client("sqs").create_queue(QueueName="invalidations")["QueueUrl"]
    deploy(INVALIDATING, cloud.stack.outputs | {"InvalidationsUrl": url})
    yield url
    cloud.client("sqs").delete_queue(QueueUrl=url)


def empty(cloud: EmbeddedCloud, bucket: str) -> None:
    s3 = cloud.client("s3")
    listed = s3.list_object_versions(Bucket=bucket)
    for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def has(cloud: EmbeddedCloud, name: str) -> tuple[bool, bool]:
    """Whether the source and the website have the file."""
    source = f"aws-data/{name}" in cloud.objects(cloud.source_bucket())
    return source, f"data/{name}" in cloud.objects(cloud.website)


def logged(cloud: EmbeddedCloud) -> list[dict[str, Any]]:
    try:
        events = cloud.client("logs").get_log_events(
            logGroupName=f"/aws/lambda/{DISTRIBUTOR}", logStreamName="operator"
        )["events"]
    except ClientError:
        return []
    return [json.loads(event["message"]) for event in events]


def queued(cloud: EmbeddedCloud, url: str) -> list[str]:
    messages = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"])["key"] for message in messages]


def before_requests(monkeypatch: pytest.MonkeyPatch, hook: Hook) -> None:
    """Let a function see each request to S3, and perhaps end it, before it is made."""
    client = DeployedStack.client

    def watched(stack: DeployedStack, service: str) -> Any:
        made = client(stack, service)
        if service == "s3":
            handler = lambda params, model, **_: hook(model.name, params)  # noqa: E731
            made.meta.events.register("provide-client-params.s3.*", handler, unique_id="watched")
        return made

    monkeypatch.setattr(DeployedStack, "client", watched)


def deliver(cloud: EmbeddedCloud, name: str) -> list[str]:
    """Let an event of the file come late; the outcomes."""
    answer = cloud.lambdas.invoke(DISTRIBUTOR, json.dumps({"keys": [f"aws-data/{name}"]}))
    return [entry["outcome"] for entry in json.loads(answer.payload)["objects"]]


def deny(cloud: EmbeddedCloud, action: str, resource: str = "*") -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": resource}]}
    cloud.client("iam").put_user_policy(UserName="operator", PolicyName="denied", PolicyDocument=json.dumps(document))


def allow(cloud: EmbeddedCloud) -> None:
    cloud.client("iam").delete_user_policy(UserName="operator", PolicyName="denied")


def test_without_a_yes_everything_is_shown_and_nothing_deleted(
    published: EmbeddedCloud, feed: Feed, replica: str
) -> None:
    lines = len(logged(published))

    finished = feed("unpublish", "old.json")
    (file,) = json.loads(feed("unpublish", "old.json", "--json").stdout)["files"]

    assert finished.exit_code == 0, finished.output
    assert "nothing was deleted; --yes does it" in finished.stdout
    version = file["copies"][0]["version"]
    assert f"7 bytes would be deleted, version {version} is kept" in finished.stdout
    assert "7 bytes would be deleted, for good: the bucket keeps no versions" in finished.stdout
    assert [(copy["place"], copy["object"], copy["present"], copy["bytes"]) for copy in file["copies"]] == [
        ("source", f"s3://{published.source_bucket()}/aws-data/old.json", True, 7),
        ("website", f"s3://{published.website}/data/old.json", True, 7),
        ("replica", f"s3://{replica}/copies/old.json", False, 0),
    ]
    assert has(published, "old.json") == (True, True)
    assert len(logged(published)) == lines


@pytest.mark.parametrize("name", ["old.json", "data/old.json", "/data/old.json", "aws-data/old.json"])
def test_a_file_is_taken_down_by_any_of_its_names(published: EmbeddedCloud, feed: Feed, name: str) -> None:
    finished = feed("unpublish", name, "--yes")

    assert finished.exit_code == 0, finished.output
    assert has(published, "old.json") == (False, False)


def test_the_source_comes_first_and_each_replica_goes_too(
    cloud: EmbeddedCloud, feed: Feed, replica: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(cloud, "old.json")
    cloud.client("s3").put_object(Bucket=replica, Key="copies/old.json", Body=b"[]")
    deleted: list[str] = []
    before_requests(
        monkeypatch, lambda operation, params: deleted.append(params["Bucket"]) if operation == "DeleteObject" else None
    )

    assert feed("unpublish", "old.json", "--yes").exit_code == 0

    assert deleted == [cloud.source_bucket(), cloud.website, replica]
    assert cloud.objects(replica) == []


def test_no_sweep_and_no_late_event_brings_it_back(published: EmbeddedCloud, feed: Feed) -> None:
    feed("unpublish", "old.json", "--yes")

    feed("sweep", "--yes")

    assert deliver(published, "old.json") == ["gone"]
    assert has(published, "old.json") == (False, False)


def test_the_commands_that_are_printed_bring_it_back(published: EmbeddedCloud, feed: Feed, replica: str) -> None:
    upload(published, "it's old.json", b'["old"]')
    published.client("s3").put_object(Bucket=replica, Key="copies/it's old.json", Body=b'["old"]')
    undo = json.loads(feed("unpublish", "it's old.json", "--yes", "--json").stdout)["undo"]

    aws, again = (shlex.split(line) for line in undo)
    options = dict(zip(aws[3::2], aws[4::2], strict=True))
    published.client("s3").delete_object(
        Bucket=options["--bucket"], Key=options["--key"], VersionId=options["--version-id"]
    )
    assert feed(*again[1:]).exit_code == 0

    assert (aws[:3], has(published, "it's old.json")) == (["aws", "s3api", "delete-object"], (True, True))


def test_the_log_keeps_who_what_and_which_versions_before_and_after(published: EmbeddedCloud, feed: Feed) -> None:
    version = published.client("s3").head_object(Bucket=published.source_bucket(), Key="aws-data/old.json")["VersionId"]

    answer = json.loads(feed("unpublish", "old.json", "--yes", "--json").stdout)

    started, finished = logged(published)[-2:]
    assert [line["message"] for line in (started, finished)] == ["unpublish_started", "unpublish_finished"]
    assert started["operator"].endswith(":user/operator")
    assert (started["name"], started["copies"][0]["version"]) == ("old.json", version)
    assert {step["place"]: step["result"] for step in finished["steps"]} == {"source": "deleted", "website": "deleted"}
    assert finished["steps"][0]["marker"] in answer["undo"][0]
    assert answer["operator"] == started["operator"]


@pytest.mark.parametrize("action", ["logs:PutLogEvents", "logs:CreateLogStream"])
def test_nothing_is_deleted_that_cannot_be_logged(published: EmbeddedCloud, feed: Feed, action: str) -> None:
    deny(published, action)

    finished = feed("unpublish", "old.json", "--yes")
    allow(published)

    assert finished.exit_code == 2
    assert has(published, "old.json") == (True, True)


def test_a_line_that_the_log_rejects_is_not_logged(
    published: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = DeployedStack.client

    def rejecting(stack: DeployedStack, service: str) -> Any:
        made = client(stack, service)
        if service == "logs":
            monkeypatch.setattr(
                made, "put_log_events", lambda **_: {"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 0}}
            )
        return made

    monkeypatch.setattr(DeployedStack, "client", rejecting)

    finished = feed("unpublish", "old.json", "--yes")

    assert (finished.exit_code, has(published, "old.json")) == (2, (True, True))
    assert "this machine's clock" in finished.stderr


def test_a_file_that_the_source_keeps_is_left_everywhere(published: EmbeddedCloud, feed: Feed) -> None:
    upload(published, "other.json")
    deny(published, "s3:DeleteObject", f"arn:aws:s3:::{published.source_bucket()}/aws-data/old.json")

    finished = feed("unpublish", "old.json", "other.json", "--yes")
    allow(published)

    assert finished.exit_code == 1
    assert (has(published, "old.json"), has(published, "other.json")) == ((True, True), (False, False))
    assert "AccessDenied" in finished.stdout


def test_what_the_website_refuses_is_left_and_done_by_the_next_try(published: EmbeddedCloud, feed: Feed) -> None:
    deny(published, "s3:DeleteObject", f"arn:aws:s3:::{published.website}/*")
    refused = feed("unpublish", "old.json", "--yes")
    allow(published)
    between = has(published, "old.json")

    again = feed("unpublish", "old.json", "--yes")

    assert (refused.exit_code, between) == (1, (False, True))
    assert (again.exit_code, has(published, "old.json")) == (0, (False, False))


def test_a_place_that_may_not_be_looked_at_stops_all(published: EmbeddedCloud, feed: Feed) -> None:
    deny(published, "s3:GetObject", f"arn:aws:s3:::{published.website}/*")

    finished = feed("unpublish", "old.json", "--yes")
    allow(published)

    assert (finished.exit_code, has(published, "old.json")) == (2, (True, True))


def test_ctrl_c_half_way_says_what_was_done_and_the_next_try_does_the_rest(
    published: EmbeddedCloud, feed: Feed, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(operation: str, params: dict[str, Any]) -> None:
        if operation == "DeleteObject" and params["Bucket"] == published.website:
            raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        before_requests(interrupted, interrupt)
        first = feed("unpublish", "old.json", "--yes", "--json", "--stack-name", INVALIDATING)
    between = has(published, "old.json")

    second = feed("unpublish", "old.json", "--yes", "--stack-name", INVALIDATING)

    assert first.exit_code != 0
    assert "the same command again does the rest" in first.stderr
    assert [step["place"] for step in json.loads(first.stdout)["files"][0]["steps"]] == ["source"]
    assert between == (False, True)
    assert (second.exit_code, has(published, "old.json")) == (0, (False, False))
    assert queued(published, queue) == ["data/old.json"]


def test_a_copy_that_lands_after_the_deletion_is_deleted_again(
    published: EmbeddedCloud, feed: Feed, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, landing = published.client("s3"), ["late"]

    def land(_: float) -> None:
        if landing:
            s3.put_object(Bucket=published.website, Key="data/old.json", Body=landing.pop().encode())

    monkeypatch.setattr("ops.takedown.time.sleep", land)

    finished = feed("unpublish", "old.json", "--yes", "--stack-name", INVALIDATING)

    assert finished.exit_code == 0, finished.output
    assert has(published, "old.json") == (False, False)
    assert "had landed late, deleted again" in finished.stdout
    assert queued(published, queue) == ["data/old.json"] * 2


def test_a_copy_that_lands_again_and_again_is_no_success(
    published: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = published.client("s3")
    monkeypatch.setattr(
        "ops.takedown.time.sleep", lambda _: s3.put_object(Bucket=published.website, Key="data/old.json", Body=b"[]")
    )

    finished = feed("unpublish", "old.json", "--yes")

    assert finished.exit_code == 1
    assert finished.stdout.count("had landed late") == takedown.LOOKS - 1
    assert "comes back again and again" in finished.stdout


def test_a_file_that_is_written_anew_meanwhile_stays_and_is_told_of(
    published: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(published, "other.json")
    written: list[str] = []

    def write(_: float) -> None:
        if not written:
            written.append("old.json")
            upload(published, "old.json", b'["new"]')
            published.client("s3").put_object(Bucket=published.website, Key="data/other.json", Body=b"late")

    monkeypatch.setattr("ops.takedown.time.sleep", write)

    finished = feed("unpublish", "old.json", "other.json", "--yes")

    assert finished.exit_code == 1
    assert finished.stdout.count("written again meanwhile, so left") == 1
    assert (has(published, "old.json"), has(published, "other.json")) == ((True, True), (False, False))


def test_an_event_that_is_handled_meanwhile_leaves_nothing_behind(
    published: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered: dict[str, list[str]] = {}

    def deliver_before(operation: str, params: dict[str, Any]) -> None:
        if operation == "DeleteObject":
            delivered[params["Bucket"]] = deliver(published, "old.json")

    before_requests(monkeypatch, deliver_before)

    assert feed("unpublish", "old.json", "--yes").exit_code == 0
    assert delivered == {published.source_bucket(): ["copied"], published.website: ["gone"]}
    assert has(published, "old.json") == (False, False)


def test_an_orphan_is_taken_down_for_good(published: EmbeddedCloud, feed: Feed) -> None:
    published.client("s3").put_object(Bucket=published.website, Key="data/left-behind.json", Body=b"[]")

    planned = feed("unpublish", "left-behind.json")
    finished = feed("unpublish", "left-behind.json", "--yes")

    assert "no bucket keeps versions of left-behind.json: this cannot be undone" in planned.stdout
    assert finished.exit_code == 0, finished.output
    assert has(published, "left-behind.json") == (False, False)
    assert "to undo it" not in finished.stdout


def test_an_orphan_comes_back_where_the_bucket_keeps_versions(
    published: EmbeddedCloud, feed: Feed, replica: str
) -> None:
    s3 = published.client("s3")
    s3.put_object(Bucket=replica, Key="copies/left-behind.json", Body=b"[]")

    (undo,) = json.loads(feed("unpublish", "left-behind.json", "--yes", "--json").stdout)["undo"]

    (marker,) = s3.list_object_versions(Bucket=replica)["DeleteMarkers"]
    assert undo.endswith(f"--bucket {replica} --key copies/left-behind.json --version-id {marker['VersionId']}")


def test_a_name_that_is_nowhere_is_refused(published: EmbeddedCloud, feed: Feed) -> None:
    finished = feed("unpublish", "old.json", "nosuch.json", "--yes")

    assert finished.exit_code == 2
    assert "no place has nosuch.json" in finished.stderr
    assert "feed invalidate nosuch.json --yes" in finished.stderr
    assert has(published, "old.json") == (True, True)


def test_a_file_that_is_down_already_can_be_taken_down_again(published: EmbeddedCloud, feed: Feed, queue: str) -> None:
    command = ("unpublish", "old.json", "--yes", "--json", "--stack-name", INVALIDATING)
    first, second = feed(*command), feed(*command)

    assert (first.exit_code, second.exit_code) == (0, 0)
    (before,), (after,) = (json.loads(finished.stdout)["files"] for finished in (first, second))
    assert [step["place"] for step in before["steps"]] == ["source", "website", "edge"]
    assert [step["place"] for step in after["steps"]] == ["edge"]
    assert json.loads(first.stdout)["undo"] == json.loads(second.stdout)["undo"]
    assert queued(published, queue) == ["data/old.json"] * 2


def test_a_file_of_the_fetcher_comes_with_a_warning(published: EmbeddedCloud, deploy: Deploy, feed: Feed) -> None:
    outputs = published.stack.outputs.items()
    deploy("distributing", {name: value for name, value in outputs if not name.startswith("Fetch")})
    theirs, ours = feed("unpublish", "regions.json").stdout, feed("unpublish", "old.json").stdout
    unfetched = feed("unpublish", "regions.json", "--stack-name", "distributing").stdout

    assert "the schedule writes regions.json again: set ScheduleState=DISABLED" in theirs
    assert "fetcher" not in ours + unfetched


def test_who_reads_it_still_and_for_how_long_is_said(published: EmbeddedCloud, feed: Feed, queue: str) -> None:
    without, with_invalidations = (
        feed("unpublish", "old.json", *options).stdout for options in ([], ["--stack-name", INVALIDATING])
    )

    assert "browsers and the edge, which nothing invalidates, may show what they have for 5 min more" in without
    assert "browsers may show what they have for 5 min more (public, max-age=300)" in with_invalidations


def test_a_queue_that_refuses_is_no_success(published: EmbeddedCloud, feed: Feed, queue: str) -> None:
    deny(published, "sqs:SendMessage")

    finished = feed("unpublish", "old.json", "--yes", "--stack-name", INVALIDATING)
    allow(published)

    assert finished.exit_code == 1
    assert has(published, "old.json") == (False, False)


def test_an_end_that_is_not_logged_is_no_success(
    published: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.takedown.time.sleep", lambda _: deny(published, "logs:PutLogEvents"))

    finished = feed("unpublish", "old.json", "--yes")
    allow(published)

    assert finished.exit_code == 1
    assert "the log has the beginning of this and not the end" in finished.stdout
    assert has(published, "old.json") == (False, False)


@pytest.mark.parametrize(
    ("names", "words"), [(["data/"], "is no name of a file"), (["x.json"] * 101, "at most 100 files at once")]
)
def test_what_cannot_be_meant_is_refused(cloud: EmbeddedCloud, feed: Feed, names: list[str], words: str) -> None:
    finished = feed("unpublish", *names, "--yes")

    assert finished.exit_code == 2
    assert words in finished.stderr


def test_a_file_that_only_the_source_has_goes_from_there(published: EmbeddedCloud, feed: Feed) -> None:
    take_from_website(published, "old.json")

    assert feed("unpublish", "old.json", "--yes").exit_code == 0
    assert has(published, "old.json") == (False, False)


# ---- releases


def release_copies(cloud: EmbeddedCloud, name: str) -> list[str]:
    return [key for key in cloud.objects(cloud.website, "data/releases/") if key.endswith(f"/{name}")]


def test_what_releases_keep_of_a_file_is_said_and_left(cloud: EmbeddedCloud, feed: Feed) -> None:
    before = release_copies(cloud, "regions.json")

    plan, finished = feed("unpublish", "regions.json"), feed("unpublish", "regions.json", "--yes")
    other, item = feed("unpublish", "manifest.json", "--releases"), feed("unpublish", "services/s3.json")

    words = "releases keep their copies of regions.json: feed unpublish regions.json --releases takes these down too"
    assert words in plan.stdout
    assert words in finished.stdout
    assert "nothing was deleted" in plan.stdout.splitlines()[-1]
    assert release_copies(cloud, "regions.json") == before != []
    assert has(cloud, "regions.json") == (False, False)
    assert f"{len(before)} copies" in other.stdout
    assert "releases keep" not in item.stdout


def test_with_releases_no_copy_is_left_anywhere_and_the_edge_forgets_each(
    cloud: EmbeddedCloud, feed: Feed, queue: str
) -> None:
    keys = release_copies(cloud, "regions.json")
    others = release_copies(cloud, "services.json")

    finished = feed("unpublish", "regions.json", "--releases", "--yes", "--stack-name", INVALIDATING)

    assert finished.exit_code == 0, finished.output
    assert release_copies(cloud, "regions.json") == []
    assert release_copies(cloud, "services.json") == others
    assert has(cloud, "regions.json") == (False, False)
    assert sorted(queued(cloud, queue)) == sorted(["data/regions.json", *keys])
    assert "readers of it miss the file: feed fetch" in finished.stdout
    assert deliver(cloud, "manifest.json") == ["skipped"]
    assert release_copies(cloud, "regions.json") == []


def test_copies_in_the_releases_at_a_replica_are_taken_down_too(cloud: EmbeddedCloud, feed: Feed, replica: str) -> None:
    release = "20261124T020007Z-9f3c2a1b"
    key = f"copies/releases/{release}/regions.json"
    cloud.client("s3").put_object(Bucket=replica, Key=key, Body=b"{}")

    finished = feed("unpublish", "regions.json", "--releases", "--yes")

    assert finished.exit_code == 0, finished.output
    assert cloud.objects(replica) == []


def test_a_file_of_which_no_release_can_have_a_copy_needs_no_word_of_them(published: EmbeddedCloud, feed: Feed) -> None:
    assert "releases" not in feed("unpublish", "old.json").stdout

"""The embedded cloud with the stack of template.yaml on it, as it is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread

import pytest
import requests
from botocore.exceptions import ClientError
from moto.sqs.models import Message, SQSBackend

from cloud.embedded import EmbeddedCloud
from cloud.moto_server import queues_keep_messages
from cloud.runtimes import emulator
from cloud.stand_ins.cloudfront import EdgeQuirks
from cloud.stand_ins.edge import EdgeServer
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ACCOUNT
from shared import contract
from tests.fetcher.small_world import PARAMETERS


@pytest.fixture(scope="module")
def cloud() -> Iterator[EmbeddedCloud]:
    """The whole stack under AWS's emulator where it runs, after one run of the schedule, and an edge that shows it."""
    with EdgeServer() as site, EmbeddedCloud(ssm=ParameterServer(PARAMETERS), site=site) as started:
        started.fire("FetchSchedule")
        started.settle()
        yield started


def upload(cloud: EmbeddedCloud, key: str, body: bytes = b"[]") -> None:
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=key, Body=body)
    cloud.settle()


def outcomes(cloud: EmbeddedCloud) -> list[str]:
    last = next(one for one in reversed(cloud.lambdas.invocations) if one.function.endswith("-distributor"))
    return [one["outcome"] for one in last.answer.content["objects"]]


def paths(cloud: EmbeddedCloud) -> list[tuple[str, ...]]:
    return [one.paths for one in cloud.edge.cloudfront.accepted]


def test_the_schedule_ends_with_the_files_on_the_website(cloud: EmbeddedCloud) -> None:
    names = [key.removeprefix("data/") for key in cloud.objects(cloud.website)]
    files = {*contract.FILES, *contract.schemas()}
    items = {name for name in names if name.startswith(contract.ITEM_FOLDERS)}
    (release,) = {name.rpartition("/")[0] for name in names if name not in items} - {""}
    assert release.startswith("releases/")
    assert {*names} - items == {*files, contract.INDEX_FILE} | {f"{release}/{name}" for name in files}
    assert items
    assert cloud.runs_in_process == (emulator() is None)


def test_readers_get_a_new_file_as_soon_as_it_is_invalidated(cloud: EmbeddedCloud) -> None:
    address = f"{cloud.stack.outputs['SiteUrl']}shown.json"
    read: list[tuple[str, str]] = []
    for body in (b"[1]", b"[2]"):
        upload(cloud, "aws-data/shown.json", body)
        answers = [requests.get(address, timeout=5) for _ in range(2)]
        read += [(answer.text, answer.headers["X-Cache"]) for answer in answers]

    assert read == [
        ("[1]", "Miss from cloudfront"),
        ("[1]", "Hit from cloudfront"),
        ("[2]", "Miss from cloudfront"),
        ("[2]", "Hit from cloudfront"),
    ]


def test_the_feed_names_the_address_at_which_readers_find_it(cloud: EmbeddedCloud) -> None:
    feed = requests.get(f"{cloud.stack.outputs['SiteUrl']}change-feed.json", timeout=5)

    assert feed.json()["feed_url"] == feed.url


def test_an_upload_by_hand_is_distributed_too(cloud: EmbeddedCloud) -> None:
    upload(cloud, "aws-data/space plus+日.json")

    assert outcomes(cloud) == ["copied"]
    assert "data/space plus+日.json" in cloud.objects(cloud.website)


def test_requests_without_a_body_are_signed_like_all_others(cloud: EmbeddedCloud) -> None:
    found = cloud.client("lambda").get_function_configuration(FunctionName="aws-services-feed-fetcher")
    schedule = cloud.client("scheduler").get_schedule(Name="aws-services-feed-fetch")
    stranger = cloud._connect("scheduler", replace(cloud._operator, secret_access_key="not-it"))

    assert (found["Handler"], schedule["State"]) == ("fetcher.handler.lambda_handler", "ENABLED")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.get_schedule(Name="aws-services-feed-fetch")


def test_what_was_published_is_invalidated_in_few_requests(cloud: EmbeddedCloud) -> None:
    asked = [path for some in paths(cloud) for path in some]

    assert {"/data/complete-data.json", "/data/regions.json", "/data/services.json"} <= set(asked)
    assert cloud.edge.cloudfront.traffic.answers.keys() == {"Created"}


def test_what_cloudfront_defers_comes_again_by_itself(cloud: EmbeddedCloud) -> None:
    cloud.edge.cloudfront.quirks = EdgeQuirks(throttle_next=1, too_many_next=1)

    upload(cloud, "aws-data/deferred.json")

    assert paths(cloud)[-1] == ("/data/deferred.json",)
    assert cloud.messages("InvalidationFailures") == []


@pytest.mark.parametrize("key", ["aws-data/x.txt", "elsewhere/x.json"])
def test_the_filter_keeps_other_keys_from_the_distributor(cloud: EmbeddedCloud, key: str) -> None:
    before = len(cloud.lambdas.invocations)

    upload(cloud, key)

    assert len(cloud.lambdas.invocations) == before


def test_the_function_api_invokes_and_tells_of_errors(cloud: EmbeddedCloud) -> None:
    (name,) = [name for name in cloud.lambdas.functions if name.endswith("distributor")]

    good = cloud.client("lambda").invoke(FunctionName=name, Payload=b'{"Records": []}')
    bad = cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    later = cloud.client("lambda").invoke(FunctionName=name, Payload=b'{"Records": []}', InvocationType="Event")
    cloud.settle()

    assert json.loads(good["Payload"].read())["objects"] == []
    assert "FunctionError" not in good
    assert bad["FunctionError"] == "Unhandled"
    assert json.loads(bad["Payload"].read())["errorType"] == "EnvelopeError"
    assert later["StatusCode"] == 202


def test_an_event_that_fails_is_tried_three_times_and_then_kept(cloud: EmbeddedCloud) -> None:
    before = len(cloud.lambdas.invocations)

    cloud.client("lambda").invoke(
        FunctionName="aws-services-feed-distributor", Payload=b'{"odd": 1}', InvocationType="Event"
    )
    cloud.settle()

    attempts = cloud.lambdas.invocations[before:]
    assert [one.attempt for one in attempts] == [1, 2, 3]
    (kept,) = [message for message in cloud.messages("DistributionFailures") if "requestPayload" in message]
    assert kept["requestPayload"] == {"odd": 1}
    assert kept["responsePayload"]["errorType"] == "EnvelopeError"


def test_roles_have_no_right_beyond_their_own(cloud: EmbeddedCloud) -> None:
    roles = {role.logical_id: cloud._roles[role.arn] for role in cloud.stack.of_type("AWS::IAM::Role")}
    fetcher = cloud._connect("s3", roles["FetcherRole"])
    distributor = cloud._connect("s3", roles["DistributorRole"])

    fetcher.put_object(Bucket=cloud.source_bucket(), Key="aws-data/own.txt", Body=b"")
    for refused in (
        lambda: fetcher.put_object(Bucket=cloud.website, Key="data/x.json", Body=b""),
        lambda: fetcher.put_object(Bucket=cloud.source_bucket(), Key="elsewhere/x.json", Body=b""),
        lambda: fetcher.get_object(Bucket=cloud.website, Key="data/regions.json"),
        lambda: fetcher.delete_object(Bucket=cloud.source_bucket(), Key="aws-data/own.txt"),
        lambda: distributor.put_object(Bucket=cloud.source_bucket(), Key="aws-data/x.json", Body=b""),
        lambda: distributor.put_object(Bucket=cloud.website, Key="index.html", Body=b""),
        lambda: distributor.delete_object(Bucket=cloud.website, Key="data/regions.json"),
        lambda: distributor.get_object(Bucket=cloud.website, Key="data/regions.json"),
    ):
        with pytest.raises(ClientError, match=r"403|AccessDenied|Forbidden"):
            refused()  # type: ignore[no-untyped-call]


def test_the_sweeper_may_invoke_itself_for_the_rest_and_the_distributor_nothing(cloud: EmbeddedCloud) -> None:
    roles = {role.logical_id: cloud._roles[role.arn] for role in cloud.stack.of_type("AWS::IAM::Role")}
    request = {"FunctionName": "aws-services-feed-sweeper", "Payload": b'{"dry_run": true}'}

    answer = cloud._connect("lambda", roles["SweeperRole"]).invoke(**request)

    assert json.loads(answer["Payload"].read())["dryRun"] is True
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud._connect("lambda", roles["DistributorRole"]).invoke(**request)


def test_a_second_cloud_in_the_same_process_is_refused(cloud: EmbeddedCloud) -> None:
    with pytest.raises(RuntimeError, match="another embedded cloud"):
        EmbeddedCloud().__enter__()


def test_events_of_a_paused_function_go_to_the_failure_queue_at_once_and_callers_are_turned_away(
    cloud: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    function = {"FunctionName": "aws-services-feed-distributor"}
    client = cloud.client("lambda")

    client.put_function_concurrency(**function, ReservedConcurrentExecutions=0)
    upload(cloud, "aws-data/paused.json")
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        client.invoke(**function, Payload=b"{}")
    client.delete_function_concurrency(**function)

    kept = cloud.messages("DistributionFailures")[-1]
    assert kept["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert "data/paused.json" not in cloud.objects(cloud.website)


class OvertakenList(list[Message]):
    """Whoever has gone through it is overtaken by a sender, unless the sender has to wait for its turn."""

    def __init__(self, messages: list[Message], sender: Thread) -> None:
        super().__init__(messages)
        self.sender = sender

    def __iter__(self) -> Iterator[Message]:
        yield from super().__iter__()
        if not self.sender.ident:
            self.sender.start()
            self.sender.join(0.2)


def test_what_is_sent_while_a_message_is_deleted_is_kept() -> None:
    backend = SQSBackend("us-east-1", ACCOUNT)
    with queues_keep_messages():
        queue = backend.create_queue("queue", {})
        backend.send_message("queue", "first")
        (message,) = backend.receive_message("queue", 1, 0, 60)
        sender = Thread(target=backend.send_message, args=("queue", "second"))
        queue._messages = OvertakenList(queue._messages, sender)

        backend.delete_message("queue", str(message.receipt_handle))
        sender.join()

        assert [left.body for left in queue._messages] == ["second"]

"""What the distributor announces on the event bus, and how subscribers hear of it, on the whole embedded cloud."""

import json
from collections.abc import Callable, Iterator

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.loopback import HttpRequest
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ROOT, Stack, read_template, resolve
from shared import contract
from tests.fetcher.small_world import ITEMS, PARAMETERS

pytestmark = pytest.mark.prove

ON = {
    "EventBusName": "default",
    "SiteUrl": "https://your.site/data",
    "WebhookUrl": "https://hooks.example/build?site=1",
    "WebhookSecret": "feed/hook:SecretString:header",
    "WebhookEvents": "File Published",
}
SUBSCRIBERS = {
    "SlackUrl": "https://hooks.slack.com/services/T0/B0/xyz",
    "GitHubRepository": "you/site",
    "QueueName": "published",
    "DetailType": "File Published",
}
Answer = Callable[[HttpRequest], tuple[int, str]]


def subscribers(**parameters: str) -> Stack:
    return resolve(read_template(ROOT / "docs" / "subscribers.yml"), "subscribers", parameters)


@pytest.fixture(scope="module")
def cloud() -> Iterator[EmbeddedCloud]:
    """The stack with a webhook, and the three subscribers of the documentation."""
    embedded = EmbeddedCloud(ON, ssm=ParameterServer(PARAMETERS), in_process=True)
    embedded.stacks.append(subscribers(**SUBSCRIBERS))
    with embedded as started:
        secrets = started.client("secretsmanager")
        secrets.create_secret(Name="feed/hook", SecretString=json.dumps({"header": "Bearer hook-secret"}))
        secrets.create_secret(Name="github-token", SecretString="ghp_token")
        started.lambdas._retry_delay = 0
        yield started


@pytest.fixture
def answering(cloud: EmbeddedCloud) -> Iterator[Callable[[Answer], None]]:
    """Decide how the stand-in answers from now on; what was called before is forgotten."""
    answered = cloud.webhook.answer

    def answer_as(answer: Answer) -> None:
        cloud.webhook.answer = answer

    cloud.webhook.calls.clear()
    yield answer_as
    cloud.webhook.answer = answered
    for name in ("WebhookFailures", "CallFailures", "DistributionFailures", "Published"):
        sqs, url = cloud.client("sqs"), cloud.queue_url(name)
        while messages := sqs.receive_message(QueueUrl=url, VisibilityTimeout=60).get("Messages"):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])


def publish(cloud: EmbeddedCloud, name: str, body: bytes = b"[]") -> None:
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
    cloud.settle()


def called(cloud: EmbeddedCloud, path: str) -> list[HttpRequest]:
    return [call.request for call in cloud.webhook.calls if call.request.path.partition("?")[0] == path]


def slack(request: HttpRequest) -> tuple[int, str]:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""
    if request.headers["Content-Type"].partition(";")[0] != "application/json":
        return 400, "invalid_payload"
    message = json.loads(request.body)
    return (200, "ok") if message.get("text") else (400, "no_text")


def github(request: HttpRequest) -> tuple[int, str]:
    """https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event."""
    if request.headers.get("Authorization") != "Bearer ghp_token":
        return 401, "Bad credentials"
    content = json.loads(request.body)
    odd = set(content) - {"event_type", "client_payload"} or len(content.get("client_payload", {})) > 10
    if odd or not 0 < len(content.get("event_type", "")) <= 100 or "User-Agent" not in request.headers:
        return 422, "Invalid request"
    return 204, ""


def services(request: HttpRequest) -> tuple[int, str]:
    if request.path.startswith("/services/T0/"):
        return slack(request)
    return github(request) if request.path.startswith("/repos/") else (200, "ok")


def test_the_webhook_gets_the_event_of_a_published_file_with_the_secret(
    cloud: EmbeddedCloud, answering: Callable[[Answer], None]
) -> None:
    answering(services)

    publish(cloud, "x.json", b"{}")

    (request,) = called(cloud, "/build")
    event = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/build?site=1")
    assert request.headers["Authorization"] == "Bearer hook-secret"
    assert (event["source"], event["detail-type"]) == ("services-feed", "File Published")
    assert event["detail"]["url"] == "https://your.site/data/x.json"


def test_each_subscriber_of_the_documentation_gets_what_its_service_takes(
    cloud: EmbeddedCloud, answering: Callable[[Answer], None]
) -> None:
    answering(services)

    publish(cloud, "y.json", b"{}")

    (to_slack,), (to_github,) = called(cloud, "/services/T0/B0/xyz"), called(cloud, "/repos/you/site/dispatches")
    assert json.loads(to_slack.body) == {"text": "File Published: data/y.json in example-website"}
    dispatched = json.loads(to_github.body)
    assert (dispatched["event_type"], dispatched["client_payload"]["key"]) == ("published", "data/y.json")
    assert [event["detail"]["key"] for event in cloud.messages("Published")] == ["data/y.json"]
    assert {call.status for call in cloud.webhook.calls} == {200, 204}
    assert cloud.messages("CallFailures") == []


def test_a_run_of_the_fetcher_ends_in_one_event_of_the_release_and_one_for_each_file_of_it(
    cloud: EmbeddedCloud, answering: Callable[[Answer], None]
) -> None:
    answering(services)
    events, arn = cloud.client("events"), "arn:aws:sqs:us-east-1:123456789012:published"
    events.put_rule(Name="releases", EventPattern=json.dumps({"detail-type": ["Release Published"]}))
    events.put_targets(Rule="releases", Targets=[{"Id": "queue", "Arn": arn}])

    cloud.fire("FetchSchedule")
    cloud.settle()

    published = cloud.messages("Published")
    events.remove_targets(Rule="releases", Ids=["queue"])
    manifest = cloud.client("s3").get_object(Bucket=cloud.website, Key="data/manifest.json")["Body"].read()
    (release,) = [event["detail"] for event in published if event["detail-type"] == "Release Published"]
    files = [event["detail"] for event in published if event["detail-type"] == "File Published"]
    assert release["release"] == json.loads(manifest)["release"]
    assert f"data/{release['summary']['path']}manifest.json" in cloud.objects(cloud.website)
    released = {f"data/{name}" for name in (*contract.FILES, *contract.schemas())}
    assert {file["key"]: file.get("release") for file in files} == {
        **dict.fromkeys(released, release["release"]),
        **dict.fromkeys((f"data/{name}" for name in ITEMS), None),
    }


def test_a_webhook_that_fails_for_a_while_is_called_until_it_takes_the_event(
    cloud: EmbeddedCloud, answering: Callable[[Answer], None]
) -> None:
    statuses = iter([503, 429, 500])
    answering(lambda request: (next(statuses, 200), "") if request.path.startswith("/build") else services(request))

    publish(cloud, "retried.json")

    assert [call.status for call in cloud.webhook.calls if call.request.path.startswith("/build")] == [
        503,
        429,
        500,
        200,
    ]
    assert cloud.messages("WebhookFailures") == []


def test_an_event_that_the_webhook_refuses_waits_on_its_queue_with_the_reason_and_the_alarm_is_on(
    cloud: EmbeddedCloud, answering: Callable[[Answer], None]
) -> None:
    answering(lambda request: (401, "who are you?") if request.path.startswith("/build") else services(request))

    publish(cloud, "refused.json")

    sqs, url = cloud.client("sqs"), cloud.queue_url("WebhookFailures")
    assert cloud.evaluate_alarms()["WebhookFailuresKept"] == "ALARM"
    (message,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"])["detail"]["key"] == "data/refused.json"
    assert message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"] == "401: who are you?"
    assert "data/refused.json" in cloud.objects(cloud.website)


def test_a_sweep_that_publishes_announces_too(cloud: EmbeddedCloud, answering: Callable[[Answer], None]) -> None:
    answering(services)
    publish(cloud, "swept.json")
    cloud.client("s3").delete_object(Bucket=cloud.website, Key="data/swept.json")
    cloud.webhook.calls.clear()

    cloud.fire("SweepSchedule")
    cloud.settle()

    keys = [json.loads(request.body)["detail"]["key"] for request in called(cloud, "/build")]
    assert keys == ["data/swept.json"]


def test_a_bus_that_refuses_leaves_the_copy_alone_and_the_redrive_announces_it(
    cloud: EmbeddedCloud, answering: Callable[[Answer], None]
) -> None:
    answering(services)
    policy = {"RoleName": "aws-services-feed-DistributorRole", "PolicyName": "no-events"}
    deny = {"Effect": "Deny", "Action": "events:PutEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    cloud.client("iam").put_role_policy(**policy, PolicyDocument=document)

    publish(cloud, "unannounced.json")

    (kept,) = cloud.messages("DistributionFailures")
    assert "data/unannounced.json" in cloud.objects(cloud.website)
    assert (kept["outcome"], kept["keys"]) == ("not announced", ["aws-data/unannounced.json"])
    assert cloud.webhook.calls == []
    assert cloud.evaluate_alarms()["DistributionFailuresKept"] == "ALARM"
    cloud.client("iam").delete_role_policy(**policy)
    cloud.lambdas.invoke("aws-services-feed-distributor", json.dumps({"keys": kept["keys"]}))
    cloud.settle()
    assert len(called(cloud, "/build")) == 1

"""The embedded cloud proves the template: whatever is wrong in it is seen when it runs."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from cloud.deploy import DeployError
from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import read_template
from shared import contract
from tests.fetcher.small_world import ITEMS, PARAMETERS

pytestmark = pytest.mark.prove

Template = dict[str, Any]
WEBHOOK = {
    "EventBusName": "default",
    "WebhookUrl": "https://hooks.example/build",
    "WebhookSecret": "feed/hook",
    "WebhookEvents": "File Published",
}
PUBLISHED = sorted([*contract.FILES, *contract.schemas(), *ITEMS])


def published_in(cloud: EmbeddedCloud) -> list[str]:
    """The keys on the website, but for those of releases."""
    return [key for key in cloud.objects(cloud.website) if not key.startswith("data/releases/")]


def test_without_a_website_the_fetcher_works_on_its_own() -> None:
    with EmbeddedCloud({"DistributionBucketName": ""}, ssm=ParameterServer(PARAMETERS), in_process=True) as alone:
        alone.fire("FetchSchedule")
        alone.settle()

        assert [one.function for one in alone.lambdas.invocations] == ["aws-services-feed-fetcher"]
        assert len(alone.objects(alone.source_bucket())) == len(PUBLISHED) + 1


def test_a_stack_whose_roles_have_a_path_works() -> None:
    with EmbeddedCloud({"RolePath": "/a/path/"}, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.fire("FetchSchedule")
        cloud.settle()

        assert len(published_in(cloud)) == len(PUBLISHED)
        assert {role["Path"] for role in cloud.client("iam").list_roles()["Roles"]} == {"/a/path/"}


def statements(template: Template, role: str) -> list[Any]:
    statements: list[Any] = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    return statements


def without_statement(role: str, sid: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        found = [one for one in statements(template, role) if one.get("Sid") == sid]
        statements(template, role).remove(found[0])

    return change


def notification(template: Template) -> Any:
    return template["Resources"]["SourceBucket"]["Properties"]["NotificationConfiguration"]["Fn::If"][1]


def change_filter(rule: int, value: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        notification(template)["LambdaConfigurations"][0]["Filter"]["S3Key"]["Rules"][rule]["Value"] = value

    return change


def drop_notification(template: Template) -> None:
    del template["Resources"]["SourceBucket"]["Properties"]["NotificationConfiguration"]


def narrow_listing(template: Template) -> None:
    statements(template, "FetcherRole")[0]["Action"].remove("ssm:GetParametersByPath")


def drop_variable(template: Template) -> None:
    del template["Resources"]["Distributor"]["Properties"]["Environment"]["Variables"]["DISTRIBUTION_BUCKET"]


def misname_handler(template: Template) -> None:
    template["Resources"]["Distributor"]["Properties"]["Handler"] = "distributor.handler.no_such_function"


def run(change: Callable[[Template], None]) -> tuple[list[str], list[Any], list[Any]]:
    """What is on the website, and on both failure queues, after a run of the schedule on a changed template."""
    template = read_template()
    change(template)
    with EmbeddedCloud(template=template, ssm=ParameterServer(PARAMETERS), in_process=True) as changed:
        changed.lambdas._retry_delay = 0
        changed.fire("FetchSchedule")
        changed.settle()
        return (
            published_in(changed),
            changed.messages("FetchFailures"),
            changed.messages("DistributionFailures"),
        )


def test_the_template_as_it_is_publishes_and_fails_nowhere() -> None:
    published, fetch_failures, distribution_failures = run(lambda template: None)

    assert (len(published), fetch_failures, distribution_failures) == (len(PUBLISHED), [], [])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(drop_notification, id="no notification", marks=pytest.mark.prove),
        pytest.param(change_filter(0, "data/"), id="wrong prefix"),
        pytest.param(change_filter(1, ".jsonl"), id="wrong suffix", marks=pytest.mark.prove),
    ],
)
def test_a_template_that_hears_of_no_upload_publishes_nothing(change: Callable[[Template], None]) -> None:
    assert run(change)[0] == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(without_statement("DistributorRole", "ReadSource"), id="may not read", marks=pytest.mark.prove),
        pytest.param(without_statement("DistributorRole", "CopyToWebsite"), id="may not copy"),
        pytest.param(drop_variable, id="not told where to", marks=pytest.mark.prove),
    ],
)
def test_a_distributor_that_cannot_work_publishes_nothing_and_keeps_every_event(
    change: Callable[[Template], None],
) -> None:
    published, _, kept = run(change)

    assert published == []
    assert len(kept) >= 10


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(narrow_listing, id="may not list", marks=pytest.mark.prove),
        pytest.param(
            without_statement("FetcherRole", "ReadPublicCatalogue"), id="may not read", marks=pytest.mark.prove
        ),
        pytest.param(without_statement("FetcherRole", "WriteSource"), id="may not write"),
        pytest.param(without_statement("FetchScheduleRole", "InvokeFetcher"), id="may not be invoked"),
    ],
)
def test_a_fetcher_that_cannot_work_writes_nothing_and_the_run_is_kept(change: Callable[[Template], None]) -> None:
    published, kept, _ = run(change)

    assert published == []
    assert len(kept) == 1


def test_a_notification_without_a_permission_is_refused() -> None:
    def drop_permission(template: Template) -> None:
        del template["Resources"]["SourceBucketMayInvokeDistributor"]
        del template["Resources"]["SourceBucket"]["Metadata"]

    with pytest.raises(DeployError, match="S3 refuses the notification of SourceBucket"):
        run(drop_permission)


def test_a_bucket_that_does_not_wait_for_its_permission_is_refused() -> None:
    def drop_dependency(template: Template) -> None:
        del template["Resources"]["SourceBucket"]["Metadata"]["NotificationNeeds"]

    with pytest.raises(DeployError, match="S3 refuses the notification of SourceBucket"):
        run(drop_dependency)


def test_resources_that_need_each_other_are_refused() -> None:
    def refer_back(template: Template) -> None:
        variables = template["Resources"]["Distributor"]["Properties"]["Environment"]["Variables"]
        variables["SOURCE_BUCKET"] = {"Ref": "SourceBucket"}

    with pytest.raises(DeployError, match="CloudFormation refuses a circle: .*SourceBucket"):
        run(refer_back)


def test_a_permission_for_another_bucket_is_none() -> None:
    def widen(template: Template) -> None:
        template["Resources"]["SourceBucketMayInvokeDistributor"]["Properties"]["SourceArn"] = "arn:aws:s3:::other"

    with pytest.raises(DeployError, match="S3 refuses the notification"):
        run(widen)


@pytest.mark.parametrize(
    "role",
    [
        "FetcherRole",
        "FetchScheduleRole",
        "AnnouncementsScheduleRole",
        "DistributorRole",
        "SweeperRole",
        "InvalidatorRole",
    ],
)
def test_a_role_that_its_service_may_not_assume_is_refused(role: str) -> None:
    def distrust(template: Template) -> None:
        document = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]
        document["Statement"][0]["Principal"]["Service"] = "ec2.amazonaws.com"

    with pytest.raises(DeployError, match=f"{role} may not be assumed by"):
        run(distrust)


def test_a_handler_that_does_not_exist_is_seen() -> None:
    with pytest.raises(AttributeError, match="no_such_function"):
        run(misname_handler)


def test_a_property_that_is_not_known_is_refused() -> None:
    def add(template: Template) -> None:
        template["Resources"]["FetchFailures"]["Properties"]["FifoQueue"] = True

    with pytest.raises(DeployError, match="FetchFailures .*FifoQueue"):
        run(add)


def test_a_mapping_whose_role_may_not_receive_is_refused() -> None:
    with pytest.raises(DeployError, match="AWS refuses InvalidatorReadsInvalidations"):
        run(without_statement("InvalidatorRole", "TakeMessages"))


def test_a_mapping_whose_queue_gives_less_time_than_the_function_takes_is_refused() -> None:
    def shorten(template: Template) -> None:
        template["Resources"]["Invalidations"]["Properties"]["VisibilityTimeout"] = 119

    with pytest.raises(DeployError, match="visibility time-out is less"):
        run(shorten)


@pytest.mark.parametrize(
    ("role", "sid", "queue"),
    [
        ("InvalidatorRole", "Invalidate", "InvalidationFailures"),
        ("DistributorRole", "AskForInvalidations", "DistributionFailures"),
    ],
)
def test_a_stack_that_may_not_invalidate_publishes_all_the_same_and_keeps_every_key(
    role: str, sid: str, queue: str
) -> None:
    template = read_template()
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        found = policy["PolicyDocument"]["Statement"]
        found[:] = [one for one in found if sid not in str(one)]
    with EmbeddedCloud(template=template, ssm=ParameterServer(PARAMETERS), in_process=True) as changed:
        changed.fire("FetchSchedule")
        changed.settle()

        assert len(published_in(changed)) == len(changed.messages(queue)) == len(PUBLISHED)
        assert changed.edge.cloudfront.accepted == []


def test_an_invalidator_that_cannot_work_loses_no_message() -> None:
    def misplace(template: Template) -> None:
        template["Resources"]["Invalidator"]["Properties"]["Environment"]["Variables"]["MAX_INVALIDATION_PATHS"] = "0"
        template["Resources"]["Invalidations"]["Properties"]["VisibilityTimeout"] = 120
        template["Resources"]["Invalidations"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = 2

    template = read_template()
    misplace(template)
    with EmbeddedCloud(template=template, ssm=ParameterServer(PARAMETERS), in_process=True) as changed:
        changed.fire("FetchSchedule")
        changed.settle()

        kept = {one["key"] for one in changed.messages("InvalidationFailures")}
        assert sorted(kept) == published_in(changed) == [f"data/{name}" for name in PUBLISHED]


def test_a_cloud_that_cannot_be_started_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    monkeypatch.setattr("cloud.embedded.deploy", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        EmbeddedCloud(in_process=True).__enter__()

    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(20)
    assert [thread for thread in started if thread.is_alive()] == []


@pytest.mark.parametrize("change", ["policy", "trust"])
def test_a_rule_that_eventbridge_could_not_carry_out_is_refused(change: str) -> None:
    template = read_template()
    if change == "policy":
        del template["Resources"]["WebhookFailuresPolicy"]
    else:
        trust = template["Resources"]["WebhookRole"]["Properties"]["AssumeRolePolicyDocument"]
        trust["Statement"][0]["Principal"]["Service"] = "lambda.amazonaws.com"

    with pytest.raises(DeployError, match="may not"), EmbeddedCloud(WEBHOOK, template=template, in_process=True):
        pass


def test_a_role_without_the_right_to_call_the_webhook_leaves_the_event_on_the_queue() -> None:
    template = read_template()
    statement = template["Resources"]["WebhookRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    statement["Resource"] = "arn:aws:events:us-east-1:123456789012:api-destination/another"

    with EmbeddedCloud(WEBHOOK, template=template, in_process=True) as cloud:
        cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key="aws-data/x.json", Body=b"[]")
        cloud.settle()

        assert cloud.webhook.calls == []
        assert len(cloud.messages("WebhookFailures")) == 1


def test_where_no_bus_is_named_nothing_of_events_is_there() -> None:
    with EmbeddedCloud(in_process=True) as cloud:
        cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key="aws-data/x.json", Body=b"[]")
        cloud.settle()

        assert cloud.client("events").list_rules()["Rules"] == []
        assert cloud.webhook.calls == []
        assert "data/x.json" in cloud.objects(cloud.website)

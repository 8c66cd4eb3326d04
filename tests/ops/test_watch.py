"""Nothing fails in silence: each alarm of the template is set off by its causes, is heard of, and ends."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from moto.cloudwatch.models import cloudwatch_backends

from cloud.embedded import EmbeddedCloud
from cloud.metrics import MetricName
from cloud.moto_server import is_permitted
from cloud.stand_ins.cloudfront import EdgeQuirks
from cloud.stand_ins.ssm import ParameterServer, Quirks
from cloud.template import ACCOUNT, read_template
from tests.distributor.messages import queue_event, received
from tests.fetcher.small_world import PARAMETERS

pytestmark = pytest.mark.prove

FETCHER, ANNOUNCEMENTS, DISTRIBUTOR, SWEEPER, INVALIDATOR = (
    f"aws-services-feed-{name}" for name in ("fetcher", "announcements", "distributor", "sweeper", "invalidator")
)

SCHEDULES = ("FetchSchedule", "AnnouncementsSchedule", "SweepSchedule")

Cause = Callable[["Watched"], None]

ANNOUNCING = {
    "EventBusName": "default",
    "WebhookUrl": "https://hooks.example/build",
    "WebhookSecret": "feed/hook",
    "WebhookEvents": "File Published",
}


@dataclass
class Watched:
    """A cloud whose alarms somebody listens to."""

    cloud: EmbeddedCloud
    listener: str

    def look(self) -> dict[str, str]:
        return self.cloud.evaluate_alarms()

    def mend(self) -> None:
        """Nothing is broken (any more), and the queues are empty."""
        self.cloud.lambdas.throttled.clear()
        for function in self.cloud.stack.of_type("AWS::Lambda::Function"):
            self.cloud.client("lambda").delete_function_concurrency(FunctionName=function.name)
        for role in self.cloud.stack.of_type("AWS::IAM::Role"):
            self.set_rights(role.logical_id)
        self.cloud.parameters.authorize = is_permitted
        self.cloud.parameters.quirks = Quirks()
        self.cloud.edge.cloudfront.quirks = EdgeQuirks()
        for queue in self.cloud.stack.of_type("AWS::SQS::Queue"):
            self.receive(self.cloud.queue_url(queue.logical_id))

    def set_rights(self, role: str, without: str = "") -> None:
        """Give a role what the template says, without the right of that Sid."""
        (resource,) = [other for other in self.cloud.stack.of_type("AWS::IAM::Role") if other.logical_id == role]
        (policy,) = resource.properties["Policies"]
        statements = [
            {**statement, "Effect": "Deny"} if statement["Sid"] == without else statement
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        self.cloud.client("iam").put_role_policy(
            RoleName=resource.name,
            PolicyName=policy["PolicyName"],
            PolicyDocument=json.dumps({**policy["PolicyDocument"], "Statement": statements}),
        )

    def end_all(self) -> None:
        """Mend all, and do the whole job until every alarm has ended."""
        self.mend()
        self.upload("x.json", b"{}")
        for _ in range(2):  # the first sweep may find something to publish
            self.run(*SCHEDULES)
            self.look()
            self.let_pass(timedelta(hours=1))

    def forget(self) -> None:
        """Nothing was ever measured, and no alarm has a state yet."""
        self.cloud.cloudwatch.datapoints()
        backend = cloudwatch_backends[ACCOUNT]["us-east-1"]
        backend.metric_data.clear()
        for alarm in backend.alarms.values():
            alarm.state_value = "INSUFFICIENT_DATA"

    def let_pass(self, time: timedelta) -> None:
        """Everything measured so far was measured that much earlier."""
        self.cloud.cloudwatch.datapoints()
        for datum in cloudwatch_backends[ACCOUNT]["us-east-1"].metric_data:
            datum.timestamp -= time

    def alarmed(self) -> set[str]:
        return {name for name, state in self.look().items() if state == "ALARM"}

    def heard(self) -> list[dict[str, Any]]:
        """The messages since the last call, with their subjects."""
        envelopes = [json.loads(body) for body in self.receive(self.listener)]
        return [json.loads(envelope["Message"]) | {"Subject": envelope["Subject"]} for envelope in envelopes]

    def receive(self, queue: str) -> list[str]:
        """Take every message off a queue."""
        bodies: list[str] = []
        sqs = self.cloud.client("sqs")
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(message["Body"])
        return bodies

    def mails(self) -> list[tuple[str, str, set[str]]]:
        """What was heard since the last call: the new state of which alarm, and the alarms that it joins, if any."""
        ids = {resource.arn: resource.logical_id for resource in self.cloud.stack.resources if "Alarm" in resource.type}
        return [
            (
                message["NewStateValue"],
                ids[message["AlarmArn"]],
                {ids[child["Arn"]] for child in message.get("TriggeringChildren", [])},
            )
            for message in self.heard()
        ]

    def run(self, *schedules: str) -> None:
        for schedule in schedules:
            self.cloud.fire(schedule)
            self.cloud.settle()

    def upload(self, name: str, body: bytes) -> None:
        self.cloud.client("s3").put_object(Bucket=self.cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
        self.cloud.settle()

    def source(self, name: str) -> bytes:
        bucket, key = self.cloud.source_bucket(), f"aws-data/{name}"
        body: bytes = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def lose(self, name: str) -> None:
        self.cloud.client("s3").delete_object(Bucket=self.cloud.website, Key=f"data/{name}")


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A cloud with a queue that listens to the topic; a test may say how its alarms are mailed."""
    # One region of two is more than the template lets last good readings stand in for.
    parameters = {"MaxStalePercent": "50", "AlarmMails": getattr(request, "param", "each"), **ANNOUNCING}
    with (
        patch("fetcher.ssm.endpoint.LONGEST_PAUSE", 0),
        EmbeddedCloud(parameters, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud,
    ):
        cloud.lambdas._retry_delay = 0
        cloud.client("secretsmanager").create_secret(Name=ANNOUNCING["WebhookSecret"], SecretString="Bearer x")
        listener = cloud.client("sqs").create_queue(QueueName="listener")["QueueUrl"]
        (topic,) = cloud.stack.of_type("AWS::SNS::Topic")
        endpoint = f"arn:aws:sqs:us-east-1:{ACCOUNT}:listener"
        cloud.client("sns").subscribe(TopicArn=topic.arn, Protocol="sqs", Endpoint=endpoint)
        yield Watched(cloud, listener)


@pytest.fixture
def here(shared: Watched) -> Watched:
    """The whole job has just been done, all is in step, and what the alarms said of it has been read."""
    shared.mend()
    shared.run("SweepSchedule")
    shared.mend()
    shared.forget()
    shared.run(*SCHEDULES)
    shared.look()
    shared.heard()
    return shared


def do_nothing(here: Watched) -> None:
    """The cause is over."""


def in_turn(*steps: Cause) -> Cause:
    def cause(here: Watched) -> None:
        for step in steps:
            step(here)

    return cause


def refuse_ssm(here: Watched) -> None:
    here.cloud.parameters.authorize = lambda key, headers, action, arn: False
    here.run("FetchSchedule")


def lose_a_region(here: Watched) -> None:
    here.cloud.parameters.quirks = Quirks(failing=("regions/eusc-de-east-1/services",))
    with patch("fetcher.ssm.endpoint.LONGEST_PAUSE", 0):
        here.run("FetchSchedule")


def reject_a_file(here: Watched) -> None:
    here.upload("regions.json", b"<html>")


def reject_a_file_that_no_queue_keeps(here: Watched) -> None:
    with pytest.raises(ClientError, match="sqs:SendMessage"):  # Lambda's own record is refused as well
        reject_a_file(here)


def fail_an_event(here: Watched) -> None:
    here.cloud.lambdas.invoke_async(DISTRIBUTOR, '{"odd": 1}')
    here.cloud.settle()


def for_a_night(begin: Cause) -> Cause:
    """Something is wrong while a file is uploaded, the fetcher runs, and then the sweeper."""

    def cause(here: Watched) -> None:
        begin(here)
        here.upload("x.json", b"{}")
        here.run("FetchSchedule", "SweepSchedule")

    return cause


def throttle(function: str) -> Cause:
    return for_a_night(lambda here: here.cloud.lambdas.throttled.add(function))


def pause(function: str) -> Cause:
    def begin(here: Watched) -> None:
        here.cloud.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)

    return begin


def pause_the_invalidator(here: Watched) -> None:
    """Its messages come again and again, so that the cloud never settles."""
    pause(INVALIDATOR)(here)
    upload = {"Bucket": here.cloud.source_bucket(), "Key": "aws-data/x.json", "Body": b"{}"}
    here.cloud.client("s3").put_object(**upload)
    throttled = MetricName("AWS/Lambda", "Throttles", frozenset({("FunctionName", INVALIDATOR)}))
    while not any(point.metric == throttled and point.value for point in here.cloud.cloudwatch.datapoints()):
        time.sleep(0.1)


def lose_a_file(here: Watched) -> None:
    here.lose("services.json")
    here.run("SweepSchedule")


def sweep_a_broken_file_whose_event_was_lost(here: Watched) -> None:
    with patch.object(here.cloud.lambdas, "invoke_async"):
        here.upload("regions.json", b"<html>")
    here.run("SweepSchedule")


def mend_the_file_and_sweep(here: Watched) -> None:
    here.run("FetchSchedule", "SweepSchedule")


def a_day_without(schedule: str, begin: Cause = do_nothing) -> Cause:
    """All others do their work, an hour before the end of it."""

    def cause(here: Watched) -> None:
        begin(here)
        here.let_pass(timedelta(hours=25))
        here.run(*(other for other in SCHEDULES if other != schedule))
        here.let_pass(timedelta(hours=1))

    return cause


def read_announcements_in_vain(here: Watched) -> None:
    with patch("fetcher.announcements.handler.FETCHING", None):
        here.run("AnnouncementsSchedule")


def lose_the_distribution(here: Watched) -> None:
    with patch.object(here.cloud.edge.cloudfront, "_distributions", set()):
        here.upload("x.json", b"{}")


def break_the_invalidator(here: Watched) -> None:
    here.cloud.lambdas.invoke_async(INVALIDATOR, '{"odd": 1}')
    here.cloud.settle()


def defer_for_half_an_hour(here: Watched) -> None:
    """SQS's own age has forgotten such a message long since: it was received more than twice."""
    here.cloud.edge.cloudfront.quirks = EdgeQuirks(throttle_next=1_000_000)
    message = received(receives=6)
    sent = datetime.now(UTC) - timedelta(minutes=31)
    message["attributes"]["SentTimestamp"] = f"{sent.timestamp() * 1000:.0f}"
    here.cloud.lambdas.invoke(INVALIDATOR, json.dumps(queue_event(message)))


def settle(here: Watched) -> None:
    here.cloud.settle()


def take(right: str, *owners: str) -> Cause:
    """Take a right away, by its Sid, from the roles of functions or schedules."""
    return in_turn(*(partial(Watched.set_rights, role=f"{owner}Role", without=right) for owner in owners))


def find_the_region(here: Watched) -> None:
    here.cloud.parameters.quirks = Quirks()
    here.run("FetchSchedule")


def refuse_the_webhook(here: Watched) -> None:
    answer, here.cloud.webhook.answer = here.cloud.webhook.answer, lambda _request: (401, "who are you?")
    here.upload("x.json", b"{}")
    here.cloud.webhook.answer = answer


def empty(queue: str) -> Cause:
    def cure(here: Watched) -> None:
        here.receive(here.cloud.queue_url(queue))

    return cure


def run(schedule: str) -> Cause:
    return lambda here: here.run(schedule)


@dataclass(frozen=True)
class Case:
    """What sets an alarm off, the alarms that go off with it, and what ends it an hour later."""

    cause: Cause
    alarm: str
    cure: Cause
    others: frozenset[str] = frozenset()


def kept_on(queue: str, alarm: str, *others: str) -> Callable[[Cause], Case]:
    return lambda cause: Case(cause, alarm, empty(queue), frozenset(others))


no_fetch = kept_on("FetchFailures", "FetchFailuresKept")
kept = kept_on("DistributionFailures", "DistributionFailuresKept")
kept_and_swept = kept_on("DistributionFailures", "DistributionFailuresKept", "DriftFound")
unread = partial(Case, alarm="AnnouncementsStale", cure=in_turn(Watched.mend, run("AnnouncementsSchedule")))
publish_something = in_turn(Watched.mend, partial(Watched.upload, name="x.json", body=b"{}"))
KEPT = frozenset({"DistributionFailuresKept"})
CASES: dict[str, Case] = {
    "a run of the fetcher fails for good": no_fetch(refuse_ssm),
    "the fetcher is throttled for hours": no_fetch(throttle(FETCHER)),
    "the fetcher is paused": no_fetch(for_a_night(pause(FETCHER))),
    "the schedule may not invoke the fetcher": no_fetch(for_a_night(take("InvokeFetcher", "FetchSchedule"))),
    "no run of the fetcher for a day": Case(a_day_without("FetchSchedule"), "DataStale", run("FetchSchedule")),
    "a region is lost": Case(lose_a_region, "RegionsStale", find_the_region),
    "no reading of announcements for a day": unread(a_day_without("AnnouncementsSchedule")),
    "the function of announcements fails": unread(a_day_without("AnnouncementsSchedule", read_announcements_in_vain)),
    "the function of announcements is paused": unread(
        a_day_without("AnnouncementsSchedule", in_turn(pause(ANNOUNCEMENTS), run("AnnouncementsSchedule")))
    ),
    "an event fails for good": Case(fail_an_event, "DistributorFailed", publish_something, KEPT),
    "a file is rejected": kept(reject_a_file),
    "a file is rejected, and no queue keeps it": Case(
        in_turn(take("KeepFailures", "Distributor"), reject_a_file_that_no_queue_keeps),
        "DistributorFailed",
        publish_something,
    ),
    "the distributor is throttled for hours": Case(
        throttle(DISTRIBUTOR), "EventsLate", do_nothing, KEPT | {"DriftFound"}
    ),
    "the distributor is paused": kept_and_swept(for_a_night(pause(DISTRIBUTOR))),
    "the sweeper is throttled for hours": kept(throttle(SWEEPER)),
    "the sweeper is paused": kept(for_a_night(pause(SWEEPER))),
    "the schedule may not invoke the sweeper": kept(for_a_night(take("InvokeSweeper", "SweepSchedule"))),
    "the website cannot be listed": kept(for_a_night(take("ListWebsite", "Sweeper"))),
    "a sweep cannot publish": kept(in_turn(take("CopyToWebsite", "Sweeper"), lose_a_file)),
    "no sweep for a day": Case(a_day_without("SweepSchedule"), "SweeperSilent", run("SweepSchedule")),
    "a file differs": Case(lose_a_file, "DriftFound", run("SweepSchedule")),
    "a broken file whose event was lost": Case(
        sweep_a_broken_file_whose_event_was_lost, "SweepRejected", mend_the_file_and_sweep
    ),
    "CloudFront is busy": Case(defer_for_half_an_hour, "InvalidationsStuck", in_turn(Watched.mend, settle)),
    "CloudFront has no such distribution": kept_on("InvalidationFailures", "InvalidationFailuresKept")(
        lose_the_distribution
    ),
    "a key is not queued": kept(for_a_night(take("AskForInvalidations", "Distributor"))),
    "a key that a sweep has published is not queued": kept_and_swept(
        in_turn(take("AskForInvalidations", "Sweeper"), lose_a_file)
    ),
    "the invalidator fails": Case(break_the_invalidator, "InvalidatorFailed", do_nothing),
    "the invalidator is paused": Case(pause_the_invalidator, "InvalidatorFailed", in_turn(Watched.mend, settle)),
    "an event is not put": kept(for_a_night(take("Announce", "Distributor"))),
    "the webhook refuses": kept_on("WebhookFailures", "WebhookFailuresKept")(refuse_the_webhook),
}
STAYS = {"RegionsStale", "FetchFailuresKept", "DataStale", "DistributorFailed", "DistributionFailuresKept"}
STAYS |= {"DriftFound", "SweepRejected", "SweeperSilent", "AnnouncementsStale"}
STAYS |= {"InvalidationFailuresKept", "WebhookFailuresKept"}
LONG = {"the distributor is throttled for hours"}  # the sweep and the end of six hours tell of it too


def test_there_is_a_cause_for_every_alarm_of_the_template() -> None:
    resources = read_template()["Resources"]

    alarms = {name for name, body in resources.items() if body["Type"] == "AWS::CloudWatch::Alarm"}

    # That one is raised in test_cloudwatch.py.
    assert {case.alarm for case in CASES.values()} | {"FetcherSilent"} == alarms


def test_one_trouble_is_one_alarm_or_two() -> None:
    assert {name for name, case in CASES.items() if len(case.others) > 1} == LONG


def test_all_is_quiet_after_the_job_was_done(here: Watched) -> None:
    states = here.look()

    assert set(states.values()) <= {"OK", "INSUFFICIENT_DATA"}
    assert here.heard() == []


@pytest.mark.parametrize("name", CASES)
def test_a_cause_sets_off_its_alarm_which_is_a_mail_and_another_when_it_is_over(name: str, here: Watched) -> None:
    case = CASES[name]
    expected = case.others | {case.alarm}

    case.cause(here)

    assert here.alarmed() == expected
    assert sorted(here.mails()) == [("ALARM", alarm, set()) for alarm in sorted(expected)]

    here.let_pass(timedelta(hours=1))
    assert (case.alarm in here.alarmed()) == (case.alarm in STAYS)
    here.let_pass(timedelta(hours=1))
    case.cure(here)
    assert case.alarm not in here.alarmed()
    here.end_all()
    assert here.alarmed() == set()
    assert {("OK", alarm, frozenset()) for alarm in expected} <= {
        (state, alarm, frozenset(joined)) for state, alarm, joined in here.mails()
    }


def test_a_website_that_refuses_copies_is_two_mails_in_the_first_night_and_two_more_a_day_later(here: Watched) -> None:
    night = for_a_night(take("CopyToWebsite", "Distributor", "Sweeper"))
    night(here)
    first = here.alarmed()
    here.let_pass(timedelta(hours=24))
    night(here)
    here.run("AnnouncementsSchedule")
    here.let_pass(timedelta(hours=2))

    assert first == {"DistributorFailed", "DistributionFailuresKept"}
    assert here.alarmed() == first | {"DataStale", "SweeperSilent"}
    assert len(here.mails()) == 4


def test_a_sweep_that_fails_ends_no_alarm_and_does_not_count_as_finished(here: Watched) -> None:
    lose_a_file(here)
    here.lose("regions.json")
    take("CopyToWebsite", "Sweeper")(here)
    here.run("SweepSchedule")
    assert {"DriftFound", "DistributionFailuresKept"} <= here.alarmed()

    here.let_pass(timedelta(hours=25))
    here.run("SweepSchedule")
    here.let_pass(timedelta(hours=2))

    assert "SweeperSilent" in here.alarmed()


ONE_MAIL = pytest.mark.parametrize("shared", ["outage"], indirect=True)


@ONE_MAIL
def test_a_storm_of_alarms_may_be_one_mail_of_each_kind_and_one_when_it_is_over(here: Watched) -> None:
    throttle(DISTRIBUTOR)(here)

    raised = here.alarmed()
    here.look()
    mails = here.heard()

    assert len(raised) == 3
    assert [mail["Subject"] for mail in mails] == [
        f'ALARM: "aws-services-feed-{kind}" in US East (N. Virginia)' for kind in ("outage", "attention")
    ]
    assert all("`feed status --stack-name aws-services-feed`" in mail["AlarmDescription"] for mail in mails)

    here.end_all()
    assert here.mails() == [("OK", "Outage", set()), ("OK", "Attention", set())]


@ONE_MAIL
def test_an_urgent_trouble_behind_a_small_one_is_heard_of_and_so_is_the_end_of_each(here: Watched) -> None:
    lose_a_region(here)
    assert (here.alarmed(), here.mails()) == ({"RegionsStale"}, [("ALARM", "Attention", {"RegionsStale"})])

    here.cloud.lambdas.invoke_async(DISTRIBUTOR, '{"odd": 1}')
    here.cloud.settle()
    assert here.alarmed() > {"RegionsStale", "DistributorFailed"}
    assert here.mails() == [("ALARM", "Outage", {"DistributorFailed"})]

    here.let_pass(timedelta(hours=1))
    here.mend()
    here.upload("x.json", b"{}")
    assert (here.alarmed(), here.mails()) == ({"RegionsStale"}, [("OK", "Outage", set())])

    find_the_region(here)
    assert (here.alarmed(), here.mails()) == (set(), [("OK", "Attention", set())])


@pytest.mark.parametrize("hours", [1, 25])
def test_a_day_without_a_run_is_no_alarm(hours: int, here: Watched) -> None:
    here.let_pass(timedelta(hours=hours))

    assert here.alarmed() == set()


def test_publishing_old_data_again_does_not_hide_that_nothing_new_comes(here: Watched) -> None:
    here.forget()
    published = json.loads(here.source("complete-data.json"))
    published["metadata"]["timestamp"] = f"{datetime.now(UTC) - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"

    here.upload("complete-data.json", json.dumps(published).encode())

    assert "DataStale" in here.alarmed()
    assert "data/complete-data.json" in here.cloud.objects(here.cloud.website)


def test_complete_data_that_only_the_sweep_could_publish_is_fresh(here: Watched) -> None:
    here.forget()
    here.lose("complete-data.json")

    here.run("SweepSchedule")

    assert "DataStale" not in here.alarmed()

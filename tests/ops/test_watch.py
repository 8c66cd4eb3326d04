"""Nothing fails in silence: each alarm of the template is set off by its cause, is heard of, and ends."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from moto.cloudwatch.models import cloudwatch_backends

from cloud.embedded import EmbeddedCloud
from cloud.moto_server import is_permitted
from cloud.stand_ins.cloudfront import EdgeQuirks
from cloud.stand_ins.ssm import ParameterServer, Quirks
from cloud.template import ACCOUNT, read_template
from tests.distributor.messages import queue_event, received
from tests.fetcher.small_world import PARAMETERS

pytestmark = pytest.mark.prove

FETCHER, DISTRIBUTOR, SWEEPER, INVALIDATOR = (
    f"aws-services-feed-{name}" for name in ("fetcher", "distributor", "sweeper", "invalidator")
)

SCHEDULES = ("FetchSchedule", "AnnouncementsSchedule", "SweepSchedule")

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
        self.cloud.parameters.authorize = is_permitted
        self.cloud.parameters.quirks = Quirks()
        self.cloud.edge.cloudfront.quirks = EdgeQuirks()
        for queue in self.cloud.stack.of_type("AWS::SQS::Queue"):
            self.receive(self.cloud.queue_url(queue.logical_id))

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
        """What was heard since the last call: the new state of which alarm, and the alarms that the mail names."""
        ids = {resource.arn: resource.logical_id for resource in self.cloud.stack.resources if "Alarm" in resource.type}
        return [
            (
                message["NewStateValue"],
                ids[message["AlarmArn"]],
                {ids[child["Arn"]] for child in message["TriggeringChildren"]},
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
def shared() -> Iterator[Watched]:
    """A cloud with a queue that listens to the topic."""
    # One region of two is more than the template lets last good readings stand in for.
    parameters = {"MaxStalePercent": "50", **ANNOUNCING}
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


def refuse_ssm(here: Watched) -> None:
    here.cloud.parameters.authorize = lambda key, headers, action, arn: False
    here.run("FetchSchedule")


def lose_a_region(here: Watched) -> None:
    here.cloud.parameters.quirks = Quirks(failing=("regions/eusc-de-east-1/services",))
    with patch("fetcher.ssm.endpoint.LONGEST_PAUSE", 0):
        here.run("FetchSchedule")


def reject_a_file(here: Watched) -> None:
    here.upload("regions.json", b"<html>")


def fail_an_event(here: Watched) -> None:
    here.cloud.lambdas.invoke_async(DISTRIBUTOR, '{"odd": 1}')
    here.cloud.settle()


def throttle(*functions: str) -> Callable[[Watched], None]:
    def cause(here: Watched) -> None:
        here.cloud.lambdas.throttled |= set(functions)
        here.upload("x.json", b"{}")
        here.run("FetchSchedule", "SweepSchedule")

    return cause


def lose_a_file(here: Watched) -> None:
    here.lose("services.json")
    here.run("SweepSchedule")


def sweep_a_broken_file_whose_event_was_lost(here: Watched) -> None:
    with patch.object(here.cloud.lambdas, "invoke_async"):
        here.upload("regions.json", b"<html>")
    here.run("SweepSchedule")


def mend_the_file_and_sweep(here: Watched) -> None:
    here.run("FetchSchedule", "SweepSchedule")


def break_the_sweep(here: Watched) -> None:
    here.cloud.lambdas.invoke_async(SWEEPER, '{"odd": 1}')
    here.cloud.settle()


def break_the_announcements(here: Watched) -> None:
    with patch("fetcher.announcements.handler.FETCHING", None):
        here.run("AnnouncementsSchedule")


def read_announcements(here: Watched) -> None:
    here.run("AnnouncementsSchedule")


def let_26_hours_pass(here: Watched) -> None:
    here.let_pass(timedelta(hours=26))


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


def let_cloudfront_answer(here: Watched) -> None:
    here.cloud.edge.cloudfront.quirks = EdgeQuirks()
    here.cloud.settle()


def forbid_to_ask_for_invalidations(here: Watched) -> None:
    take_right_away(here, "AskForInvalidations")


def take_right_away(here: Watched, sid: str) -> None:
    """Upload a file while the distributor lacks a right."""
    iam, role = here.cloud.client("iam"), "aws-services-feed-DistributorRole"
    policies = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    for name, document in policies.items():
        rest = [statement for statement in document["Statement"] if statement["Sid"] != sid]
        if rest != document["Statement"]:
            less = json.dumps({**document, "Statement": rest or [{**document["Statement"][0], "Effect": "Deny"}]})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=less)
            here.upload("x.json", b"{}")
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def allow_ssm(here: Watched) -> None:
    here.cloud.parameters.authorize = is_permitted
    fetch(here)


def find_the_region(here: Watched) -> None:
    here.cloud.parameters.quirks = Quirks()
    here.run("FetchSchedule")


def forbid_to_announce(here: Watched) -> None:
    take_right_away(here, "Announce")


def refuse_the_webhook(here: Watched) -> None:
    answer, here.cloud.webhook.answer = here.cloud.webhook.answer, lambda _request: (401, "who are you?")
    here.upload("x.json", b"{}")
    here.cloud.webhook.answer = answer


def empty(queue: str) -> Callable[[Watched], None]:
    def cure(here: Watched) -> None:
        here.receive(here.cloud.queue_url(queue))

    return cure


def fetch(here: Watched) -> None:
    here.run("FetchSchedule")


def sweep(here: Watched) -> None:
    here.run("SweepSchedule")


def publish_something(here: Watched) -> None:
    here.upload("x.json", b"{}")


def do_nothing(here: Watched) -> None:
    """The cause is over."""


@dataclass(frozen=True)
class Case:
    """What sets an alarm off, the alarms that go off with it, and what ends it an hour later."""

    cause: Callable[[Watched], None]
    cure: Callable[[Watched], None]
    others: frozenset[str] = frozenset()


KEPT = frozenset({"DistributionFailuresKept"})
FETCH_FAILED = frozenset({"FetcherFailed", "FetchFailuresKept", "EventsDropped"})
UNPUBLISHED = frozenset({"DistributorFailed", "DistributionFailuresKept", "EventsDropped"})
DAY = frozenset({"AnnouncementsStale", "DataStale", "SweeperSilent"})
CASES: dict[str, Case] = {
    "FetcherFailed": Case(refuse_ssm, allow_ssm, FETCH_FAILED),
    "FetchFailuresKept": Case(refuse_ssm, empty("FetchFailures"), FETCH_FAILED),
    "DataStale": Case(let_26_hours_pass, fetch, DAY),
    "RegionsStale": Case(lose_a_region, find_the_region),
    "AnnouncementsStale": Case(let_26_hours_pass, read_announcements, DAY),
    "AnnouncementFailuresKept": Case(break_the_announcements, empty("AnnouncementFailures")),
    "DistributorFailed": Case(fail_an_event, publish_something, UNPUBLISHED),
    "FileRejected": Case(reject_a_file, do_nothing, KEPT),
    "DistributionFailuresKept": Case(reject_a_file, empty("DistributionFailures"), frozenset({"FileRejected"})),
    "EventsDropped": Case(throttle(FETCHER), do_nothing, frozenset({"Throttled", "FetchFailuresKept"})),
    "EventsLate": Case(throttle(DISTRIBUTOR), do_nothing, KEPT | {"EventsDropped", "Throttled", "DriftFound"}),
    "Throttled": Case(throttle(SWEEPER), do_nothing, KEPT | {"EventsDropped"}),
    "SweeperFailed": Case(break_the_sweep, sweep, KEPT | {"EventsDropped"}),
    "DriftFound": Case(lose_a_file, sweep),
    "SweepRejected": Case(sweep_a_broken_file_whose_event_was_lost, mend_the_file_and_sweep),
    "SweeperSilent": Case(let_26_hours_pass, sweep, DAY),
    "InvalidationsStuck": Case(defer_for_half_an_hour, let_cloudfront_answer),
    "InvalidationFailuresKept": Case(lose_the_distribution, empty("InvalidationFailures")),
    "InvalidationsLost": Case(forbid_to_ask_for_invalidations, do_nothing, KEPT),
    "InvalidatorFailed": Case(break_the_invalidator, publish_something),
    "EventsNotPut": Case(forbid_to_announce, do_nothing, KEPT),
    "WebhookFailuresKept": Case(refuse_the_webhook, empty("WebhookFailures")),
}
STAYS = {
    "RegionsStale",
    "FetcherFailed",
    "FetchFailuresKept",
    "DataStale",
    "DistributorFailed",
    "DistributionFailuresKept",
}
STAYS |= {"SweeperFailed", "DriftFound", "SweepRejected", "SweeperSilent"}
STAYS |= {"AnnouncementsStale", "AnnouncementFailuresKept"}
STAYS |= {"InvalidationFailuresKept", "InvalidatorFailed", "WebhookFailuresKept"}


URGENT = {"DataStale", "DistributorFailed", "EventsLate", "FetcherSilent"}
FEW = ("RegionsStale", "FileRejected", "InvalidationsStuck")


def test_there_is_a_cause_for_every_alarm_of_the_template() -> None:
    resources = read_template()["Resources"]

    alarms = {name for name, body in resources.items() if body["Type"] == "AWS::CloudWatch::Alarm"}

    # That one is raised in test_cloudwatch.py.
    assert set(CASES) | {"FetcherSilent"} == alarms


def test_all_is_quiet_after_the_job_was_done(here: Watched) -> None:
    states = here.look()

    assert set(states.values()) <= {"OK", "INSUFFICIENT_DATA"}
    assert here.heard() == []


def mails_of(raised: set[str]) -> list[tuple[str, str, set[str]]]:
    """One for each kind of alarm that is among them."""
    kinds = {"Outage": raised & URGENT, "Attention": raised - URGENT}
    return [("ALARM", kind, names) for kind, names in kinds.items() if names]


@pytest.mark.parametrize(
    "name", [*FEW, *(pytest.param(name, marks=pytest.mark.prove) for name in CASES if name not in FEW)]
)
def test_a_cause_sets_off_its_alarm_which_is_one_mail_and_another_when_it_is_over(name: str, here: Watched) -> None:
    case = CASES[name]

    case.cause(here)
    raised = here.alarmed()

    assert raised == case.others | {name}
    assert here.mails() == mails_of(raised)

    here.let_pass(timedelta(hours=1))
    assert (name in here.alarmed()) == (name in STAYS)
    here.let_pass(timedelta(hours=1))
    case.cure(here)
    assert name not in here.alarmed()
    here.end_all()
    assert here.alarmed() == set()
    told = here.mails()
    assert {kind for _, kind, _ in told} == {kind for _, kind, _ in mails_of(raised)}
    assert all(state == "OK" for state, _, _ in told[-len(mails_of(raised)) :])


def test_a_storm_of_alarms_is_one_mail_of_each_kind_and_one_when_it_is_over(here: Watched) -> None:
    throttle(DISTRIBUTOR)(here)

    raised = here.alarmed()
    here.look()
    mails = here.heard()

    assert len(raised) == 5
    assert [mail["Subject"] for mail in mails] == [
        f'ALARM: "aws-services-feed-{kind}" in US East (N. Virginia)' for kind in ("outage", "attention")
    ]
    assert all("`feed status --stack-name aws-services-feed`" in mail["AlarmDescription"] for mail in mails)

    here.end_all()
    assert here.mails() == [("OK", "Outage", set()), ("OK", "Attention", set())]


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

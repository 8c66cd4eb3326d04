"""Who may publish to the topic, and a stack that only fetches."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud.alarms import UnknownAlarmError
from cloud.cloudwatch import CloudWatch, may_publish
from cloud.embedded import EmbeddedCloud
from cloud.metrics import MetricName
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import read_template, resolve, translate
from tests.fetcher.small_world import PARAMETERS

TOPIC = "arn:aws:sns:us-east-1:123456789012:feed-AlarmTopic"


def attributes(statement: dict[str, Any] | None = None, **topic: str) -> dict[str, str]:
    """The topic's, as the template makes them, but for what a statement of its policy is changed in."""
    stack = resolve(translate(read_template()), "feed", {})
    (policy,) = stack.of_type("AWS::SNS::TopicPolicy")
    document = deepcopy(policy.properties["PolicyDocument"])
    document["Statement"][0].update(statement or {})
    return {"Policy": json.dumps(document), **topic}


def test_alarms_may_publish_to_the_topic_of_the_template() -> None:
    assert may_publish(TOPIC, attributes())
    assert may_publish(TOPIC, attributes(KmsMasterKeyId="alias/mine"))


@pytest.mark.parametrize(
    "described",
    [
        {},
        attributes({"Effect": "Deny"}),
        attributes({"Principal": {"Service": "events.amazonaws.com"}}),
        attributes({"Principal": "*"}),
        attributes({"Action": "sns:Subscribe"}),
        attributes({"Resource": f"{TOPIC}2"}),
        attributes({"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}}),
        attributes(KmsMasterKeyId="alias/aws/sns"),
    ],
    ids=[
        "none",
        "denied",
        "another service",
        "anyone",
        "another action",
        "another topic",
        "another account",
        "AWS's key",
    ],
)
def test_alarms_may_not_publish_where_the_policy_or_the_key_does_not_let_them(described: dict[str, str]) -> None:
    assert not may_publish(TOPIC, described)


@pytest.mark.parametrize(("mails", "heard"), [("outage", "outage"), ("each", "fetcher-silent"), ("outage", "")])
def test_without_a_website_a_day_without_a_run_is_an_alarm_which_the_topics_policy_lets_out(
    mails: str, heard: str
) -> None:
    template = read_template()
    if not heard:
        del template["Resources"]["AlarmTopicPolicy"]
    server = ParameterServer(PARAMETERS)
    parameters = {"DistributionBucketName": "", "AlarmMails": mails, "AnnouncementsFeedUrl": ""}
    with EmbeddedCloud(parameters, template=template, ssm=server, in_process=True) as cloud:
        (topic,) = cloud.stack.of_type("AWS::SNS::Topic")
        listener = cloud.client("sqs").create_queue(QueueName="listener")["QueueUrl"]
        cloud.client("sns").subscribe(
            TopicArn=topic.arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{topic.arn.split(':')[4]}:listener"
        )
        cloud.fire("FetchSchedule")
        cloud.settle()

        first, later = cloud.evaluate_alarms(), cloud.evaluate_alarms(datetime.now(UTC) + timedelta(hours=26))

        assert first["FetcherSilent"] == "OK"
        assert {name for name, state in later.items() if state == "ALARM"} == {"FetcherSilent"}
        bodies = cloud.client("sqs").receive_message(QueueUrl=listener, MaxNumberOfMessages=10).get("Messages", [])
        messages = [json.loads(json.loads(one["Body"])["Message"]) for one in bodies]
        told = [message["AlarmName"] for message in messages if message["NewStateValue"] == "ALARM"]
        assert told == [f"aws-services-feed-{heard}"] * bool(heard)


def test_the_age_of_a_queue_leaves_out_what_was_received_three_times() -> None:
    with EmbeddedCloud({"DistributionBucketName": ""}, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        sqs, url = cloud.client("sqs"), cloud.queue_url("FetchFailures")
        sqs.send_message(QueueUrl=url, MessageBody="{}")
        dimension = ("QueueName", url.rpartition("/")[2])
        age = MetricName("AWS/SQS", "ApproximateAgeOfOldestMessage", frozenset({dimension}))
        later, ages = datetime.now(UTC) + timedelta(hours=1), []
        for _ in range(4):
            cloud.evaluate_alarms(later)
            points = cloud.cloudwatch.datapoints()
            ages.append([point.value for point in points if point.metric == age][-1])
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)

    assert [age > 3000 for age in ages] == [True, True, True, False]


def test_a_rule_about_an_alarm_that_the_stack_lacks_is_refused() -> None:
    template = read_template()
    template["Resources"]["Outage"]["Properties"]["AlarmRule"] = 'ALARM("elsewhere")'
    stack = resolve(translate(template), "feed", {"AlarmMails": "outage"})

    with pytest.raises(UnknownAlarmError, match=r"Outage watches alarms that the stack does not have: \['elsewhere'\]"):
        CloudWatch(stack, lambda _: None)


def test_a_function_that_has_run_is_news_until_the_alarms_are_evaluated() -> None:
    with EmbeddedCloud(ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.fire("SweepSchedule")
        cloud.settle()
        before = cloud.cloudwatch.has_news
        cloud.evaluate_alarms()

        assert (before, cloud.cloudwatch.has_news) == (True, False)

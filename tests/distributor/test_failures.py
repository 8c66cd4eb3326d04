import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from distributor import failures
from distributor.failures import InvalidationsNotQueuedError
from distributor.outcomes import Cause, Failed, NotQueued, Rejected, Skipped


def test_only_rejections_are_kept_each_with_its_reason() -> None:
    with mock_aws():
        url = boto3.client("sqs").create_queue(QueueName="failures")["QueueUrl"]

        failures.connect(url).keep(
            [Skipped("s", "x"), Rejected("a", "unfit"), Failed("f", "y"), Rejected("b", "odd", Cause.MALFORMED_RECORD)]
        )

        messages = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"]) for message in messages] == [
        {"outcome": "rejected", "source": "a", "reason": "unfit", "keys": ["a"]},
        {"outcome": "rejected", "source": "b", "reason": "odd", "keys": []},
    ]


def test_without_a_queue_nothing_is_sent() -> None:
    with mock_aws():
        failures.connect("").keep([Rejected("a", "unfit")])


def test_a_queue_that_does_not_take_the_message_is_an_error() -> None:
    with mock_aws(), pytest.raises(ClientError, match="NonExistentQueue"):
        failures.connect("https://sqs.us-east-1.amazonaws.com/123456789012/none").keep([Rejected("a", "unfit")])


def test_keys_that_could_not_be_queued_are_kept_in_messages_that_are_events_themselves() -> None:
    not_queued = [NotQueued(f"aws-data/{number:02}.json", "AccessDenied") for number in range(60)]
    with mock_aws():
        url = boto3.client("sqs").create_queue(QueueName="failures")["QueueUrl"]

        failures.connect(url).keep_not_queued(not_queued)

        received = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    messages = [json.loads(message["Body"]) for message in received]
    assert [len(message["keys"]) for message in messages] == [25, 25, 10]
    assert [key for message in messages for key in message["keys"]] == [one.key for one in not_queued]
    assert {(message["outcome"], message["reason"]) for message in messages} == {("not invalidated", "AccessDenied")}


def test_without_a_queue_keys_that_could_not_be_queued_are_an_error_and_none_are_none() -> None:
    nowhere = failures.connect("")

    nowhere.keep_not_queued([])
    with pytest.raises(InvalidationsNotQueuedError, match="1 published"):
        nowhere.keep_not_queued([NotQueued("a", "why")])

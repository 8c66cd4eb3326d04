import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from distributor import failures
from distributor.outcomes import Cause, Failed, Rejected, Skipped


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

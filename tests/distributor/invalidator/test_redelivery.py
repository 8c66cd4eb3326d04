import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from moto.sqs.models import sqs_backends

from distributor.invalidator.messages import Delivery, Refusal
from distributor.invalidator.redelivery import Redelivery
from tests.distributor.messages import SENT


@pytest.fixture
def queues() -> Iterator[Redelivery]:
    with mock_aws():
        sqs = boto3.client("sqs")
        urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("invalidations", "failures")]
        yield Redelivery(sqs, *urls)


def received(queues: Redelivery, count: int) -> list[Delivery]:
    for number in range(count):
        queues.client.send_message(QueueUrl=queues.url, MessageBody=str(number))
    deliveries: list[Delivery] = []
    while messages := queues.client.receive_message(
        QueueUrl=queues.url, MaxNumberOfMessages=10, VisibilityTimeout=720
    ).get("Messages"):
        deliveries += [
            Delivery(message["MessageId"], message["ReceiptHandle"], message["Body"], 2, SENT) for message in messages
        ]
    return deliveries


def hidden_for(queues: Redelivery) -> list[float]:
    backend = sqs_backends["123456789012"]["us-east-1"]
    messages = backend.queues["invalidations"]._messages
    return [(message.visible_at / 1000) - (message.sent_timestamp or 0) / 1000 for message in messages]


def test_messages_are_put_off_by_how_often_they_were_received(queues: Redelivery) -> None:
    deliveries = received(queues, 12)

    assert queues.put_off(deliveries, jitter=0.5) == 12
    assert all(30 <= seconds < 60 for seconds in hidden_for(queues))


def test_refused_messages_move_to_the_dead_letter_queue_unchanged_with_the_reason(queues: Redelivery) -> None:
    refused = [Refusal(delivery, "AccessDenied: " + "x" * 2000) for delivery in received(queues, 2)]

    assert queues.move_to_dead_letters(refused) == []

    kept = queues.client.receive_message(
        QueueUrl=queues.failures_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    assert [message["Body"] for message in kept] == ["0", "1"]
    reasons = [message["MessageAttributes"]["reason"]["StringValue"] for message in kept]
    assert all(reason.startswith("AccessDenied: x") and len(reason) == 1000 for reason in reasons)


def test_a_refused_message_that_could_not_be_moved_is_returned() -> None:
    sqs: Any = Mock()
    sqs.send_message_batch.return_value = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "x"}]}
    first, second = (Refusal(Delivery(name, "r", "{}", 1, SENT), "why") for name in "ab")

    assert Redelivery(sqs, "http://queue", "http://failures").move_to_dead_letters([first, second]) == [second.delivery]


def test_what_cannot_be_put_off_comes_again_by_itself() -> None:
    sqs: Any = Mock()
    answers = [{"Successful": [{"Id": "0"}] * 10}, EndpointConnectionError(endpoint_url="http://sqs")]
    sqs.change_message_visibility_batch.side_effect = answers
    deliveries = [Delivery(str(number), "r", json.dumps(number), 1, SENT) for number in range(35)]

    assert Redelivery(sqs, "http://queue", "http://failures").put_off(deliveries, 0) == 10
    assert sqs.change_message_visibility_batch.call_count == 2

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from distributor.invalidations import InvalidationQueue, NoInvalidations, connect
from distributor.outcomes import Copied, Failed, Gone, NotQueued, Outcome, Publish, Rejected, Skipped
from distributor.settings import Location
from tests.distributor.world import SOURCE, WEBSITE, task


def copied(name: str = "x.json", etag: str = '"e"') -> Copied:
    return Copied(task(name), etag, 2, 1, 0.1, "run-1")


@pytest.fixture
def url() -> Iterator[str]:
    with mock_aws():
        yield boto3.client("sqs").create_queue(QueueName="invalidations")["QueueUrl"]


def queued(url: str) -> list[dict[str, Any]]:
    received: list[dict[str, Any]] = []
    while some := boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [json.loads(message["Body"]) for message in some]
    return received


def test_a_message_tells_the_key_on_the_website_the_etag_the_correlation_id_and_when_it_was_sent(url: str) -> None:
    assert connect(url, WEBSITE).send([copied("space plus+日.json")]) == []

    (message,) = queued(url)
    assert timedelta() <= datetime.now(UTC) - datetime.fromisoformat(message.pop("time")) < timedelta(minutes=1)
    assert message == {"key": "data/space plus+日.json", "etag": "e", "correlation_id": "run-1"}


def test_only_copies_to_the_website_are_told_of_each_key_once(url: str) -> None:
    replica = Copied(Publish(SOURCE, Location("my-mirror", "data"), "r.json"), '"e"', 2, 1, 0.1)
    others: list[Outcome] = [Gone(task()), Skipped("s", "why"), Rejected("r", "why"), Failed("f", "why")]

    connect(url, WEBSITE).send([*others, copied(), replica, copied("y.json"), copied(etag='"later"')])

    assert [(one["key"], one["etag"]) for one in queued(url)] == [("data/x.json", "later"), ("data/y.json", "e")]


def test_nothing_published_is_nothing_asked_for() -> None:
    client = Mock()

    assert InvalidationQueue(client, "http://queue", WEBSITE).send([]) == []
    assert client.mock_calls == []


def test_without_a_queue_nothing_is_asked_for() -> None:
    assert connect("", WEBSITE) == NoInvalidations()
    assert connect("", WEBSITE).send([copied()]) == []


class Sqs:
    """Takes what it likes."""

    def __init__(self, *answers: Any) -> None:
        self.answers = iter(answers)
        self.sizes: list[int] = []

    def send_message_batch(self, **request: Any) -> Any:
        self.sizes.append(len(request["Entries"]))
        answer = next(self.answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer or {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}


def queue_on(sqs: Sqs) -> InvalidationQueue:
    return InvalidationQueue(sqs, "http://queue", WEBSITE)  # type: ignore[arg-type]


def test_a_storm_of_keys_makes_requests_of_ten_messages_and_no_others() -> None:
    sqs = Sqs()

    assert queue_on(sqs).send(copied(f"{number}.json") for number in range(10_005)) == []
    assert sqs.sizes == [10] * 1000 + [5]


def test_what_the_queue_does_not_take_is_handed_back_with_the_source_key_and_the_reason() -> None:
    partial = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}

    assert queue_on(Sqs(partial)).send(map(copied, ("a.json", "b.json", "c.json"))) == [
        NotQueued("aws-data/b.json", "InternalError: "),
        NotQueued("aws-data/c.json", "SQS did not say that it took the message"),
    ]


def test_after_a_request_that_failed_as_a_whole_no_further_one_is_made() -> None:
    sqs = Sqs(None, EndpointConnectionError(endpoint_url="http://sqs"))

    not_queued = queue_on(sqs).send(copied(f"{number:02}.json") for number in range(35))

    assert sqs.sizes == [10, 10]
    assert [one.key for one in not_queued] == [f"aws-data/{number}.json" for number in range(10, 35)]
    assert "EndpointConnectionError" in not_queued[-1].reason


def test_a_queue_that_is_not_there_takes_nothing_and_nothing_is_raised(url: str) -> None:
    (not_queued,) = connect(f"{url}-none", WEBSITE).send([copied()])

    assert not_queued.key == "aws-data/x.json"
    assert "NonExistentQueue" in not_queued.reason

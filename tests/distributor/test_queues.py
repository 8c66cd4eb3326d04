import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from distributor.outcomes import Cause, Copied, Failed, Gone, NotSent, Omission, Outcome, Publish, Rejected
from distributor.queues import FailureQueue, InvalidationQueue, NoInvalidations, NotSentError
from distributor.settings import Location
from tests.distributor.world import EVERY_KIND, HEADERS, SOURCE, WEBSITE, task


def copied(name: str = "x.json", run: str = "run-1") -> Copied:
    return Copied(task(name), '"e"', 2, 1, 0.1, run)


def not_invalidated(key: str, reason: str = "AccessDenied") -> NotSent:
    return NotSent(key, Omission.NOT_INVALIDATED, reason)


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    created: str = sqs.create_queue(QueueName="a-queue")["QueueUrl"]
    return created


def queued(sqs: Any, url: str) -> list[dict[str, Any]]:
    received: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [json.loads(message["Body"]) for message in messages]
    return received


def test_a_message_has_the_key_on_the_website_the_correlation_id_and_when_it_was_sent(sqs: Any, url: str) -> None:
    assert InvalidationQueue(sqs, url, WEBSITE.bucket).send([copied("space plus+日.json")]) == []

    (message,) = queued(sqs, url)
    assert timedelta() <= datetime.now(UTC) - datetime.fromisoformat(message.pop("time")) < timedelta(minutes=1)
    assert message == {"key": "data/space plus+日.json", "correlation_id": "run-1"}


def test_what_a_copy_has_written_is_sent_whatever_the_outcome(sqs: Any, url: str) -> None:
    gone, unfit, failed = (task(f"{name}.json") for name in ("gone", "unfit", "failed"))
    outcomes: list[Outcome] = [
        Gone(gone, "run-1", gone),
        Rejected(unfit.source_key, "why", landed=unfit),
        Failed(failed.source_key, "why", landed=failed),
    ]

    InvalidationQueue(sqs, url, WEBSITE.bucket).send(outcomes)

    assert [message["key"] for message in queued(sqs, url)] == ["data/gone.json", "data/unfit.json", "data/failed.json"]


def test_every_destination_in_the_websites_bucket_is_sent(sqs: Any, url: str) -> None:
    variant = Copied(Publish(SOURCE, WEBSITE._replace(prefix="beta"), "x.json", HEADERS), '"e"', 2, 1, 0.1)

    InvalidationQueue(sqs, url, WEBSITE.bucket).send([copied(), variant])

    assert [message["key"] for message in queued(sqs, url)] == ["data/x.json", "beta/x.json"]


def test_only_copies_to_the_websites_bucket_are_sent_each_key_once(sqs: Any, url: str) -> None:
    replica = Copied(Publish(SOURCE, Location("my-mirror", "data"), "r.json", HEADERS), '"e"', 2, 1, 0.1)
    others: list[Outcome] = EVERY_KIND[1:]

    queue = InvalidationQueue(sqs, url, WEBSITE.bucket)
    queue.send([*others, copied(), replica, copied("y.json"), copied(run="run-2")])

    assert [(message["key"], message["correlation_id"]) for message in queued(sqs, url)] == [
        ("data/x.json", "run-2"),
        ("data/y.json", "run-1"),
    ]


def test_nothing_published_is_nothing_sent() -> None:
    client = Mock()

    assert InvalidationQueue(client, "http://queue", WEBSITE.bucket).send([]) == []
    assert client.mock_calls == []


def test_where_invalidations_are_off_nothing_is_sent() -> None:
    assert NoInvalidations().send([copied()]) == []


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
    return InvalidationQueue(sqs, "http://queue", WEBSITE.bucket)  # type: ignore[arg-type]


def test_a_storm_of_keys_makes_requests_of_ten_messages_and_no_others() -> None:
    sqs = Sqs()

    assert queue_on(sqs).send(copied(f"{number}.json") for number in range(1005)) == []
    assert sqs.sizes == [10] * 100 + [5]


def test_what_the_queue_does_not_take_is_handed_back_with_the_source_key_and_the_reason() -> None:
    partial = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}

    assert queue_on(Sqs(partial)).send(map(copied, ("a.json", "b.json", "c.json"))) == [
        not_invalidated("aws-data/b.json", "InternalError: "),
        not_invalidated("aws-data/c.json", "SQS did not say that it took the message"),
    ]


def test_after_a_request_that_failed_as_a_whole_no_further_one_is_made() -> None:
    sqs = Sqs(None, EndpointConnectionError(endpoint_url="http://sqs"))

    not_queued = queue_on(sqs).send(copied(f"{number:02}.json") for number in range(35))

    assert sqs.sizes == [10, 10]
    assert [entry.key for entry in not_queued] == [f"aws-data/{number}.json" for number in range(10, 35)]
    assert "EndpointConnectionError" in not_queued[-1].reason


def test_a_queue_that_does_not_exist_takes_nothing_and_nothing_is_raised(sqs: Any, url: str) -> None:
    (not_queued,) = InvalidationQueue(sqs, f"{url}-none", WEBSITE.bucket).send([copied()])

    assert not_queued.key == "aws-data/x.json"
    assert "NonExistentQueue" in not_queued.reason


def test_only_rejections_are_kept_each_with_its_reason(sqs: Any, url: str) -> None:
    outcomes = [*EVERY_KIND, Rejected("a", "unfit"), Failed("f", "y"), Rejected("b", "odd", Cause.MALFORMED_RECORD)]

    FailureQueue(sqs, url).keep_rejections(outcomes)

    assert queued(sqs, url) == [
        {"outcome": "rejected", "source": "r", "reason": "why", "keys": ["r"]},
        {"outcome": "rejected", "source": "a", "reason": "unfit", "keys": ["a"]},
        {"outcome": "rejected", "source": "b", "reason": "odd", "keys": []},
    ]


def test_an_object_that_every_destination_rejects_is_kept_once(sqs: Any, url: str) -> None:
    at_destinations = [Rejected("a", "unfit"), Rejected("a", "unfit", landed=task("a.json"))]

    FailureQueue(sqs, url).keep_rejections(at_destinations)

    assert [message["keys"] for message in queued(sqs, url)] == [["a"]]


def test_without_a_failure_queue_rejections_are_not_kept() -> None:
    client = Mock()

    FailureQueue(client, "").keep_rejections([Rejected("a", "unfit")])

    assert client.mock_calls == []


def test_a_failure_queue_that_does_not_take_the_message_is_an_error(sqs: Any, url: str) -> None:
    with pytest.raises(ClientError, match="NonExistentQueue"):
        FailureQueue(sqs, f"{url}-none").keep_rejections([Rejected("a", "unfit")])


def test_keys_that_could_not_be_queued_are_kept_in_messages_that_are_events_themselves(sqs: Any, url: str) -> None:
    not_queued = [not_invalidated(f"aws-data/{number:02}.json") for number in range(60)]

    FailureQueue(sqs, url).keep_not_sent(not_queued)

    messages = queued(sqs, url)
    assert [len(message["keys"]) for message in messages] == [25, 25, 10]
    assert [key for message in messages for key in message["keys"]] == [entry.key for entry in not_queued]
    assert {(message["outcome"], message["reason"]) for message in messages} == {("not invalidated", "AccessDenied")}


def test_invalidations_and_events_that_were_not_sent_are_kept_apart_each_with_its_reason(sqs: Any, url: str) -> None:
    FailureQueue(sqs, url).keep_not_sent(
        [not_invalidated("a", "no right"), NotSent("a", Omission.NOT_ANNOUNCED, "no bus"), not_invalidated("b")]
    )

    assert queued(sqs, url) == [
        {"outcome": "not invalidated", "reason": "no right", "keys": ["a", "b"]},
        {"outcome": "not announced", "reason": "no bus", "keys": ["a"]},
    ]


def test_without_a_failure_queue_keys_that_could_not_be_queued_are_an_error_and_none_are_none() -> None:
    client = Mock()

    FailureQueue(client, "").keep_not_sent([])
    with pytest.raises(NotSentError, match="not invalidated: 1 key"):
        FailureQueue(client, "").keep_not_sent([not_invalidated("a")])

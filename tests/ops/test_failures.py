"""Reading the failure queue, against a queue whose time passes only by requests, and what a redrive makes of errors."""

from collections import deque
from typing import Any

import pytest

from distributor.queues import MESSAGES_PER_REQUEST
from ops.failures import receive_failures
from ops.stack import DeployedStack


class Queue:
    """Gives messages that are visible again before those that nobody has read; each request takes `seconds`."""

    def __init__(self, messages: int, seconds: float) -> None:
        self.unread = [str(number) for number in range(messages)]
        self.hidden: deque[tuple[float, str]] = deque()
        self.seconds, self.now, self.requests = seconds, 0.0, 0

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        self.requests += 1
        self.now += self.seconds
        ids: list[str] = []
        while len(ids) < arguments["MaxNumberOfMessages"] and self.hidden and self.hidden[0][0] <= self.now:
            ids.append(self.hidden.popleft()[1])
        while len(ids) < arguments["MaxNumberOfMessages"] and self.unread:
            ids.append(self.unread.pop())
        self.hidden.extend((self.now + arguments["VisibilityTimeout"], id_) for id_ in ids)
        return {"Messages": [message(id_, "{}") for id_ in ids]} if ids else {}


class Endless(Queue):
    """Gets new messages faster than they are read."""

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        self.unread += [f"later {self.requests} {number}" for number in range(20)]
        return super().receive_message(**arguments)


def message(id_: str, body: str) -> dict[str, Any]:
    return {"MessageId": id_, "ReceiptHandle": id_, "Body": body, "Attributes": {"SentTimestamp": "0"}}


class Session:
    def __init__(self, **clients: Any) -> None:
        self.clients = clients

    def client(self, service: str, config: object) -> Any:
        return self.clients[service]


OUTPUTS = {name: name for name in ("DistributionFailuresUrl", "DistributorFunctionName", "SweeperFunctionName")}


def stack(**clients: Any) -> DeployedStack:
    session: Any = Session(**clients)
    return DeployedStack(session, "feed", "CREATE_COMPLETE", OUTPUTS)


def test_every_message_of_a_long_queue_is_listed_once() -> None:
    received = receive_failures(stack(sqs=Queue(13_000, seconds=0.1)))

    assert (len(received.failures), received.complete) == (13_000, True)


def test_a_listing_ends_where_messages_come_back_before_all_are_read() -> None:
    queue = Queue(13_000, seconds=1)

    received = receive_failures(stack(sqs=queue))

    assert queue.requests == len(received.failures) / MESSAGES_PER_REQUEST + 1
    assert not received.complete


def test_a_listing_ends_where_new_messages_never_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.failures.MOST_MESSAGES", 50)

    received = receive_failures(stack(sqs=Endless(0, seconds=0.1)))

    assert (len(received.failures), received.complete) == (50, False)

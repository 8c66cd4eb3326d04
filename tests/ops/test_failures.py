"""The failure queue, read from a fake whose time passes only by its requests, and tried again where AWS fails."""

import json
from collections import deque
from collections.abc import Mapping
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from distributor.queues import MESSAGES_PER_REQUEST
from ops.failures import Refusal, receive_failures, redrive
from ops.stack import DeployedStack

STACK_ID = "arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/feed/51af3dc0"
ARN = "arn:aws-cn:lambda:cn-north-1:123456789012:function:feed-distributor"
OUTPUTS = {
    "DistributionFailuresUrl": "queue",
    "DistributorFunctionName": "feed-distributor",
    "SweeperFunctionName": "feed-sweeper",
    "SourceBucketName": "source",
}


class Queue:
    """Gives messages that are visible again before those that nobody has read; each request takes `seconds`."""

    def __init__(self, bodies: Mapping[str, str], seconds: float = 0.1) -> None:
        self.bodies, self.unread = dict(bodies), list(bodies)
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
        return {"Messages": [self._message(id_) for id_ in ids]} if ids else {}

    def _message(self, id_: str) -> dict[str, Any]:
        return {
            "MessageId": id_,
            "ReceiptHandle": id_,
            "Body": self.bodies[id_],
            "Attributes": {"SentTimestamp": "0"},
        }

    def get_queue_attributes(self, **arguments: Any) -> dict[str, Any]:
        counts = (len(self.unread), len(self.hidden), 0)
        return {"Attributes": dict(zip(arguments["AttributeNames"], map(str, counts), strict=True))}

    def delete_message(self, **arguments: Any) -> None:
        if arguments["ReceiptHandle"] == "locked":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, "DeleteMessage")
        del self.bodies[arguments["ReceiptHandle"]]

    def change_message_visibility_batch(self, **arguments: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://queue")


class Endless(Queue):
    """Gets new messages faster than they are read."""

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        new = {f"{self.requests} {number}": "{}" for number in range(20)}
        self.bodies |= new
        self.unread += new
        return super().receive_message(**arguments)


class Functions:
    """The distributor, which publishes every key but two."""

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        (key,) = json.loads(arguments["Payload"])["keys"]
        if key == "throttled":
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow down"}}, "Invoke")
        if key == "crash":
            return {"FunctionError": "Unhandled", "Payload": BytesIO(b'{"errorMessage": "out of memory"}')}
        return {"Payload": BytesIO(json.dumps({"objects": [{"outcome": "copied", "source": key}]}).encode())}

    def get_function_concurrency(self, **_: Any) -> dict[str, Any]:
        return {}


class Session:
    def __init__(self, queue: Queue) -> None:
        self.clients = {"sqs": queue, "lambda": Functions()}

    def client(self, service: str, config: object) -> Any:
        client: Any = self.clients[service]
        client.meta = SimpleNamespace(endpoint_url="https://aws")
        return client


def stack(queue: Queue) -> DeployedStack:
    session: Any = Session(queue)
    return DeployedStack(session, STACK_ID, "feed", "CREATE_COMPLETE", OUTPUTS)


def numbered(messages: int) -> dict[str, str]:
    return {str(number): "{}" for number in range(messages)}


def test_every_message_of_a_long_queue_is_listed_once() -> None:
    with receive_failures(stack(Queue(numbered(13_000)))) as received:
        pass

    assert (len(received.failures), received.complete) == (13_000, True)


def test_a_listing_ends_where_messages_come_back_before_all_are_read() -> None:
    queue = Queue(numbered(13_000), seconds=1)

    with receive_failures(stack(queue)) as received:
        pass

    assert queue.requests == len(received.failures) / MESSAGES_PER_REQUEST + 1
    assert not received.complete


@pytest.mark.parametrize(("most", "number"), [("MOST_MESSAGES", 50), ("MOST_CHARACTERS", 100)])
def test_a_listing_ends_where_new_messages_never_do(most: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"ops.failures.{most}", number)  # each message has two characters

    with receive_failures(stack(Endless({}))) as received:
        pass

    assert (len(received.failures), received.complete) == (50, False)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "1" * 5000,
        "[" * 100_000,
        '{"requestContext": {}, "requestPayload": ' * 900 + "1" + "}" * 900,
        json.dumps({"requestContext": {"functionArn": ARN, "condition": []}, "requestPayload": {"keys": [[]]}}),
        json.dumps({"requestContext": {"functionArn": ARN}, "responsePayload": "text", "requestPayload": None}),
        json.dumps({"outcome": "rejected", "keys": [1, None], "reason": "x"}),
        json.dumps({"outcome": ["rejected"], "keys": {}, "reason": {}}),
    ],
    ids=lambda body: body[:20],
)  # fmt: skip
def test_a_message_of_any_shape_is_listed(body: str) -> None:
    with receive_failures(stack(Queue({"odd": body}))) as received:
        (failure,) = received.failures

    assert isinstance(failure.attempt, Refusal)


def test_an_error_on_one_message_does_not_end_the_others() -> None:
    names = ["throttled", "crash", "locked", "good"]
    queue = Queue({name: json.dumps({"outcome": "rejected", "reason": "", "keys": [name]}) for name in names})

    with receive_failures(stack(queue)) as received:
        results = {result.failure.receipt: result for result in redrive(stack(queue), received.failures)}

    assert [name for name in names if results[name].done] == ["good"]
    assert list(queue.bodies) == ["throttled", "crash", "locked"]
    assert [results[name].detail.rpartition(": ")[2] for name in queue.bodies] == [
        "slow down",
        "out of memory",
        "not yours",
    ]

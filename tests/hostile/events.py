"""Events that are meant to fill the memory, to take long, or to let one record harm the others."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.distributor.messages import body, queue_event, received
from tests.distributor.world import event, record
from tests.hostile.judge import Judge

LARGEST = 6_000_000  # bytes of a synchronous event; an asynchronous one has a sixth of it
ONE_BAD = {"rejected": 1, "copied": 1}


def with_good_record(*records: str) -> str:
    return f'{{"Records": [{",".join([*records, json.dumps(record())])}]}}'


def in_messages(levels: int) -> str:
    """An event in a message in an event, and so on; each level doubles the backslashes, so there are few."""
    inner: Any = event(record())
    for _ in range(levels):
        inner = {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(inner)}]}
    return json.dumps(inner)


def in_failure_records(levels: int) -> str:
    return '{"requestContext": {}, "requestPayload": ' * levels + json.dumps(event(record())) + "}" * levels


@dataclass(frozen=True)
class Hostile:
    """An event, and what becomes of its records: outcomes by kind, or the name of the error that ends it."""

    build: Callable[[], str]
    promised: Mapping[str, int] | str

    def outcome(self, judge: Judge) -> Mapping[str, int] | str:
        """The same as the limited process has found it."""
        answer = judge.ask("event", self.build().encode())
        counts = answer.get("answer", {}).get("counts", {})
        return {kind: number for kind, number in counts.items() if number} or answer["error"]


DISTRIBUTOR: Mapping[str, Hostile] = {
    "one record 20,000 times": Hostile(lambda: json.dumps(event(*[record()] * 19_999)), {"copied": 1}),
    "20,000 records without a key": Hostile(
        lambda: with_good_record(*[json.dumps({"eventSource": "aws:s3", "eventVersion": "2.1"})] * 19_999),
        {"rejected": 19_999, "copied": 1},
    ),
    "20,000 records without a version": Hostile(
        lambda: with_good_record(*['{"eventSource": "aws:s3"}'] * 19_999), "DistributionFailedError"
    ),
    "20,000 records of nothing": Hostile(
        lambda: with_good_record(*["null"] * 19_999), {"rejected": 19_999, "copied": 1}
    ),
    "20,000 keys": Hostile(
        lambda: json.dumps({"keys": [f"aws-data/{number}.json" for number in range(20_000)]}), {"copied": 20_000}
    ),
    "records of 6 MB": Hostile(
        lambda: with_good_record(*[json.dumps({"a": "x" * 1000})] * (LARGEST // 1012)),
        {"rejected": LARGEST // 1012, "copied": 1},
    ),
    "a record of 6 MB": Hostile(lambda: with_good_record(json.dumps({"a": "x" * LARGEST})), ONE_BAD),
    "a name of 6 MB": Hostile(lambda: with_good_record(json.dumps({"x" * LARGEST: 1})), ONE_BAD),
    "a key of 6 MB": Hostile(lambda: with_good_record(json.dumps(record("aws-data/" + "x" * LARGEST))), ONE_BAD),
    "a key of 6 MB with a control character": Hostile(
        lambda: with_good_record(json.dumps(record("aws-data/%00" + "x" * LARGEST))), ONE_BAD
    ),
    "a key of 6 MB of percent signs": Hostile(
        lambda: with_good_record(json.dumps(record("aws-data/" + "%" * LARGEST))), ONE_BAD
    ),
    "a record in 900 lists": Hostile(lambda: with_good_record("[" * 900 + "]" * 900), ONE_BAD),
    "a record in 100,000 lists": Hostile(lambda: with_good_record("[" * 100_000 + "]" * 100_000), "RecursionError"),
    "an event in 900 objects": Hostile(lambda: '{"a":' * 900 + "1" + "}" * 900, "EnvelopeError"),
    "an event in 8 messages": Hostile(lambda: in_messages(8), {"copied": 1}),
    "an event in 200 failure records": Hostile(lambda: in_failure_records(200), {"copied": 1}),
    "an event in 20,000 failure records": Hostile(lambda: in_failure_records(20_000), "RecursionError"),
    "a message of a million brackets": Hostile(
        lambda: with_good_record(json.dumps({"eventSource": "aws:sqs", "body": "[" * 1_000_000})), ONE_BAD
    ),
    "a message of 6 MB": Hostile(
        lambda: with_good_record(json.dumps({"eventSource": "aws:sqs", "body": "x" * LARGEST})), ONE_BAD
    ),
    "three million numbers": Hostile(lambda: f'{{"Records": [{",".join(["1"] * 3_000_000)}]}}', "EnvelopeError"),
    "an event of no known shape, 6 MB": Hostile(lambda: json.dumps({"a": "x" * LARGEST}), "EnvelopeError"),
    "a text of a million escapes": Hostile(lambda: json.dumps("\x1b" * (LARGEST // 6)), "EnvelopeError"),
}

INVALIDATOR: Mapping[str, Callable[[], str]] = {
    "10,000 keys": lambda: json.dumps(queue_event(*(received(n, body(f"data/{n}.json")) for n in range(10_000)))),
    "10,000 messages of nothing": lambda: json.dumps(queue_event(*(received(n, "") for n in range(10_000)))),
    "a message of 6 MB": lambda: json.dumps(queue_event(received(0, "x" * 1_000_000), received(1))),
    "a key of 6 MB": lambda: json.dumps(queue_event(received(0, body("data/" + "x" * LARGEST)), received(1))),
    "a message of a million brackets": lambda: json.dumps(queue_event(received(0, "[" * 1_000_000), received(1))),
    "keys with a million slashes": lambda: json.dumps(queue_event(received(0, body("/" * 1_000_000)), received(1))),
    "a lone surrogate": lambda: json.dumps(queue_event(received(0, '{"key": "\\ud800"}'), received(1))),
    "a correlation id of 6 MB": lambda: json.dumps(
        queue_event(received(0, body(correlation_id="x" * LARGEST)), received(1))
    ),
}

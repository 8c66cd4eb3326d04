"""`feed invalidate` puts messages on the stack's invalidation queue; a queue of the test's own stands for it."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from ops.stack import DeployedStack
from tests.ops.commands.conftest import Deploy, Feed

INVALIDATING = "invalidating"


@pytest.fixture
def queue(cloud: EmbeddedCloud, deploy: Deploy) -> Iterator[str]:
    """The queue's URL; a stack that has it is deployed beside the usual one."""
    url: str = cloud.client("sqs").create_queue(QueueName="invalidations")["QueueUrl"]
    deploy(INVALIDATING, cloud.stack.outputs | {"InvalidationsUrl": url})
    yield url
    cloud.client("sqs").delete_queue(QueueUrl=url)


def received(cloud: EmbeddedCloud, url: str) -> list[dict[str, Any]]:
    bodies = []
    while messages := cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        bodies += [json.loads(message["Body"]) for message in messages]
    return bodies


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["regions.json"], ["data/regions.json"]),
        (["data/regions.json", "/data/services.json"], ["data/regions.json", "data/services.json"]),
        (["regions.json", "data/regions.json"], ["data/regions.json"]),
        (["--all", "--yes"], ["data/*"]),
        (["--yes", *(f"{number:02}.json" for number in range(12))], [f"data/{number:02}.json" for number in range(12)]),
    ],
)
def test_each_file_is_one_message_and_everything_is_one_too(
    cloud: EmbeddedCloud, feed: Feed, queue: str, arguments: list[str], keys: list[str]
) -> None:
    finished = feed("invalidate", *arguments, "--stack-name", INVALIDATING)

    assert finished.exit_code == 0, finished.output
    assert sorted(message["key"] for message in received(cloud, queue)) == keys


def test_a_message_is_as_the_distributor_writes_it(cloud: EmbeddedCloud, feed: Feed, queue: str) -> None:
    answer = json.loads(feed("invalidate", "regions.json", "--stack-name", INVALIDATING, "--json").stdout)

    (message,) = received(cloud, queue)
    assert set(message) == {"key", "correlation_id", "time"}
    assert re.fullmatch(r"feed-invalidate-\d{8}T\d{6}Z", message["correlation_id"])
    assert datetime.fromisoformat(message["time"]).tzinfo
    assert answer == {
        "correlationId": message["correlation_id"],
        "asked": [{"key": "data/regions.json", "queued": True, "reason": ""}],
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["regions.json", "nosuch.json"], "the website does not have data/nosuch.json; --yes asks all the same"),
        (["--all"], "data/* is everything that is published"),
    ],
)
def test_everything_and_what_the_website_does_not_have_need_a_yes(
    cloud: EmbeddedCloud, feed: Feed, queue: str, arguments: list[str], words: str
) -> None:
    finished = feed("invalidate", *arguments, "--stack-name", INVALIDATING)

    assert finished.exit_code == 2
    assert words in finished.stderr
    assert received(cloud, queue) == []


class RefusingQueue:
    def send_message_batch(self, **_: Any) -> dict[str, Any]:
        return {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError", "Message": "try later"}]}


def test_a_message_that_the_queue_does_not_take_is_no_success(
    feed: Feed, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeployedStack, "client", lambda _self, _service: RefusingQueue())

    finished = feed("invalidate", "regions.json", "services.json", "--yes", "--stack-name", INVALIDATING, "--json")

    assert finished.exit_code == 1
    assert {entry["key"]: entry["reason"] for entry in json.loads(finished.stdout)["asked"]} == {
        "data/regions.json": "",
        "data/services.json": "InternalError: try later",
    }


def test_a_stack_without_invalidations_says_so(cloud: EmbeddedCloud, feed: Feed) -> None:
    finished = feed("invalidate", "--all")

    assert finished.exit_code == 2
    assert "CloudFrontDistributionId is empty" in finished.stderr


@pytest.mark.parametrize("arguments", [[], ["regions.json", "--all"]])
def test_either_files_or_all_of_them_must_be_named(feed: Feed, arguments: list[str]) -> None:
    finished = feed("invalidate", *arguments)

    assert finished.exit_code == 2
    assert "name files, or use --all" in finished.stderr

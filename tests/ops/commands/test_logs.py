"""`feed logs` prints what a person pastes into a terminal, checked as a shell would read it, or follows the logs."""

import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError
from moto.logs.models import LogsBackend
from typer.testing import Result

from cloud.embedded import EmbeddedCloud
from ops.log_events import OVERLAP_SECONDS, Tail
from tests.ops.commands.conftest import Feed, upload


def test_each_function_s_log_can_be_followed(cloud: EmbeddedCloud, feed: Feed) -> None:
    finished = feed("logs")

    groups = {group.name for group in cloud.stack.of_type("AWS::Logs::LogGroup")}
    followed = [shlex.split(line) for line in finished.stdout.splitlines() if "aws logs tail" in line]
    assert finished.exit_code == 0
    assert "version 2 of the AWS CLI" in finished.stdout
    assert {words[3] for words in followed} == groups
    assert all(words[-2:] == ["--region", "us-east-1"] for words in followed)


def test_the_saved_queries_of_the_stack_can_be_asked_from_a_terminal(cloud: EmbeddedCloud, feed: Feed) -> None:
    lines = feed("logs").stdout.replace("\\\n", " ").splitlines()

    (listed,) = (shlex.split(line) for line in lines if "describe-query-definitions" in line)
    (started,) = (shlex.split(line) for line in lines if "start-query" in line)
    prefix = listed[listed.index("--query-definition-name-prefix") + 1]
    saved = [query.name for query in cloud.stack.of_type("AWS::Logs::QueryDefinition")]
    assert saved
    assert all(name.startswith(prefix) for name in saved)
    groups = {group.name for group in cloud.stack.of_type("AWS::Logs::LogGroup")}
    assert groups <= set(started)


GROUP = "/aws/lambda/aws-services-feed-{}"
Step = Callable[[], None]


class Logs:
    """The log groups of the stack; events are logged so many seconds ago."""

    def __init__(self, cloud: EmbeddedCloud) -> None:
        self._logs, self._began = cloud.client("logs"), int(time.time() * 1000)

    def put(self, function: str, *messages: str, seconds_ago: float = 0) -> None:
        """Each message in a stream of its own, as from another environment."""
        for message in messages:
            stream = {"logGroupName": GROUP.format(function), "logStreamName": secrets.token_hex(8)}
            self._logs.create_log_stream(**stream)
            at = self._began - int(seconds_ago * 1000)
            self._logs.put_log_events(**stream, logEvents=[{"timestamp": at, "message": message}])


@pytest.fixture
def written(cloud: EmbeddedCloud) -> Logs:
    return Logs(cloud)


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What happens after each look; after the last of it comes Ctrl-C."""

    def set_steps(*steps: Step) -> None:
        waiting = list(steps)

        def sleep(_: float) -> None:
            if not waiting:
                raise KeyboardInterrupt
            waiting.pop(0)()

        monkeypatch.setattr("ops.log_events.time.sleep", sleep)

    return set_steps


def messages(finished: Result) -> list[str]:
    assert finished.exit_code == 0, finished.output
    return [json.loads(line)["message"] for line in finished.stdout.splitlines()]


def test_what_was_logged_lately_is_followed_by_what_comes(
    feed: Feed, written: Logs, between: Callable[..., None]
) -> None:
    written.put("fetcher", "long ago", seconds_ago=3600)
    written.put("fetcher", "second", seconds_ago=100)
    written.put("sweeper", "first", seconds_ago=200)
    between(lambda: written.put("distributor", "third\n"), lambda: None)

    finished = feed("logs", "--follow")

    assert finished.exit_code == 0
    lines = [line.split(" ")[2:] for line in finished.stdout.splitlines()]
    assert lines == [["sweeper", "first"], ["fetcher", "second"], ["distributor", "third"]]


def test_a_person_is_spared_the_metrics_and_a_script_gets_them(
    feed: Feed, written: Logs, between: Callable[..., None]
) -> None:
    written.put("fetcher", '{"_aws": {}, "Regions": [2]}', '{"message": "run_finished"}', seconds_ago=1)
    between()

    person, script = feed("logs", "--follow").stdout, messages(feed("logs", "--follow", "--json"))

    assert "Regions" not in person
    assert "run_finished" in person
    assert len(script) == 2


def test_an_event_that_is_found_late_is_neither_lost_nor_is_any_printed_twice(
    feed: Feed, written: Logs, between: Callable[..., None]
) -> None:
    written.put("fetcher", "newest", seconds_ago=1)
    between(
        lambda: written.put("fetcher", "late", "late too", seconds_ago=60),
        lambda: written.put("fetcher", "of the same millisecond", seconds_ago=1),
        lambda: None,
    )

    printed = messages(feed("logs", "--follow", "--json"))

    assert printed[0] == "newest"
    assert sorted(printed) == ["late", "late too", "newest", "of the same millisecond"]


def test_what_is_remembered_of_a_log_does_not_grow_with_it(cloud: EmbeddedCloud, written: Logs) -> None:
    tail = Tail(cloud.client("logs"), GROUP.format("fetcher"), time.time() - 600)
    for age in range(590, 0, -10):
        written.put("fetcher", str(age), seconds_ago=age)
        assert [event.message for event in tail.new_events()] == [str(age)]

    assert len(tail._seen) == 1 + OVERLAP_SECONDS // 10


def test_one_function_can_be_followed_alone(feed: Feed, written: Logs, between: Callable[..., None]) -> None:
    between(lambda: written.put("fetcher", "no"), lambda: written.put("sweeper", "yes"))

    assert messages(feed("logs", "sweeper", "--follow", "--json")) == ["yes"]


def test_the_embedded_cloud_has_each_line_of_its_functions_once(
    cloud: EmbeddedCloud, feed: Feed, written: Logs, between: Callable[..., None]
) -> None:
    cloud.deliver_logs()
    upload(cloud, "logged.json")
    cloud.deliver_logs()
    between(cloud.deliver_logs)

    printed = messages(feed("logs", "distributor", "--follow", "--json"))

    copied = [line for line in printed if "object_copied" in line and "aws-data/logged.json" in line]
    assert len(copied) == 1


def test_a_function_that_the_stack_does_not_have_is_refused(feed: Feed) -> None:
    finished = feed("logs", "invalidator", "--follow")

    assert finished.exit_code == 2
    assert (
        finished.stderr
        == "feed: the stack aws-services-feed has no invalidator, but fetcher, announcements, distributor, sweeper\n"
    )


def test_while_cloudwatch_throttles_nothing_is_lost(
    feed: Feed, written: Logs, between: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = iter([True, False, True])
    filter_log_events = LogsBackend.filter_log_events

    def throttled(*arguments: Any, **options: Any) -> Any:
        if next(refused, False):
            raise JsonRESTError("ThrottlingException", "Rate exceeded")
        return filter_log_events(*arguments, **options)

    monkeypatch.setattr(LogsBackend, "filter_log_events", throttled)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    written.put("sweeper", "one", seconds_ago=1)
    between(lambda: None, lambda: written.put("sweeper", "two"), lambda: None)

    assert messages(feed("logs", "sweeper", "--follow", "--json")) == ["one", "two"]


def test_another_error_ends_it_in_a_line(
    feed: Feed, between: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise JsonRESTError("AccessDeniedException", "not yours")

    monkeypatch.setattr(LogsBackend, "filter_log_events", denied)
    between()

    finished = feed("logs", "--follow")

    assert finished.exit_code == 2
    assert "not yours" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_well(signal_: signal.Signals, cloud: EmbeddedCloud, written: Logs) -> None:
    written.put("fetcher", "there", seconds_ago=1)
    command = [sys.executable, "-c", "from ops.cli import app; app()", "logs", "--follow"]
    with subprocess.Popen(
        command, env={**os.environ, **cloud.environment()}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout
        assert following.stderr
        assert following.stdout.readline().endswith(" fetcher there\n")
        following.send_signal(signal_)
        assert (following.wait(), following.stderr.read()) == (0, "")

"""What every test needs: an environment in which no test can reach AWS."""

import contextlib
import gc
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Generator, Iterator
from functools import cache
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.loaders import JSONFileLoader
from hypothesis import settings

from cloud import isolate
from cloud.second_cloud import SecondCloud, second_cloud

# Before any test module is imported: Powertools reads these when it is imported.
os.environ["POWERTOOLS_TRACE_DISABLED"] = "1"


@cache
def parse(path: str) -> Any:
    """A data file of botocore; every session would parse it anew, which is most of what a client costs."""
    content = load_file(JSONFileLoader(), path)
    gc.freeze()
    return content


load_file = JSONFileLoader.load_file
JSONFileLoader.load_file = lambda _, path: parse(path)  # type: ignore[method-assign, assignment]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Measure no coverage of large tests and of Hypothesis: it takes thrice the time, and others reach all lines.

    The marker no_cover of pytest-cov does not end the tracing in xdist's workers, which have two tracers.
    """
    tracer = sys.gettrace()
    if item.get_closest_marker("untraced") or item.get_closest_marker("hypothesis"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def pytest_collection_finish() -> None:
    """What is imported stays, so no search for garbage need look at it."""
    gc.freeze()


settings.register_profile("test", max_examples=30, derandomize=True, deadline=None)
settings.register_profile("prove", max_examples=500, deadline=None, print_blob=True)
settings.load_profile("test")

ROOT, PARENT = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    isolated = dict(os.environ)
    isolate(isolated)
    for name in set(os.environ) - set(isolated):
        monkeypatch.delenv(name)
    for name, value in isolated.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(scope="session", name="second_cloud")
def shared_second_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondCloud]:
    with second_cloud(tmp_path_factory.mktemp("second-cloud")) as running:
        yield running


@pytest.fixture
def lambda_context() -> LambdaContext:
    """What Lambda hands to a handler, with two minutes left."""
    context = LambdaContext()
    context._function_name = "a-function"
    context._function_version = "$LATEST"
    context._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:a-function"
    context._memory_limit_in_mb = 512
    context._aws_request_id = "7b5cf1f1-0000-4000-8000-000000000000"
    context.get_remaining_time_in_millis = lambda: 120_000  # type: ignore[method-assign]
    return context


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """A sampled invocation beside X-Ray's daemon; the documents that the daemon was sent since the last call."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(0)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "{}:{}".format(*daemon.getsockname()))
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={ROOT};Parent={PARENT};Sampled=1;Lineage=1:a:0")

        def received() -> Iterator[dict[str, Any]]:
            with contextlib.suppress(BlockingIOError):
                while datagram := daemon.recv(65_536):
                    header, _, document = datagram.partition(b"\n")
                    assert json.loads(header) == {"format": "json", "version": 1}
                    yield json.loads(document)

        yield lambda: list(received())


class CurrentStdout:
    """Whatever stdout is at the time; a logger keeps the stream that it was made with, which pytest has closed."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The JSON lines, logs and metrics, that a handler has printed since the test began."""
    for service in ("fetcher", "announcements", "distributor", "sweeper", "invalidator"):
        for handler in logging.getLogger(service).handlers:
            handler.stream = CurrentStdout()  # type: ignore[attr-defined]
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]

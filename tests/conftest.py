"""What every test needs: an environment in which no test can reach AWS."""

import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from ops.embedded.environment import isolate

# Before any test module is imported: Powertools reads these when it is imported.
os.environ["POWERTOOLS_TRACE_DISABLED"] = "1"


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


@pytest.fixture
def lambda_context() -> LambdaContext:
    """What Lambda hands to a handler, with a minute left."""
    context = LambdaContext()
    context._function_name = "a-function"
    context._function_version = "$LATEST"
    context._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:a-function"
    context._memory_limit_in_mb = 512
    context._aws_request_id = "7b5cf1f1-0000-4000-8000-000000000000"
    context.get_remaining_time_in_millis = lambda: 60_000  # type: ignore[method-assign]
    return context


class CurrentStdout:
    """Whatever stdout is at the time; a logger keeps the stream that it was made with, which pytest has closed."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The JSON lines, logs and metrics, that a handler has printed since the test began."""
    for service in ("fetcher", "distributor", "sweeper", "invalidator"):
        for handler in logging.getLogger(service).handlers:
            handler.stream = CurrentStdout()  # type: ignore[attr-defined]
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]

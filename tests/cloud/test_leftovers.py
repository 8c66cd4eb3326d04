"""However an embedded cloud ends, no process of it stays."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cloud.runtimes import EmulatedRuntime, FunctionConfiguration, emulator
from cloud.template import ROOT

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(emulator() is None, reason="AWS's Runtime Interface Emulator runs on Linux only"),
]

FEED_CLOUD = """
from functools import partial
from cloud import embedded
from ops.cli import app
from tests.fetcher.small_world import PARAMETERS

embedded.ParameterServer = partial(embedded.ParameterServer, PARAMETERS)
app(["cloud"])
"""
END_SECONDS = 60


def descendants(process: int) -> Iterator[int]:
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from descendants(child)


@contextmanager
def all_end(process: int) -> Iterator[None]:
    """Whatever the process has started ends within, or soon after."""
    with ExitStack() as stack:
        descriptors = {child: os.pidfd_open(child) for child in descendants(process)}
        for descriptor in descriptors.values():
            stack.callback(os.close, descriptor)
        assert descriptors
        yield
        # A descriptor of a process becomes readable when it ends.
        assert [child for child, fd in descriptors.items() if not select.select([fd], [], [], END_SECONDS)[0]] == []


def test_closing_a_runtime_ends_its_processes() -> None:
    rie = emulator()
    assert rie is not None
    environment = {"AWS_REGION": "us-east-1"}
    runtime = EmulatedRuntime(FunctionConfiguration("any", "json.dumps", 20, 128, environment), rie)
    runtime.invoke("{}")

    with all_end(runtime._process.pid):
        runtime.close()
        runtime.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_no_process_outlives_the_cloud(end: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", FEED_CLOUD], cwd=ROOT, stdout=subprocess.PIPE, text=True) as feed:
        assert feed.stdout
        assert any("Ctrl-C stops it" in line for line in feed.stdout)

        with all_end(feed.pid):
            feed.send_signal(end)
            feed.wait(END_SECONDS)

"""However an embedded cloud ends, no process of it stays."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cloud.runtimes import emulator
from cloud.template import ROOT

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


@pytest.mark.skipif(emulator() is None, reason="AWS's Runtime Interface Emulator runs on Linux only")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_no_process_outlives_the_cloud(end: signal.Signals) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", FEED_CLOUD], cwd=ROOT, stdout=subprocess.PIPE, text=True) as feed,
        ExitStack() as stack,
    ):
        assert feed.stdout
        assert any("Ctrl-C stops it" in line for line in feed.stdout)
        processes = {child: os.pidfd_open(child) for child in descendants(feed.pid)}
        for descriptor in processes.values():
            stack.callback(os.close, descriptor)
        assert len(processes) >= 4  # an emulator and a handler for two functions at least

        feed.send_signal(end)
        feed.wait(END_SECONDS)

        # A descriptor of a process becomes readable when it ends.
        assert [child for child, fd in processes.items() if not select.select([fd], [], [], END_SECONDS)[0]] == []

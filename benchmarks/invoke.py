"""Invocations in this process: `invoke.py MODULE SECONDS EVENT TIMES`.

Prints the last answer with `cpu`, the seconds of one invocation, `peak` in MB of memory, and the `elapsed` seconds. Of
several invocations the first does not count.

With two more arguments, SHARE and WAIT, the time is not this machine's, which others may use too. It is then the
processor time at that share of a core, and for each HTTP answer a wait of so many seconds. The address space is then as
large as the memory that template.yaml gives; with many threads, whose stacks take none, that would be too little.
"""

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

MEGABYTES = 512


class Context:
    """What a handler asks of Lambda's context."""

    aws_request_id = "benchmark"
    function_name = invoked_function_arn = "benchmark"
    memory_limit_in_mb = MEGABYTES

    def __init__(self, seconds: int, clock: Callable[[], float]) -> None:
        """The time begins now."""
        self._clock, self._end = clock, clock() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the time."""
        return int((self._end - self._clock()) * 1000)


def lambda_clock(share: float, wait: float) -> Callable[[], float]:
    """The clock of a function with a share of a core, to which each answer comes after a wait."""
    answers = 0
    read = HTTPConnection.getresponse

    def count(connection: HTTPConnection) -> HTTPResponse:
        nonlocal answers
        answers += 1
        return read(connection)

    patched: Any = HTTPConnection
    patched.getresponse = count
    return lambda: time.process_time() / share + answers * wait


if __name__ == "__main__":
    clock: Callable[[], float] = time.monotonic
    if sys.argv[5:]:
        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
        clock = lambda_clock(*map(float, sys.argv[5:]))
    context: Any = Context(int(sys.argv[2]), clock)
    handler = importlib.import_module(sys.argv[1]).lambda_handler
    event, times = json.loads(sys.argv[3]), int(sys.argv[4])
    started = clock()
    for number in range(times):
        if number <= 1:  # the first of several is a cold start
            before = time.process_time()
        answer = handler(event, context)
    cpu = (time.process_time() - before) / max(1, times - 1)
    status = Path("/proc/self/status").read_text(encoding="utf-8").split("VmHWM:")[1]
    measured = {"cpu": cpu, "peak": int(status.split()[0]) / 1024, "elapsed": clock() - started}
    print(json.dumps({**answer, **measured}))  # noqa: T201

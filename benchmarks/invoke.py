"""One invocation in this process: `invoke_once.py MODULE SECONDS EVENT`, with the memory that template.yaml gives.

Prints the answer with `cpu` in seconds and `peak` in MB of memory.
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

MEGABYTES = 512


class Context:
    """What a handler asks of Lambda's context."""

    aws_request_id = "benchmark"
    function_name = invoked_function_arn = "benchmark"
    memory_limit_in_mb = MEGABYTES

    def __init__(self, seconds: int) -> None:
        """The time begins now."""
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the time."""
        return int((self._end - time.monotonic()) * 1000)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
    context: Any = Context(int(sys.argv[2]))
    handler = importlib.import_module(sys.argv[1]).lambda_handler
    before = time.process_time()
    answer = handler(json.loads(sys.argv[3]), context)
    status = Path("/proc/self/status").read_text(encoding="utf-8").split("VmHWM:")[1]
    print(json.dumps({**answer, "cpu": time.process_time() - before, "peak": int(status.split()[0]) / 1024}))  # noqa: T201

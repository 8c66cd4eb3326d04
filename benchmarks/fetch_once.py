"""One run of the fetcher in this process; prints its summary with `cpu` in seconds and `peak` in MB of memory."""

import json
import time
from pathlib import Path
from typing import Any

from fetcher.handler import lambda_handler


class Context:
    """What the handler asks of Lambda's context."""

    aws_request_id = "benchmark"
    function_name = invoked_function_arn = "fetcher"
    memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:
        """The time that template.yaml gives the function."""
        return 300_000


if __name__ == "__main__":
    before = time.process_time()
    context: Any = Context()
    summary = lambda_handler({}, context)
    status = Path("/proc/self/status").read_text(encoding="utf-8").split("VmHWM:")[1]
    print(json.dumps({**summary, "cpu": time.process_time() - before, "peak": int(status.split()[0]) / 1024}))  # noqa: T201

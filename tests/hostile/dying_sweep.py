"""One try of a sweep, in a function that dies when it checks an object that says `fatal`.

Run as `python -m tests.hostile.dying_sweep REQUEST_ID`.
"""

import os
import sys
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor import content
from distributor.sweeper.handler import lambda_handler

check = content.check


def check_or_die(name: str, body: bytes, *, releases: bool) -> object:
    # The status of a process that ran out of memory.
    return os._exit(137) if b"fatal" in body else check(name, body, releases=releases)


content.check = check_or_die  # type: ignore[assignment]
context = LambdaContext()
context._function_name = "sweeper"
context._memory_limit_in_mb = 512
context._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:sweeper"
context._aws_request_id = sys.argv[1]
context.get_remaining_time_in_millis = lambda: 900_000  # type: ignore[method-assign]
request: dict[str, Any] | None = {"follow": False}
while request:
    request = lambda_handler(request, context)["next"]

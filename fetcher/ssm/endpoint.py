"""Sends requests to SSM: signed, paced and retried. The only module that calls SSM.

botocore signs and sends the requests, but its client is not used. The client would need at least half as much processor
time again, and a Lambda of 512 MB has 0.29 of a core (`make bench SUBJECTS=client` compares).
"""

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from fetcher.ssm.pacer import Pacer

CONNECTIONS = 10  # to each endpoint: 40 requests a second that take up to 250 ms
TIMEOUT_SECONDS = 5
ATTEMPTS = 8
LONGEST_PAUSE = 2.0
STRIKES = 10  # failed attempts in a row, over all threads: then an endpoint is down
THROTTLES = ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")
OK, TOO_MANY_REQUESTS, FIRST_SERVER_ERROR = 200, 429, 500


class EndpointError(Exception):
    """This endpoint did not answer; another may. The message has the endpoint and the reason."""


@dataclass(frozen=True, slots=True)
class CallCounts:
    """The number of requests, with retries, and how many were throttled or failed for another reason."""

    calls: int = 0
    throttles: int = 0
    errors: int = 0

    def __add__(self, other: "CallCounts") -> "CallCounts":
        return CallCounts(self.calls + other.calls, self.throttles + other.throttles, self.errors + other.errors)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The result of one attempt; `code` and `message` are those of its error, empty without one."""

    content: Any
    code: str = ""
    message: str = ""
    is_temporary: bool = True

    @property
    def is_throttle(self) -> bool:
        return self.code in THROTTLES


class Endpoint:
    """SSM in one region, with a quota of its own; safe to share between threads."""

    def __init__(self, url: str, signer: SigV4Auth, pacer: Pacer, http: URLLib3Session) -> None:
        self.pacer = pacer
        self.counts = CallCounts()
        self._url, self._signer, self._http = url, signer, http
        self._strikes = 0
        self._lock = threading.Lock()

    @property
    def is_down(self) -> bool:
        """Whether the last `STRIKES` attempts have all failed."""
        return self._strikes >= STRIKES

    def call(self, operation: str, request: dict[str, Any], deadline: float, should_give_up: Callable[[], bool]) -> Any:  # noqa: ANN401
        """The JSON answer to one request; each of up to `ATTEMPTS` attempts waits for its own slot.

        EndpointError if there is none by the deadline (of `time.monotonic`), if a retry can't help, or if
        `should_give_up` returns True after a failed attempt.
        """
        answer = _Answer(None, "DeadlineExceeded", "no time was left to ask")
        for attempt in range(ATTEMPTS):
            self.pacer.wait(deadline)
            if time.monotonic() >= deadline:
                break
            answer = self._try(operation, request)
            if not answer.code:
                return answer.content
            if not answer.is_temporary or should_give_up():
                break
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.1 * 2**attempt)))  # noqa: S311 - jitter
        msg = f"{answer.code}: {answer.message} ({self._url})"
        raise EndpointError(msg)

    def _try(self, operation: str, request: dict[str, Any]) -> _Answer:
        answer = self._send(operation, request)
        if answer.is_throttle:
            self.pacer.slow_down()
        with self._lock:
            self.counts += CallCounts(1, answer.is_throttle, bool(answer.code) and not answer.is_throttle)
            self._strikes = self._strikes + 1 if answer.code else 0
        return answer

    def _send(self, operation: str, request: dict[str, Any]) -> _Answer:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AmazonSSM.{operation}"}
        to_sign = AWSRequest("POST", self._url, headers=headers, data=json.dumps(request).encode())
        self._signer.add_auth(to_sign)
        try:
            response = self._http.send(to_sign.prepare())
            content = json.loads(response.content)
        except (BotoCoreError, ValueError) as error:
            return _Answer(None, type(error).__name__, str(error))
        return _read(response.status_code, content)


def _read(status: int, content: object) -> _Answer:
    fields = content if isinstance(content, dict) else {}
    if status == OK and _has_parameters(fields):
        return _Answer(fields)
    code = str(fields.get("__type", f"HTTP {status}")).rpartition("#")[2]
    message = str(fields.get("message", fields.get("Message", "not an answer of SSM")))
    is_temporary = code in THROTTLES or status >= FIRST_SERVER_ERROR or status in (OK, TOO_MANY_REQUESTS)
    return _Answer(None, code, message, is_temporary)


def _has_parameters(fields: dict[str, Any]) -> bool:
    parameters = fields.get("Parameters")
    return isinstance(parameters, list) and all(
        isinstance(parameter, dict) and {"Name", "Value"} <= parameter.keys() for parameter in parameters
    )

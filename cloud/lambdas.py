"""Events in, functions run: Lambda's part of the embedded cloud, with its asynchronous queue, retries and records."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cloud.metrics import delivered
from cloud.runtimes import Answer, FunctionConfiguration, Runtime
from cloud.work import Work

CONCURRENCY = 2  # execution environments of one function side by side; the machine has few cores

StartRuntime = Callable[[FunctionConfiguration], Runtime]
SendFailure = Callable[[str, str], None]
Record = Callable[[str, Mapping[str, float], str, datetime], None]
IsPaused = Callable[[str], bool]

AGES = (0, 60, 180)  # seconds: how old an event is at each of its tries, since Lambda waits one minute, then two


class PausedError(Exception):
    """The function's reserved concurrency is 0; Lambda answers 429 to whoever waits for it."""


@dataclass(frozen=True, slots=True)
class AsyncConfiguration:
    """EventInvokeConfig: how often a failed event is tried again, and the queue (ARN) that gets it in the end.

    `oldest` is the age in seconds at which Lambda gives up on an event that it could not even run.
    """

    retries: int = 2
    on_failure: str | None = None
    oldest: int = 21600


@dataclass(frozen=True, slots=True)
class Invocation:
    """One attempt that ended; `seconds` as the invoker saw it, a cold start included."""

    function: str
    event: Any
    answer: Answer
    attempt: int
    seconds: float


class Function:
    """One function with some execution environments, made when needed and kept warm."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        asynchronous: AsyncConfiguration,
        start: StartRuntime,
        send_failure: SendFailure,
        concurrency: int = CONCURRENCY,
    ) -> None:
        """`send_failure` sends a message to a queue's ARN with the function's own role, as Lambda does."""
        self.configuration = configuration
        self.asynchronous = asynchronous
        self.send_failure = send_failure
        self._start = start
        self._slots = threading.Semaphore(concurrency)
        self._idle: list[Runtime] = []
        self._all: list[Runtime] = []

    def run(self, payload: str) -> Answer:
        """Run one event in an idle environment or in a new one; its log is what Lambda's filter leaves of it."""
        with self._environment() as runtime:
            answer = runtime.invoke(payload)
        lowest = self.configuration.environment.get("AWS_LAMBDA_LOG_LEVEL", "TRACE")
        return replace(answer, log=delivered(answer.log, lowest))

    def close(self) -> None:
        """Stop every environment."""
        for runtime in self._all:
            runtime.close()

    @contextmanager
    def _environment(self) -> Iterator[Runtime]:
        with self._slots:
            runtime = self._idle.pop() if self._idle else self._new()
            try:
                yield runtime
            finally:
                self._idle.append(runtime)

    def _new(self) -> Runtime:
        runtime = self._start(self.configuration)
        self._all.append(runtime)
        return runtime


class LambdaService:
    """All functions by name. `retry_delay` in seconds stands for Lambda's one and two minutes.

    `record` gets a function's name, what Lambda measures of it, the log, and the time of the measurement, for each
    attempt: when the attempt began, and not when it ended. Events of the functions
    that are `throttled` are never run: they get too old, as when the account has no concurrency left. `is_paused` says
    of a function's name whether its reserved concurrency is 0: its events go to the on-failure destination at once.

    `invocations` holds every attempt, for whoever wants to look; under load `keep_invocations` is better False.
    """

    def __init__(
        self,
        retry_delay: float = 0.2,
        record: Record = lambda *_: None,
        is_paused: IsPaused = lambda _: False,
        work: Work | None = None,
    ) -> None:
        """An empty service."""
        self._work = work or Work()
        self.throttled: set[str] = set()
        self._record = record
        self._is_paused = is_paused
        self.functions: dict[str, Function] = {}
        self.invocations: list[Invocation] = []
        self.keep_invocations = True
        self.count = 0
        self._retry_delay = retry_delay
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="lambda")

    def invoke(self, name: str, payload: str, attempt: int = 1) -> Answer:
        """Invoke and wait for the answer; KeyError if there is no such function. ARNs are names too."""
        function = self.functions[name.rpartition(":")[2]]
        if self._is_paused(function.configuration.name):
            self._record(function.configuration.name, {"Throttles": 1}, "", datetime.now(UTC))
            raise PausedError(function.configuration.name)
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
        began, started = datetime.now(UTC), time.monotonic()
        answer = function.run(payload)
        seconds = time.monotonic() - started
        invocation = Invocation(function.configuration.name, json.loads(payload), answer, attempt, seconds)
        measured = {"Invocations": 1, "Errors": int(answer.is_error), "Throttles": 0, "Duration": seconds * 1000}
        self._record(function.configuration.name, measured, answer.log, began)
        self.count += 1
        if self.keep_invocations:
            self.invocations.append(invocation)
        return answer

    def invoke_async(self, name: str, payload: str) -> None:
        """Queue the event: it is tried, tried again, and at last handed to the on-failure destination."""
        self._work.begin("events")
        self._pool.submit(self._try_until_done, name, payload).add_done_callback(self._end)

    def settle(self, timeout: float = 60) -> None:
        """Return when no event is queued or being tried; TimeoutError otherwise, or what broke one."""
        self._work.wait(timeout, ("events",))

    def close(self) -> None:
        """Drop what is queued and stop every environment."""
        self._pool.shutdown(cancel_futures=True)
        for function in self.functions.values():
            function.close()

    def _end(self, event: Future[None]) -> None:
        self._work.end("events", None if event.cancelled() else event.exception())

    def _try_until_done(self, name: str, payload: str) -> None:
        function = self.functions[name.rpartition(":")[2]]
        attempts = 1 + function.asynchronous.retries
        if self._is_paused(function.configuration.name):
            _keep(function, _failure_record(name, payload, "ZeroReservedConcurrency"))
            return
        if function.configuration.name in self.throttled:
            age = function.asynchronous.oldest * 1000
            self._record(function.configuration.name, {"AsyncEventAge": age}, "", datetime.now(UTC))
            _keep(function, _failure_record(name, payload, "EventAgeExceeded"))
            return
        for attempt in range(1, attempts + 1):
            age = AGES[attempt - 1] * 1000
            self._record(function.configuration.name, {"AsyncEventAge": age}, "", datetime.now(UTC))
            answer = self.invoke(name, payload, attempt)
            if not answer.is_error:
                return
            if attempt < attempts:
                time.sleep(self._retry_delay * attempt)
        _keep(function, _failure_record(name, payload, "RetriesExhausted", answer, attempts))


def _keep(function: Function, record: Mapping[str, Any]) -> None:
    """Send the record of an event that Lambda gives up on to the function's on-failure destination, if it has one."""
    if function.asynchronous.on_failure:
        function.send_failure(function.asynchronous.on_failure, json.dumps(record))


def _failure_record(
    name: str, payload: str, condition: str, answer: Answer | None = None, attempts: int = 0
) -> dict[str, Any]:
    """The record of an event that failed for good; without an answer, of one that was never run."""
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    record = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {"functionArn": name, "condition": condition, "approximateInvokeCount": attempts},
        "requestPayload": json.loads(payload),
    }
    if answer is None:
        return record
    context = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    return record | {"responseContext": context, "responsePayload": answer.content}

"""A handler's name and environment in, a running function out: one execution environment of one Lambda function."""

import contextlib
import importlib
import importlib.util
import io
import json
import logging
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import base as metrics_base
from aws_lambda_powertools.metrics.provider.cloudwatch_emf import cloudwatch as metrics_emf

from cloud.template import ROOT

_STARTING_SECONDS = 20
_LAST_LINE = "REPORT RequestId: "  # the emulator ends each invocation with it, a moment after it has answered
_LAST_LINE_OF_A_DEATH = "Waiting for runtime domain processes termination"
_LAST_LINE_SECONDS = 20
# Ends the whole process group with its first process, or when the pipe to this process breaks, however that ends.
WATCHED = '{ "$@"; kill -KILL 0; } & read -r _; kill -KILL 0'
_STARTS = 3  # another process may take a port before the emulator does


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """What of a function's configuration its runtime needs; `timeout` in seconds, `memory` in MB."""

    name: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one invocation gave: the payload as JSON text, and whether it is an error of the function."""

    payload: str
    is_error: bool
    log: str

    @property
    def content(self) -> Any:  # noqa: ANN401 - any JSON
        """The payload, parsed."""
        return json.loads(self.payload)


class Runtime(Protocol):
    """One execution environment; it takes one event at a time."""

    def invoke(self, payload: str) -> Answer:
        """Run the handler on the event."""

    def close(self) -> None:
        """Stop whatever was started."""


def emulator() -> Path | None:
    """AWS's Runtime Interface Emulator, which ships inside aws-sam-cli; None where it can't run."""
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return None
    spec = importlib.util.find_spec("samcli")
    folder = Path(spec.origin).parent / "local" / "rapid" if spec and spec.origin else None
    binary = folder / f"aws-lambda-rie-{machine}" if folder else None
    return binary if binary and binary.exists() else None


class EmulatedRuntime:
    """The handler in a process of its own under AWS's Runtime Interface Emulator, which enforces the time-out."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        rie: Path,
        command: tuple[str, ...] = (sys.executable, "-m", "awslambdaric"),
        cwd: Path = ROOT,
    ) -> None:
        """Start it; `command` and `cwd` are for code that was built elsewhere."""
        self._timeout = configuration.timeout
        self._folder = tempfile.TemporaryDirectory()  # its /tmp, which outlives the function's process
        environment = {**_base_environment(configuration), **configuration.environment, "TMPDIR": self._folder.name}
        for _ in range(_STARTS):
            port, api_port = free_ports(2)
            self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
            self._log = _Log()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and AWS's emulator
                [
                    *("/bin/sh", "-c", WATCHED, "sh", str(_executable(rie))),
                    # By default it listens on every address.
                    *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
                    *("--runtime-api-address", f"127.0.0.1:{api_port}"),
                    *command,
                    configuration.handler,
                ],
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._log.follow(self._process)
            if self._listens(port):
                return
            self._stop()
        self._folder.cleanup()
        msg = f"the Runtime Interface Emulator did not start: {self._log.take()}"
        raise RuntimeError(msg)

    def invoke(self, payload: str) -> Answer:
        """POST the event; a function's error and a time-out come back as text with status 200."""
        request = urllib.request.Request(self._url, data=payload.encode(), method="POST")  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=self._timeout + 30) as response:  # noqa: S310
                return _answer(response.read().decode(), self._log.take(_LAST_LINE))
        except OSError as error:
            body = json.dumps({"errorType": "Runtime.ExitError", "errorMessage": str(error)})
            return _answer(body, self._log.take(_LAST_LINE_OF_A_DEATH))

    def close(self) -> None:
        """Stop the emulator and the handler's process with it, and remove its /tmp."""
        self._stop()
        self._folder.cleanup()

    def _stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._log.close()

    def _listens(self, port: int) -> bool:
        """Wait until the emulator listens; False if it has ended or takes too long."""
        give_up = time.monotonic() + _STARTING_SECONDS
        while time.monotonic() < give_up and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            time.sleep(0.01)
        return False


class InProcessRuntime:
    """The handler in this process, for machines where the emulator can't run; one function at a time, no time-out."""

    _lock = threading.RLock()
    _users: ClassVar[dict[object, "InProcessRuntime"]] = {}  # by what caches: the environment that it caches for
    _output = io.StringIO()  # of loggers and metrics: what else this process prints meanwhile is not the function's

    def __init__(self, configuration: FunctionConfiguration) -> None:
        """Import the handler's module."""
        self._configuration = configuration
        module, _, function = configuration.handler.rpartition(".")
        with self._environment():
            self._module = importlib.import_module(module)
            self._handler = getattr(self._module, function)
        self._folder = tempfile.TemporaryDirectory()

    def invoke(self, payload: str) -> Answer:
        """Call the handler with a context like Lambda's."""
        with self._environment(), _printing_to(self._output, self._module):
            os.environ["TMPDIR"] = self._folder.name
            self._forget_others()
            try:
                body = json.dumps(self._handler(json.loads(payload), _Context(self._configuration)))
            except Exception as error:  # noqa: BLE001 - Lambda reports whatever a handler raises
                body = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            log = self._output.getvalue()
            self._output.seek(0)
            self._output.truncate()
        return _answer(body, log)

    def close(self) -> None:
        """Remove its /tmp; there is nothing to stop."""
        self._folder.cleanup()

    @contextlib.contextmanager
    def _environment(self) -> Iterator[None]:
        with self._lock, _printing_to(self._output, metrics_base), _printing_to(self._output, metrics_emf):
            variables = dict(os.environ)
            os.environ.update(_base_environment(self._configuration) | dict(self._configuration.environment))
            try:
                yield
            finally:
                os.environ.clear()
                os.environ.update(variables)

    def _forget_others(self) -> None:
        """Drop what another environment in this process has cached: settings, and clients with its credentials.

        Logger and metrics may be older than this environment, so they are given what a new process would find.
        """
        for value in vars(self._module).values():
            if hasattr(value, "cache_clear") and self._users.get(value) is not self:
                self._users[value] = self
                value.cache_clear()
            if isinstance(value, Metrics):
                value.namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", value.namespace)
            if isinstance(value, Logger):
                logging.getLogger(value.service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
                for handler in logging.getLogger(value.service).handlers:
                    if isinstance(handler, logging.StreamHandler):
                        handler.setStream(self._output)


@contextlib.contextmanager
def _printing_to(output: io.StringIO, module: ModuleType) -> Iterator[None]:
    """What this module alone prints: another thread of this process may be printing for a person."""
    names, before = vars(module), vars(module).get("print", print)
    names["print"] = partial(print, file=output)
    try:
        yield
    finally:
        names["print"] = before


class _Context:
    """The part of Lambda's context object that handlers and Powertools use."""

    def __init__(self, configuration: FunctionConfiguration) -> None:
        self.function_name = configuration.name
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{configuration.name}"
        self.memory_limit_in_mb = configuration.memory
        self.aws_request_id = str(uuid.uuid4())
        self._ends = time.monotonic() + configuration.timeout

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


class _Log:
    """Collects a process's output without ever blocking it."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = False

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def take(self, last: str = "") -> str:
        """What was written since; waits for a line with this text, unless the process has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or any(last in line for line in self._lines), _LAST_LINE_SECONDS)
            lines, self._lines = self._lines, []
        return "".join(lines)

    def close(self) -> None:
        if self._thread:
            self._thread.join()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        with process.stdout or contextlib.nullcontext(io.BytesIO()) as stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode(errors="replace"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _answer(body: str, log: str) -> Answer:
    try:
        content = json.loads(body)
    except ValueError:  # the emulator's own words, such as that the function timed out
        return Answer(json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": body}), is_error=True, log=log)
    is_error = isinstance(content, dict) and "errorType" in content
    return Answer(body, is_error=is_error, log=log)


def _base_environment(configuration: FunctionConfiguration) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", ""),
        "PYTHONPATH": str(ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(configuration.timeout),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration.name}",
    }


def _executable(rie: Path) -> Path:
    if not os.access(rie, os.X_OK):  # a wheel does not keep the bit
        rie.chmod(0o755)
    return rie


def free_ports(count: int) -> list[int]:
    """Ports that the system chooses; another process may take one before it is used."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]

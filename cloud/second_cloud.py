"""A second cloud that nobody here wrote: the emulator ministack, with TLS and IAM enforced; what it can't do, by name.

SAM itself deploys to it. Its functions are Python processes that see the emulator's packages beside their own.
`make second-cloud` installs it into an environment of its own.
"""

import contextlib
import copy
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from cloud.runtimes import WATCHED, free_ports
from cloud.template import ACCOUNT, REGION, ROOT, Json

HYPERCORN = ROOT / ".venv" / "second-cloud" / "bin" / "hypercorn"
STARTING_SECONDS, STARTS = 30, 3
COPY_SOURCE = "s3:x-amz-copy-source"
ONE_BY_ONE = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")


@dataclass(frozen=True)
class SecondCloud:
    """A running emulator at `url`."""

    url: str
    certificate: Path

    def environment(self) -> dict[str, str]:
        """What AWS tools need in their environment to use it, as its root user."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str, key: str = "test", secret: str = "test") -> Any:  # noqa: ANN401, S107
        """A client, by default of the root user."""
        session: Any = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)
        return session.client(service, endpoint_url=self.url, verify=str(self.certificate))


@contextlib.contextmanager
def second_cloud(folder: Path) -> Iterator[SecondCloud]:
    """Run an emulator with its files in `folder`; nothing else of it is left at the end, however this process ends."""
    if not HYPERCORN.exists():
        msg = "the second cloud is not installed: make second-cloud"
        raise RuntimeError(msg)
    process, cloud = _start(folder)
    try:
        yield cloud
    finally:
        _stop(process)


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], SecondCloud]:
    """Another process may take the port before the emulator does: then it is started again, on another."""
    for _ in range(STARTS):
        (port,) = free_ports(1)
        with (folder / "log").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - what uv.lock names
                [
                    *("/bin/sh", "-c", WATCHED, "sh", str(HYPERCORN), "ministack.app:app"),
                    # Its own command listens on every address, and on port 443 too if it can.
                    *("--bind", f"127.0.0.1:{port}", "--workers", "0", "--keep-alive", "75"),
                    *("-c", "python:ministack.core.hypercorn_conf"),
                ],
                cwd=folder,
                env=_environment(folder, port),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if _listens(process, port):
            return process, SecondCloud(f"https://127.0.0.1:{port}", folder / "ministack-tls" / "server.crt")
        _stop(process)
    msg = f"the second cloud did not start: {(folder / 'log').read_text(encoding='utf-8', errors='replace')[-2000:]}"
    raise RuntimeError(msg)


def _environment(folder: Path, port: int) -> dict[str, str]:
    """The functions inherit it. TLS, since the source bucket refuses every request without it."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AUTH": "true",
        "USE_SSL": "1",
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the emulator and its functions, which are of its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    give_up = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.05)
    return False


# ---- what it can't do


def without_gaps(template: Json) -> Json:
    """The template without what the emulator can't do, and as like it as can be in all else."""
    adapted = copy.deepcopy(template)
    for adapt in GAPS.values():
        adapt(adapted)
    return adapted


def _leave_out(type_: str) -> Callable[[Json], None]:
    def adapt(template: Json) -> None:
        resources = template["Resources"]
        for name in [name for name, body in resources.items() if body["Type"] == type_]:
            del resources[name]

    return adapt


def _watch_one_metric(template: Json) -> None:
    """An alarm on a metric that nobody writes takes the place of each: dashboard and rights name the alarms."""
    for body in template["Resources"].values():
        if body["Type"] == "AWS::CloudWatch::Alarm" and body["Properties"].pop("Metrics", None):
            plain = {"Namespace": "LeftOut", "MetricName": "LeftOut", "Statistic": "Sum", "Period": 60}
            body["Properties"] |= {**plain, "TreatMissingData": "ignore", "EvaluationPeriods": 1}


def _copy_whatever_the_source(template: Json) -> None:
    for statement in _statements(template):
        if COPY_SOURCE in statement.get("Condition", {}).get("StringLike", {}):
            del statement["Condition"]["StringLike"][COPY_SOURCE]


def _allow_batches(template: Json) -> None:
    for statement in _statements(template):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if batches := [f"{action}Batch" for action in actions if action in ONE_BY_ONE]:
            statement["Action"] = [*actions, *batches]


def _nothing(_: Json) -> None:
    """The gap is not in the template: what has it is told of it otherwise."""


def _statements(node: Json) -> Iterator[Json]:
    if isinstance(node, dict):
        if "Effect" in node and "Action" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _statements(child)


NO_OWNERS = "copies whatever the owner"
NO_LIFECYCLE = "makes a bucket without the template's lifecycle rules"
NO_DELIVERIES = "has no AWS::Logs::DeliverySource"
GAPS: dict[str, Callable[[Json], None]] = {
    "has no AWS::Logs::QueryDefinition": _leave_out("AWS::Logs::QueryDefinition"),
    "has no AWS::CloudWatch::CompositeAlarm": _leave_out("AWS::CloudWatch::CompositeAlarm"),
    "has no alarms on metric math": _watch_one_metric,
    f"has no condition key {COPY_SOURCE}": _copy_whatever_the_source,
    "wants a right of its own for a batch of messages": _allow_batches,
    "has no catalogue in SSM": _nothing,
    NO_OWNERS: _nothing,
    NO_LIFECYCLE: _nothing,
    NO_DELIVERIES: _nothing,  # only access logs need it, which are off unless somebody wants them
}
"""What the emulator can't do, and what becomes of it in the template. A test finds out when it has learnt something."""

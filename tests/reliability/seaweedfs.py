"""SeaweedFS, a second and real S3 server, started on loopback ports that the system chooses."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

STARTING_SECONDS = 30
HIGHEST_PORT = 55_000  # gRPC is the port plus 10,000

WEED = Path(sys.executable).parent / "weed"


class SeaweedFS:
    """A running server; `client` is for one of the identities that it was started with."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, identity: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=identity,
            aws_secret_access_key="secret",
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}),
        )


@contextlib.contextmanager
def seaweedfs(folder: Path, identities: dict[str, list[str]]) -> Iterator[SeaweedFS]:
    """Run a server with its data in `folder`; each identity has its list of actions. Stopped at the end."""
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [_identity(*one) for one in identities.items()]}), encoding="utf-8")
    s3, master, filer, volume, admin = _free_ports(5)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                WEED,
                "mini",
                f"-dir={folder / 'data'}",
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),  # by default it binds every address
                "-master.telemetry=false",
                *(f"-s3.port={s3}", f"-master.port={master}", f"-filer.port={filer}", f"-volume.port={volume}"),
                *(f"-admin.port={admin}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false"),
                *(f"-s3.config={config}", "-s3.iam=false", "-volume.max=200"),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, s3, folder / "log")
            yield SeaweedFS(f"http://127.0.0.1:{s3}")
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            shutil.rmtree(folder / "data", ignore_errors=True)


def _identity(name: str, actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": "secret"}], "actions": actions}


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port < HIGHEST_PORT:
                ports.append(port)
        return ports


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(Exception):
            boto3.client(
                "s3",
                endpoint_url=f"http://127.0.0.1:{port}",
                aws_access_key_id="admin",
                aws_secret_access_key="secret",
                region_name="us-east-1",
                config=Config(retries={"total_max_attempts": 1}),
            ).list_buckets()
            return
        time.sleep(0.05)
    msg = f"SeaweedFS did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
    raise RuntimeError(msg)

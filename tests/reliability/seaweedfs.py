"""SeaweedFS, a second and real S3 server, on loopback ports that the system chooses."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cloud.runtimes import free_ports

STARTING_SECONDS, STARTS = 30, 3
SERVICES = ("s3", "master", "filer", "volume", "admin")
SOCKETS = Path("/tmp")  # noqa: S108 - SeaweedFS makes them there, whatever it is told, and leaves them

WEED = Path(sys.executable).parent / "weed"


@dataclass(frozen=True)
class SeaweedFS:
    """A running server and its numbers; `client` is for one of the identities that it was started with."""

    process: subprocess.Popen[bytes]
    ports: tuple[int, ...]

    def client(self, identity: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.ports[0]}",
            aws_access_key_id=identity,
            aws_secret_access_key="secret",
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}),
        )


@contextlib.contextmanager
def seaweedfs(folder: Path, identities: dict[str, list[str]]) -> Iterator[SeaweedFS]:
    """Run a server with its data in `folder`; each identity has its list of actions. Nothing is left at the end."""
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [_identity(*item) for item in identities.items()]}), encoding="utf-8")
    server = _start(folder, config)
    try:
        yield server
    finally:
        _stop(server)


def _start(folder: Path, config: Path) -> SeaweedFS:
    """Another process may take a port before the server does: then it is started again, on others."""
    for _ in range(STARTS):
        with (folder / "log").open("wb") as output:
            ports = tuple(free_ports(2 * len(SERVICES)))
            named = zip((f"{name}.port{kind}" for kind in ("", ".grpc") for name in SERVICES), ports, strict=True)
            process = subprocess.Popen(
                [
                    *(WEED, "-logtostderr", "mini", f"-dir={folder / 'data'}"),
                    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),  # by default it binds every address
                    *("-master.telemetry=false", "-admin.ui=false", "-webdav=false"),
                    *(f"-{name}={port}" for name, port in named),
                    *("-s3.port.iceberg=0", "-s3.port.lance=0"),
                    *(f"-s3.config={config}", "-s3.iam=false", "-volume.max=200"),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = SeaweedFS(process, ports)
        if _answers(server):
            return server
        _stop(server)
    msg = f"SeaweedFS did not start: {(folder / 'log').read_text(encoding='utf-8', errors='replace')[-2000:]}"
    raise RuntimeError(msg)


def _stop(server: SeaweedFS) -> None:
    server.process.kill()
    server.process.wait()
    for port in server.ports:
        for path in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
            path.unlink()


def _identity(name: str, actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": "secret"}], "actions": actions}


def _answers(server: SeaweedFS) -> bool:
    client = server.client("admin")
    give_up = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < give_up and server.process.poll() is None:
        with contextlib.suppress(Exception):
            client.list_buckets()
            return True
        time.sleep(0.05)
    return False

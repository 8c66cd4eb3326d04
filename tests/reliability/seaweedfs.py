"""SeaweedFS, a second and real S3 server, on loopback ports that are free."""

import contextlib
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

STARTING_SECONDS = 30
PORTS = range(11_000, 22_000)
GRPC = 10_000  # the distance of each port to its gRPC port; both are below those that the system gives to clients
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
    config, log = folder / "s3.json", folder / "log"
    config.write_text(json.dumps({"identities": [_identity(*one) for one in identities.items()]}), encoding="utf-8")
    ports = _free_ports(5)
    s3, master, filer, volume, admin = ports
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(WEED, "-logtostderr", "mini", f"-dir={folder / 'data'}"),
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),  # by default it binds every address
                "-master.telemetry=false",
                *(f"-s3.port={s3}", f"-master.port={master}", f"-filer.port={filer}", f"-volume.port={volume}"),
                *(f"-admin.port={admin}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false"),
                *(f"-s3.config={config}", "-s3.iam=false", "-volume.max=200"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = SeaweedFS(process, ports)
    try:
        _wait(server, log)
        yield server
    finally:
        process.kill()
        process.wait()
        for port in (*ports, *(port + GRPC for port in ports)):
            for path in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                path.unlink()


def _identity(name: str, actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": "secret"}], "actions": actions}


def _free_ports(count: int) -> tuple[int, ...]:
    candidates = (port for port in random.sample(PORTS, len(PORTS)) if _is_free(port) and _is_free(port + GRPC))
    return tuple(next(candidates) for _ in range(count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _wait(server: SeaweedFS, log: Path) -> None:
    client = server.client("admin")
    give_up = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < give_up and server.process.poll() is None:
        with contextlib.suppress(Exception):
            client.list_buckets()
            return
        time.sleep(0.05)
    msg = f"SeaweedFS did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
    raise RuntimeError(msg)

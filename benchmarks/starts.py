"""How long a new execution environment takes until its clients are there, beside a bare handler with the same clients.

The functions are those of the zips, with bytecode and nothing but Lambda's own packages. All starts are interleaved: so
the ratios hold on a busy machine too, where the seconds do not.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.table import Table

from cloud.built import HERE, build, link_runtime
from cloud.runtimes import EmulatedRuntime, FunctionConfiguration, emulator

STARTS = 15
QUEUES = {"INVALIDATION_QUEUE_URL": "https://sqs.example/queue", "FAILURE_QUEUE_URL": "https://sqs.example/failures"}
ENVIRONMENT = {
    **QUEUES,
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "ANNOUNCEMENTS_FEED_URL": "https://feed.example/",
    "CLOUDFRONT_DISTRIBUTION_ID": "E1",
    "DISTRIBUTION_BUCKET": "website",
    "SOURCE_BUCKET": "source",
}
BARE = """
import boto3
from botocore.config import Config
for service in {services}:
    boto3.client(service, config=Config(retries={{"mode": "standard"}}, connect_timeout=2, read_timeout=8))
"""
DISTRIBUTOR = "from distributor.dependencies import build_dependencies\nbuild_dependencies()"
FUNCTIONS = {
    "Distributor": (["s3", "sqs", "sqs"], f"import distributor.handler\n{DISTRIBUTOR}"),
    "Sweeper": (["s3", "sqs", "sqs"], f"import distributor.sweeper.handler\n{DISTRIBUTOR}"),
    "Invalidator": (
        ["sqs", "cloudfront"],
        "from distributor.invalidator.handler import build_invalidator_dependencies\nbuild_invalidator_dependencies()",
    ),
    "Fetcher": (
        ["s3", "ssm"],
        """
from fetcher.handler import FETCHING, connect, settings
from fetcher.ssm import open_parameter_store
settings(), connect("s3", FETCHING)
with open_parameter_store([("", "")], 1, 1): pass
""",
    ),
    "Announcements": (
        ["s3"],
        "from fetcher.announcements.handler import FETCHING, connect, settings\nsettings(), connect('s3', FETCHING)",
    ),
}
"""The services that each function has clients of, and the code of its start."""


@dataclass
class Times:
    """Seconds of each start: until the first answer under the emulator, of imports, and of the processor."""

    emulated: list[float] = field(default_factory=list)
    imports: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def starts_table() -> Table:
    """A row for each function, with medians and their ratios to the bare handler's."""
    kinds = ("Runtime Interface Emulator, s", "-X importtime, s", "processor, s")
    columns = [column for kind in kinds for column in (kind, "of bare")]
    table = Table("function", *columns, title=f"Start with clients; medians of {STARTS}, interleaved")
    with tempfile.TemporaryDirectory() as folder:
        runtime = Path(folder) / "runtime"
        runtime.mkdir()
        link_runtime(runtime)
        for function, (services, code) in FUNCTIONS.items():
            artifact = build(Path(folder), function, *HERE)
            bare, real = Times(), Times()
            for _ in range(STARTS):
                _measure(bare, BARE.format(services=services), str(runtime))
                _measure(real, code, f"{artifact}:{runtime}")
            table.add_row(function, *_cells(bare, real))
    return table


def _measure(times: Times, code: str, path: str) -> None:
    # A function's folder is read-only.
    environment = {**ENVIRONMENT, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    if rie := emulator():
        times.emulated.append(_emulated(rie, code, environment))
    before = os.times()
    command = [sys.executable, "-S", "-P", "-X", "importtime", "-c", f"{code}\nimport os\nos._exit(0)"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    after = os.times()
    times.processor.append(after.children_user + after.children_system - before.children_user - before.children_system)
    times.imports.append(sum(map(int, re.findall(r"^import time: +(\d+) ", ended.stderr, re.MULTILINE))) / 1e6)


def _emulated(rie: Path, code: str, environment: Mapping[str, str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "start.py").write_text(f"{code}\ndef lambda_handler(event, context): pass\n", encoding="utf-8")
        path = {**environment, "PYTHONPATH": f"{environment['PYTHONPATH']}:{folder}"}
        configuration = FunctionConfiguration("start", "start.lambda_handler", 60, 512, path)
        started = EmulatedRuntime(configuration, rie, (sys.executable, "-S", "-m", "awslambdaric"), Path(folder))
        try:
            before = time.monotonic()
            answer = started.invoke("{}")
            seconds = time.monotonic() - before
        finally:
            started.close()
    if answer.is_error:
        raise RuntimeError(answer.payload)
    return seconds


def _cells(bare: Times, real: Times) -> list[str]:
    pairs = zip(vars(bare).values(), vars(real).values(), strict=True)
    medians = [(median(base), median(spent)) if base else (0, 0) for base, spent in pairs]
    return [cell for base, spent in medians for cell in (f"{spent:.2f}", f"{spent / base:.2f} x" if base else "")]

"""The main job on the embedded cloud, and the zip files that do it."""

import io
import json
import re
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks import spread
from cloud.embedded import EmbeddedCloud
from cloud.template import ROOT

if TYPE_CHECKING:
    from cloud.lambdas import Invocation

RUNS = 3


def zips_table() -> Table:
    """Sizes of the zip files that `sam deploy` would upload."""
    table = Table("function", "zip, MB", "own code in it, kB", title="Zip files, as built by make build-<function>")
    for function, package in (("Fetcher", "fetcher"), ("Announcements", "fetcher"), ("Distributor", "distributor")):
        with tempfile.TemporaryDirectory() as folder:
            command = ["/usr/bin/env", "make", f"build-{function}", f"ARTIFACTS_DIR={folder}"]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own Makefile
            everything = _zipped(Path(folder), [Path(folder)])
            own = _zipped(Path(folder), [Path(folder) / package, Path(folder) / "shared"])
        table.add_row(function, f"{everything / 1e6:.1f}", f"{own / 1e3:.0f}")
    return table


def _zipped(root: Path, folders: list[Path]) -> int:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(root))
    return len(packed.getvalue())


def job_table() -> Table:
    """The main job several times on the embedded cloud: calls, and medians of what a cold and a warm start take."""
    fetches: list[Invocation] = []
    copies: list[Invocation] = []
    starts: list[float] = []
    for _ in range(RUNS):
        with EmbeddedCloud() as cloud:
            for _ in range(2):
                cloud.fire("FetchSchedule")
                cloud.settle()
            fetches += [one for one in cloud.lambdas.invocations if one.event == {}]
            copies += [one for one in cloud.lambdas.invocations if one.function.endswith("-distributor")]
        logs = "".join(one.answer.log for one in [*fetches, *copies])
        starts += [float(found) for found in re.findall(r"INIT REPORT\(durationMs: ([\d.]+)", logs)]
    outcomes = [outcome for one in copies for outcome in one.answer.content["objects"]]
    published = [outcome["seconds"] for outcome in outcomes if outcome["outcome"] == "copied"]
    summaries = [one.answer.content for one in fetches]
    table = Table(
        "figure", "median (least to most)", title=f"The main job on the embedded cloud, {RUNS} clouds of 2 runs"
    )
    table.add_row("SSM calls of a run", json.dumps(sorted({one["ssmCalls"] for one in summaries})))
    table.add_row("run of the fetcher, stand-in without quota, s", spread([one["seconds"] for one in summaries]))
    table.add_row("start of a function, ms", spread(starts, 0) if starts else "not measured here")
    table.add_row("GET, check, COPY, HEAD of one object on moto, ms", spread([each * 1000 for each in published], 0))
    table.add_row("objects published", str(len(published)))
    return table

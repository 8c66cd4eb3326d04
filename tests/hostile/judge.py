"""Starts the process that is limited to the function's memory, and hands jobs to it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cloud.template import ROOT, read_template

MAX_PEAK_MIB = 400


@dataclass
class Judge:
    """Asks the limited process; `peak` (in MiB) and `seconds` are the largest so far."""

    process: "subprocess.Popen[str]"
    folder: Path
    peak: float = 0
    seconds: float = 0

    def ask(self, kind: str, content: bytes, name: str = "") -> dict[str, Any]:
        """The answer to a job; an AssertionError if the process died of it or used too much memory."""
        path = self.folder / "content"
        path.write_bytes(content)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"kind": kind, "path": str(path), "name": name}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the process died: {self.process.wait()}"
        answer: dict[str, Any] = json.loads(line)
        self.peak, self.seconds = max(self.peak, answer["peak"]), max(self.seconds, answer["seconds"])
        assert answer["peak"] < MAX_PEAK_MIB
        return answer


@contextmanager
def limited_process() -> Iterator[Judge]:
    """A process with the memory and the environment that the template gives to the distributor."""
    template: Any = read_template()
    memory = template["Resources"]["Distributor"]["Properties"]["MemorySize"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    environment = {**os.environ, "MALLOC_ARENA_MAX": variables["MALLOC_ARENA_MAX"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-Wignore", "-m", "tests.hostile.limited", str(memory)]
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            yield Judge(process, Path(folder))
        finally:
            process.kill()

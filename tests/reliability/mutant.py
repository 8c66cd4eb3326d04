"""One run of a test file with one source file changed in memory, in a process of its own, forked from a warm one."""

import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import hypothesis.stateful
import pydantic
import pytest

import cloud.embedded

WARM = (hypothesis.stateful, pydantic, cloud.embedded)
"""What is slow to import; nothing of the product is among it."""

OPTIONS = (
    *("-x", "-q", *(f"-pno:{name}" for name in ("cacheprovider", "xdist", "cov"))),
    "-Wignore::pytest.PytestAssertRewriteWarning",  # of plugins that are warm
)

import_code = SourceFileLoader.get_code


def run_tests(output: Path, test: Path, file: Path, mutated: str) -> None:
    """End this process with pytest's exit code; its words are in `output`. `file` is read as `mutated`."""

    def get_code(loader: SourceFileLoader, name: str) -> Any:
        return compile(mutated, loader.path, "exec") if Path(loader.path) == file else import_code(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    with output.open("w") as words:
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
        code = pytest.main([*OPTIONS, str(test)])
        sys.stdout.flush()
    os._exit(code)

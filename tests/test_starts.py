"""What a new execution environment loads before its first event. How long that takes, `benchmarks.starts` measures."""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.starts import ENVIRONMENT, FUNCTIONS
from cloud.template import ROOT

FOUND = "{'modules': [*sys.modules], 'whole_collections': gc.get_stats()[2]['collections']}"


def started(function: str) -> dict[str, Any]:
    code = f"{FUNCTIONS[function][1]}\nimport gc, json, sys; print(json.dumps({FOUND}))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize("function", ["Distributor", "Sweeper", "Invalidator"])
def test_the_models_of_files_are_loaded_by_no_start_but_that_of_a_function_that_writes_such_files(
    function: str,
) -> None:
    modules = started(function)["modules"]

    assert {"distributor.settings", "botocore.client"} <= set(modules)
    assert [name for name in modules if name.split(".")[0] == "pydantic" or name.startswith("shared.contract")] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_start_looks_through_all_that_it_has_loaded_for_garbage(function: str) -> None:
    assert started(function)["whole_collections"] == 0

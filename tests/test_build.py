"""The zips as `make build` makes them: what is in them, and that their handlers run with nothing else around."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest
import yaml

from cloud.built import HERE, build, link_runtime
from cloud.runtimes import EmulatedRuntime, FunctionConfiguration, emulator
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ROOT, TEMPLATE, read_template
from tests.fetcher.small_world import PARAMETERS


def digest(artifact: Path) -> dict[str, str]:
    return {
        str(path.relative_to(artifact)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(artifact.rglob("*"))
        if path.is_file()
    }


pytestmark = pytest.mark.prove
UNCHECKED_HASH = b"\1\0\0\0"  # https://peps.python.org/pep-0552/


@pytest.fixture(scope="module")
def sam_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    subprocess.run(
        [ROOT / ".venv/bin/sam", "build", "--build-dir", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
    )
    return folder


PACKAGES = {
    **dict.fromkeys(("Fetcher", "Announcements"), "fetcher"),
    **dict.fromkeys(("Distributor", "Sweeper", "Invalidator"), "distributor"),
}
AARCH64 = b"\xb7\x00"  # e_machine of an ELF file


@pytest.mark.parametrize("function", PACKAGES)
def test_sam_builds_every_function_for_lambdas_platform(function: str, sam_build: Path) -> None:
    artifact = sam_build / function

    folders = {path.name for path in artifact.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")}
    assert folders - {"__pycache__"} == {
        *(PACKAGES[function], "shared", "pydantic", "pydantic_core", "aws_lambda_powertools"),
        *("annotated_types", "defusedxml", "jmespath", "typing_inspection"),
        *["nh3"] * (function == "Announcements"),
    }
    binaries = list(artifact.rglob("*.so"))
    assert binaries
    assert {path.read_bytes()[18:20] for path in binaries} == {AARCH64}
    assert all("cpython-313" in path.name or "abi3" in path.name for path in binaries)


def aliases(path: Path) -> int:
    return sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(path.read_text(encoding="utf-8")))


def test_sam_replaces_the_aliases_of_the_template_which_cloudformation_refuses(sam_build: Path) -> None:
    written, built = read_template(), read_template(sam_build / "template.yaml")

    for body in (*written["Resources"].values(), *built["Resources"].values()):  # what the build itself adds
        body["Properties"]["CodeUri"] = body.setdefault("Metadata", {})["SamResourceId"] = ""
    assert built == written
    assert (aliases(TEMPLATE) > 0, aliases(sam_build / "template.yaml")) == (True, 0)


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (digest(build(tmp_path / name, "Fetcher")) for name in ("one", "two"))

    assert first == second


def test_each_module_comes_with_bytecode_that_is_taken_whatever_the_time_of_its_file(tmp_path: Path) -> None:
    artifact = build(tmp_path, "Distributor", *HERE)

    bytecode = [Path(cache_from_source(path)) for path in artifact.rglob("*.py")]
    assert len(bytecode) > 300
    assert {path.read_bytes()[:8] for path in bytecode} == {MAGIC_NUMBER + UNCHECKED_HASH}


@pytest.fixture(scope="module")
def runtime_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def ssm() -> Iterator[ParameterServer]:
    with ParameterServer(PARAMETERS) as server:
        yield server


@pytest.mark.skipif(emulator() is None, reason="AWS's Runtime Interface Emulator runs on Linux only")
@pytest.mark.parametrize(
    ("function", "handler", "error"),
    [
        ("Fetcher", "fetcher.handler.lambda_handler", "SOURCE_BUCKET: is not set"),
        ("Announcements", "fetcher.announcements.handler.lambda_handler", "SOURCE_BUCKET: is not set"),
        ("Distributor", "distributor.handler.lambda_handler", "DISTRIBUTION_BUCKET: is not set"),
        ("Invalidator", "distributor.invalidator.handler.lambda_handler", "CLOUDFRONT_DISTRIBUTION_ID: is not set"),
    ],
)
def test_the_built_handlers_run_with_nothing_but_lambdas_own_packages(
    function: str, handler: str, error: str, tmp_path: Path, runtime_packages: Path
) -> None:
    artifact = build(tmp_path, function, *HERE)
    configuration = FunctionConfiguration(
        name=function,
        handler=handler,
        timeout=30,
        memory=512,
        environment={"PYTHONPATH": f"{artifact}:{runtime_packages}", "AWS_REGION": "us-east-1"},
    )
    rie = emulator()
    assert rie is not None

    runtime = EmulatedRuntime(configuration, rie, (sys.executable, "-S", "-m", "awslambdaric"), cwd=artifact)
    try:
        answer = runtime.invoke(json.dumps({"Records": []}))
    finally:
        runtime.close()

    assert answer.is_error
    assert answer.content["errorType"] == "ConfigurationError"
    assert error in answer.content["errorMessage"]

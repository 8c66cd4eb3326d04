"""The zips as `make build` makes them: what is in them, and that their handlers run with nothing else around."""

import hashlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.embedded.parameters import ParameterServer
from ops.embedded.runtimes import EmulatedRuntime, FunctionConfiguration, emulator
from ops.embedded.template import ROOT
from tests.fetcher.small_world import PARAMETERS

# What Lambda's own Python runtime brings along, and the zips therefore leave out.
RUNTIME = ["awslambdaric", "boto3", "botocore", "dateutil", "runtime_client", "s3transfer", "simplejson", "six"]
RUNTIME += ["snapshot_restore_py", "urllib3"]


def build(folder: Path, function: str, *variables: str) -> Path:
    artifact = folder / function
    artifact.mkdir(parents=True)
    subprocess.run(
        ["/usr/bin/env", "make", f"build-{function}", f"ARTIFACTS_DIR={artifact}", *variables],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
    )
    return artifact


def digest(artifact: Path) -> dict[str, str]:
    return {
        str(path.relative_to(artifact)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(artifact.rglob("*"))
        if path.is_file()
    }


def test_sam_builds_every_function_for_lambdas_platform(tmp_path: Path) -> None:
    subprocess.run(
        [ROOT / ".venv/bin/sam", "build", "--build-dir", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
    )

    packages = {"Fetcher": "fetcher", **dict.fromkeys(("Distributor", "Sweeper", "Invalidator"), "distributor")}
    for function, own in packages.items():
        artifact = tmp_path / function
        found = {path.name for path in artifact.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")}
        assert found == {
            *(own, "shared", "pydantic", "pydantic_core", "aws_lambda_powertools"),
            *("annotated_types", "jmespath", "typing_inspection"),
        }
        binaries = [path.name for path in artifact.rglob("*.so")]
        assert binaries
        assert all("cpython-313-aarch64" in name for name in binaries)


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (digest(build(tmp_path / name, "Fetcher")) for name in ("one", "two"))

    assert first == second


@pytest.fixture(scope="module")
def runtime_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with only what Lambda's runtime has: if the zip lacks something, nothing here makes up for it."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        package = spec.submodule_search_locations
        origin = Path(package[0]) if package else Path(spec.origin)
        (folder / origin.name).symlink_to(origin)
    return folder


@pytest.fixture
def ssm() -> Iterator[ParameterServer]:
    with ParameterServer(PARAMETERS) as server:
        yield server


@pytest.mark.skipif(emulator() is None, reason="AWS's Runtime Interface Emulator runs on Linux only")
@pytest.mark.parametrize(
    ("function", "handler", "error"),
    [
        ("Fetcher", "fetcher.handler.lambda_handler", "SOURCE_BUCKET: Field required"),
        ("Distributor", "distributor.handler.lambda_handler", "DISTRIBUTION_BUCKET: Field required"),
        ("Invalidator", "distributor.invalidator.lambda_handler", "CLOUDFRONT_DISTRIBUTION_ID: Field required"),
    ],
)
def test_the_built_handlers_run_with_nothing_but_lambdas_own_packages(
    function: str, handler: str, error: str, tmp_path: Path, runtime_packages: Path
) -> None:
    version = "{}.{}".format(*sys.version_info)
    artifact = build(
        tmp_path, function, f"LAMBDA_PLATFORM={platform.machine()}-manylinux2014", f"LAMBDA_PYTHON={version}"
    )
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

"""The zips as `make build` makes them, and what Lambda's own Python runtime has beside them."""

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

from cloud.template import ROOT

# What Lambda's own Python runtime brings along, and the zips therefore leave out.
RUNTIME = (
    *("awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "runtime_client", "s3transfer", "simplejson", "six"),
    *("snapshot_restore_py", "urllib3"),
)
HERE = (
    f"LAMBDA_PLATFORM={platform.machine()}-manylinux2014",
    "LAMBDA_PYTHON={}.{}".format(*sys.version_info),
)
"""Builds for this machine instead of Lambda's."""


def build(folder: Path, function: str, *variables: str) -> Path:
    """Build one function into a folder of its name below `folder`; the variables override the Makefile's."""
    artifact = folder / function
    artifact.mkdir(parents=True)
    subprocess.run(  # noqa: S603 - our own Makefile
        ["/usr/bin/env", "make", f"build-{function}", f"ARTIFACTS_DIR={artifact}", *variables],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
    )
    return artifact


def link_runtime(folder: Path) -> Path:
    """Fill the folder with what Lambda's runtime has and nothing else: if a zip lacks something, nothing makes up."""
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue  # awslambdaric is for Linux only
        package = spec.submodule_search_locations
        origin = Path(package[0]) if package else Path(spec.origin)
        (folder / origin.name).symlink_to(origin)
    return folder

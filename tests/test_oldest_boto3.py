"""The functions run with whatever boto3 Lambda's runtime has, so they are tried with the oldest that is allowed."""

import re
import subprocess
import tomllib

import pytest

from cloud.template import ROOT

# Every call to AWS that a function makes, and the one of the command that is youngest.
CALLS = [
    *("tests/distributor/test_store.py", "tests/distributor/test_queues.py", "tests/distributor/test_handler.py"),
    *("tests/distributor/invalidator", "tests/distributor/sweeper", "tests/reliability/test_s3_contract.py"),
    *(
        "tests/fetcher/test_source.py",
        "tests/fetcher/test_handler.py",
        "tests/fetcher/ssm",
        "tests/shared/test_clients.py",
    ),
    "tests/ops/test_versions.py::test_an_empty_answer_is_no_proof_that_a_version_was_put_back",
]
RUN = """
import sys, boto3, botocore, pytest
print(boto3.__version__, botocore.__version__)
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.prove
def test_every_call_to_aws_works_with_the_oldest_boto3_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (oldest,) = re.findall(r"boto3>=([\d.]+)", " ".join(project["dependencies"]))

    finished = subprocess.run(
        [
            *(ROOT / ".venv/bin/uv", "run", "--no-sync", "--with", f"boto3=={oldest}"),
            *("--with", f"botocore=={oldest}", "python", "-c", RUN),
            *("-q", "-p", "no:cacheprovider", "-k", "not seaweedfs and not ministack", *CALLS),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.startswith(f"{oldest} {oldest}\n")
    assert re.search(r"\d{3} passed", finished.stdout)

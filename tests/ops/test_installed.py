"""The command where it is installed from the project's folder alone: no checkout beside it, no group of packages."""

import os
import subprocess
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ROOT
from tests.fetcher.small_world import PARAMETERS

Feed = Callable[..., CompletedProcess[str]]


pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    folder = tmp_path_factory.mktemp("installed")
    again = ("--refresh-package", "aws-services-feed")  # uv would take what it built before the code was changed
    subprocess.run(
        [ROOT / ".venv/bin/uv", "sync", "--locked", "--quiet", "--no-default-groups", "--no-editable", *again],
        cwd=ROOT,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder / "venv")},
        check=True,
    )
    (folder / "samconfig.toml").touch()
    with EmbeddedCloud({"CloudFrontDistributionId": ""}, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.fire("FetchSchedule")
        cloud.settle()
        environment = {**os.environ, **cloud.environment()}
        yield lambda *words: subprocess.run(
            [folder / "venv/bin/feed", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )


def test_an_installed_command_says_its_version(feed: Feed) -> None:
    finished = feed("--version")

    assert (finished.returncode, finished.stdout) == (0, "feed 0.1.0\n"), finished.stderr


@pytest.mark.parametrize(
    "words", [["status", "--drift"], ["failures"], ["sweep"], ["logs"], ["costs"], ["redistribute", "regions.json"]]
)
def test_an_installed_command_acts_on_a_stack(feed: Feed, words: list[str]) -> None:
    finished = feed(*words)

    assert (finished.returncode, finished.stderr) == (0, "")


def test_an_installed_verify_says_what_it_cannot_compare(feed: Feed) -> None:
    finished = feed("verify")

    assert (finished.returncode, finished.stderr) == (0, "")
    assert "! samconfig.toml is compared" in finished.stdout


@pytest.mark.parametrize("name", ["demo", "cloud", "init", "site", "smoke"])
def test_a_command_that_needs_the_project_s_files_says_that_it_needs_a_checkout(feed: Feed, name: str) -> None:
    finished = feed(name)

    assert finished.returncode == 2
    assert finished.stderr == "feed: this command needs a checkout of the project, set up by make setup\n"

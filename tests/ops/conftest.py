"""A small cloud with a finished run, and the `feed` command pointed at it."""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from ops.cli import app
from tests.fetcher.small_world import PARAMETERS

Feed = Callable[..., Result]


@pytest.fixture(scope="module")
def operated() -> Iterator[EmbeddedCloud]:
    # Functions that run in the background in this process would write into what the command prints.
    without_invalidator = {"CloudFrontDistributionId": ""}
    with EmbeddedCloud(without_invalidator, ssm=ParameterServer(PARAMETERS), in_process=True) as started:
        started.lambdas._retry_delay = 0
        started.fire("FetchSchedule")
        started.settle()
        yield started


@pytest.fixture
def feed(operated: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch, no_aws: None) -> Feed:
    for name, value in operated.environment().items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(app, arguments)

"""A stack that only distributes what others write: no catalogue is missed, and their files are looked at."""

import json
from collections.abc import Iterator

import pytest
from moto.cloudwatch.models import cloudwatch_backends
from typer.testing import CliRunner, Result

from cloud.embedded import EmbeddedCloud
from cloud.template import ACCOUNT, REGION
from ops.cli import app

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def started() -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud({"FetchEnabled": "false", "CloudFrontDistributionId": ""}, in_process=True) as running:
        running.lambdas._retry_delay = 0
        cloudwatch_backends[ACCOUNT][REGION].alarms.clear()
        yield running


@pytest.fixture
def cloud(started: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch, no_aws: None) -> EmbeddedCloud:
    for name, value in started.environment().items():
        monkeypatch.setenv(name, value)
    return started


def feed(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def upload(cloud: EmbeddedCloud, name: str, body: bytes = b"[]") -> None:
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
    cloud.settle()


def test_before_the_first_upload_all_is_well(cloud: EmbeddedCloud) -> None:
    status, verified = feed("status", "--drift"), feed("verify")

    assert (status.exit_code, verified.exit_code) == (0, 0), status.output + verified.output
    assert "Last run" not in status.stdout
    assert "fetch" not in (status.stdout + verified.stdout).lower()


def test_the_files_that_are_there_are_listed_and_checked(cloud: EmbeddedCloud) -> None:
    for name in ("prices.json", "a b+c.json", "Preise in München.json"):
        upload(cloud, name)

    status, verified = json.loads(feed("status", "--json").stdout), feed("verify")

    assert {entry["name"]: entry["state"] for entry in status["files"]} == {
        "prices.json": "in step",
        "a b+c.json": "in step",
        "Preise in München.json": "in step",
    }
    assert status["todo"] == []
    assert verified.exit_code == 0, verified.output
    assert "prices.json has the source's bytes" in verified.stdout


def test_an_unfit_file_is_red_with_advice_for_its_author(cloud: EmbeddedCloud) -> None:
    upload(cloud, "prices.json", b"<html>")

    status = json.loads(feed("status", "--json").stdout)
    upload(cloud, "prices.json")
    feed("redrive", "--yes")

    advice = {entry["name"]: entry["advice"] for entry in status["todo"]}
    assert advice["prices.json is fit to be published"].startswith("upload a good one")
    assert "feed fetch" not in str(advice)


def test_a_manifest_of_another_kind_is_a_file_like_any_other(cloud: EmbeddedCloud) -> None:
    upload(cloud, "manifest.json", b'{"name": "My app", "icons": []}')

    verified = feed("verify")

    assert verified.exit_code == 0, verified.output
    assert "manifest.json is fit to be published" in verified.stdout
    assert "data/manifest.json" in cloud.objects(cloud.website)


def test_there_is_nothing_to_fetch_and_that_is_said(cloud: EmbeddedCloud) -> None:
    finished = feed("fetch")

    assert finished.exit_code == 2
    assert "it fetches nothing (FetchEnabled is false)" in finished.stderr

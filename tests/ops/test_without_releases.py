"""A stack that fetches and makes no releases: the name manifest.json is anybody's."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.cloudwatch.models import cloudwatch_backends
from typer.testing import CliRunner, Result

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ACCOUNT, REGION
from ops.cli import app
from tests.fetcher.small_world import PARAMETERS

pytestmark = pytest.mark.prove

PARAMETERS_OF_STACK = {"Releases": "false", "CloudFrontDistributionId": ""}
OWN = b'{"name": "My app", "icons": []}'


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_aws: None) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(PARAMETERS_OF_STACK, ssm=ParameterServer(PARAMETERS), in_process=True) as running:
        cloudwatch_backends[ACCOUNT][REGION].alarms.clear()
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)  # where no samconfig.toml says otherwise
        tell_parameters(running)
        yield running


def tell_parameters(cloud: EmbeddedCloud) -> None:
    """Let CloudFormation know the parameters, as AWS's does."""
    cloudformation, stack = cloud.client("cloudformation"), cloud.stack
    parameters = {key: {"Type": "String", "Default": value} for key, value in PARAMETERS_OF_STACK.items()}
    template = {**cloudformation.get_template(StackName=stack.name)["TemplateBody"], "Parameters": parameters}
    cloudformation.update_stack(StackName=stack.name, TemplateBody=json.dumps(template))


def fetch(cloud: EmbeddedCloud) -> None:
    cloud.fire("FetchSchedule")
    cloud.settle()


def feed(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_manifest_of_another_kind_is_kept_published_and_verified(cloud: EmbeddedCloud) -> None:
    fetch(cloud)
    without = feed("verify")
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key="aws-data/manifest.json", Body=OWN)
    fetch(cloud)

    verified, shown = feed("verify"), feed("unpublish", "manifest.json")

    assert (without.exit_code, verified.exit_code) == (0, 0), without.output + verified.output
    assert "manifest.json" not in without.stdout
    assert "manifest.json is fit to be published" in verified.stdout
    published = cloud.client("s3").get_object(Bucket=cloud.website, Key="data/manifest.json")["Body"].read()
    assert published == OWN
    assert not [key for key in cloud.objects(cloud.website) if "releases/" in key]
    assert "the fetcher" not in shown.output

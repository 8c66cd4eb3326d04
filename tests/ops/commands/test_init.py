"""`feed init` looks at the account and writes samconfig.toml, so each test reads what is in the file afterwards."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from cloud.embedded import DISTRIBUTION, EmbeddedCloud
from cloud.template import ACCOUNT, read_template
from ops.cli import app
from ops.samconfig import Environment, read_environment
from tests.ops.commands.conftest import Deploy, Feed

GIVEN = ("--stack-name", "feed", "--website-bucket", "my-site", "--alarm-email", "you@example.com")


def entries() -> str:
    defaults = {name: body["Default"] for name, body in read_template()["Parameters"].items()}
    return "".join(f"    '{name}=\"{value}\"', # {name}\n" for name, value in defaults.items())


def section(name: str, stack: str) -> str:
    return (
        f'# {name}\n[{name}.global.parameters]\nstack_name = "{stack}"\n\n'
        f"[{name}.build.parameters]\nparallel = true\n\n"
        f"[{name}.deploy.parameters]\nparameter_overrides = [\n{entries()}]\n\n"
    )


# As it is shipped; that of this checkout may have been edited.
SHIPPED = (
    "version = 0.1\n\n" + section("default", "aws-services-feed") + section("staging", "aws-services-feed-staging")
)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's samconfig.toml."""
    path = tmp_path / "samconfig.toml"
    path.write_text(SHIPPED, encoding="utf-8")
    monkeypatch.setattr("ops.commands.init.need_checkout", lambda: tmp_path)
    return path


@pytest.fixture
def bucket(cloud: EmbeddedCloud) -> Iterator[str]:
    """A private website bucket."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="my-site")
    s3.put_public_access_block(
        Bucket="my-site",
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    yield "my-site"
    for entry in s3.list_objects_v2(Bucket="my-site").get("Contents", []):
        s3.delete_object(Bucket="my-site", Key=entry["Key"])
    s3.delete_bucket(Bucket="my-site")


@pytest.fixture
def distribution(cloud: EmbeddedCloud, bucket: str) -> Iterator[str]:
    """A distribution of the bucket, below /web."""
    origin = {
        "Id": "site",
        "DomainName": f"{bucket}.s3.us-east-1.amazonaws.com",
        "OriginPath": "/web",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    configuration: dict[str, Any] = {
        "CallerReference": "once",
        "Comment": "",
        "Enabled": False,
        "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "https-only"},
    }
    created = cloud.client("cloudfront").create_distribution(DistributionConfig=configuration)
    yield created["Distribution"]["Id"]
    cloud.client("cloudfront").delete_distribution(Id=created["Distribution"]["Id"], IfMatch=created["ETag"])


def written(file: Path, name: str = "default") -> Environment:
    return read_environment(file.read_text(encoding="utf-8"), name)


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> Result:
    """The command as a person at a terminal has it, who answers with these lines."""
    monkeypatch.setattr("ops.commands.init.is_interactive", lambda: True)
    return CliRunner().invoke(app, ["init"], input="".join(f"{line}\n" for line in lines))


def test_a_person_is_asked_and_the_answers_are_written(
    cloud: EmbeddedCloud, bucket: str, distribution: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = answer(monkeypatch, "feed", "", bucket, "web/data", "you@example.com", "", "", "")

    assert finished.exit_code == 0, finished.output
    before, environment = (
        read_environment(SHIPPED, "default"),
        written(file),
    )
    assert (environment.stack_name, environment.region) == ("feed", "us-east-1")
    assert environment.parameters == {
        **before.parameters,
        "DistributionBucketName": bucket,
        "DistributionKeyPrefix": "web/data",
        "AlarmEmail": "you@example.com",
        "CloudFrontDistributionId": distribution,
        "CloudFrontOriginPath": "/web",
        **({"SiteUrl": "https://www.example.com/data/"} if "SiteUrl" in before.parameters else {}),
    }
    assert f"  {distribution}  www.example.com/web" in finished.output
    assert "make build && .venv/bin/sam deploy\n" in finished.output
    assert "feed verify --stack-name feed --url https://www.example.com/data/\n" in finished.output


@pytest.mark.parametrize(("before", "after"), [("", "https://www.example.com/data/"), ("https://a.b/", "https://a.b/")])
def test_the_public_address_is_taken_from_the_distribution_unless_the_file_has_one(  # noqa: PLR0913, PLR0917 - a row of the table
    before: str, after: str, feed: Feed, bucket: str, distribution: str, file: Path
) -> None:
    lines = file.read_text(encoding="utf-8")
    lines = re.sub(r"""    ['"]SiteUrl=.*\n""", "", lines)
    file.write_text(
        lines.replace("_overrides = [\n", f"_overrides = [\n    'SiteUrl=\"{before}\"',\n"), encoding="utf-8"
    )

    feed("init", *GIVEN, "--website-prefix", "web/data", "--distribution-id", distribution, "--yes")

    assert written(file).parameters["SiteUrl"] == after


def test_the_file_s_comments_and_other_environments_stay(feed: Feed, bucket: str, file: Path) -> None:
    before = file.read_text(encoding="utf-8").splitlines()

    finished = feed("init", *GIVEN, "--region", "eu-west-1", "--config-env", "staging", "--yes")

    assert finished.exit_code == 0, finished.output
    after = file.read_text(encoding="utf-8").splitlines()
    assert [line for line in before if line not in after] == ['stack_name = "aws-services-feed-staging"']
    assert (
        after.index("[staging.global.parameters]")
        < after.index('region = "eu-west-1"')
        < after.index("[staging.build.parameters]")
    )
    assert "sam deploy --config-env staging" in finished.output
    assert "feed fetch --stack-name feed --region eu-west-1" in finished.output


def test_again_it_offers_what_is_there_and_changes_nothing(
    feed: Feed, bucket: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed("init", *GIVEN, "--no-fetch", "--yes")
    before = file.read_bytes()

    finished = answer(monkeypatch, *[""] * 7)

    assert finished.exit_code == 0, finished.output
    assert "says all this already" in finished.output
    assert file.read_bytes() == before
    assert written(file).parameters["FetchEnabled"] == "false"


def test_an_answer_that_cannot_be_right_is_asked_for_again(
    bucket: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = answer(monkeypatch, "feed", "", "My_Bucket", bucket, "", "nobody", "you@example.com", "", "", "")

    assert finished.exit_code == 0, finished.output
    assert finished.output.count("does not match") == 2
    assert written(file).parameters["DistributionBucketName"] == bucket


@pytest.mark.parametrize("agreed", [["n"], []])
def test_nothing_is_written_before_a_person_agrees(
    agreed: list[str], bucket: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    finished = answer(monkeypatch, "feed", "", bucket, "", "you@example.com", "", "", *agreed)

    assert finished.exit_code == 1
    assert '+    "AlarmEmail=you@example.com",' in finished.output
    assert file.read_bytes() == before


def test_without_a_terminal_the_missing_options_are_named(
    feed: Feed, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    finished = feed("init", "--yes")

    assert finished.exit_code == 2
    assert finished.stderr == "feed: there is nobody to ask: give --region, --website-bucket, --alarm-email\n"
    assert file.read_bytes() == before


def test_without_a_terminal_and_a_yes_the_changes_are_only_shown(feed: Feed, bucket: str, file: Path) -> None:
    before = file.read_bytes()

    finished = feed("init", *GIVEN)

    assert finished.exit_code == 1
    assert "-    'AlarmEmail=\"\"'," in finished.stdout
    assert "--yes writes this" in finished.stdout
    assert file.read_bytes() == before


def test_an_option_that_cannot_be_right_is_refused(feed: Feed) -> None:
    finished = feed("init", "--alarm-email", "nobody")

    assert finished.exit_code == 2
    assert finished.stderr.startswith("feed: --alarm-email: 'nobody' does not match ")


def test_an_environment_that_is_not_there_is_refused(feed: Feed) -> None:
    finished = feed("init", "--config-env", "test")

    assert (finished.exit_code, len(finished.stderr.splitlines())) == (2, 1)
    assert "test" in finished.stderr


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"\xff")])
def test_a_file_that_cannot_be_read_is_refused(damage: Callable[[Path], object], feed: Feed, file: Path) -> None:
    damage(file)

    finished = feed("init", *GIVEN)

    assert (finished.exit_code, len(finished.stderr.splitlines())) == (2, 1)
    assert finished.stderr.startswith("feed: samconfig.toml cannot be read: ")


def test_without_credentials_it_is_refused(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    finished = feed("init", *GIVEN)

    assert (finished.exit_code, finished.stderr) == (2, "feed: Unable to locate credentials\n")


def red(finished: Result) -> str:
    return "\n".join(line for line in finished.stdout.splitlines() if "✗" in line)


def test_what_stands_in_the_way_of_a_deployment_is_red_and_then_nothing_is_written(
    cloud: EmbeddedCloud, feed: Feed, bucket: str, deploy: Deploy, file: Path
) -> None:
    deploy("another", {})
    before, s3 = file.read_bytes(), cloud.client("s3")
    s3.create_bucket(Bucket=f"taken-{ACCOUNT}-us-east-1")
    site = ("--website-bucket", bucket, "--alarm-email", "", "--yes")

    try:
        assert "another stack has this name" in red(feed("init", *site, "--stack-name", "another"))
        assert "you have such a bucket already" in red(feed("init", *site, "--stack-name", "taken"))
        assert "no bucket can have this name" in red(feed("init", *site, "--stack-name", "Feed"))
        nowhere = ("--alarm-email", "", "--yes", "--stack-name", "feed", "--website-bucket")
        assert "there is no bucket of this name" in red(feed("init", *nowhere, "no-such-site"))
        assert "that is the website bucket" in red(feed("init", *nowhere, f"feed-{ACCOUNT}-us-east-1"))
        assert "neither fetches nor publishes" in red(feed("init", *nowhere, "", "--no-fetch"))
        finished = feed("init", *nowhere, "no-such-site")
        assert finished.exit_code == 1
        assert "Mend first what is red" in finished.stdout
    finally:
        s3.delete_bucket(Bucket=f"taken-{ACCOUNT}-us-east-1")
    assert file.read_bytes() == before


def test_what_is_good_to_know_of_the_bucket_is_yellow(
    cloud: EmbeddedCloud, feed: Feed, bucket: str, distribution: str
) -> None:
    s3 = cloud.client("s3")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="data/mine.json", Body=b"[]")
    finished = feed("init", *GIVEN, "--distribution-id", distribution)

    yellow = [line.split("  ")[2] for line in finished.stdout.splitlines() if line.startswith("  !")]
    assert "public access is not blocked" in yellow
    assert "there are files below data/ already" in yellow
    assert "it does not name the distribution" in yellow
    assert "its origin path is /web" in yellow
    assert "--url" not in finished.stdout
    assert red(finished) == ""


def test_a_policy_that_names_the_distribution_lets_it_read(
    cloud: EmbeddedCloud, feed: Feed, bucket: str, distribution: str
) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{distribution}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)

    finished = feed("init", *GIVEN, "--distribution-id", distribution)

    assert "✓ the bucket's policy lets it read" in finished.stdout


def test_a_distribution_that_does_not_read_the_bucket_is_told(feed: Feed, bucket: str) -> None:
    finished = feed("init", *GIVEN, "--distribution-id", DISTRIBUTION)

    assert "no distribution of this account with this id has the bucket" in finished.stdout


def test_a_stack_that_is_there_is_changed_and_keeps_its_source_bucket(cloud: EmbeddedCloud, feed: Feed) -> None:
    finished = feed("init", "--website-bucket", cloud.website, "--alarm-email", "", "--yes")

    assert finished.exit_code == 0, finished.output
    assert "it is there, CREATE_COMPLETE" in finished.stdout
    assert "it is the stack's already" in finished.stdout
    assert "files below" not in finished.stdout


def test_the_commands_that_follow_are_as_a_shell_reads_them(feed: Feed, bucket: str) -> None:
    finished = feed("init", *GIVEN, "--no-fetch", "--yes")

    _, deployed, verified = finished.stdout.splitlines()[-3:]
    assert shlex.split(deployed) == ["make", "build", "&&", ".venv/bin/sam", "deploy"]
    assert shlex.split(verified)[:6] == [".venv/bin/feed", "sweep", "--yes", "--stack-name", "feed", "&&"]


SITE = {
    "DistributionBucketName": "my-site",
    "DistributionKeyPrefix": "files",
    "CloudFrontDistributionId": "E2SITE",
    "SiteUrl": "https://feed.example.com/files/",
}
REST = ("--stack-name", "feed", "--alarm-email", "", "--yes")


def test_a_website_stack_gives_all_that_the_main_stack_must_know_of_it(
    feed: Feed, bucket: str, deploy: Deploy, file: Path
) -> None:
    deploy("site", {**SITE, "DistributionDomainName": "d1.cloudfront.net"})
    before = written(file).parameters

    finished = feed("init", "--website-stack", "site", *REST)

    assert finished.exit_code == 0, finished.output
    assert written(file).parameters == {**before, **SITE}


@pytest.mark.parametrize(
    ("outputs", "options", "reason"),
    [
        (SITE, ("--website-bucket", "another"), "leave out their options"),
        ({"SiteUrl": "https://a.b/"}, (), "no stack of website.yaml"),
    ],
)
def test_a_website_stack_that_cannot_give_it_is_refused(  # noqa: PLR0913, PLR0917 - a row of the table
    outputs: dict[str, str], options: tuple[str, ...], reason: str, feed: Feed, deploy: Deploy, file: Path
) -> None:
    deploy("site", outputs)
    before = file.read_bytes()

    finished = feed("init", "--website-stack", "site", *options, *REST)

    assert finished.exit_code == 2
    assert reason in finished.stderr
    assert file.read_bytes() == before


def test_a_website_stack_of_another_region_is_found_by_its_arn(
    cloud: EmbeddedCloud, feed: Feed, bucket: str, file: Path
) -> None:
    cloudformation = boto3.Session().client("cloudformation", region_name="eu-west-1")
    outputs = {name: {"Value": value} for name, value in SITE.items()}
    template = {"Resources": {"Placeholder": {"Type": "AWS::Logs::LogGroup"}}, "Outputs": outputs}
    arn = cloudformation.create_stack(StackName="far", TemplateBody=json.dumps(template))["StackId"]

    finished = feed("init", "--website-stack", arn, *REST)

    cloudformation.delete_stack(StackName="far")
    assert finished.exit_code == 0, finished.output
    assert (written(file).region, written(file).parameters["SiteUrl"]) == ("us-east-1", SITE["SiteUrl"])

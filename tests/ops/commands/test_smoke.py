"""What `feed smoke` refuses, and that it asks first; the walk itself is shown in tests/ops/smoke."""

import pytest
from typer.testing import CliRunner

from cloud.embedded import EmbeddedCloud
from ops.cli import app
from tests.ops.commands.conftest import Feed


def buckets(cloud: EmbeddedCloud) -> list[str]:
    return [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]


def test_without_a_yes_nothing_is_made(cloud: EmbeddedCloud, feed: Feed) -> None:
    before = buckets(cloud)

    asked = feed("smoke", "--distribution-id", "E2EXAMPLE123")

    assert asked.exit_code == 1
    assert "the stack feed-smoke-" in asked.output
    assert "asks the distribution E2EXAMPLE123" in asked.output
    assert buckets(cloud) == before


def test_without_credentials_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    refused = CliRunner().invoke(app, ["smoke", "--yes"])

    assert refused.exit_code == 2
    assert "Unable to locate credentials" in refused.output


def test_no_other_stack_can_be_removed(cloud: EmbeddedCloud, feed: Feed) -> None:
    before = buckets(cloud)

    refused = feed("smoke", "--remove", "aws-services-feed")

    assert refused.exit_code == 2
    assert "aws-services-feed is no throw-away stack" in refused.output
    assert buckets(cloud) == before


def test_removing_what_is_not_there_leaves_nothing(cloud: EmbeddedCloud, feed: Feed) -> None:
    removed = feed("smoke", "--remove", "feed-smoke-0123456789")

    assert (removed.exit_code, removed.output) == (0, "nothing is left of feed-smoke-0123456789\n")


def test_what_an_earlier_walk_has_left_is_removed(cloud: EmbeddedCloud, feed: Feed) -> None:
    before, s3 = buckets(cloud), cloud.client("s3")
    s3.create_bucket(Bucket="feed-smoke-0123456789-website")
    s3.put_object(Bucket="feed-smoke-0123456789-website", Key="zips/one", Body=b"zip")

    removed = feed("smoke", "--remove", "feed-smoke-0123456789")

    assert removed.exit_code == 0
    assert buckets(cloud) == before

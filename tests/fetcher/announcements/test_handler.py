import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from moto import mock_aws

from cloud.stand_ins.announcement_feed import AnnouncementFeed
from fetcher.announcements import handler
from shared.settings import ConfigurationError

Printed = Callable[[], list[dict[str, Any]]]
KEY = "aws-data/aws-whats-new.json"


@pytest.fixture(autouse=True)
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnnouncementFeed]:
    handler.settings.cache_clear()
    with AnnouncementFeed() as feed:
        monkeypatch.setenv("SOURCE_BUCKET", "my-source")
        monkeypatch.setenv("ANNOUNCEMENTS_FEED_URL", feed.url)
        yield feed


@pytest.fixture
def s3() -> Iterator[Any]:
    """The environment's bucket."""
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="my-source")
        yield client


def test_an_invocation_writes_the_file_and_tells_what_it_did(
    s3: Any, lambda_context: LambdaContext, printed: Printed
) -> None:
    summary = handler.lambda_handler({}, lambda_context)

    stored = s3.get_object(Bucket="my-source", Key=KEY)
    body = stored["Body"].read()
    assert summary == {"read": 3, "broken": 0, "feedError": "", "written": [{"key": KEY, "bytes": len(body)}]}
    assert stored["Metadata"]["run-id"] == lambda_context.aws_request_id
    assert json.loads(body)["metadata"]["count"] == 3
    line, metrics = printed()
    assert (line["message"], line["service"], line["read"]) == ("announcements_finished", "announcements", 3)
    assert metrics["AnnouncementsRead"] == [3.0]


def test_an_invocation_that_finds_nothing_new_says_so(s3: Any, lambda_context: LambdaContext, printed: Printed) -> None:
    handler.lambda_handler({}, lambda_context)

    assert handler.lambda_handler({}, lambda_context) == {"read": 3, "broken": 0, "feedError": "", "written": []}


def test_a_feed_that_fails_is_said_and_counts_as_nothing_read_but_is_no_error(
    s3: Any, lambda_context: LambdaContext, printed: Printed, feed: AnnouncementFeed
) -> None:
    feed.body = b"<html>Sorry</html>"

    summary = handler.lambda_handler({}, lambda_context)

    warning, line, metrics = printed()
    assert summary["feedError"] == "not an RSS feed: html"
    assert (warning["level"], warning["message"], warning["reason"]) == (
        "WARNING",
        "announcements_feed_failed",
        summary["feedError"],
    )
    assert line["message"] == "announcements_finished"
    assert metrics["AnnouncementsRead"] == [0.0]
    assert "Contents" not in s3.list_objects_v2(Bucket="my-source")


def test_broken_items_and_an_unreadable_file_are_said(
    s3: Any, lambda_context: LambdaContext, printed: Printed, feed: AnnouncementFeed
) -> None:
    s3.put_object(Bucket="my-source", Key=KEY, Body=b"{")
    feed.body = feed.body.replace(b"<title>AWS announces availability changes</title>", b"")

    summary = handler.lambda_handler({}, lambda_context)

    warnings = [line["message"] for line in printed() if line.get("level") == "WARNING"]
    assert (summary["read"], summary["broken"]) == (2, 1)
    assert warnings == ["published_files_unreadable", "announcements_broken"]


def test_an_error_of_s3_is_raised(lambda_context: LambdaContext) -> None:
    with mock_aws(), pytest.raises(ClientError, match="NoSuchBucket"):
        handler.lambda_handler({}, lambda_context)


def test_a_missing_variable_is_named(lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANNOUNCEMENTS_FEED_URL")

    with pytest.raises(ConfigurationError, match="ANNOUNCEMENTS_FEED_URL"):
        handler.lambda_handler({}, lambda_context)

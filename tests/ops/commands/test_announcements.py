"""What the commands know of `aws-whats-new.json`, which a function of its own writes, and no run of the fetcher."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.announcement_feed import recent, rss
from fetcher.announcements.next_file import next_file
from fetcher.rss import parse_rss
from tests.ops.commands.conftest import STACK, Feed, upload

pytestmark = pytest.mark.prove

NAME = "aws-whats-new.json"


def body(age: timedelta) -> bytes:
    """The file as it was written so long ago."""
    then = datetime.now(UTC).replace(microsecond=0) - age
    file = next_file(parse_rss(rss(recent(then), then)), None, "https://aws.amazon.com/feed/", then).file
    assert file
    return file.to_bytes()


def test_the_file_is_one_of_those_that_are_shown_and_held_to_their_contract(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, NAME, body(timedelta(hours=30)))

    finished = feed("verify")

    assert finished.exit_code == 0, finished.output
    assert f"✓ {NAME} keeps the contract" in finished.stdout
    assert f"✓ {NAME} has changed in the last 7 days" in finished.stdout
    assert f"{NAME} " in feed("status").stdout


def test_a_file_that_has_not_changed_for_a_week_is_red(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, NAME, body(timedelta(days=7, hours=1)))

    finished = feed("verify")

    assert finished.exit_code == 1
    assert f"✗ {NAME} has changed in the last 7 days" in finished.stdout
    assert "ReadAnnouncementsNow" in finished.stdout


def test_a_function_of_announcements_that_is_paused_is_red(cloud: EmbeddedCloud, feed: Feed) -> None:
    function = f"{STACK}-announcements"
    lambda_ = cloud.client("lambda")
    lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)

    finished = feed("verify")

    lambda_.delete_function_concurrency(FunctionName=function)
    assert finished.exit_code == 1
    assert "✗ the function of announcements is not paused" in finished.stdout


@pytest.mark.parametrize("change", [b"", b"http"])
def test_a_file_that_breaks_its_contract_is_not_published(cloud: EmbeddedCloud, feed: Feed, change: bytes) -> None:
    upload(cloud, NAME, body(timedelta()).replace(b"https://aws.amazon.com/about-aws", change))

    assert f"data/{NAME}" not in cloud.objects(cloud.website)
    assert f"✗ {NAME} keeps the contract" in feed("verify").stdout


def test_whoever_puts_back_or_takes_down_the_file_is_told_what_writes_it_again(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    upload(cloud, NAME, body(timedelta(hours=6)))
    upload(cloud, NAME, body(timedelta(hours=1)))

    put_back, taken_down = feed("rollback", NAME).stdout, feed("unpublish", NAME).stdout

    assert "the next change of AWS's feed writes it anew" in " ".join(put_back.split())
    assert f"the schedule writes {NAME} again: set ScheduleState=DISABLED" in " ".join(taken_down.split())
    assert "releases keep" not in taken_down

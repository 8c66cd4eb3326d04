from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloud.stand_ins.announcement_feed import AnnouncementFeed, Item, rss
from fetcher.announcements.run import MOST_TRIES, RunResult, run
from fetcher.settings import AnnouncementsSettings
from fetcher.source import OvertakenError, SourceBucket, WrittenObject
from shared import contract
from tests.fetcher.memory_s3 import MemoryS3, StoredObject
from tests.fetcher.test_rss import BROKEN

KEY = "aws-data/aws-whats-new.json"
NOW = datetime(2026, 10, 7, 12, tzinfo=UTC)


class World:
    """One bucket and one feed."""

    def __init__(self, feed: AnnouncementFeed) -> None:
        s3: Any = MemoryS3("my-source")
        self.objects: dict[str, StoredObject] = s3.objects
        self.bucket, self.feed = SourceBucket(s3, "my-source", "aws-data"), feed

    def announce(self, *numbers: int, hour: int = 0) -> None:
        """Let the feed hold these announcements, as it was built at that hour."""
        items = (
            Item(str(number), "News", "<p>Text</p>", NOW - timedelta(days=1, hours=-number), "") for number in numbers
        )
        self.feed.body = rss(items, NOW - timedelta(days=1) + timedelta(hours=hour))

    def run(self, name: str = "run", clock: Callable[[], datetime] = lambda: NOW) -> RunResult:
        settings = AnnouncementsSettings(source_bucket="my-source", announcements_feed_url=self.feed.url)
        return run(settings, self.bucket, name, clock)

    def ids(self) -> list[str]:
        return [each.id for each in contract.Announcements.from_bytes(self.objects[KEY].body).announcements]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("fetcher.announcements.run.LONGEST_PAUSE", 0)
    with AnnouncementFeed() as feed:
        world = World(feed)
        world.announce(1, 2)
        yield world


def test_a_run_writes_the_one_file_and_says_which_run_it_was(world: World) -> None:
    result = world.run("first")

    assert result.written == WrittenObject(KEY, len(world.objects[KEY].body))
    assert list(world.objects) == [KEY]
    assert world.ids() == ["2", "1"]
    assert world.objects[KEY].content_type == "application/json"
    assert world.objects[KEY].metadata == {"run-id": "first", "schema-version": contract.SCHEMA_VERSION}


def test_a_run_that_finds_nothing_new_writes_nothing(world: World) -> None:
    world.run("first")

    result = world.run("second", lambda: NOW + timedelta(hours=6))

    assert (result.written, world.objects[KEY].metadata["run-id"]) == (None, "first")


def test_what_the_feed_drops_is_kept(world: World) -> None:
    world.run()
    world.announce(2, 3)

    world.run()

    assert world.ids() == ["3", "2", "1"]


@pytest.mark.parametrize("body", [*BROKEN.values(), b" " * 2_000_001], ids=[*BROKEN, "too long"])
def test_whatever_happens_to_the_feed_the_file_stays_and_the_reason_is_said(world: World, body: bytes) -> None:
    world.run("first")
    before = dict(world.objects)
    world.feed.body = body

    result = world.run("second")

    assert world.objects == before
    assert (result.next, result.written) == (None, None)
    assert result.feed_error


def test_a_feed_that_is_older_than_before_changes_nothing(world: World) -> None:
    world.announce(1, 2, hour=3)
    world.run("first")
    world.announce(1, hour=2)

    result = world.run("second")

    assert (result.feed_error, world.ids()) == ("older than the one before", ["2", "1"])


def test_a_feed_that_failed_is_read_again_by_the_next_run(world: World) -> None:
    world.feed.body = b""
    world.run()
    world.announce(1)

    assert (world.run().feed_error, world.ids()) == ("", ["1"])


@pytest.mark.parametrize("body", [b"", b"{}", b"{", b'{"metadata": {}, "announcements": []}', b"\xff"])
def test_a_file_that_cannot_be_read_is_replaced_and_the_reason_is_said(world: World, body: bytes) -> None:
    world.objects[KEY] = StoredObject(body)

    result = world.run()

    assert result.unreadable
    assert world.ids() == ["2", "1"]


def overtake(world: World, *numbers: int) -> Callable[[], datetime]:
    """A clock that, each time it is read, lets another run be the first to write one of these announcements."""
    feeds = iter(numbers)

    def clock() -> datetime:
        for number in feeds:
            mine = world.feed.body
            world.announce(number)
            world.run(f"other-{number}")
            world.feed.body = mine
            break
        return NOW

    return clock


def test_a_run_that_is_overtaken_builds_on_the_other_runs_file(world: World) -> None:
    result = world.run("mine", overtake(world, 3, 4))

    assert result.written
    assert world.objects[KEY].metadata["run-id"] == "mine"
    assert world.ids() == ["4", "3", "2", "1"]


def test_a_run_that_is_overtaken_again_and_again_gives_up(world: World) -> None:
    with pytest.raises(OvertakenError):
        world.run("mine", overtake(world, *range(3, 3 + MOST_TRIES)))

    assert "1" not in world.ids()


def test_runs_at_the_same_time_lose_nothing(world: World) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(world.run, ["one", "two"]):
            pass

    assert world.ids() == ["2", "1"]


def test_an_error_of_s3_is_raised(world: World) -> None:
    world.bucket = SourceBucket(world.bucket.client, "another", "aws-data")

    with pytest.raises(ClientError, match="NoSuchBucket"):
        world.run()

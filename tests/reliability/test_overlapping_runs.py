"""Fetcher runs side by side, step by step in any order, on a bucket that honours conditions; some die on the way."""

import hashlib
import itertools
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fetcher import run as run_module
from fetcher import source
from fetcher.history import build_feed, years
from fetcher.next_state import CrawlResult, NextState, next_state
from fetcher.run import run
from fetcher.settings import FetcherSettings, Job, RunRequest
from fetcher.source import OvertakenError, PreviousState, SourceBucket
from fetcher.ssm import CallCounts, crawl
from shared import contract
from tests.fetcher.history.test_years import entry
from tests.fetcher.memory_s3 import MemoryS3, StoredObject
from tests.fetcher.small_world import PARAMETERS, ROOT, MemoryStore

START = datetime(2026, 11, 23, 2, tzinfo=UTC)
EU = "eusc-de-east-1"
NEWS = {"new": {f"{ROOT}/regions/{EU}/services/AmazonGameLiftStreams": "x"}, "old": {}}
SETTINGS = FetcherSettings(source_bucket="my-source", max_shrink_percent=100)
ITEMS = (f"regions/{EU}.json", "services/AmazonGameLiftStreams.json", "services/s3.json", "index.json")
TOGETHER = (contract.REGIONS_FILE, contract.SERVICES_FILE, contract.COMPLETE_DATA_FILE)


class DeadError(Exception):
    """The function was stopped."""


class TurnTakingS3(MemoryS3):
    """S3 as one run sees it: each request waits for its turn. A `lost` one is done, but its answer does not arrive."""

    def __init__(self, objects: dict[str, StoredObject], manifests: set[bytes], turn: Callable[[], str]) -> None:
        super().__init__("my-source", objects)
        self.manifests, self._turn = manifests, turn

    def get_object(self, **arguments: Any) -> Any:
        self._take_turn()
        return super().get_object(**arguments)

    def head_object(self, **arguments: Any) -> Any:
        self._take_turn()
        return super().head_object(**arguments)

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        self._take_turn()
        return super().paginate(**arguments)

    def put_object(self, **arguments: Any) -> Any:
        turn = self._take_turn()
        answer = super().put_object(**arguments)
        if arguments["Key"].endswith(contract.MANIFEST_FILE):
            self.manifests.add(arguments["Body"])
        if turn == "lost":  # the SDK asks again, and meets what it has written itself
            return super().put_object(**arguments)
        if turn == "dies after":
            raise DeadError
        return answer

    def _take_turn(self) -> str:
        turn = self._turn()
        if turn == "dies":
            raise DeadError
        return turn


def read(world: str) -> CrawlResult:
    readings = crawl(MemoryStore(PARAMETERS | NEWS[world]), clock=lambda: START)
    return CrawlResult(readings, CallCounts(), 0, {}, "")


RESULTS = {world: read(world) for world in NEWS}


class Races:
    """Runs over one bucket, one request of one of them at a time, in the order that the random numbers say."""

    def __init__(self, seed: int, seconds: float) -> None:
        self._random, self._seconds = random.Random(seed), seconds  # noqa: S311 - reproducible choices, no secrets
        self.objects: dict[str, StoredObject] = {}
        self.manifests: set[bytes] = set()
        self.items: dict[bytes, Mapping[str, bytes]] = {}  # of each state, by its manifest
        self._tick, self._last = itertools.count(), ""
        self.ended: dict[str, BaseException | None] = {}

    def clock(self) -> datetime:
        return START + timedelta(seconds=int(next(self._tick) * self._seconds))

    def run(self, name: str, turn: Callable[[], str] = lambda: "") -> None:
        s3: Any = TurnTakingS3(self.objects, self.manifests, turn)
        bucket = SourceBucket(s3, "my-source", "aws-data")
        state = run(Job(name, SETTINGS, RunRequest()), bucket, 600, self.clock).state
        self.items[state.files[contract.MANIFEST_FILE]] = state.items

    def race(self, names: Sequence[str], faults: int) -> None:
        """One thread for each run; only the one whose turn it is moves."""
        gates = {name: threading.Semaphore(0) for name in names}
        moved, turns = threading.Semaphore(0), dict.fromkeys(names, "")

        def turn_of(name: str) -> Callable[[], str]:
            def turn() -> str:
                moved.release()
                gates[name].acquire()
                return turns[name]

            return turn

        def work(name: str) -> None:
            try:
                self.run(name, turn_of(name))
                self.ended[name] = None
            except Exception as error:  # noqa: BLE001 - raised by `require_expected_ends`, in the test's own thread
                self.ended[name] = error
            finally:
                moved.release()

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
            moved.acquire()
        at = {self._random.randrange(60) for _ in range(faults)}
        for step in itertools.count():
            waiting = [name for name in names if name not in self.ended]
            if not waiting:
                break
            name = self._last = self._next(waiting)
            turns[name] = self._random.choice(["dies", "dies after", "lost"]) if step in at else ""
            gates[name].release()
            moved.acquire()
        for thread in threads:
            thread.join()

    def require_expected_ends(self) -> None:
        for error in self.ended.values():
            if error and not isinstance(error, DeadError | OvertakenError):
                raise error

    def _next(self, waiting: Sequence[str]) -> str:
        """Often the same run goes on for a while, as it does in life."""
        if self._last in waiting and self._random.random() < 0.5:
            return self._last
        return self._random.choice(waiting)

    def hashes(self) -> dict[str, str]:
        """Of all files that a manifest must name."""
        bodies = {key.removeprefix("aws-data/"): stored.body for key, stored in self.objects.items()}
        items = "|".join(map(re.escape, ITEMS))
        no_part = re.compile(rf"history/.*|{contract.YEAR_FILE.pattern}|{contract.MANIFEST_FILE}|{items}")
        return {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items() if not no_part.fullmatch(name)}

    def file(self, name: str) -> Any:
        model = contract.model_of(name)
        assert model
        return model.from_bytes(self.objects[f"aws-data/{name}"].body)


def require_together(races: Races) -> None:
    regions, services, data = (races.file(name) for name in TOGETHER)
    assert races.file(contract.SERVICE_REGIONS_FILE).metadata == data.metadata
    assert data.regions == regions
    assert services.timestamp == data.metadata.timestamp
    assert tuple(service.code for service in services.services) == data.services.services
    state = PreviousState(data, services)
    assert build_feed(races.file(contract.CHANGE_HISTORY_FILE), state) == races.file(contract.CHANGE_FEED_FILE)
    assert {file.name: file.sha256 for file in races.file(contract.MANIFEST_FILE).files} == races.hashes()
    items = races.items[races.objects[f"aws-data/{contract.MANIFEST_FILE}"].body]
    assert {name: races.objects[f"aws-data/{name}"].body for name in ITEMS} == items


def require_news_once(races: Races) -> None:
    history = races.file(contract.CHANGE_HISTORY_FILE)
    log = [each for each in history.change_log if each.date >= START.date()]
    news = [offer.service for each in log for offer in each.changes.new_regional_services]
    assert news == ["AmazonGameLiftStreams"]
    assert not [offer for each in log for offer in each.changes.removed_regional_services]


@pytest.fixture(autouse=True)
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run reads is the end of its name; one schema and few items stand for all, so that steps are few."""

    def with_few_items(*arguments: Any) -> NextState:
        state = next_state(*arguments)
        return replace(state, items={name: state.items[name] for name in ITEMS})

    schema = dict([*contract.schemas().items()][:1])
    monkeypatch.setattr(run_module, "LONGEST_PAUSE", 0)
    monkeypatch.setattr(run_module, "next_state", with_few_items)
    monkeypatch.setattr(source, "WRITES_AT_ONCE", 1)  # the races choose what comes next
    monkeypatch.setattr(run_module, "_gather", lambda job, *_: RESULTS[job.id.rpartition(" ")[2]])
    monkeypatch.setattr(contract, "schemas", lambda: schema)


# Two runs that read different things, three of them, and two that read the same.
WORLDS = [("1 new", "2 old"), ("1 new", "2 old", "3 new"), ("1 new", "2 new")]


@pytest.mark.parametrize("names", WORLDS, ids=", ".join)
@pytest.mark.parametrize("faults", range(3))
@pytest.mark.parametrize("seconds", [1, 0.02], ids=["a second each", "all in a second"])
def test_whatever_overlaps_and_dies_files_belong_together_and_news_is_said_once(
    names: Sequence[str], faults: int, seconds: float
) -> None:
    # With two of the seeds, files that held their bytes already were once passed over, and stayed those of another run.
    for seed in (*range(10), 75, 114, 210):
        races = Races(seed, seconds)
        races.run("0 old")

        races.race(names, faults)

        races.require_expected_ends()
        if not any(races.ended.values()):
            require_together(races)
        races.run("9 new")
        require_together(races)
        require_news_once(races)
        if seconds == 1:  # where all is in a second, the pause that makes a run's second try later is missing here
            releases = [contract.Manifest.from_bytes(body).release for body in races.manifests]
            assert len(releases) == len(set(releases))


GONE = contract.Changes(removed_regional_services=entry(START.date(), 20).changes.removed_regional_services)
DAYS = [
    contract.ChangeEntry(date=date(year, 11, day), summary="Much has gone.", changes=GONE)
    for year, day in ((2026, 2), (2026, 1), (2025, 2), (2025, 1), (2024, 1))
]


def make_history_large(races: Races) -> None:
    """Give the history older days, most of which have to move."""
    history = races.file(contract.CHANGE_HISTORY_FILE)
    large = history.model_copy(update={"change_log": (*history.change_log, *DAYS)})
    races.objects[f"aws-data/{contract.CHANGE_HISTORY_FILE}"] = StoredObject(large.to_bytes())


def older_days(races: Races) -> list[contract.ChangeEntry]:
    """The older days that a reader finds who follows the names."""
    history = races.file(contract.CHANGE_HISTORY_FILE)
    files = [history, *(races.file(earlier.file) for earlier in history.earlier)]
    return [each for file in files for each in file.change_log if each.date < START.date()]


@pytest.mark.prove
@pytest.mark.parametrize("names", WORLDS, ids=", ".join)
@pytest.mark.parametrize("faults", range(3))
def test_whatever_overlaps_and_dies_while_years_move_every_day_is_found_once(
    names: Sequence[str], faults: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(15):
        races = Races(seed, 1)
        races.run("0 old")
        make_history_large(races)

        with monkeypatch.context() as patched:
            patched.setattr(years, "LARGEST", 6_000)
            patched.setattr(years, "KEPT", 2_000)
            races.race(names, faults)
            races.require_expected_ends()
            assert older_days(races) == DAYS
            races.run("9 new")

        assert older_days(races) == DAYS
        named = [earlier.file for earlier in races.file(contract.CHANGE_HISTORY_FILE).earlier]
        assert named[-2:] == ["change-history-2025.json", "change-history-2024.json"]
        require_together(races)
        require_news_once(races)

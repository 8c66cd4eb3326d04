"""A storm of publications while the event bus, the failure queue and S3 fail: no file may stay unannounced."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from distributor.event_bus import EventBus
from distributor.follow_up import follow_up
from distributor.outcomes import Outcome
from distributor.queues import FailureQueue
from tests.distributor.fake_s3 import FakeS3, refusal
from tests.distributor.world import WEBSITE
from tests.reliability.world import KINDS, CrashError, Fault, World, body_of

NAMES = tuple(f"{number}.json" for number in range(200))
REFUSALS = ("ThrottlingException", "InternalFailure", "AccessDeniedException")
WHOLE = ("dies before", "dies after", "lost before", "lost after", "refused")


class Silent:
    """A logger and metrics that nobody reads."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_, **__: None


@dataclass
class Website(FakeS3):
    """S3 that tells of each object that a copy has written."""

    written: Callable[[str], None] = lambda key: None

    def keep(self, request: dict[str, Any], body: bytes) -> None:
        super().keep(request, body)
        if request["Bucket"] == "my-website":
            self.written(request["Key"])


class AnnouncingWorld(World):
    """A world with a bus and a failure queue that fail, too. `unannounced`: keys written since their last event."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.unannounced: set[str] = set()
        self.kept: list[dict[str, Any]] = []
        super().__init__(Website(written=self.unannounced.add))
        client: Any = self
        bus = EventBus(client, "feed", WEBSITE, "", sleep=lambda _: None)
        self.made = replace(self.made, event_bus=bus, failures=FailureQueue(client, "https://failures"))

    def follow_up(self, outcomes: list[Outcome]) -> None:
        silent: Any = Silent()
        try:
            follow_up(outcomes, self.made, silent, silent, keep_rejections=False)
        except ClientError as error:
            raise CrashError from error

    def put_events(self, **request: Any) -> dict[str, Any]:
        fault = self.chance.choice(WHOLE) if self.chance.random() < 0.05 else ""
        if fault:
            self.counts[f"bus: {fault}"] += 1
        if fault in {"dies before", "lost before", "refused"}:
            self._fail(fault)
        entries = [self._take(entry) for entry in request["Entries"]]
        if fault:
            self._fail(fault)
        return {"Entries": entries}

    def send_message(self, **request: Any) -> None:
        if self.chance.random() < 0.1:
            self.counts["failure queue: refused"] += 1
            raise refusal("InternalError", 500)
        self.kept.append(json.loads(request["MessageBody"]))

    def come_to_rest(self) -> None:
        super().come_to_rest()
        while self.kept:  # an operator redrives
            self.counts["redriven"] += len(self.kept)
            self.events, self.kept = [{"keys": message["keys"]} for message in self.kept], []
            super().come_to_rest()

    def _take(self, entry: dict[str, str]) -> dict[str, str]:
        if self.chance.random() < 0.1:
            self.counts["bus: one event"] += 1
            return {"ErrorCode": self.chance.choice(REFUSALS), "ErrorMessage": ""}
        self.counts["events"] += 1
        self.unannounced.discard(json.loads(entry["Detail"])["key"])
        return {"EventId": "1"}

    def _fail(self, fault: str) -> None:
        if fault.startswith("dies"):
            raise CrashError
        raise refusal("InternalException", 500) if fault == "refused" else ReadTimeoutError(endpoint_url="https://bus")


def storm(seed: int, publications: int) -> tuple[set[str], Counter[str]]:
    """What was left unannounced at any rest, and how often what has happened."""
    world, unannounced = AnnouncingWorld(seed), set[str]()
    chance = world.chance
    while world.counts["published"] < publications:
        for _ in range(100):
            world.put(chance.choice(NAMES), body_of(chance.randrange(6)), heard=chance.random() > 0.02)
            event = world.events.pop(chance.randrange(len(world.events))) if world.events else None
            if event:
                faults = (Fault(call, chance.choice(KINDS)) for call in range(1, 7) if chance.random() < 0.03)
                world.deliver(event, tuple(faults))
        world.come_to_rest()
        unannounced |= world.unannounced
        with patch.object(world, "_fail", lambda _: None):  # a sweep that dies is shown elsewhere
            world.sweep()
        world.come_to_rest()
        unannounced |= world.unannounced
    return unannounced, world.counts


@pytest.mark.parametrize(
    ("seed", "publications"), [(1, 1000), *(pytest.param(seed, 10_000, marks=pytest.mark.prove) for seed in (2, 3, 4))]
)
def test_of_many_publications_under_faults_none_stays_unannounced(seed: int, publications: int) -> None:
    unannounced, counts = storm(seed, publications)

    assert unannounced == set()
    assert counts["published"] >= publications
    assert all(counts[f"bus: {fault}"] for fault in (*WHOLE, "one event"))
    assert counts["failure queue: refused"]
    assert counts["redriven"]

"""Runs that overlap and overtake one another, deliveries in any order, faults and late copies, all from a seed."""

import json
import random
from collections.abc import Iterator

import pytest

from tests.distributor.test_release import WatchedS3, published
from tests.distributor.world import manifest_of
from tests.reliability.world import KINDS, Fault, World

NAMES = ("a.json", "b.json", "c.json")
CALLS = 2 * len(NAMES) + 4


class Runs:
    """Writes of one run after the other, each file in its turn and the manifest last; some runs overlap."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self._number, self._under_way = chance, 0, list[Iterator[tuple[str, bytes]]]()

    def next_write(self) -> tuple[str, bytes]:
        """The next write of one of the runs that are under way; a run may die, so that others stand in its files."""
        if not self._under_way or (len(self._under_way) == 1 and self._chance.random() < 0.1):
            self._under_way.append(self.run())
        run = self._chance.choice(self._under_way)
        write = next(run, None)
        if write is None or self._chance.random() < 0.03:
            self._under_way.remove(run)
        return write or self.next_write()

    def run(self) -> Iterator[tuple[str, bytes]]:
        """A whole run; often some of its files are those of the run before."""
        self._number += 1
        number = self._number
        files = {name: json.dumps({"v": number - self._chance.randrange(2)}).encode() for name in NAMES}
        yield from files.items()
        yield "manifest.json", manifest_of(files, number)


@pytest.mark.parametrize(("seed", "deliveries"), [(1, 800), (2, 800), pytest.param(3, 30_000, marks=pytest.mark.prove)])
def test_whatever_happens_the_named_release_is_whole_and_at_rest_it_is_that_of_the_last_run(
    seed: int, deliveries: int
) -> None:
    chance, world = random.Random(seed), World(WatchedS3())  # noqa: S311 - repeatable on purpose
    runs = Runs(chance)

    while world.counts["deliveries"] < deliveries:
        step(chance, world, runs)
        if chance.random() < 0.01:
            last = dict(runs.run())
            for name, body in last.items():
                world.put(name, body)
            world.come_to_rest()
            assert published(world.s3).items() >= last.items()

    assert world.sweep() <= len(NAMES) + 1
    assert world.counts["landed late"]
    assert {kind for kind in KINDS if not world.counts[f"fault: {kind}"]} == set()
    assert all(world.counts[outcome] for outcome in ("delivered again", "overtaken"))


def step(chance: random.Random, world: World, runs: Runs) -> None:
    """One write or delivery; another write may come in the midst of a delivery."""
    what = chance.random()
    if what < 0.3 or not (world.events or world.retries):
        world.put(*runs.next_write(), heard=chance.random() > 0.02)
    elif what < 0.4 and world.retries:
        world.land()  # a minute passes before anything is delivered again
        world.deliver(world.retries.pop(chance.randrange(len(world.retries))), faults(chance))
    elif world.events:
        due = world.events[chance.randrange(len(world.events))]
        if chance.random() > 0.1:  # otherwise it comes twice
            world.events.remove(due)
        world.deliver(due, faults(chance), (chance.randint(1, CALLS), lambda: world.put(*runs.next_write())))


def faults(chance: random.Random) -> tuple[Fault, ...]:
    """At a few of the calls of a delivery."""
    return tuple(Fault(call, chance.choice(KINDS)) for call in range(1, CALLS + 1) if chance.random() < 0.05)

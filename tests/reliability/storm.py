"""A storm from a seed: writes, lost and doubled events, reorderings, faults, and a rest and a count now and then."""

import random
from collections import Counter
from dataclasses import dataclass

from tests.reliability.world import KINDS, Fault, World, body_of

NAMES = tuple(f"{stem}.json" for stem in ("a", "b c+d", "日", "100%", "x?versionId=1", "e", "f", "g"))
UNFIT = (b"", b"<html>", b'{"a":', b"[NaN]", b'{"a": 1, "a": 2}')
STEPS_BETWEEN_RESTS = 60


@dataclass(frozen=True)
class Damage:
    """What no storm may leave behind: numbers of objects over all rests."""

    malformed: int = 0
    stale_at_rest: int = 0
    stale_after_sweep: int = 0
    lost: int = 0


def storm(seed: int, deliveries: int) -> tuple[Damage, Counter[str]]:
    """Run until so many events have been delivered; what was damaged, and how often what has happened."""
    chance, world = random.Random(seed), World()  # noqa: S311 - repeatable on purpose
    malformed = stale_at_rest = stale_after_sweep = lost = 0
    while world.counts["deliveries"] < deliveries:
        for _ in range(STEPS_BETWEEN_RESTS):
            _step(chance, world)
            malformed += len(world.malformed())
        world.come_to_rest()
        world.counts["rests"] += 1
        stale_at_rest += len([name for name in world.stale() if name not in world.unheard])
        world.sweep()
        stale_after_sweep += len(world.stale())
        lost += len(world.lost())
        malformed += len(world.malformed())
    return Damage(malformed, stale_at_rest, stale_after_sweep, lost), world.counts


def _step(chance: random.Random, world: World) -> None:
    what = chance.random()
    if what < 0.3 or not (world.events or world.retries):
        body = chance.choice(UNFIT) if chance.random() < 0.1 else body_of(chance.randrange(6))
        world.put(chance.choice(NAMES), body, heard=chance.random() > 0.02)
    elif what < 0.32:
        world.delete(chance.choice(NAMES))
    elif what < 0.36 and world.retries:
        world.land()  # a minute passes before anything is delivered again
        world.deliver(world.retries.pop(chance.randrange(len(world.retries))), _faults(chance))
    elif world.events:
        _deliver(chance, world)


def _deliver(chance: random.Random, world: World) -> None:
    position = chance.randrange(len(world.events))
    world.counts["delivered out of order"] += position > 0
    one = world.events[position]
    if chance.random() < 0.1:
        world.counts["duplicates"] += 1
    else:
        del world.events[position]
    if world.events and chance.random() < 0.3:
        world.counts["overlapping deliveries"] += 1
        other = world.events[chance.randrange(len(world.events))]  # delivered once more later: a duplicate too
        world.deliver(one, _faults(chance), (chance.randint(1, 6), lambda: world.deliver(other)))
    elif chance.random() < 0.2:
        name, body = chance.choice(NAMES), body_of(chance.randrange(6))
        world.counts["writes during a delivery"] += 1
        world.deliver(one, _faults(chance), (chance.randint(1, 6), lambda: world.put(name, body)))
    else:
        world.deliver(one, _faults(chance))


def _faults(chance: random.Random) -> tuple[Fault, ...]:
    return tuple(Fault(call, chance.choice(KINDS)) for call in range(1, 7) if chance.random() < 0.08)

"""Hypothesis decides what happens; whatever that is, nothing malformed is published and nothing is lost."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.distributor.fake_s3 import FakeS3
from tests.reliability.world import KINDS, Fault, World, body_of

names = st.sampled_from(["a.json", "b c+d.json", "日.json"])
bodies = st.one_of(st.integers(0, 5).map(body_of), st.sampled_from([b"", b"<html>", b'{"a":', b"[NaN]"]))
a_fault = st.builds(Fault, st.integers(1, 8), st.sampled_from(KINDS))
faults = st.lists(a_fault, max_size=3, unique_by=lambda one: one.call)
positions = st.integers(0, 10**6)


class Distribution(RuleBasedStateMachine):
    encrypted: frozenset[str] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(FakeS3(encrypted=self.encrypted))

    @rule(name=names, body=bodies, heard=st.booleans())
    def put(self, name: str, body: bytes, heard: bool) -> None:
        self.world.put(name, body, heard=heard)

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.world.delete(name)

    @precondition(lambda self: self.world.events)
    @rule(position=positions, faults=faults, twice=st.booleans())
    def deliver(self, position: int, faults: list[Fault], twice: bool) -> None:
        events = self.world.events
        one = events[position % len(events)] if twice else events.pop(position % len(events))
        self.world.deliver(one, tuple(faults))

    @precondition(lambda self: len(self.world.events) > 1)
    @rule(position=positions, call=st.integers(1, 6), faults=faults)
    def deliver_one_in_the_midst_of_another(self, position: int, call: int, faults: list[Fault]) -> None:
        world = self.world
        first = world.events.pop(position % len(world.events))
        second = world.events.pop(position % len(world.events))
        waiting = [second]
        world.deliver(first, tuple(faults), (call, lambda: world.deliver(waiting.pop())))
        world.events += waiting

    @precondition(lambda self: self.world.events)
    @rule(position=positions, call=st.integers(1, 6), name=names, body=bodies)
    def write_in_the_midst_of_a_delivery(self, position: int, call: int, name: str, body: bytes) -> None:
        world = self.world
        world.deliver(world.events.pop(position % len(world.events)), (), (call, lambda: world.put(name, body)))

    @precondition(lambda self: self.world.retries)
    @rule(position=positions, faults=faults)
    def deliver_again_after_a_minute(self, position: int, faults: list[Fault]) -> None:
        self.world.land()
        retries = self.world.retries
        self.world.deliver(retries.pop(position % len(retries)), tuple(faults))

    @rule()
    def a_minute_passes(self) -> None:
        self.world.land()

    @rule()
    def sweep_in_passing(self) -> None:
        unheard = set(self.world.unheard)
        self.world.sweep()
        self.world.unheard = unheard  # an abandoned copy may yet undo it; only a sweep at rest counts

    @rule()
    def come_to_rest_and_sweep(self) -> None:
        self.world.come_to_rest()
        assert [name for name in self.world.stale() if name not in self.world.unheard] == []

        self.world.sweep()
        assert self.world.stale() == []
        assert self.world.sweep() == 0

    @invariant()
    def nothing_malformed_is_published(self) -> None:
        assert self.world.malformed() == []

    def teardown(self) -> None:
        self.come_to_rest_and_sweep()


class EncryptedDistribution(Distribution):
    encrypted = frozenset({"my-website"})


TestDistribution = Distribution.TestCase
TestEncryptedDistribution = EncryptedDistribution.TestCase
TestDistribution.settings = TestEncryptedDistribution.settings = settings(stateful_step_count=30)

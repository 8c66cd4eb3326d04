import pytest

from tests.reliability.storm import Damage, storm


@pytest.mark.parametrize(("seed", "deliveries"), [(1, 1500), pytest.param(2, 30_000, marks=pytest.mark.prove)])
def test_a_storm_leaves_nothing_lost_stale_or_malformed(seed: int, deliveries: int) -> None:
    damage, counts = storm(seed, deliveries)

    assert damage == Damage()
    assert counts["deliveries"] >= deliveries
    assert all(counts[what] for what in ("duplicates", "events lost", "landed late", "delivered again"))


def test_the_same_seed_is_the_same_storm() -> None:
    assert storm(7, deliveries=300) == storm(7, deliveries=300)

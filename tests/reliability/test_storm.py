import pytest

from tests.reliability.storm import Damage, storm


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_leaves_nothing_lost_stale_or_malformed(seed: int) -> None:
    damage, counts = storm(seed, deliveries=3000)

    assert damage == Damage()
    assert counts["deliveries"] >= 3000
    assert all(counts[what] for what in ("duplicates", "events lost", "landed late", "delivered again"))


def test_the_same_seed_is_the_same_storm() -> None:
    assert storm(7, deliveries=300) == storm(7, deliveries=300)

from datetime import UTC, datetime, timedelta

import pytest

from ops.checks.source import check_freshness
from shared.contract import CompleteData
from tests.shared.test_contract import COMPLETE, encode

DATA = CompleteData.from_bytes(encode(COMPLETE))  # of 2 o'clock
TIME = datetime(2026, 11, 23, 2, tzinfo=UTC)


@pytest.mark.parametrize(("age", "fresh"), [(-6, False), (-4, True), (26 * 60, True), (26 * 60 + 1, False)])
def test_data_is_fresh_if_it_is_neither_old_nor_of_a_time_to_come(age: int, fresh: bool) -> None:
    check = check_freshness(DATA, TIME + timedelta(minutes=age), timedelta(hours=26), trouble=True)

    assert check.holds is fresh

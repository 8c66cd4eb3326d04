"""No event and no message ends a function, and no record of one harms the others."""

from collections.abc import Iterator

import pytest

from tests.hostile.events import DISTRIBUTOR, INVALIDATOR
from tests.hostile.judge import Judge, limited_process

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with limited_process() as judge:
        yield judge


@pytest.mark.parametrize("title", DISTRIBUTOR)
def test_each_record_has_its_own_outcome(judge: Judge, title: str) -> None:
    assert DISTRIBUTOR[title].outcome(judge) == DISTRIBUTOR[title].promised


@pytest.mark.parametrize("title", INVALIDATOR)
def test_every_message_is_done_with(judge: Judge, title: str) -> None:
    answer = judge.ask("messages", INVALIDATOR[title]().encode())

    assert answer["answer"] == {"batchItemFailures": []}

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloud.work import Work


def test_the_end_of_everything_is_waited_for() -> None:
    ended: list[object] = []
    work = Work()
    for kind in ("events", "requests", "batches"):
        work.begin(kind)

    def end() -> None:
        for kind in ("events", "requests", "batches"):
            ended.append(kind)
            work.end(kind)

    threading.Timer(0.05, end).start()
    work.wait(20)

    assert ended == ["events", "requests", "batches"]


def test_what_starts_before_the_last_work_ends_is_waited_for_too() -> None:
    ended: list[object] = []
    work = Work()

    def one_after_another(left: int) -> None:
        if left:
            work.begin("events")
            pool.submit(one_after_another, left - 1)
        ended.append(left)
        work.end("events")

    with ThreadPoolExecutor(2) as pool:
        work.begin("events")
        pool.submit(one_after_another, 50)
        work.wait(20)

        assert len(ended) == 51


def test_one_kind_can_be_waited_for_alone() -> None:
    work = Work()

    with work.of("batches"):
        work.wait(0, ("events",))


def test_a_message_counts_until_it_is_deleted() -> None:
    messages = ["put off: neither visible nor in anybody's hands"]
    work = Work()

    with pytest.raises(TimeoutError, match="messages"):
        work.wait(0, messages=lambda: len(messages))
    messages.clear()
    work.wait(0, messages=lambda: len(messages))


def test_an_error_is_raised_once_even_if_its_work_ended_before_anybody_waited() -> None:
    work = Work()
    work.begin("events")
    work.end("events", ValueError("on purpose"))

    with pytest.raises(ValueError, match="on purpose"):
        work.wait(0)
    work.wait(0)


def test_what_takes_too_long_is_named() -> None:
    work = Work()

    with work.of("requests"), pytest.raises(TimeoutError, match="requests"):
        work.wait(0)

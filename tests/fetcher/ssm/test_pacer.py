import threading

import pytest

from fetcher.ssm.pacer import BURST_SECONDS, Pacer


class Time:
    """A clock that only sleeping and `pass_` move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def pacer_at(per_second: float) -> tuple[Pacer, Time]:
    time = Time()
    return Pacer(per_second, clock=lambda: time.now, sleep=time.sleep), time


def send_for(pacer: Pacer, time: Time, seconds: float, quota: float) -> tuple[int, int]:
    """How many requests a service with this quota accepts and throttles, each asked for in a slot."""
    until, allowance, last, accepted, throttled = time.now + seconds, quota, time.now, 0, 0
    while time.now < until:
        pacer.wait()
        allowance, last = min(quota, allowance + (time.now - last) * quota), time.now
        if allowance >= 1:
            allowance, accepted = allowance - 1, accepted + 1
        else:
            throttled += 1
            pacer.slow_down()
    return accepted, throttled


def test_slots_are_handed_out_evenly_however_many_threads_ask() -> None:
    pacer, time = pacer_at(10)
    threads = [threading.Thread(target=pacer.wait) for _ in range(6)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.slept == pytest.approx([0.1] * 5)


def test_a_slot_missed_for_a_moment_is_made_up_for() -> None:
    pacer, time = pacer_at(20)
    pacer.wait()

    time.pass_(0.1)
    pacer.wait()
    pacer.wait()

    assert time.slept == []


def test_time_that_passed_unused_is_not_saved_up_beyond_a_moment() -> None:
    pacer, time = pacer_at(100)
    pacer.wait()
    time.pass_(3)

    for _ in range(30):
        pacer.wait()

    assert sum(time.slept) == pytest.approx(29 / 100 - BURST_SECONDS)


def test_nobody_waits_past_the_deadline_however_slow_the_slots() -> None:
    pacer, time = pacer_at(1)
    start = time.now

    for _ in range(200):
        pacer.wait(start + 2.5)

    assert time.now == start + 2.5


@pytest.mark.parametrize("quota", [10, 20, 30])
def test_a_lower_quota_is_found_and_nearly_used_up(quota: float) -> None:
    pacer, time = pacer_at(38)
    send_for(pacer, time, 5, quota)

    accepted, throttled = send_for(pacer, time, 60, quota)

    assert accepted >= 0.9 * 60 * quota
    assert throttled <= 0.05 * accepted


def test_at_the_usual_quota_of_forty_hardly_anything_is_throttled() -> None:
    pacer, time = pacer_at(38)

    accepted, throttled = send_for(pacer, time, 30, 40)

    assert accepted >= 37 * 30
    assert throttled <= 0.01 * accepted


def test_what_the_quota_leaves_above_the_rate_that_is_set_stays_for_others() -> None:
    pacer, time = pacer_at(10)

    accepted, throttled = send_for(pacer, time, 600, 200)

    assert accepted == pytest.approx(10 * 600, abs=2)
    assert throttled == 0


def test_after_throttles_the_rate_comes_back_to_the_one_that_is_set_and_no_further() -> None:
    pacer, time = pacer_at(10)
    send_for(pacer, time, 20, 4)
    lowered = pacer.per_second

    send_for(pacer, time, 60, 200)

    assert lowered < 6
    assert pacer.per_second == 10


@pytest.mark.parametrize("gap", [0.5, 10_000])
def test_calm_while_less_is_sent_than_allowed_is_no_reason_to_send_more(gap: float) -> None:
    pacer, time = pacer_at(38)
    pacer.slow_down()
    lowered = pacer.per_second

    for _ in range(200):
        time.pass_(gap)
        pacer.wait()

    assert lowered < pacer.per_second < 38


def test_throttles_that_come_together_slow_down_once() -> None:
    pacer, _ = pacer_at(38)

    for _ in range(5):
        pacer.slow_down()

    assert pacer.per_second == pytest.approx(38 * 0.85)


def test_however_many_throttles_there_are_it_goes_on_asking() -> None:
    pacer, time = pacer_at(2)

    for _ in range(50):
        pacer.slow_down()
        time.pass_(1)

    assert pacer.per_second == 1


def test_a_throttle_never_speeds_up() -> None:
    pacer, _ = pacer_at(0.5)

    pacer.slow_down()

    assert pacer.per_second == 0.5

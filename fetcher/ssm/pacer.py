"""A rate in, slots out: when the next request may go, at a rate that finds the quota by itself."""

import math
import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.1  # a slot missed for so long may be made up for: a busy processor is no reason to fall behind
ONE_ANSWER_SECONDS = 0.4  # throttles that come together say one thing, not several
SLOWEST = 1.0
BACK_OFF = 0.85
NEARLY = 0.95  # of the rate that was throttled: so far it recovers soon,
RECOVERY = 1.1  # by so much a second
CALM_SECONDS = 5.0  # without a throttle, then it tries more than it was given,
GROWTH = 1.1  # by so much a second
PROBE_BACK_OFF = 0.75
LONGER_CALM = 4  # a try in vain is not repeated soon


class Pacer:
    """Hands out slots to any number of threads: a token bucket whose rate falls at throttles and rises in calm.

    `per_second` is where it begins. A lower quota, or one that others use too, is met by sending less. In calm the rate
    also rises past where it began, so that a raised quota is found; if that brings throttles, it is back at once.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.per_second = self._given = per_second
        self._clock = clock
        self._sleep = sleep
        self._turn = threading.Lock()
        self._state = threading.Lock()
        self._next_slot = self._heed_from = self._risen_at = clock()
        self._calm = CALM_SECONDS
        self._calm_from = self._risen_at + self._calm
        self._soon = 0.0

    def wait(self, deadline: float = math.inf) -> None:
        """Return when the caller's slot has come, or the deadline (of `clock`): slow slots keep nobody past it.

        One waits at a time, so that nobody holds a slot of an old rate.
        """
        with self._turn:
            now = self._clock()
            with self._state:
                self._rise(now)
                slot = max(now - BURST_SECONDS, self._next_slot)
                self._next_slot = slot + 1 / self.per_second
            until = min(slot, deadline)
            if until > now:
                self._sleep(until - now)

    def slow_down(self) -> None:
        """Heed a throttle."""
        with self._state:
            now = self._clock()
            if now >= self._heed_from:
                self._fall()
                self._heed_from = now + ONE_ANSWER_SECONDS
            self._calm_from = now + self._calm

    def _fall(self) -> None:
        if self.per_second > self._given:
            self.per_second = max(self.per_second * PROBE_BACK_OFF, self._given)
            self._calm *= LONGER_CALM
        else:
            self._soon = self.per_second * NEARLY
            self.per_second = max(self.per_second * BACK_OFF, min(SLOWEST, self._given))

    def _rise(self, now: float) -> None:
        calm_for = now - max(self._risen_at, self._calm_from)
        is_the_limit = self._next_slot > now - BURST_SECONDS  # else calm says nothing: less was sent than allowed
        if calm_for > 0 and is_the_limit:
            self.per_second *= GROWTH**calm_for
        elif self.per_second < self._soon:
            self.per_second = min(self.per_second * RECOVERY ** (now - self._risen_at), self._soon)
        self._risen_at = now

"""Decides when the next request may be sent. The rate adapts itself to the quota."""

import math
import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.1  # Slots that were missed by up to this time are used later, so a busy processor loses nothing.
ONE_ANSWER_SECONDS = 0.4  # Throttles within this time count as one.
SLOWEST = 1.0  # The rate does not fall below this, in requests a second, unless it started lower.
BACK_OFF = 0.85  # A throttle multiplies the rate by this.
RECOVERY_SHARE = 0.95  # After a throttle the rate soon recovers to this share of the throttled rate.
RECOVERY = 1.1  # Until then it grows by this factor a second.
CALM_SECONDS = 5.0  # After this time without a throttle the pacer tries higher rates.
GROWTH = 1.1  # Then the rate grows by this factor a second.
PROBE_BACK_OFF = 0.75  # A throttle above the initial rate multiplies the rate by this.
LONGER_CALM = 4  # It also multiplies the time before the next try by this.


class Pacer:
    """Gives slots to any number of threads: a token bucket whose rate falls at throttles and rises without them.

    `per_second` is the initial rate. The rate becomes lower if the quota is lower or shared with others. Without
    throttles it rises above the initial rate, to use a raised quota; at the next throttle it falls back.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.per_second = self._initial = per_second
        self._clock = clock
        self._sleep = sleep
        self._wait_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._next_slot = self._throttles_count_from = self._risen_at = clock()
        self._calm = CALM_SECONDS
        self._calm_from = self._risen_at + self._calm
        self._recovery_target = 0.0

    def wait(self, deadline: float = math.inf) -> None:
        """Return at the caller's slot, or at the deadline (of `clock`) if that is earlier.

        One caller waits at a time, so that no slot is computed from an old rate.
        """
        with self._wait_lock:
            now = self._clock()
            with self._state_lock:
                self._rise(now)
                slot = max(now - BURST_SECONDS, self._next_slot)
                self._next_slot = slot + 1 / self.per_second
            until = min(slot, deadline)
            if until > now:
                self._sleep(until - now)

    def slow_down(self) -> None:
        """Lower the rate after a throttle."""
        with self._state_lock:
            now = self._clock()
            if now >= self._throttles_count_from:
                self._fall()
                self._throttles_count_from = now + ONE_ANSWER_SECONDS
            self._calm_from = now + self._calm

    def _fall(self) -> None:
        if self.per_second > self._initial:
            self.per_second = max(self.per_second * PROBE_BACK_OFF, self._initial)
            self._calm *= LONGER_CALM
        else:
            self._recovery_target = self.per_second * RECOVERY_SHARE
            self.per_second = max(self.per_second * BACK_OFF, min(SLOWEST, self._initial))

    def _rise(self, now: float) -> None:
        calm_for = now - max(self._risen_at, self._calm_from)
        rate_was_used = self._next_slot > now - BURST_SECONDS  # else fewer were sent than allowed, which proves nothing
        if calm_for > 0 and rate_was_used:
            self.per_second *= GROWTH**calm_for
        elif self.per_second < self._recovery_target:
            self.per_second = min(self.per_second * RECOVERY ** (now - self._risen_at), self._recovery_target)
        self._risen_at = now

"""Decides when the next request may be sent. The rate falls at throttles, and never rises above the one that is set."""

import math
import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.1  # Slots that were missed by up to this time are used later, so a busy processor loses nothing.
ONE_ANSWER_SECONDS = 0.4  # Throttles within this time count as one.
SLOWEST = 1.0  # The rate does not fall below this, in requests a second, unless it is set lower.
BACK_OFF = 0.85  # A throttle multiplies the rate by this.
RECOVERY_SHARE = 0.95  # After a throttle the rate soon recovers to this share of the throttled rate.
CALM_SECONDS = 5.0  # After this time without a throttle it grows further, up to the rate that is set.
GROWTH = 1.1  # It grows by this factor a second.
A_MINUTE = 60.0  # The growth of a longer time is not computed: it would overflow.


class Pacer:
    """Gives slots to any number of threads: a token bucket whose rate falls at throttles and rises without them.

    `per_second` is the highest rate, with which it begins. The quota is shared with everyone in the account and Region,
    so the rate becomes lower where they or a lower quota leave less, and what is left above it stays for them.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.per_second = self._highest = per_second
        self._clock = clock
        self._sleep = sleep
        self._wait_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._next_slot = self._throttles_count_from = self._risen_at = clock()
        self._calm_from = self._risen_at + CALM_SECONDS
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
            self._calm_from = now + CALM_SECONDS

    def _fall(self) -> None:
        self._recovery_target = self.per_second * RECOVERY_SHARE
        self.per_second = max(self.per_second * BACK_OFF, min(SLOWEST, self._highest))

    def _rise(self, now: float) -> None:
        calm_for = now - max(self._risen_at, self._calm_from)
        rate_was_used = self._next_slot > now - BURST_SECONDS  # else fewer were sent than allowed, which proves nothing
        calm = calm_for > 0 and rate_was_used
        seconds, target = (calm_for, self._highest) if calm else (now - self._risen_at, self._recovery_target)
        if self.per_second < target:
            self.per_second = min(self.per_second * GROWTH ** min(seconds, A_MINUTE), target)
        self._risen_at = now

"""What is under way in an embedded cloud, so that a test can wait for the end of all of it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Kind = Literal["events", "requests", "batches"]


class Work:
    """Counts events that wait or are tried, requests to AWS, and batches of messages in the hands of a mapping.

    Whatever starts other work starts it before its own end, so a count of 0 is the end of all of it.
    """

    def __init__(self) -> None:
        """Nothing is under way."""
        self._changed = threading.Condition()
        self._counts: Counter[Kind] = Counter()
        self._error: BaseException | None = None

    def begin(self, kind: Kind) -> None:
        """Count one more."""
        with self._changed:
            self._counts[kind] += 1

    def end(self, kind: Kind, error: BaseException | None = None) -> None:
        """Count one less; `wait` raises the first error."""
        with self._changed:
            self._counts[kind] -= 1
            self._error = self._error or error
            self._changed.notify_all()

    @contextmanager
    def of(self, kind: Kind) -> Iterator[None]:
        """Count what is done within."""
        self.begin(kind)
        try:
            yield
        finally:
            self.end(kind)

    def wait(self, timeout: float, kinds: tuple[Kind, ...] = (), messages: Callable[[], int] = lambda: 0) -> None:
        """Return when nothing of these kinds (all by default) is under way and no `messages` are left.

        Raises the first error of what has ended since the last call, and TimeoutError after so many seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or not (self._left(kinds) or messages()), timeout)
            error, self._error = self._error, None
            if error:
                raise error
            if left := {**self._left(kinds), **({"messages": count} if (count := messages()) else {})}:
                msg = f"still under way after {timeout} s: {left}"
                raise TimeoutError(msg)

    def _left(self, kinds: tuple[Kind, ...]) -> dict[str, int]:
        return {kind: count for kind, count in self._counts.items() if count and (not kinds or kind in kinds)}

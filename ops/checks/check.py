"""One thing that must hold, and what to do if it does not."""

from dataclasses import dataclass
from datetime import timedelta

from ops.observation import StoredObject, Unavailable

CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence that should be true. `actual` is the present state; `advice`, what to do if it does not hold.

    If it does not hold, that is `trouble`, or else a state that somebody has chosen or that ends by itself.
    """

    group: str
    name: str
    holds: bool
    actual: str = ""
    advice: str = ""
    trouble: bool = True

    @property
    def fails(self) -> bool:
        """Whether it does not hold, and that is trouble."""
        return self.trouble and not self.holds

    @property
    def mark(self) -> tuple[str, str]:
        """Its sign on the terminal, with the style."""
        return ("✓", "green") if self.holds else ("✗", "red") if self.trouble else ("!", "yellow")


def exists(group: str, name: str, stored: StoredObject | Unavailable, advice: str) -> Check:
    """Check that an object exists."""
    if isinstance(stored, Unavailable):
        return Check(group, f"{name} is there", holds=False, actual=stored.reason, advice=advice)
    actual = f"{len(stored.body):,} bytes, {stored.last_modified:%Y-%m-%d %H:%M:%S} UTC"
    return Check(group, f"{name} is there", holds=True, actual=actual)


def equals(group: str, name: str, actual: str, wanted: str | None, advice: str) -> Check:
    """Check a header; `wanted` is None if the right value is unknown."""
    if wanted is None:
        return Check(group, name, holds=False, actual=actual, advice="the distributor's configuration cannot be read")
    holds = actual == wanted
    return Check(group, name, holds, actual if holds else f"{actual or 'missing'}, not {wanted}", advice)

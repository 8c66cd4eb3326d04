"""A stack and the URLs at which readers find its files in, every check of a deployment out."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import quote

from ops.checks.check import Check
from ops.checks.edge import check_edge
from ops.checks.machinery import check_machinery
from ops.checks.source import check_source
from ops.checks.website import cache_control, check_website
from ops.edge import look
from ops.observation import Observed, observe
from ops.stack import DeployedStack


def verify(stack: DeployedStack, bases: Iterable[str], now: datetime, max_age: timedelta) -> Iterator[Check]:
    """Each check as it is known; `bases` end with a slash. StackError if the stack lacks an output that is needed."""
    observed = observe(stack)
    yield from check_machinery(observed)
    yield from check_source(observed, now, max_age)
    yield from check_website(observed, now)
    for base in bases:
        yield from check_readers(observed, base, now)


def check_readers(observed: Observed, base: str, now: datetime) -> Iterator[Check]:
    """What readers get below a URL."""
    for name, published in (observed.website or observed.source).items():
        yield from check_edge(name, look(base + quote(name)), published, cache_control(name, observed), now)

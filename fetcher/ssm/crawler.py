"""Reads all parameters that are needed: what SSM answered, and what could not be read. Decides nothing.

Listings are not recursive: a recursive one also returns each service's endpoint and protocols, which triples the pages.
Availability Zones are listed region by region, Local and Wavelength Zones from their roots with `parent-region`:
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-global-infrastructure.html
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from fetcher.ssm.parameter_store import NAMES_PER_CALL, ParameterStoreError

ROOT = "/aws/service/global-infrastructure"
REGION_ATTRIBUTES = ("longName", "partition", "domain", "geolocationCountry", "geolocationRegion")
SERVICE_ATTRIBUTES = ("longName", "marketingHomeURL")
ZONE_ROOTS = ("local-zones", "wavelength-zones")


@dataclass(frozen=True, slots=True)
class Listing:
    """The codes directly under a path, in any order, and the time when the last page was read."""

    codes: tuple[str, ...]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Readings:
    """What this run or an earlier one has read, by path below SSM's root.

    `listings` are by path, `values` by name (None if SSM has no such parameter), `errors` by unreadable path or name.
    """

    listings: Mapping[str, Listing] = field(default_factory=dict)
    values: Mapping[str, str | None] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


class ParameterSource(Protocol):
    """What a crawl needs of SSM; see `fetcher.ssm.parameter_store.ParameterStore`."""

    @property
    def connections(self) -> int:
        """How many requests may run at once."""

    def codes_under(self, path: str) -> tuple[str, ...]:
        """The codes directly under the path."""

    def values(self, names: Sequence[str]) -> Mapping[str, str]:
        """The values of at most ten names; names that do not exist are left out."""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def crawl(store: ParameterSource, only: Collection[str] = (), clock: Callable[[], datetime] = _now) -> Readings:
    """Read every list, and every attribute, ten in a request; with `only`, read no other regions.

    Lists are read in parallel, the pages of each one after the other. Attributes are requested as soon as their codes
    are known, while the longest lists are still being read. Failures are among the errors, by name.
    """
    with ThreadPoolExecutor(store.connections) as pool:
        requests = _Requests(store, pool, clock)
        requests.list("regions", "services", *ZONE_ROOTS)
        regions = [code for code in requests.codes("regions") if not only or code in only]
        offers = [f"regions/{code}/services" for code in regions]
        requests.list(*offers, *(f"regions/{code}/availability-zones" for code in regions))
        requests.get(f"regions/{code}/{attribute}" for code in regions for attribute in REGION_ATTRIBUTES)
        requests.get(f"{root}/{zone}/parent-region" for root in ZONE_ROOTS for zone in requests.codes(root))
        services = requests.codes("services")
        requests.get(f"services/{code}/{attribute}" for code in services for attribute in SERVICE_ATTRIBUTES)
        unlisted = sorted({code for offer in offers for code in requests.codes(offer)}.difference(services))
        requests.get(f"services/{code}/{attribute}" for code in unlisted for attribute in SERVICE_ATTRIBUTES)
        return requests.readings()


class _Requests:
    """The requests of a crawl, each answer as a future. Names are sent ten at a time."""

    def __init__(self, store: ParameterSource, pool: Executor, clock: Callable[[], datetime]) -> None:
        self._store, self._pool, self._clock = store, pool, clock
        self._listings: dict[str, Future[Listing]] = {}
        self._batches: list[tuple[Sequence[str], Future[Mapping[str, str]]]] = []
        self._names: list[str] = []

    def list(self, *paths: str) -> None:
        for path in paths:
            self._listings[path] = self._pool.submit(self._read_listing, path)

    def _read_listing(self, path: str) -> Listing:
        return Listing(self._store.codes_under(f"{ROOT}/{path}"), self._clock())

    def codes(self, path: str) -> tuple[str, ...]:
        """The codes under a listed path; none if the listing failed."""
        listing = self._listings[path]
        return () if isinstance(listing.exception(), ParameterStoreError) else listing.result().codes

    def get(self, names: Iterable[str]) -> None:
        for name in names:
            self._names.append(name)
            if len(self._names) == NAMES_PER_CALL:
                self._send()

    def _send(self) -> None:
        names, self._names = self._names, []
        answer = self._pool.submit(self._store.values, [f"{ROOT}/{name}" for name in names])
        self._batches.append((names, answer))

    def readings(self) -> Readings:
        if self._names:
            self._send()
        listings: dict[str, Listing] = {}
        values: dict[str, str | None] = {}
        errors: dict[str, str] = {}
        for path, listing in self._listings.items():
            try:
                listings[path] = listing.result()
            except ParameterStoreError as error:
                errors[path] = str(error)
        for names, answer in self._batches:
            try:
                existing = answer.result()
                values |= {name: existing.get(f"{ROOT}/{name}") for name in names}
            except ParameterStoreError as error:
                errors |= dict.fromkeys(names, str(error))
        return Readings(listings, values, errors)

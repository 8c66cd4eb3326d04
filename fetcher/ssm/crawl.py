"""A parameter store in, readings out: what SSM answered, and what could not be read. Decides nothing.

Listings are not recursive: a recursive one also returns each service's endpoint and protocols, three times the pages.
Availability Zones are listed region by region, Local and Wavelength Zones from their roots with `parent-region`:
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-global-infrastructure.html
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

from fetcher.ssm.parameter_store import NAMES_PER_CALL, ParameterStoreError
from fetcher.ssm.readings import REGION_ATTRIBUTES, SERVICE_ATTRIBUTES, ZONE_ROOTS, Listing, Readings

ROOT = "/aws/service/global-infrastructure"


class Store(Protocol):
    """What a crawl needs of SSM; see `fetcher.ssm.parameter_store.ParameterStore`."""

    @property
    def connections(self) -> int:
        """How many requests may be under way at once."""

    def codes_under(self, path: str) -> tuple[str, ...]:
        """The codes directly under the path."""

    def values(self, names: Sequence[str]) -> Mapping[str, str]:
        """The values of at most ten names; names that do not exist are left out."""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def crawl(store: Store, only: Collection[str] = (), clock: Callable[[], datetime] = _now) -> Readings:
    """Read every list, and every attribute ten at a time; with `only`, of the regions just these.

    Listings run side by side, their pages in turn. Attributes are asked for as soon as their codes are known, so that
    they fill the time in which only the longest lists are left. What fails is named among the errors.
    """
    with ThreadPoolExecutor(store.connections) as pool:
        reading = _Reading(store, pool, clock)
        reading.list("regions", "services", *ZONE_ROOTS)
        regions = [code for code in reading.codes("regions") if not only or code in only]
        offers = [f"regions/{code}/services" for code in regions]
        reading.list(*offers, *(f"regions/{code}/availability-zones" for code in regions))
        reading.ask(f"regions/{code}/{attribute}" for code in regions for attribute in REGION_ATTRIBUTES)
        reading.ask(f"{root}/{zone}/parent-region" for root in ZONE_ROOTS for zone in reading.codes(root))
        services = reading.codes("services")
        reading.ask(f"services/{code}/{attribute}" for code in services for attribute in SERVICE_ATTRIBUTES)
        unlisted = sorted({code for offer in offers for code in reading.codes(offer)}.difference(services))
        reading.ask(f"services/{code}/{attribute}" for code in unlisted for attribute in SERVICE_ATTRIBUTES)
        return reading.result()


class _Reading:
    """What has been asked for, each answer as a future. Names wait until there are ten."""

    def __init__(self, store: Store, pool: Executor, clock: Callable[[], datetime]) -> None:
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
        """The codes under a path that was listed, none if that failed."""
        listing = self._listings[path]
        return () if isinstance(listing.exception(), ParameterStoreError) else listing.result().codes

    def ask(self, names: Iterable[str]) -> None:
        for name in names:
            self._names.append(name)
            if len(self._names) == NAMES_PER_CALL:
                self._send()

    def _send(self) -> None:
        batch, self._names = self._names, []
        asked = [f"{ROOT}/{name}" for name in batch]
        self._batches.append((batch, self._pool.submit(self._store.values, asked)))

    def result(self) -> Readings:
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
        for names, batch in self._batches:
            try:
                found = batch.result()
                values |= {name: found.get(f"{ROOT}/{name}") for name in names}
            except ParameterStoreError as error:
                errors |= dict.fromkeys(names, str(error))
        return Readings(listings, values, errors)

"""Turns the published files into the last good readings, and replaces unreadable or doubtful ones with them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fetcher.ssm import Listing, Readings
from shared import contract

MAX_LOST_SHARE = 0.5  # of a list, between two runs; a larger loss is not believed
# AWS refuses a request whose time is more than five minutes off, so the clocks of two runs differ by at most ten:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-signing.html
MAX_CLOCK_SKEW = timedelta(minutes=10)


class IncompleteCatalogueError(Exception):
    """Too much is missing, or something missing was never read before. Nothing may be written; a retry may help."""


@dataclass(frozen=True, slots=True)
class LastGood:
    """The content of the published files as readings, and the regions whose lists were stale in them.

    `ahead`: times in the files that are later than now, by name. They are not believed: such a list is dated now, and
    any list that this run has read replaces it.
    """

    readings: Readings = field(default_factory=Readings)
    stale_regions: tuple[str, ...] = ()
    ahead: Mapping[str, datetime] = field(default_factory=dict)


def last_good(complete_data: contract.CompleteData, services: contract.Services | None, now: datetime) -> LastGood:
    """The content of the files, as if this run had read it; without `services.json` service names are unknown."""
    read_at = complete_data.metadata.timestamp
    fetched_at = {
        f"regions/{code}/services": entry.last_fetched
        for code, entry in complete_data.services_by_region.by_region.items()
    }
    times = {"metadata.timestamp": read_at, **fetched_at}
    ahead = {name: time for name, time in times.items() if time > now + MAX_CLOCK_SKEW}
    regions = complete_data.regions.regions
    zones = {
        root: {zone: region.code for region in regions for zone in getattr(region.zones, kind)}
        for root, kind in (("local-zones", "local"), ("wavelength-zones", "wavelength"))
    }
    listings = {
        "regions": Listing(tuple(region.code for region in regions), read_at),
        "services": Listing(complete_data.services.services, read_at),
        **{root: Listing(tuple(parents), read_at) for root, parents in zones.items()},
        **{
            f"regions/{region.code}/availability-zones": Listing(region.zones.availability, read_at)
            for region in regions
        },
        **{
            path: Listing(entry.services, now if path in ahead else entry.last_fetched)
            for path, entry in zip(fetched_at, complete_data.services_by_region.by_region.values(), strict=True)
        },
    }
    values = {
        **{name: value for region in regions for name, value in _region_values(region)},
        **{
            f"{root}/{zone}/parent-region": parent
            for root, parents in zones.items()
            for zone, parent in parents.items()
        },
        **{
            name: value
            for service in (services.services if services else ())
            for name, value in _service_values(service)
        },
    }
    return LastGood(Readings(listings, values), complete_data.metadata.stale_regions, ahead)


def _region_values(region: contract.Region) -> Iterator[tuple[str, str | None]]:
    path = f"regions/{region.code}"
    yield f"{path}/longName", _own_name(region.name, region.code)
    yield f"{path}/partition", region.partition
    yield f"{path}/domain", region.domain
    yield f"{path}/geolocationCountry", region.country
    yield f"{path}/geolocationRegion", region.geography
    yield f"{path}/launchDate", region.launch_date
    yield f"{path}/launchUrl", region.blog_url


def _service_values(service: contract.Service) -> Iterator[tuple[str, str | None]]:
    yield f"services/{service.code}/longName", _own_name(service.name, service.code)
    yield f"services/{service.code}/marketingHomeURL", service.home_url


def _own_name(name: str, code: str) -> str | None:
    """None if the name is only the code."""
    return None if name == code else name


class BestReadings:
    """This run's readings if they succeeded and are credible, else the last good ones.

    `stale`: the names of last good readings that were used instead, with the reasons. IncompleteCatalogueError if
    neither run has a reading.
    """

    def __init__(self, fresh: Readings, last: LastGood, *, accept_shrink: bool) -> None:
        self.fresh, self._known, self._accept_shrink = fresh, last.readings, accept_shrink
        self._ahead = last.ahead
        self.stale: dict[str, str] = {}

    def listing(self, path: str) -> Listing:
        """This run's list, or the last good one if this run has none or it is not credible."""
        fresh, known = self.fresh.listings.get(path), self._known.listings.get(path)
        if fresh and not (known and self._is_doubtful(known, fresh)):
            return fresh
        if not known:
            raise self._never_read(path)
        if fresh:
            self.stale[path] = f"SSM listed {len(fresh.codes)} codes where there were {len(known.codes)}"
        self._note(path)
        return known

    def latest_listing(self, path: str) -> Listing:
        """The same, but the list of an overlapping run is kept if it was read later."""
        fresh, known = self.fresh.listings.get(path), self._known.listings.get(path)
        is_later = fresh and known and known.read_at > fresh.read_at and path not in self._ahead
        return known if known and is_later else self.listing(path)

    def value(self, name: str) -> str | None:
        """A value; None if SSM has none, or if neither run tried to read it."""
        if name in self.fresh.values:
            return self.fresh.values[name]
        if name in self.fresh.errors and name not in self._known.values:
            raise self._never_read(name)
        self._note(name)
        return self._known.values.get(name)

    def known_value(self, name: str) -> str | None:
        """A value that at least one of both runs must have read; None if SSM has none."""
        if name not in self.fresh.values and name not in self._known.values:
            raise self._never_read(name)
        return self.value(name)

    def _is_doubtful(self, known: Listing, fresh: Listing) -> bool:
        """If SSM ends a list too early, the list looks complete."""
        lost = set(known.codes).difference(fresh.codes)
        return len(lost) > len(known.codes) * MAX_LOST_SHARE and not self._accept_shrink

    def _note(self, path: str) -> None:
        if path in self.fresh.errors:
            self.stale[path] = self.fresh.errors[path]

    def _never_read(self, path: str) -> IncompleteCatalogueError:
        reason = self.fresh.errors.get(path, "not asked for")
        return IncompleteCatalogueError(f"nothing is written: no run has read {path} yet: {reason}")

    def require_few_stale(self, regions: int, max_percent: float) -> None:
        """IncompleteCatalogueError if more than `max_percent` of the regions or of this run's values are stale."""
        stale_lists = sum(path.endswith("/services") for path in self.stale)
        values = len(self.fresh.values) + len(self.fresh.errors)
        for kind, stale, total in (("regions", stale_lists, regions), ("values", len(self.stale), values)):
            if stale * 100 > total * max_percent:
                path, reason = next(iter(self.stale.items()))
                msg = f"nothing is written: {stale} of {total} {kind} could not be read, such as {path}: {reason}"
                raise IncompleteCatalogueError(msg)

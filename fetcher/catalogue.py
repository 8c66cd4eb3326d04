"""Readings in, the catalogue out: this run's where they went well, the last good ones elsewhere. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fetcher.ssm.readings import SERVICE_ATTRIBUTES, ZONE_ROOTS, Listing, Readings

Codes = tuple[str, ...]

MOST_LOST = 0.5  # of a list at once


class IncompleteCatalogueError(Exception):
    """Too much could not be read, or something that no earlier run knows. Nothing may be written; a retry may help."""


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """One region. Attributes that SSM does not state are None; codes are as SSM spells them, in any order.

    `fetched_at` is when the last page of the region's services was read; `is_carried_over` if that was in another run.
    """

    code: str
    name: str | None
    partition: str | None
    domain: str | None
    country: str | None
    geography: str | None
    launch_date: str | None
    launch_url: str | None
    availability_zones: Codes
    local_zones: Codes
    wavelength_zones: Codes
    services: Codes
    fetched_at: datetime
    is_carried_over: bool


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service. A service may have no name of its own and may be offered nowhere."""

    code: str
    name: str | None
    home_url: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is known after one crawl, by code.

    `stale` names the last good readings that stand in for what could not be read, each with the reason;
    `stale_regions` are those whose list of services is among them. `unplaced_zones` have no known parent region.
    """

    regions: Mapping[str, RegionFacts]
    services: Mapping[str, ServiceFacts]
    stale_regions: Codes = ()
    stale: Mapping[str, str] = field(default_factory=dict)
    unplaced_zones: Codes = ()


@dataclass(frozen=True, slots=True)
class LastGood:
    """What the published files say, as readings, and which regions' lists were stale even then."""

    readings: Readings = field(default_factory=Readings)
    stale_regions: Codes = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a catalogue has to satisfy.

    `only`: the regions that were asked for, empty for all; the others are carried over. `most_stale_percent`: how much
    of what was asked for the last good readings may stand in for. `accept_loss`: believe SSM if more than half of a
    list has vanished.
    """

    most_stale_percent: float
    only: Codes = ()
    accept_loss: bool = False


def assemble(fresh: Readings, last_good: LastGood, terms: Terms) -> Catalogue:
    """The catalogue, or an IncompleteCatalogueError that names what is missing."""
    if "regions" not in fresh.listings:
        msg = f"nothing is written: the regions could not be listed: {fresh.errors['regions']}"
        raise IncompleteCatalogueError(msg)
    merging = _Merging(fresh, last_good, terms)
    regions = merging.regions()
    offered = {code for region in regions.values() for code in region.services}
    services = {code: merging.service(code) for code in sorted(offered.union(merging.codes("services")))}
    merging.require_few_stale(len(set(terms.only)) or len(regions))
    return Catalogue(
        regions=regions,
        services=services,
        stale_regions=tuple(sorted(merging.stale_regions)),
        stale=merging.stale,
        unplaced_zones=merging.unplaced_zones,
    )


class _Merging:
    """One merge of fresh and last good readings; collects what is stale on the way."""

    def __init__(self, fresh: Readings, last_good: LastGood, terms: Terms) -> None:
        self._fresh, self._known, self._terms = fresh, last_good.readings, terms
        self._stale_before = last_good.stale_regions
        self.stale: dict[str, str] = {}
        self.stale_regions: set[str] = set()
        self.unplaced_zones: Codes = ()

    def regions(self) -> dict[str, RegionFacts]:
        listed: Collection[str] = self._fresh.listings["regions"].codes
        if self._terms.only:
            listed = {*self._known.listings["regions"].codes, *self._terms.only}
        local, wavelength = (self._by_parent(root, listed) for root in ZONE_ROOTS)
        return {code: self._region(code, local[code], wavelength[code]) for code in sorted(listed)}

    def service(self, code: str) -> ServiceFacts:
        """Whoever lists a service is asked for its name in the same run, so one that nobody knows was lost."""
        name, home_url = (self._known_value(f"services/{code}/{attribute}") for attribute in SERVICE_ATTRIBUTES)
        return ServiceFacts(code, name, home_url)

    def codes(self, path: str) -> Codes:
        return self._listing(path).codes

    def require_few_stale(self, asked_regions: int) -> None:
        newly = sum(path.endswith("/services") for path in self.stale)
        asked_values = len(self._fresh.values) + len(self._fresh.errors)
        for what, stale, asked in (("regions", newly, asked_regions), ("values", len(self.stale), asked_values)):
            if stale * 100 > asked * self._terms.most_stale_percent:
                path, reason = next(iter(self.stale.items()))
                msg = f"nothing is written: {stale} of {asked} {what} could not be read, such as {path}: {reason}"
                raise IncompleteCatalogueError(msg)

    def _region(self, code: str, local_zones: Codes, wavelength_zones: Codes) -> RegionFacts:
        offer = self._offer(code)

        def value(attribute: str) -> str | None:
            return self._value(f"regions/{code}/{attribute}")

        return RegionFacts(
            code=code,
            name=value("longName"),
            partition=value("partition"),
            domain=value("domain"),
            country=value("geolocationCountry"),
            geography=value("geolocationRegion"),
            launch_date=value("launchDate"),
            launch_url=value("launchUrl"),
            availability_zones=self.codes(f"regions/{code}/availability-zones"),
            local_zones=local_zones,
            wavelength_zones=wavelength_zones,
            services=offer.codes,
            fetched_at=offer.read_at,
            is_carried_over=offer is not self._fresh.listings.get(f"regions/{code}/services"),
        )

    def _offer(self, region: str) -> Listing:
        """The region's services; those that an overlapping run read later than this one are kept."""
        path = f"regions/{region}/services"
        fresh, known = self._fresh.listings.get(path), self._known.listings.get(path)
        if fresh and known and known.read_at > fresh.read_at:
            return known
        offer = self._listing(path)
        if path in self.stale or (not fresh and region in self._stale_before):
            self.stale_regions.add(region)
        return offer

    def _listing(self, path: str) -> Listing:
        """This run's list, unless there is none or it can't be believed."""
        fresh, known = self._fresh.listings.get(path), self._known.listings.get(path)
        if fresh and not (known and self._is_doubtful(known, fresh)):
            return fresh
        if not known:
            msg = f"nothing is written: no run has read {path} yet: {self._fresh.errors.get(path, 'not asked for')}"
            raise IncompleteCatalogueError(msg)
        if fresh:
            self.stale[path] = f"SSM listed {len(fresh.codes)} codes where there were {len(known.codes)}"
        self._note(path)
        return known

    def _is_doubtful(self, known: Listing, fresh: Listing) -> bool:
        """A page that ends a list too early looks like its end."""
        lost = set(known.codes).difference(fresh.codes)
        return len(lost) > len(known.codes) * MOST_LOST and not self._terms.accept_loss

    def _value(self, name: str) -> str | None:
        if name in self._fresh.values:
            return self._fresh.values[name]
        if name in self._fresh.errors and name not in self._known.values:
            msg = f"nothing is written: no run has read {name} yet: {self._fresh.errors[name]}"
            raise IncompleteCatalogueError(msg)
        self._note(name)
        return self._known.values.get(name)

    def _known_value(self, name: str) -> str | None:
        if name not in self._fresh.values and name not in self._known.values:
            msg = f"nothing is written: no run has read {name} yet: {self._fresh.errors.get(name, 'not asked for')}"
            raise IncompleteCatalogueError(msg)
        return self._value(name)

    def _note(self, path: str) -> None:
        if path in self._fresh.errors:
            self.stale[path] = self._fresh.errors[path]

    def _by_parent(self, root: str, regions: Iterable[str]) -> Mapping[str, Codes]:
        """Each region's zones of one kind; zones whose parent is not a known region are set apart."""
        placed: defaultdict[str, Codes] = defaultdict(tuple)
        for zone in self.codes(root):
            parent = self._value(f"{root}/{zone}/parent-region")
            if parent is not None and parent in regions:
                placed[parent] += (zone,)
            else:
                self.unplaced_zones += (zone,)
        return placed

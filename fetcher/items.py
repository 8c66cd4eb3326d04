"""The documents of a run and the changes of each item in; a file and a feed of each region and service out. Pure.

The same facts give the same bytes: no file has the time or the id of a run.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any

from fetcher.documents import Documents
from fetcher.history import ItemChanges, Place, build_item_feed
from shared import contract

NO_ZONES = contract.Zones(availability=(), local=(), wavelength=())

MOST_CODES = 450  # of a file, so that the largest has some 8 kB when it is compressed: older changes make room
LEAST_CODES = 12  # of the changes

AnyItem = contract.RegionItem | contract.ServiceItem
Announcements = Mapping[str, Sequence[contract.ItemAnnouncement]]  # by the service's code, newest first


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What the files are made of. The documents must have the days since when things are there.

    `names`: the last ones of what went. `earlier`: the file with the changes before those of the log; None if there are
    none.
    """

    documents: Documents
    changes: ItemChanges
    names: Mapping[contract.Key, str]
    announcements: Announcements
    earlier: str | None


@dataclass(frozen=True, slots=True)
class Days:
    """Since when, and until when, things are there."""

    since: date
    first: Mapping[contract.Key, contract.Seen]
    last: Mapping[contract.Key, contract.Seen]

    def first_of(self, key: contract.Key) -> contract.Seen:
        """The first day of what is known."""
        return self.first.get(key) or contract.Between(before=self.since)

    def gone(self, kind: str) -> Iterator[contract.Key]:
        """What of a kind is no longer there."""
        return (key for key in self.last if key[0] == kind)


def build_items(facts: ItemFacts, site_url: str) -> dict[str, bytes]:
    """Every file by its name below the prefix; the index, which names them all, comes last."""
    offers = facts.documents.complete_data.services_by_region
    days = Days(offers.known_since or date.min, *offers.sightings())
    region_names = _names(facts, days, "region", facts.documents.regions.regions)
    service_names = _names(facts, days, "service", facts.documents.services.services)
    regions = [*_regions(facts, days, region_names, service_names)]
    services = [*_services(facts, days, service_names, region_names)]
    files: dict[str, bytes] = {}
    kinds: tuple[tuple[contract.ItemFolder, Sequence[AnyItem], Mapping[str, str]], ...] = (
        ("regions", regions, service_names),
        ("services", services, region_names),
    )
    for folder, items, names in kinds:
        for item in items:
            path, feed = _paths(item)
            changes = facts.changes.get((folder, item.code), ())
            files |= {path: item.to_bytes(), feed: build_item_feed(item, path, changes, names, site_url).to_bytes()}
    index = contract.ItemIndex(known_since=days.since, regions=_entries(regions), services=_entries(services))
    return {**files, contract.INDEX_FILE: index.to_bytes()}


def _names(
    facts: ItemFacts, days: Days, kind: str, there: Sequence[contract.Region | contract.Service]
) -> dict[str, str]:
    """The names of all regions, or of all services, by code; what is no longer there included."""
    old = {key[2]: facts.names.get(key) or key[2] for key in days.gone(kind)}
    names = {**old, **{each.code: each.name for each in there}}
    return dict(sorted(names.items()))


def _regions(
    facts: ItemFacts, days: Days, names: Mapping[str, str], service_names: Mapping[str, str]
) -> Iterator[contract.RegionItem]:
    by_region = facts.documents.complete_data.services_by_region.by_region
    there = {region.code: region for region in facts.documents.regions.regions}
    gone = defaultdict[str, list[str]](list)
    for _, region_code, service_code in days.gone("offer"):
        gone[region_code].append(service_code)

    def offers(region: str, codes: Sequence[str]) -> tuple[contract.ItemOffer, ...]:
        return tuple(_offer(days, ("offer", region, code), code, service_names.get(code, code)) for code in codes)

    for code, name in names.items():
        region: contract.Region | None = there.get(code)
        services = by_region[code].services if code in by_region else ()
        yield contract.RegionItem(
            code=code,
            name=name,
            first_seen=days.first_of(("region", code, code)) if services or gone[code] else None,
            last_seen=days.last.get(("region", code, code)),
            partition=region.partition if region else None,
            domain=region.domain if region else None,
            country=region.country if region else None,
            geography=region.geography if region else None,
            launch_date=region.launch_date if region else None,
            blog_url=region.blog_url if region else None,
            zones=region.zones if region else NO_ZONES,
            services=offers(code, services),
            gone=offers(code, gone[code]),
            **_changes(facts, ("regions", code), len(services) + len(gone[code])),
        )


def _services(
    facts: ItemFacts, days: Days, names: Mapping[str, str], region_names: Mapping[str, str]
) -> Iterator[contract.ServiceItem]:
    by_service = facts.documents.service_regions.by_service
    there = {service.code: service for service in facts.documents.services.services}
    gone = defaultdict[str, list[str]](list)
    for _, region_code, service_code in days.gone("offer"):
        gone[service_code].append(region_code)

    def offers(service: str, codes: Sequence[str]) -> tuple[contract.ItemOffer, ...]:
        return tuple(_offer(days, ("offer", code, service), code, region_names.get(code, code)) for code in codes)

    for code, name in names.items():
        service: contract.Service | None = there.get(code)
        regions = by_service[code].regions if code in by_service else ()
        yield contract.ServiceItem(
            code=code,
            name=name,
            first_seen=days.first_of(("service", "", code)),
            last_seen=days.last.get(("service", "", code)),
            home_url=service.home_url if service else None,
            regions=offers(code, regions),
            gone=offers(code, gone[code]),
            **_changes(facts, ("services", code), len(regions) + len(gone[code])),
            announcements=tuple(facts.announcements.get(code, ())),
        )


def _changes(facts: ItemFacts, place: Place, codes: int) -> dict[str, Any]:
    """The newest changes of an item that has so many codes beside them, and where the rest is."""
    changes, room = facts.changes.get(place, ()), max(MOST_CODES - codes, LEAST_CODES)
    kept = sum(length <= room for length in accumulate(len(change.what) + 1 for change in changes))
    cut = contract.CHANGE_HISTORY_FILE if kept < len(changes) else facts.earlier
    return {"changes": tuple(changes[: max(kept, 1)]), "earlier": cut}


def _offer(days: Days, key: contract.Key, code: str, name: str) -> contract.ItemOffer:
    return contract.ItemOffer(code=code, name=name, first_seen=days.first_of(key), last_seen=days.last.get(key))


def _entries(items: Sequence[AnyItem]) -> tuple[contract.IndexEntry, ...]:
    return tuple(
        contract.IndexEntry(
            code=item.code,
            name=item.name,
            first_seen=item.first_seen,
            last_seen=item.last_seen,
            path=_paths(item)[0],
            feed=_paths(item)[1],
        )
        for item in items
    )


def _paths(item: AnyItem) -> tuple[str, str]:
    """Where its file is, and its feed."""
    folder = "regions" if isinstance(item, contract.RegionItem) else "services"
    path = f"{folder}/{contract.item_name(item.code)}"
    return f"{path}.json", f"{path}{contract.FEED_SUFFIX}"

"""What was known and what is known now in, what came, went or was renamed out. Pure.

Both sides are told as facts, items and the names that they are shown under, so that one comparison serves for all.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from shared import contract

Kind = Literal["region", "service", "offer"] | contract.ZoneKind


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """Something that comes and goes. An offer is a service in a region; a service itself belongs to no region."""

    kind: Kind
    region: str
    code: str


def service_item(code: str) -> Item:
    """A service, wherever it is offered."""
    return Item("service", "", code)


def region_item(code: str) -> Item:
    """A region."""
    return Item("region", code, code)


@dataclass(frozen=True, slots=True)
class Step:
    """The name of an item before and after, None where there is no such item. Offers and zones have an empty name."""

    before: str | None
    after: str | None


Facts = Mapping[Item, str]
Steps = Mapping[Item, Step]


@dataclass(frozen=True, slots=True)
class State:
    """What one run published. `services` is None if that file is lost: the names of services are then not known."""

    complete_data: contract.CompleteData
    services: contract.Services | None

    @property
    def service_names(self) -> dict[str, str]:
        """The names by code; empty if they are not known."""
        return {service.code: service.name for service in self.services.services} if self.services else {}


def facts_of(data: contract.CompleteData, service_names: Mapping[str, str], announced: Collection[str]) -> Facts:
    """The facts; a region counts once it has services, and goes on to count while it is in `announced`."""
    by_region = data.services_by_region.by_region
    facts = {service_item(code): service_names.get(code, code) for code in data.services.services}
    for region in data.regions.regions:
        services = by_region[region.code].services
        if services or region.code in announced:
            facts[region_item(region.code)] = region.name
            facts |= dict.fromkeys((Item("offer", region.code, code) for code in services), "")
            facts |= dict.fromkeys(_zones(region), "")
    return facts


def _zones(region: contract.Region) -> Iterator[Item]:
    yield from (Item("availability", region.code, zone) for zone in region.zones.availability)
    yield from (Item("local", region.code, zone) for zone in region.zones.local)
    yield from (Item("wavelength", region.code, zone) for zone in region.zones.wavelength)


def compare(before: Facts, after: Facts) -> Steps:
    """A step for each item that came, went or has another name."""
    return _real({item: Step(before.get(item), after.get(item)) for item in before.keys() | after.keys()})


def combine(first: Steps, second: Steps) -> Steps:
    """Both in one: a to b, then b to c, is a to c; there and back is nothing."""
    return _real({**first, **{item: Step(first.get(item, step).before, step.after) for item, step in second.items()}})


def _real(steps: Steps) -> Steps:
    return {item: step for item, step in steps.items() if step.before != step.after}

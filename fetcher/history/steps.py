"""What was known and what is known now in, what came, went or was renamed out. Pure.

Both sides are facts, items with the names that they are shown under, so that one comparison serves for all.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from shared import contract

Kind = Literal["region", "service", "offer"] | contract.ZoneKind


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """Something that comes and goes. An offer is a service in a region; a service itself belongs to no region."""

    kind: Kind
    region: str
    code: str


def service_item(code: str) -> Item:
    """A service itself, in whatever regions it is offered."""
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


class State(Protocol):
    """What one run published."""

    @property
    def complete_data(self) -> contract.CompleteData:
        """All facts but the names of services."""

    @property
    def services(self) -> contract.Services | None:
        """The names of services; None if that file is lost."""


def service_names(state: State) -> dict[str, str]:
    """The names of services by code; empty if they are not known."""
    return {service.code: service.name for service in state.services.services} if state.services else {}


def facts_of(data: contract.CompleteData, names: Mapping[str, str], announced: Collection[str]) -> Facts:
    """The facts. A region counts as soon as it has services, and as long as it is in `announced`."""
    by_region = data.services_by_region.by_region
    facts = {service_item(code): names.get(code, code) for code in data.services.services}
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


def compare_facts(before: Facts, after: Facts) -> Steps:
    """A step for each item that came, went or has another name."""
    return _real({item: Step(before.get(item), after.get(item)) for item in before.keys() | after.keys()})


def combine(first: Steps, second: Steps) -> Steps:
    """Both as one: from a to b, then from b to c, is from a to c; from a to b and back is no step."""
    return _real({**first, **{item: Step(first.get(item, step).before, step.after) for item, step in second.items()}})


def _real(steps: Steps) -> Steps:
    return {item: step for item, step in steps.items() if step.before != step.after}

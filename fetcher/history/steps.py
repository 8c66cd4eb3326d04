"""Compares previous and current facts: which items were added, removed or renamed. Pure.

Facts are items with their displayed names, so that one comparison covers all kinds.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal, Protocol

from shared import contract

Kind = Literal["region", "service", "offer"] | contract.ZoneKind


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """Something that is added or removed. An offer is a service in a region; a service itself belongs to no region."""

    kind: Kind
    region: str
    code: str


def service_item(code: str) -> Item:
    """A service itself, independent of regions."""
    return Item("service", "", code)


def region_item(code: str) -> Item:
    """A region."""
    return Item("region", code, code)


@dataclass(frozen=True, slots=True)
class Step:
    """The name of an item before and after, None if it does not exist. Offers and zones have an empty name."""

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
    """The facts. A region is included if it has services or is in `announced`."""
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
    """A step for each item that was added, removed or renamed."""
    return _real({item: Step(before.get(item), after.get(item)) for item in before.keys() | after.keys()})


def combine(*parts: Steps) -> Steps:
    """All as one, oldest first: a to b and b to c become a to c; a to b and b to a become no step."""
    combined: dict[Item, Step] = {}
    for item, step in chain.from_iterable(part.items() for part in parts):
        combined[item] = Step(combined.get(item, step).before, step.after)
    return _real(combined)


def _real(steps: Steps) -> Steps:
    return {item: step for item, step in steps.items() if step.before != step.after}

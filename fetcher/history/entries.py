"""Steps to the form in which the log of changes holds them, and back. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fetcher.history.steps import Facts, Item, Kind, Step, Steps, region_item, service_item
from shared import contract


def to_changes(steps: Steps) -> contract.Changes:
    """The steps as the log writes them, every list sorted."""
    ordered = sorted(steps.items())
    came = {item: step.after for item, step in ordered if step.before is None and step.after is not None}
    went = {item: step.before for item, step in ordered if step.before is not None and step.after is None}
    return contract.Changes(
        new_services=_named("service", came),
        new_regional_services=_offers(came),
        new_regions=_named("region", came),
        removed_services=_named("service", went),
        removed_regional_services=_offers(went),
        removed_regions=_named("region", went),
        renamed=tuple(
            contract.Renamed(kind=item.kind, code=item.code, old=step.before, new=step.after)
            for item, step in ordered
            if item.kind in {"region", "service"} and step.before is not None and step.after is not None
        ),
        zone_changes=_zone_changes(came, went),
    )


def _named(kind: Kind, facts: Facts) -> tuple[contract.NamedCode, ...]:
    return tuple(contract.NamedCode(code=item.code, name=name) for item, name in facts.items() if item.kind == kind)


def _offers(items: Iterable[Item]) -> tuple[contract.RegionalService, ...]:
    return tuple(contract.RegionalService(region=one.region, service=one.code) for one in items if one.kind == "offer")


def _zone_changes(came: Iterable[Item], went: Iterable[Item]) -> tuple[contract.ZoneChange, ...]:
    added, removed = _zones(came), _zones(went)
    return tuple(
        contract.ZoneChange(
            region=region,
            kind=kind,
            added=tuple(added.get((region, kind), ())),
            removed=tuple(removed.get((region, kind), ())),
        )
        for region, kind in sorted(added.keys() | removed.keys())
    )


def _zones(items: Iterable[Item]) -> Mapping[tuple[str, contract.ZoneKind], list[str]]:
    zones = defaultdict[tuple[str, contract.ZoneKind], list[str]](list)
    for item in items:
        if item.kind in {"availability", "local", "wavelength"}:
            zones[item.region, item.kind].append(item.code)
    return zones


def to_steps(changes: contract.Changes) -> Steps:
    """What the log says, as steps."""
    items = {"region": region_item, "service": service_item}
    return {
        **{service_item(one.code): Step(None, one.name) for one in changes.new_services},
        **{service_item(one.code): Step(one.name, None) for one in changes.removed_services},
        **{region_item(one.code): Step(None, one.name) for one in changes.new_regions},
        **{region_item(one.code): Step(one.name, None) for one in changes.removed_regions},
        **{Item("offer", one.region, one.service): Step(None, "") for one in changes.new_regional_services},
        **{Item("offer", one.region, one.service): Step("", None) for one in changes.removed_regional_services},
        **{items[one.kind](one.code): Step(one.old, one.new) for one in changes.renamed},
        **{Item(one.kind, one.region, zone): Step(None, "") for one in changes.zone_changes for zone in one.added},
        **{Item(one.kind, one.region, zone): Step("", None) for one in changes.zone_changes for zone in one.removed},
    }

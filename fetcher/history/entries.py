"""Converts steps into the changes that the log contains, and back. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fetcher.history.steps import Facts, Item, Kind, Step, Steps, region_item, service_item
from shared import contract


def to_changes(steps: Steps) -> contract.Changes:
    """The steps as changes of the log, every list sorted."""
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
    return tuple(
        contract.RegionalService(region=item.region, service=item.code) for item in items if item.kind == "offer"
    )


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


def count_additions(log: Iterable[contract.ChangeEntry]) -> contract.Inception:
    """How many additions the entries have."""
    changes = [entry.changes for entry in log]
    return contract.Inception(
        new_regions=sum(len(each.new_regions) for each in changes),
        new_services=sum(len(each.new_services) for each in changes),
        new_regional_services=sum(len(each.new_regional_services) for each in changes),
    )


def to_steps(changes: contract.Changes) -> Steps:
    """The changes of the log as steps."""
    items = {"region": region_item, "service": service_item}
    zones = changes.zone_changes
    return {
        **{service_item(new.code): Step(None, new.name) for new in changes.new_services},
        **{service_item(old.code): Step(old.name, None) for old in changes.removed_services},
        **{region_item(new.code): Step(None, new.name) for new in changes.new_regions},
        **{region_item(old.code): Step(old.name, None) for old in changes.removed_regions},
        **{Item("offer", new.region, new.service): Step(None, "") for new in changes.new_regional_services},
        **{Item("offer", old.region, old.service): Step("", None) for old in changes.removed_regional_services},
        **{items[renamed.kind](renamed.code): Step(renamed.old, renamed.new) for renamed in changes.renamed},
        **{Item(change.kind, change.region, new): Step(None, "") for change in zones for new in change.added},
        **{Item(change.kind, change.region, old): Step("", None) for change in zones for old in change.removed},
    }

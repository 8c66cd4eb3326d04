"""Describes changes in English: a sentence for the log, and lines with details. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from shared import contract

LONGEST_SUMMARY = 300  # characters
CODES_IN_SUMMARY = 5
CODES_IN_LINE = 50


def summarize_changes(changes: contract.Changes) -> str:
    """One sentence of at most LONGEST_SUMMARY characters; empty if nothing changed."""
    sentence = _sentence(changes, CODES_IN_SUMMARY)
    return sentence if len(sentence) <= LONGEST_SUMMARY else _sentence(changes, 0)


def summarize_baseline(counts: contract.Counts, changes: contract.Changes) -> str:
    """The counts on the first day, and the changes of that day after the first run."""
    baseline = ", ".join(
        (_count(counts.regions, "region"), _count(counts.services, "service"), _count(counts.region_services, "pair"))
    )
    later = summarize_changes(changes)
    return f"Baseline: {baseline}." + (f" After the first run: {later}" if later else "")


def describe_changes(changes: contract.Changes) -> str:
    """A line for each kind of change and region, with at most CODES_IN_LINE codes; empty if nothing changed."""
    return "\n".join(f"{what}: {_listed(codes, CODES_IN_LINE)}" for what, codes in _lines(changes) if codes)


def _sentence(changes: contract.Changes, most: int) -> str:
    zones = changes.zone_changes
    kinds: list[tuple[str, int, Sequence[str]]] = [
        ("new region", len(changes.new_regions), _codes(changes.new_regions)),
        ("removed region", len(changes.removed_regions), _codes(changes.removed_regions)),
        ("new service", len(changes.new_services), _codes(changes.new_services)),
        ("removed service", len(changes.removed_services), _codes(changes.removed_services)),
        ("new service-region pair", len(changes.new_regional_services), ()),
        ("removed service-region pair", len(changes.removed_regional_services), ()),
        ("new zone", sum(len(change.added) for change in zones), ()),
        ("removed zone", sum(len(change.removed) for change in zones), ()),
    ]
    parts = [_count(number, noun) + _in_brackets(codes, most) for noun, number, codes in kinds if number]
    if changes.renamed:
        parts.append(f"{len(changes.renamed):,} renamed" + _in_brackets(_codes(changes.renamed), most))
    return ", ".join(parts) + "." if parts else ""


def _lines(changes: contract.Changes) -> Iterator[tuple[str, list[str]]]:
    yield "New regions", _codes_and_names(changes.new_regions)
    yield "Removed regions", _codes_and_names(changes.removed_regions)
    yield "New services", _codes_and_names(changes.new_services)
    yield "Removed services", _codes_and_names(changes.removed_services)
    yield "Renamed", [f"{renamed.code} from {renamed.old} to {renamed.new}" for renamed in changes.renamed]
    for region, services in _by_region(changes.new_regional_services):
        yield f"New in {region}", services
    for region, services in _by_region(changes.removed_regional_services):
        yield f"No longer in {region}", services
    for change in changes.zone_changes:
        yield f"New {change.kind} zones of {change.region}", list(change.added)
        yield f"Removed {change.kind} zones of {change.region}", list(change.removed)


def _by_region(offers: Iterable[contract.RegionalService]) -> Iterable[tuple[str, list[str]]]:
    services = defaultdict[str, list[str]](list)
    for offer in offers:
        services[offer.region].append(offer.service)
    return services.items()


def _codes(changes: Iterable[contract.NamedCode | contract.Renamed]) -> list[str]:
    return [change.code for change in changes]


def _codes_and_names(changes: Iterable[contract.NamedCode]) -> list[str]:
    return [change.code if change.name == change.code else f"{change.code} ({change.name})" for change in changes]


def _in_brackets(codes: Sequence[str], most: int) -> str:
    return f" ({_listed(codes, most)})" if codes and most else ""


def _listed(codes: Sequence[str], most: int) -> str:
    more = f" and {len(codes) - most:,} more" if len(codes) > most else ""
    return ", ".join(codes[:most]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")

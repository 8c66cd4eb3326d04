"""Describes changes in English: a sentence for the log, and lines with details. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from fetcher.history.steps import Facts, Item, region_item, service_item
from shared import contract

LONGEST_SUMMARY = 300  # characters
CODES_IN_SUMMARY = 5
LONGEST_DESCRIPTION = 1800  # characters
LONGEST_NAME = 80
NAMES_IN_LINE = (40, 20, 10, 5)  # the more there is to tell, the fewer names each line has


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that one line tells: what they share, what each is called, and how many of them no earlier line tells."""

    text: str
    names: Sequence[str]
    news: int

    def line(self, most: int) -> str:
        """The line, with at most so many names."""
        return f"{self.text}: {_listed(self.names, most)}" if self.names else self.text


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


def describe_changes(changes: contract.Changes, names: Facts) -> str:
    """Lines for people, at most LONGEST_DESCRIPTION characters together; empty if nothing changed.

    `names`: those of that day; what has none is shown by its code.
    """
    return _describe([group for group in _groups(changes, names) if group.names], contract.CHANGE_HISTORY_FILE)


def summarize_item_changes(changes: Iterable[contract.ItemChange], noun: str) -> str:
    """The changes of one item on one day in a few words. `noun`: what it has, services or regions."""
    return ", ".join(_item_change(change, noun) for change in changes)


def describe_item_changes(changes: Iterable[contract.ItemChange], noun: str, names: Mapping[str, str]) -> str:
    """Lines for people, at most LONGEST_DESCRIPTION characters together. `names`: by code."""
    groups = []
    for change in changes:
        since = f" (some day after {change.after})" if change.after else ""
        told = () if change.kind == "renamed" else [_cut(names.get(code, code)) for code in change.what]
        groups.append(Group(f"{_item_change(change, noun)}{since}", told, len(told)))
    return _describe(groups, "the item's own file")


def _item_change(change: contract.ItemChange, noun: str) -> str:
    match change.kind:
        case "added" | "zonesAdded":
            kind = "new"
        case "zonesRemoved":
            kind = "removed"
        case "renamed":
            return f"renamed from {_cut(change.what[0])} to {_cut(change.what[1])}"
        case kind:
            pass
    thing = "zone" if change.kind.startswith("zones") else noun
    return _count(len(change.what), f"{kind} {thing}") if change.what else kind


def _describe(groups: Sequence[Group], file: str) -> str:
    """The groups with as many names as fit; the last line counts what does not, and says where it is."""
    for most in NAMES_IN_LINE:
        text = "\n".join(group.line(most) for group in groups)
        if len(text) <= LONGEST_DESCRIPTION:
            return text
    return _first_lines(groups, file)


def _first_lines(groups: Sequence[Group], file: str) -> str:
    lines = [group.line(NAMES_IN_LINE[-1]) for group in groups]
    room = LONGEST_DESCRIPTION - LONGEST_NAME  # the rest is for the last line
    kept = sum(length <= room for length in accumulate(len(line) + 1 for line in lines))
    rest = sum(group.news for group in groups[kept:])
    return "\n".join([*lines[:kept], f"And {rest:,} more; all are in {file}."])


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


def _groups(changes: contract.Changes, names: Facts) -> Iterator[Group]:
    """What is rare comes first, then the pairs."""
    for noun, found in (
        ("new region", changes.new_regions),
        ("removed region", changes.removed_regions),
        ("new service", changes.new_services),
        ("removed service", changes.removed_services),
    ):
        yield Group(_count(len(found), noun), [_label(each.code, each.name) for each in found], len(found))
    renamed = [f"{_cut(each.code)} from {_cut(each.old)} to {_cut(each.new)}" for each in changes.renamed]
    yield Group(f"{len(renamed):,} renamed", renamed, len(renamed))
    for change in changes.zone_changes:
        region = _label(change.region, names.get(region_item(change.region)))
        for verb, zones in (("new", change.added), ("removed", change.removed)):
            text = f"{_count(len(zones), f'{verb} {change.kind} zone')} in {region}"
            yield Group(text, [_cut(zone) for zone in zones], len(zones))
    yield from _group_pairs(changes.new_regional_services, "new in", names)
    yield from _group_pairs(changes.removed_regional_services, "gone from", names)


def _group_pairs(pairs: Iterable[contract.RegionalService], verb: str, names: Facts) -> Iterator[Group]:
    """The pairs by service or region, the largest group first, until each pair is in one. Every group is complete."""
    groups = defaultdict[tuple[bool, str], list[contract.RegionalService]](list)
    for pair in pairs:
        groups[False, pair.service].append(pair)
        groups[True, pair.region].append(pair)
    told: set[tuple[str, str]] = set()
    for (is_region, code), group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        news = {(pair.region, pair.service) for pair in group} - told
        told |= news
        if news and is_region:  # with one service alone it is told by that service's group, which comes before
            text = f"{len(group):,} services are {verb} {_label(code, names.get(region_item(code)))}"
            yield Group(text, [_name(service_item(pair.service), names) for pair in group], len(news))
        elif news:
            text = f"{_label(code, names.get(service_item(code)))} is {verb} {_count(len(group), 'region')}"
            yield Group(text, [_name(region_item(pair.region), names) for pair in group], len(news))


def _codes(changes: Iterable[contract.NamedCode | contract.Renamed]) -> list[str]:
    return [change.code for change in changes]


def _label(code: str, name: str | None) -> str:
    return _cut(code) if name in {None, "", code} else f"{_cut(name)} ({_cut(code)})"


def _name(item: Item, names: Facts) -> str:
    return _cut(names.get(item) or item.code)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _in_brackets(codes: Sequence[str], most: int) -> str:
    return f" ({_listed(codes, most)})" if codes and most else ""


def _listed(codes: Sequence[str], most: int) -> str:
    more = f" and {len(codes) - most:,} more" if len(codes) > most else ""
    return ", ".join(codes[:most]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")

"""The log of a stack and older states, which it did not see itself, in; the log that begins with them out. Pure."""

from collections.abc import Iterable
from datetime import date

from fetcher.history.entries import to_steps
from fetcher.history.log import announced_regions, list_entries, logged_names, make_history, merge
from fetcher.history.looks import looks_before
from fetcher.history.steps import Facts, Item, State, combine, compare_facts, facts_of, region_item, service_names
from shared import contract


def first_day(history: contract.ChangeHistory) -> date:
    """The day of the first look of all."""
    return min([history.metadata.created, *(entry.date for entry in history.change_log)])


def begin_earlier(
    own: contract.ChangeHistory, published: State, older: Iterable[tuple[date, State]]
) -> contract.ChangeHistory:
    """The log as if runs had seen the older states, oldest first and all before the first day of `own`.

    `own` has every entry in its log, also those of older years, and the result too. They stay as they are but for that
    of the first day: instead of the baseline it tells what has changed since the last older state. What later runs of
    that day have logged is joined to it, as the changes of two runs of one day are.
    """
    first = first_day(own)
    history, previous = None, None
    for day, state in older:
        history, previous = merge(history, previous, state, day), state
    if history is None or previous is None:
        return own
    announced = announced_regions(logged_names(history))
    before = facts_of(previous.complete_data, service_names(previous), announced)
    gap = compare_facts(before, _shown(_first_facts(own, published), before))
    parts = [gap, *(to_steps(entry.changes) for entry in own.change_log if entry.date == first)]
    steps, created = combine(*parts), history.metadata.created
    later = [entry for entry in own.change_log if entry.date > first]
    looks = looks_before(history, previous, first, first)
    log = [*later, *list_entries(first, created, steps, published, looks), *history.change_log]
    told = {*steps, *(item for entry in later for item in to_steps(entry.changes))}
    passed = {item: step for part in (to_steps(history.undone), *parts) for item, step in part.items()}
    undone = {item: step for item, step in passed.items() if item not in told} | dict(to_steps(own.undone))
    return make_history(log, undone, published, (), created=created, last_updated=own.metadata.last_updated)


def _first_facts(history: contract.ChangeHistory, published: State) -> Facts:
    """What there was at the first look, also regions without services.

    Where log and data disagree the log is right, as it is for `merge`.
    """
    logged = logged_names(history)
    by_region = published.complete_data.services_by_region.by_region
    regions = [code for code in by_region if logged.get(region_item(code), "") is not None]
    facts: dict[Item, str | None] = {**facts_of(published.complete_data, service_names(published), regions), **logged}
    for entry in history.change_log:  # newest first
        facts |= {item: step.before for item, step in to_steps(entry.changes).items()}
    return {item: name for item, name in facts.items() if name is not None}


def _shown(facts: Facts, before: Facts) -> Facts:
    """The facts without regions that have no services, unless they were known before."""
    shown = {item.region for item in facts if item.kind == "offer"}.union(item.region for item in before)
    regions = {code for code in shown if region_item(code) in facts}
    return {item: name for item, name in facts.items() if not item.region or item.region in regions}

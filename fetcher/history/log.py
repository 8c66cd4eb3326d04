"""The log of changes, the previous state and the current state in; the log with today's changes out. Pure.

The log is written before the data that it describes, so a run that dies in between leaves a log ahead of the data.
If log and data disagree, the log is right: nothing is logged twice, and changes of the lost run that the next run does
not confirm are reversed. Changes that a later run of the same day reversed are kept outside the entries.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from fetcher.history.entries import count_additions, to_changes, to_steps
from fetcher.history.looks import Looks, looks_before
from fetcher.history.steps import Item, State, Steps, combine, compare_facts, facts_of, region_item, service_names
from fetcher.history.wording import summarize_baseline, summarize_changes
from shared import contract

ChangeLog = Sequence[contract.ChangeEntry]  # newest first
LoggedNames = Mapping[Item, str | None]  # from the latest change of each item; None if it was removed


def merge(
    history: contract.ChangeHistory | None,
    previous: State | None,
    current: State,
    today: date,
    latest: date = date.max,
) -> contract.ChangeHistory:
    """The log with the changes in `current`. A second merge of the same state, that day or later, adds nothing.

    Without a history the result is a baseline: one entry without changes. Without `previous`, only contradictions of
    the log are changes. If the clock was set back, changes are added to the newest entry. Dates after `latest` are not
    believed: the entries of such days become a part of today's.
    """
    if history is None:
        baseline = list_entries(today, today, {}, current, Looks(today, {}))
        return make_history(baseline, {}, current, (), created=today, last_updated=today)
    log, undone = history.change_log, to_steps(history.undone)
    day = max([today, *(entry.date for entry in log if entry.date <= latest)])
    created = min([history.metadata.created, day, *(entry.date for entry in log)])
    parts = [to_steps(entry.changes) for entry in reversed(log) if entry.date >= day]
    so_far = combine(*parts)
    news = _news(history, so_far, previous or current, current)
    if news or any(entry.date > day for entry in log):
        steps = combine(so_far, news)
        earlier = [entry for entry in log if entry.date < day]
        log = (*list_entries(day, created, steps, current, looks_before(history, previous, day, latest)), *earlier)
        passed = {item: step for part in (undone, *parts, news) for item, step in part.items()}
        undone = {item: step for item, step in passed.items() if item not in steps}
    return make_history(log, undone, current, history.earlier, created=created, last_updated=day)


def _news(history: contract.ChangeHistory, so_far: Steps, previous: State, current: State) -> Steps:
    """The differences between the current facts and the log or, for items not in the log, the previous facts."""
    names, logged = service_names(current), logged_names(history)
    stale = set(current.complete_data.metadata.stale_regions)  # nothing new was learned about these
    facts = facts_of(previous.complete_data, {**names, **service_names(previous)}, announced_regions(logged))
    # Of a region that came, the log tells all. The previous data may be older, and what they have of it never told.
    told = _regions_that_came(history) - stale
    before: dict[Item, str | None] = {
        **{item: name for item, name in facts.items() if item.region not in told},
        **{item: name for item, name in logged.items() if item.region not in stale},
    }
    known = {item: name for item, name in before.items() if name is not None}
    # A region that was announced today and is empty now is removed: an entry shows a new region only with services.
    today = {item.region for item, step in so_far.items() if item.kind == "region" and step.before is None}
    announced = {item.region for item in known if item.kind == "region"} - (today - stale)
    return compare_facts(known, facts_of(current.complete_data, names, announced))


def logged_names(history: contract.ChangeHistory) -> LoggedNames:
    """The names that the log gives, each from the latest change."""
    oldest_first = [*(entry.changes for entry in reversed(history.change_log)), history.undone]
    return {item: step.after for changes in oldest_first for item, step in to_steps(changes).items()}


def _regions_that_came(history: contract.ChangeHistory) -> set[str]:
    changes = [history.undone, *(entry.changes for entry in history.change_log)]
    return {new.code for part in changes for new in part.new_regions}


def announced_regions(logged: LoggedNames) -> set[str]:
    """The regions that the log mentions and has not removed; services and zones of others are not logged yet."""
    return {item.region for item in logged if item.region and logged.get(region_item(item.region), "") is not None}


def list_entries(day: date, created: date, steps: Steps, current: State, looks: Looks) -> ChangeLog:
    """The entry of the day; none if nothing changed, except for the baseline."""
    changes = to_changes(steps)
    if day == created:
        summary = summarize_baseline(current.complete_data.metadata.counts, changes)
    else:
        summary = summarize_changes(changes)
    if not summary:
        return []
    read = {item.region for item in steps if item.kind == "offer"}
    after, regions_after = looks.after(day), looks.regions_after(day, read)
    return [contract.ChangeEntry(date=day, summary=summary, changes=changes, after=after, regions_after=regions_after)]


def make_history(  # noqa: PLR0913 - all parts of the file
    log: ChangeLog,
    undone: Steps,
    current: State,
    earlier: Sequence[contract.EarlierChanges],
    *,
    created: date,
    last_updated: date,
) -> contract.ChangeHistory:
    """The file, with its counts."""
    counts = current.complete_data.metadata.counts
    additions = [count_additions(log), *(file.additions for file in earlier)]
    return contract.ChangeHistory(
        metadata=contract.HistoryMetadata(
            created=created,
            last_updated=last_updated,
            total_regions=counts.regions,
            total_services=counts.services,
            total_regional_services=counts.region_services,
            changes_since_inception=contract.Inception(
                new_regions=sum(each.new_regions for each in additions),
                new_services=sum(each.new_services for each in additions),
                new_regional_services=sum(each.new_regional_services for each in additions),
            ),
        ),
        change_log=tuple(log),
        undone=to_changes(undone),
        earlier=tuple(earlier),
    )

"""The log in, its older entries as files of years out, so that `change-history.json` stays below 2 MB. Pure.

What moves depends only on the log that was read. So two runs at once, or a run that died and the next one, make the
same files. A file of a year never changes once it is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate

from fetcher.history.entries import count_additions, to_changes, to_steps
from fetcher.history.feed import MOST_ITEMS, size_in_list
from fetcher.history.steps import State, Steps, facts_of, service_names
from shared import contract

LARGEST = 1_600_000  # bytes of a file; the rest up to 2 MB is for what is added before entries move: 4,000 changes
KEPT = LARGEST // 3  # bytes of the newest entries, which stay

Sizes = Mapping[date, int]


def years_to_move(history: contract.ChangeHistory, size: int) -> list[contract.ChangeHistoryYear]:
    """The oldest entries of a history of `size` bytes, as files of LARGEST bytes at most, until the rest is no larger.

    A year moves as a whole, but the newest hundred days, which the feed shows, stay if they fit into KEPT bytes. The
    newest day always stays: it may still change.
    """
    if size <= LARGEST:
        return []
    log = history.change_log
    sizes = {entry.date: size_in_list(entry) for entry in log}
    kept = sum(bytes_so_far <= KEPT for bytes_so_far in accumulate(sizes[entry.date] for entry in log[:MOST_ITEMS]))
    years = []
    for part in _split(log[max(kept, 1) :], sizes):
        if size <= LARGEST:
            break
        size -= sum(sizes[entry.date] for entry in part)
        years.append(contract.ChangeHistoryYear(year=part[0].date.year, change_log=tuple(reversed(part))))
    return years


def _split(log: Sequence[contract.ChangeEntry], sizes: Sizes) -> Iterator[list[contract.ChangeEntry]]:
    """The entries by year, oldest first, each year in parts of at most LARGEST bytes."""
    part: list[contract.ChangeEntry] = []
    for entry in reversed(log):
        total = sizes[entry.date] + sum(sizes[each.date] for each in part)
        if part and (part[0].date.year != entry.date.year or total > LARGEST):
            yield part
            part = []
        part.append(entry)
    if part:
        yield part


def move_years(
    history: contract.ChangeHistory, years: Mapping[str, contract.ChangeHistoryYear], published: State
) -> contract.ChangeHistory:
    """The history without its oldest entries, those of `years`, whose files it names; `years` are oldest first.

    `undone` takes over what only these entries could tell.
    """
    if not years:
        return history
    moved = sum(len(year.change_log) for year in years.values())
    stay, old = history.change_log[: len(history.change_log) - moved], history.change_log[::-1][:moved]
    newer = {item for entry in stay for item in to_steps(entry.changes)}
    older = {item: step for entry in old for item, step in to_steps(entry.changes).items() if item not in newer}
    return contract.ChangeHistory(
        metadata=history.metadata,
        change_log=stay,
        earlier=(*(_name(file, years[file]) for file in reversed(list(years))), *history.earlier),
        undone=to_changes({**_untold(older, published), **to_steps(history.undone)}),
    )


def forget_undone(history: contract.ChangeHistory, published: State) -> contract.ChangeHistory:
    """The history without what was undone and is as the published data tells. Only if no other run is under way."""
    undone = _untold(to_steps(history.undone), published)
    return history.model_copy(update={"undone": to_changes(undone)})


def _untold(steps: Steps, published: State) -> Steps:
    """The steps that the data does not tell: a run died before it wrote the data, or the region is empty by now.

    Without the last, a region that was announced long ago would be new again with its first service.
    """
    if not steps:
        return {}
    by_region = published.complete_data.services_by_region.by_region
    facts = facts_of(published.complete_data, service_names(published), ())
    empty = {code for code, entry in by_region.items() if not entry.services}
    return {item: step for item, step in steps.items() if facts.get(item) != step.after or item.region in empty}


def _name(file: str, year: contract.ChangeHistoryYear) -> contract.EarlierChanges:
    newest, oldest = year.change_log[0].date, year.change_log[-1].date
    return contract.EarlierChanges(file=file, oldest=oldest, newest=newest, additions=count_additions(year.change_log))

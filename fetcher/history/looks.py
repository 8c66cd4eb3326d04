"""Between which two looks at the catalogue the changes of a day happened. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain

from fetcher.history.steps import State
from shared import contract

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Looks:
    """The day of the look before, and for each region the day on which its list had been read."""

    before: date
    regions: Mapping[str, date]

    def after(self, day: date) -> date | None:
        """The look before, if it was more than a day before `day`."""
        return self.before if day - self.before > ONE_DAY else None

    def regions_after(self, day: date, regions: Collection[str]) -> dict[str, date]:
        """Those of the regions whose list was older than the look before and than one day."""
        newest = min(self.before, day - ONE_DAY)
        return {code: read for code, read in sorted(self.regions.items()) if code in regions and read < newest}


def looks_before(history: contract.ChangeHistory, previous: State | None, day: date, latest: date) -> Looks:
    """The looks before the entry of `day`, each the earliest where later entries become a part of it.

    A look after `latest` is not believed. Instead of it counts the newest day that is known to have had a look.
    """
    log = history.change_log
    parts = [entry for entry in log if entry.date >= day]
    certain = max([min(history.metadata.created, day), *(entry.date for entry in log if entry.date <= day)])
    by_region = previous.complete_data.services_by_region.by_region if previous else {}
    regions: dict[str, date] = {code: entry.last_fetched.date() for code, entry in by_region.items()}
    stale = previous.complete_data.metadata.stale_regions if previous else ()
    # A run of some regions alone is no look: it takes the list of regions from the run before.
    whole = min([history.metadata.last_updated, *(read for code, read in regions.items() if code not in stale)])
    before = [whole, *(entry.after or entry.date - ONE_DAY for entry in parts)]
    for code, read in chain.from_iterable(entry.regions_after.items() for entry in parts):
        regions[code] = min(read, regions.get(code, read))
    return Looks(min(look if look <= latest else certain for look in before), regions)

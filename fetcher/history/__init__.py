"""What changed between runs, as a log, a feed and days since when. Other folders use only these names."""

from fetcher.history.beginning import begin_earlier, first_day
from fetcher.history.feed import build_feed
from fetcher.history.item_changes import ItemChanges, Place, build_item_feed, changes_by_item
from fetcher.history.log import merge
from fetcher.history.seen import Known, Sights, known_by_log, known_without_log, watch, with_days
from fetcher.history.years import forget_undone, move_years, years_to_move

__all__ = [
    "ItemChanges",
    "Known",
    "Place",
    "Sights",
    "begin_earlier",
    "build_feed",
    "build_item_feed",
    "changes_by_item",
    "first_day",
    "forget_undone",
    "known_by_log",
    "known_without_log",
    "merge",
    "move_years",
    "watch",
    "with_days",
    "years_to_move",
]

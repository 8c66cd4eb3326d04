"""What changed between runs, as a log and as a feed. Other folders use only these names."""

from fetcher.history.beginning import begin_earlier, first_day
from fetcher.history.feed import build_feed
from fetcher.history.log import merge
from fetcher.history.years import forget_undone, move_years, years_to_move

__all__ = ["begin_earlier", "build_feed", "first_day", "forget_undone", "merge", "move_years", "years_to_move"]

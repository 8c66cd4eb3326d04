"""What changed between runs, as a log and as a feed. Other folders use only these names."""

from fetcher.history.feed import build_feed
from fetcher.history.log import merge

__all__ = ["build_feed", "merge"]

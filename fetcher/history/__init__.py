"""What came and went between runs, as a log and as a feed. Outside of this folder only these names are used."""

from fetcher.history.feed import build_feed
from fetcher.history.log import merge

__all__ = ["build_feed", "merge"]

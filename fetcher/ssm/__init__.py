"""AWS's catalogue as SSM's public parameters. Outside of this folder only these names are used."""

from fetcher.ssm.crawler import Listing, Readings, crawl
from fetcher.ssm.endpoint import CallCounts
from fetcher.ssm.parameter_store import open_parameter_store

__all__ = ["CallCounts", "Listing", "Readings", "crawl", "open_parameter_store"]

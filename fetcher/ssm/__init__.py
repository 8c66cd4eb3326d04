"""Reads AWS's catalogue from SSM's public parameters. Other folders use only these names."""

from fetcher.ssm.crawler import ROOT, Listing, Readings, crawl
from fetcher.ssm.endpoint import CallCounts
from fetcher.ssm.parameter_store import open_parameter_store

__all__ = ["ROOT", "CallCounts", "Listing", "Readings", "crawl", "open_parameter_store"]

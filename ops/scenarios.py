"""Assumptions about readers and files in, bills for each number of visitors out. Pure."""

from dataclasses import dataclass, replace
from decimal import Decimal

from ops.costs import Bill, Traffic, compressed, direct, through_cloudfront
from ops.prices import DESIGN, TODAY


@dataclass(frozen=True, slots=True)
class Visit:
    """The sizes in bytes of the files that a visit fetches, and the percentage that remains after compression."""

    sizes: tuple[int, ...]
    percent: Decimal
    origin: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One table: bills for each number of visitors, and the assumptions."""

    title: str
    assumptions: tuple[str, ...]
    bills: dict[int, tuple[Bill, ...]]


def by_design(traffic: Traffic, visitors: list[int]) -> Scenario:
    """Bills for both ways, by the figures that the design of the feed began with."""
    bills: dict[int, tuple[Bill, ...]] = {}
    for number in visitors:
        of_visitors = replace(traffic, visitors_per_day=number)
        bills[number] = (direct(of_visitors, DESIGN), through_cloudfront(of_visitors, DESIGN))
    return Scenario("Readers, by a simple estimate", (*_assumptions(traffic), f"Prices: {DESIGN.source}."), bills)


def by_today(traffic: Traffic, visitors: list[int], visit: Visit, *, free: bool) -> Scenario:
    """Bills for both ways at AWS's list prices, and compressed by CloudFront; `free`: the free amounts are left."""
    small = compressed(visit.sizes, visit.percent)
    bills: dict[int, tuple[Bill, ...]] = {}
    for number in visitors:
        of_visitors = replace(traffic, visitors_per_day=number)
        smaller = replace(of_visitors, bytes_per_visit=small)
        bills[number] = (
            direct(of_visitors, TODAY, free=free),
            through_cloudfront(of_visitors, TODAY, free=free),
            through_cloudfront(smaller, TODAY, free=free, name="CloudFront, compressed"),
        )
    assumptions = (
        "S3 direct: readers ask the bucket. CloudFront: they ask its edges, and those the bucket for what they lack.",
        *_assumptions(traffic),
        f"A visit is {traffic.bytes_per_visit:,.0f} bytes, compressed {small:,.0f} ({visit.origin}).",
        f"{traffic.invalidated_paths:,} paths are invalidated.",
        "The account's free amounts are all left for this." if free else "The account's free amounts are used up.",
        "Pay as you go, not one of CloudFront's flat-rate plans. Headers, TLS and storage are not counted.",
        f"Prices: {TODAY.source}.",
    )
    return Scenario("Readers, at AWS's list prices", assumptions, bills)


def _assumptions(traffic: Traffic) -> tuple[str, ...]:
    requests = f"{traffic.requests_per_visit} request{'s' * (traffic.requests_per_visit > 1)}"
    return (
        f"A month has {traffic.days} days; a visit makes {requests}, {traffic.bytes_per_visit / 1000:,.1f} KB in all.",
        f"{float(traffic.miss_percent):g} % of the requests miss at the edge; a GB is {traffic.gigabyte.value:,} B.",
    )

"""A month's traffic and a list of prices in, the bill out. Pure Decimal arithmetic; only results are rounded."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from ops.prices import UPKEEP, Price, PriceList

CENT = Decimal("0.01")
# The smallest and the largest file that CloudFront compresses, in bytes:
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
MIN_COMPRESSED, MAX_COMPRESSED = 1_000, 10_000_000


class Gigabyte(Enum):
    """How many bytes a GB has; AWS's bills count binary ones."""

    DECIMAL = 10**9
    BINARY = 2**30


@dataclass(frozen=True, slots=True)
class Traffic:
    """What readers fetch in a month. A visit makes `requests_per_visit`, which return `bytes_per_visit` in total.

    `miss_percent` of the requests are not in an edge's cache and go to S3.
    """

    visitors_per_day: int
    bytes_per_visit: Decimal
    days: int = 30
    requests_per_visit: int = 1
    miss_percent: Decimal = Decimal(5)
    invalidated_paths: int = 0
    gigabyte: Gigabyte = Gigabyte.DECIMAL

    @property
    def visits(self) -> int:
        """Visits in the month."""
        return self.visitors_per_day * self.days

    @property
    def requests(self) -> Decimal:
        """Requests in the month."""
        return Decimal(self.visits * self.requests_per_visit)

    @property
    def gigabytes(self) -> Decimal:
        """What readers download in the month."""
        return self.visits * self.bytes_per_visit / self.gigabyte.value

    @property
    def misses(self) -> Decimal:
        """Requests in the month that reach S3 through CloudFront."""
        return self.requests * self.miss_percent / 100


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a bill; `dollars` is not rounded."""

    name: str
    quantity: Decimal
    unit: str
    dollars: Decimal

    @property
    def cents(self) -> Decimal:
        """The dollars, rounded to cents."""
        return to_cents(self.dollars)


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's bill for one way to serve readers."""

    name: str
    lines: tuple[BillLine, ...]

    @property
    def dollars(self) -> Decimal:
        """The sum, not rounded; so it may differ by a cent from the sum of the displayed lines."""
        return sum((line.dollars for line in self.lines), Decimal(0))

    @property
    def cents(self) -> Decimal:
        """The dollars, rounded to cents."""
        return to_cents(self.dollars)


def to_cents(dollars: Decimal) -> Decimal:
    """Rounded as a bill is, half a cent up."""
    return dollars.quantize(CENT, ROUND_HALF_UP)


def price_of(quantity: Decimal, price: Price, *, free: bool = True) -> Decimal:
    """The cost of `quantity` units: free units first, then each tier's units at its price."""
    remaining = max(Decimal(0), quantity - price.free) if free else quantity
    dollars = Decimal(0)
    for tier in price.tiers:
        units = remaining if tier.units is None else min(remaining, tier.units)
        dollars += units * tier.price
        remaining -= units
    return dollars


def direct(traffic: Traffic, prices: PriceList, *, free: bool = True) -> Bill:
    """Readers fetch directly from S3, which compresses nothing."""
    return Bill(
        "S3 direct",
        (
            _line("S3 GETs", traffic.requests, "requests", prices.s3_get, free=free),
            _line("data transfer", traffic.gigabytes, "GB", prices.internet_gb, free=free),
        ),
    )


def through_cloudfront(traffic: Traffic, prices: PriceList, *, free: bool = True, name: str = "CloudFront") -> Bill:
    """Readers fetch from the edges; these fetch from S3, which costs GETs, but the transfer between them is free."""
    return Bill(
        name,
        (
            _line("requests", traffic.requests, "requests", prices.cloudfront_request, free=free),
            _line("data transfer", traffic.gigabytes, "GB", prices.cloudfront_gb, free=free),
            _line("S3 GETs of misses", traffic.misses, "requests", prices.s3_get, free=free),
            _line("invalidations", Decimal(traffic.invalidated_paths), "paths", prices.invalidation_path, free=free),
        ),
    )


@dataclass(frozen=True, slots=True)
class DailyUse:
    """The AWS requests that the code makes in a day on which nothing goes wrong; by default, nothing changes either.

    Each run writes some files although they have not changed, a snapshot and the manifest. It asks for each file and
    schema, lists the items and asks for their index, and if it has written any, once more for a file. The distributor
    sends a GET, a COPY and a HEAD for each file that was written, skips the snapshot, and sends a GET and a COPY for
    each file of the release. The sweeper lists both buckets, the website in two parts, and the release, and reads the
    manifest. SSM's standard calls for public parameters cost nothing.
    `written`: with the manifest, without the snapshot and items; `released`: the files that the manifest names.
    `items`: files of single regions and services, and their index, that were written. `readings`: of AWS's
    announcements, each of which reads the file that it then writes.
    """

    released: int
    written: int = 5
    items: int = 0
    readings: int = 4
    fetch_seconds: Decimal = Decimal(32)  # 1,141 calls to four endpoints at 10 a second each, and the writing
    copy_seconds: Decimal = Decimal(1)  # one invocation for each object, one of them with a cold start
    release_seconds: Decimal = Decimal(3)  # its files are copied one after the other
    sweep_seconds: Decimal = Decimal(3)
    reading_seconds: Decimal = Decimal(3)
    reading_memory_gb: Decimal = Decimal("0.25")
    memory_gb: Decimal = Decimal("0.5")
    metric_hours: int = 60  # about thirty metrics, each sent in one or two hours; CloudWatch bills by the hour

    @property
    def invocations(self) -> int:
        """The fetcher, the sweeper, the distributor for each file that is written and the snapshot, the readings."""
        return 1 + 1 + (self.written + self.items + 1) + 2 * self.readings

    @property
    def gb_seconds(self) -> Decimal:
        """The memory times seconds of all functions."""
        copies = (self.written + self.items + 1 + self.readings) * self.copy_seconds + self.release_seconds
        readings = self.readings * self.reading_seconds * self.reading_memory_gb
        return self.memory_gb * (self.fetch_seconds + copies + self.sweep_seconds) + readings

    @property
    def puts(self) -> int:
        """PUT, COPY and LIST requests, which cost the same. The release has a copy of its manifest, too."""
        written = self.written + self.items
        return (written + 1) + (written + self.released + 1) + 2 * self.readings + LISTINGS

    @property
    def gets(self) -> int:
        """GET and HEAD requests, which cost the same."""
        fetcher = self.released + MORE_FILES + (self.items > 0)
        return fetcher + (2 * (self.written + self.items) + self.released) + 3 * self.readings + 1


LISTINGS = 2 + 4  # of the fetcher and of the sweep, as long as each has one page
MORE_FILES = 3  # the manifest, the index of items and AWS's announcements, which the fetcher asks for too
HOURS_A_MONTH = 730


def upkeep(  # noqa: PLR0913 - one argument an amount
    day: DailyUse,
    *,
    days: int,
    alarm_metrics: int,
    composite_alarms: int,
    invalidated_paths: int = 0,
    free: bool = True,
) -> Bill:
    """What the feed itself costs, independent of readers; logs, and 1 MB at most for a release, cost almost nothing."""
    month, prices = Decimal(days), UPKEEP
    return Bill(
        "the feed itself",
        (
            _line("Lambda requests", month * day.invocations, "requests", prices.lambda_request, free=free),
            _line("Lambda time", month * day.gb_seconds, "GB-s", prices.lambda_gb_second, free=free),
            _line("S3 PUT, COPY, LIST", month * day.puts, "requests", prices.s3_put, free=free),
            _line("S3 GET, HEAD", month * day.gets, "requests", prices.s3_get, free=free),
            # Sent, received, deleted.
            _line("SQS", Decimal(3 * invalidated_paths), "requests", prices.sqs_request, free=free),
            _line(
                "CloudWatch metrics",
                month * (day.metric_hours + day.readings) / HOURS_A_MONTH,
                "months",
                prices.metric,
                free=free,
            ),
            _line("CloudWatch dashboard", Decimal(1), "month", prices.dashboard, free=free),
            _line("CloudWatch alarms", Decimal(alarm_metrics), "months", prices.alarm, free=free),
            _line("composite alarms", Decimal(composite_alarms), "months", prices.composite_alarm, free=free),
        ),
    )


def compressed(sizes: Iterable[int], percent: Decimal) -> Decimal:
    """The bytes that readers get of these files from an edge that compresses to `percent`, except some sizes."""
    return sum(
        (size * percent / 100 if MIN_COMPRESSED <= size <= MAX_COMPRESSED else Decimal(size) for size in sizes),
        Decimal(0),
    )


def _line(name: str, quantity: Decimal, unit: str, price: Price, *, free: bool) -> BillLine:
    return BillLine(name, quantity, unit, price_of(quantity, price, free=free))

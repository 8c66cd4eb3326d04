"""The table of prices that `feed costs` multiplies with, in US dollars, with their sources and the day they were read.

us-east-1 for S3, Lambda, SQS and CloudWatch, edges in North America and Europe for CloudFront; before taxes.
"""

from dataclasses import dataclass
from decimal import Decimal

READ_ON = "2026-11-23"  # check the pages before a decision that depends on cents
GB_PER_TB = Decimal(1024)


@dataclass(frozen=True, slots=True)
class Tier:
    """The price of each of the next `units` of a month; None: of all remaining units."""

    price: Decimal
    units: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a month's use: `free` units first, then tier by tier."""

    tiers: tuple[Tier, ...]
    free: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of serving readers: for one request, one GB, one path."""

    source: str
    s3_get: Price
    internet_gb: Price
    cloudfront_request: Price
    cloudfront_gb: Price
    invalidation_path: Price


@dataclass(frozen=True, slots=True)
class UpkeepPrices:
    """The prices of what the feed itself uses: a request, a GB-second; for a month a metric, alarm metric or alarm."""

    source: str
    lambda_request: Price
    lambda_gb_second: Price
    s3_get: Price
    s3_put: Price
    sqs_request: Price
    alarm: Price
    composite_alarm: Price
    metric: Price
    dashboard: Price
    log_gb: Price


def flat(price: str, per: int = 1, free: int = 0) -> Price:
    """The same price for every unit, given for `per` of them."""
    return Price((Tier(Decimal(price) / per),), Decimal(free))


def _tb(terabytes: int) -> Decimal:
    return terabytes * GB_PER_TB


DESIGN = PriceList(
    source="one for each unit and nothing free, as when CloudFront was chosen for this feed",
    s3_get=flat("0.0004", per=1_000),
    internet_gb=flat("0.09"),
    cloudfront_request=flat("0.0075", per=10_000),
    cloudfront_gb=flat("0.085"),
    invalidation_path=flat("0.005"),
)

TODAY = PriceList(
    source="AWS's list prices: https://aws.amazon.com/s3/pricing/, https://aws.amazon.com/ec2/pricing/on-demand/ "
    f"(data transfer), https://aws.amazon.com/cloudfront/pricing/; from copies of these pages, {READ_ON}",
    s3_get=flat("0.0004", per=1_000),
    internet_gb=Price(
        (
            Tier(Decimal("0.09"), _tb(10)),
            Tier(Decimal("0.085"), _tb(40)),
            Tier(Decimal("0.07"), _tb(100)),
            Tier(Decimal("0.05")),
        ),
        free=Decimal(100),  # of the account, over all services and regions
    ),
    cloudfront_request=flat("0.0100", per=10_000, free=10_000_000),
    cloudfront_gb=Price(
        (
            Tier(Decimal("0.085"), _tb(10)),
            Tier(Decimal("0.080"), _tb(40)),
            Tier(Decimal("0.060"), _tb(100)),
            Tier(Decimal("0.040"), _tb(350)),
            Tier(Decimal("0.030"), _tb(524)),
            Tier(Decimal("0.025"), _tb(4096)),
            Tier(Decimal("0.020")),
        ),
        free=_tb(1),
    ),
    invalidation_path=flat("0.005", free=1_000),
)

UPKEEP = UpkeepPrices(
    source="https://aws.amazon.com/lambda/pricing/ (arm64), https://aws.amazon.com/sqs/pricing/, "
    f"https://aws.amazon.com/cloudwatch/pricing/; from copies of these pages, {READ_ON}",
    lambda_request=flat("0.20", per=1_000_000, free=1_000_000),
    lambda_gb_second=flat("0.0000133334", free=400_000),
    s3_get=flat("0.0004", per=1_000),
    s3_put=flat("0.005", per=1_000),
    sqs_request=flat("0.40", per=1_000_000, free=1_000_000),
    alarm=flat("0.10", free=10),
    composite_alarm=flat("0.50"),
    metric=flat("0.30", free=10),
    dashboard=flat("3", free=3),
    log_gb=flat("0.50", free=5),
)

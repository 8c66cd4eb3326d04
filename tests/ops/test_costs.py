"""The arithmetic of bills. Every expected number is worked out by hand beside it."""

from decimal import Decimal
from functools import partial

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ROOT as ROOT_FOLDER
from ops.commands.costs import RECORDED_ITEMS
from ops.costs import (
    Bill,
    DailyUse,
    Gigabyte,
    Traffic,
    compressed,
    direct,
    price_of,
    through_cloudfront,
    to_cents,
    upkeep,
)
from ops.prices import DESIGN, TODAY, Price, Tier, flat
from shared.contract import FILES, schemas
from tests.fetcher.small_world import PARAMETERS, ROOT
from tests.ops.day import Day, run_day

RELEASED = len(FILES) + len(schemas()) - 1


def cents(bill: Bill) -> list[str]:
    return [str(line.cents) for line in bill.lines] + [str(bill.cents)]


def by_design(visitors: int) -> Traffic:
    return Traffic(visitors, bytes_per_visit=Decimal(233_000))


@pytest.mark.parametrize(
    ("visitors", "expected"),
    [
        # 10,000 x 30 = 300,000 GETs; 300 thousands x 0.0004 = 0.12. 300,000 x 233 KB = 69.9 GB; x 0.09 = 6.291.
        (10_000, ["0.12", "6.29", "6.41"]),
        # Ten times as much: 1.20 and 62.91.
        (100_000, ["1.20", "62.91", "64.11"]),
        # A hundred times as much: 12.00 and 629.10.
        (1_000_000, ["12.00", "629.10", "641.10"]),
    ],
)
def test_the_design_s_table_for_s3_direct_is_reproduced(visitors: int, expected: list[str]) -> None:
    assert cents(direct(by_design(visitors), DESIGN)) == expected


@pytest.mark.parametrize(
    ("visitors", "expected"),
    [
        # 30 ten thousands x 0.0075 = 0.225. 69.9 GB x 0.085 = 5.9415. 5 % of 300,000 = 15 thousands x 0.0004 = 0.006.
        # In all 6.1725; each line is rounded by itself, so that the lines as shown add up to a cent more.
        (10_000, ["0.23", "5.94", "0.01", "0.00", "6.17"]),
        # Ten times as much: 2.25, 59.415, 0.06; in all 61.725.
        (100_000, ["2.25", "59.42", "0.06", "0.00", "61.73"]),
        # A hundred times as much: 22.50, 594.15, 0.60.
        (1_000_000, ["22.50", "594.15", "0.60", "0.00", "617.25"]),
    ],
)
def test_the_design_s_table_for_cloudfront_is_reproduced(visitors: int, expected: list[str]) -> None:
    assert cents(through_cloudfront(by_design(visitors), DESIGN)) == expected


def test_what_the_design_leaves_open_can_be_chosen() -> None:
    # 10,000 x 31 = 310,000 visits of 2 requests: 620 thousands x 0.0004 = 0.248.
    # 310,000 x 233,000 bytes = 72,230,000,000 / 1,073,741,824 = 67.2694 GB x 0.09 = 6.0542.
    traffic = Traffic(10_000, Decimal(233_000), days=31, requests_per_visit=2, gigabyte=Gigabyte.BINARY)

    assert cents(direct(traffic, DESIGN)) == ["0.25", "6.05", "6.30"]


@pytest.mark.parametrize(
    ("units", "dollars"),
    [
        (0, "0"),
        (5, "0"),  # all free
        (10, "0"),
        (11, "2"),  # the first unit that is paid
        (13, "6"),
        (14, "7"),  # 3 x 2 + 1 x 1
        (113, "106"),  # 3 x 2 + 100 x 1
    ],
)
def test_free_units_come_first_and_then_tier_by_tier(units: int, dollars: str) -> None:
    price = Price((Tier(Decimal(2), Decimal(3)), Tier(Decimal(1))), free=Decimal(10))

    assert price_of(Decimal(units), price) == Decimal(dollars)


def test_free_units_can_be_used_up() -> None:
    assert price_of(Decimal(11), flat("2", free=10), free=False) == 22


@pytest.mark.parametrize(
    ("gigabytes", "price", "dollars"),
    [
        (100, TODAY.internet_gb, "0.00"),
        (101, TODAY.internet_gb, "0.09"),
        # 100 free + 10 TB x 1,024 x 0.09 = 921.60, + 1,024 x 0.085 = 87.04.
        (100 + 11 * 1024, TODAY.internet_gb, "1008.64"),
        # 921.60 + 40 x 1,024 x 0.085 = 3,481.60 + 100 x 1,024 x 0.07 = 7,168.00 + 1 x 0.05.
        (101 + 150 * 1024, TODAY.internet_gb, "11571.25"),
        (1024, TODAY.cloudfront_gb, "0.00"),
        # 10,240 x 0.085 = 870.40 + 1 x 0.08.
        (11 * 1024 + 1, TODAY.cloudfront_gb, "870.48"),
    ],
)
def test_today_s_transfer_is_graduated(gigabytes: int, price: Price, dollars: str) -> None:
    assert to_cents(price_of(Decimal(gigabytes), price)) == Decimal(dollars)


def test_today_s_bill_takes_what_is_free_into_account() -> None:
    # 1,000,000 x 30 = 30 million requests of 0.1 GB, of which 10 million are free: 2,000 ten thousands x 0.01 = 20.
    # 3 million GB - 1,024 free = 2,998,976: 10,240 x 0.085 = 870.40, 40,960 x 0.08 = 3,276.80, 102,400 x 0.06 = 6,144,
    # 358,400 x 0.04 = 14,336, 536,576 x 0.03 = 16,097.28, and 1,950,400 x 0.025 = 48,760; in all 89,484.48.
    # 1.5 million misses: 1,500 x 0.0004 = 0.60. 1,001 paths, of which 1,000 are free: 0.005.
    traffic = Traffic(1_000_000, Decimal(10**8), invalidated_paths=1_001)

    assert cents(through_cloudfront(traffic, TODAY)) == ["20.00", "89484.48", "0.60", "0.01", "89505.09"]


def test_no_visitors_cost_nothing() -> None:
    assert direct(by_design(0), DESIGN).dollars == 0


def test_compression_leaves_very_small_and_very_large_files_alone() -> None:
    # 999 + 5 % of 1,000 + 5 % of 10,000,000 + 10,000,001
    assert compressed([999, 1_000, 10_000_000, 10_000_001], Decimal(5)) == 999 + 50 + 500_000 + 10_000_001


def test_the_feed_itself_is_estimated_from_its_calls() -> None:
    # 3 files are written, with the manifest: 1 fetch, 1 sweep, 4 events a day = 6 x 30 = 180 requests: 0.000036.
    # 0.5 GB x (32 + 4 + 3 + 3 s) = 21 GB-s x 30 = 630 x 0.0000133334 = 0.0084.
    # 4 PUT + 3 COPY + 5 COPY to the release + 6 LIST = 18 x 30 = 540 x 0.000005 = 0.0027.
    # 7 of the fetcher + 3 GET + 3 HEAD + 4 GET for the release + 1 of the sweep = 18 x 30 = 540 x 0.0000004 = 0.0002.
    # 90 paths x 3 = 270 x 0.0000004 = 0.000108. 60 x 30 / 730 = 2.4658 metrics x 0.30 = 0.7397. A dashboard: 3.
    # 12 metrics of alarms x 0.10. 2 composite alarms x 0.50.
    estimate = partial(
        upkeep, DailyUse(released=4, written=3, readings=0), days=30, alarm_metrics=12, composite_alarms=2
    )
    bill = estimate(invalidated_paths=90, free=False)

    assert [f"{line.quantity:.0f}" for line in bill.lines] == ["180", "630", "540", "540", "270", "2", "1", "12", "2"]
    assert cents(bill) == ["0.00", "0.01", "0.00", "0.00", "0.00", "0.74", "3.00", "1.20", "1.00", "5.95"]
    assert cents(estimate())[-3:] == ["0.20", "1.00", "1.20"]


@pytest.fixture(scope="module")
def days() -> dict[str, Day]:
    """The calls on a first day, on a calm one, and on one on which a service comes to a region."""
    more = PARAMETERS | {f"{ROOT}/regions/eusc-de-east-1/services/offered-nowhere": "x"}
    with EmbeddedCloud({"CloudFrontDistributionId": ""}, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        return {day: run_day(cloud, parameters) for day, parameters in (("first", {}), ("calm", {}), ("busy", more))}


@pytest.fixture(scope="module")
def calm_day(days: dict[str, Day]) -> Day:
    return days["calm"]


def test_an_ordinary_file_costs_one_get_one_copy_and_one_head(calm_day: Day) -> None:
    written, released = DailyUse(RELEASED).written, RELEASED

    readings = DailyUse(RELEASED).readings

    assert calm_day["distributor"].operations == {
        "GetObject": written + released + readings,
        "CopyObject": written + released + 1 + readings,  # the manifest in its release
        "HeadObject": written + readings,
    }


def test_items_cost_two_listings_and_a_head_where_none_differs(calm_day: Day) -> None:
    fetcher = calm_day["fetcher"]

    assert fetcher.items == 0
    assert fetcher.operations["ListObjectsV2"] == 2
    assert fetcher.operations["PutObject"] == DailyUse(RELEASED).written + 1
    assert fetcher.gets == RELEASED + 1 + 1 + 1  # the manifest, the announcements, the index


@pytest.mark.parametrize(("day", "written"), [("first", RELEASED + 1), ("calm", 5), ("busy", 7)])
def test_the_calls_of_a_day_are_those_that_are_priced(days: dict[str, Day], day: str, written: int) -> None:
    counted, use = days[day], DailyUse(RELEASED, written, days[day]["fetcher"].items)

    assert bool(use.items) == (day != "calm")
    assert counted.keys() == {"fetcher", "announcements", "distributor", "sweeper"}
    assert use.invocations == sum(calls.invocations for calls in counted.values())
    assert use.puts == sum(calls.puts for calls in counted.values())
    assert use.gets == sum(calls.gets for calls in counted.values())
    assert sum(calls.operations.total() for calls in counted.values()) == use.puts + use.gets


def test_the_manual_s_tables_are_what_was_counted(calm_day: Day) -> None:
    manual = (ROOT_FOLDER / "docs" / "operations.md").read_text(encoding="utf-8")
    day = DailyUse(RELEASED)

    for name, calls in calm_day.items():
        assert f"\n| {name} | {calls.invocations} | {calls.puts} | {calls.gets} |\n" in manual
    assert f"\n| in all | {day.invocations} | {day.puts} | {day.gets} |\n" in manual
    bill = {line.name: line for line in upkeep(day, days=30, alarm_metrics=0, composite_alarms=0, free=False).lines}
    puts, gets = bill["S3 PUT, COPY, LIST"], bill["S3 GET, HEAD"]
    words = f"{puts.quantity:,.0f} requests for ${puts.dollars:.4f} and {gets.quantity:,.0f} for ${gets.dollars:.4f}"
    assert words in " ".join(manual.split())
    first = DailyUse(RELEASED, RELEASED + 1, RECORDED_ITEMS)
    assert f"{first.invocations:,} runs, {first.puts:,} PUT, COPY and LIST, {first.gets:,} GET and HEAD" in manual

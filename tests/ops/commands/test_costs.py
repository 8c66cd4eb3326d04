"""`feed costs` as a person calls it: no stack, no network, unless it is told to measure."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from ops.commands.costs import MOST


def feed_costs(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["costs", *arguments])


def bills(*arguments: str) -> dict[tuple[str, str, int], str]:
    answer = json.loads(feed_costs("--json", *arguments).stdout)
    return {
        (scenario["title"], bill["name"], bill["visitorsPerDay"]): bill["dollars"]
        for scenario in answer["scenarios"]
        for bill in scenario["bills"]
    }


def test_three_sizes_stand_side_by_side_with_what_is_assumed() -> None:
    finished = feed_costs()

    assert finished.exit_code == 0, finished.output
    units = ("A month has 30 days", "1,000,000,000 B", "1,073,741,824 B")
    for words in ("641.10", "617.25", *units, "from copies of these pages, 20"):
        assert words in finished.output


def test_other_numbers_of_visitors_can_be_asked_for() -> None:
    totals = bills("--visitors", "20000")

    # Twice those of 10,000: 2 x 6.411.
    assert totals["Readers, by a simple estimate", "S3 direct", 20_000] == "12.82"
    assert {visitors for _, _, visitors in totals} == {20_000}


@pytest.mark.parametrize(
    ("arguments", "name", "dollars"),
    [
        # 30 million x 1 MiB = 29,296.875 GB - 100 free: 10,240 x 0.09 + 18,956.875 x 0.085, + 30,000 x 0.0004 = 12.
        (["--file-bytes", "1048576"], "S3 direct", "2544.93"),
        # 29,296.875 - 1,024 free = 28,272.875: 10,240 x 0.085 + 18,032.875 x 0.08 = 2,313.03, + 20 + 0.60.
        (["--file-bytes", "1048576"], "CloudFront", "2333.63"),
        # Half of it, 14,648.4375 - 1,024 = 13,624.4375: 870.40 + 3,384.4375 x 0.08 = 1,141.155, + 20.60.
        (["--file-bytes", "1048576", "--compressed-percent", "50"], "CloudFront, compressed", "1161.76"),
        # Nothing free: 10,240 x 0.085 + 19,056.875 x 0.08 = 2,394.95, 3,000 x 0.01 = 30, 0.60, 90 paths x 0.005.
        (["--file-bytes", "1048576", "--no-free-tier", "--invalidations", "90"], "CloudFront", "2426.00"),
        # Two files are two requests: 60 million, 10 free: 50; no bytes; 3 million misses: 1.20.
        (["--file-bytes", "0", "--file-bytes", "0"], "CloudFront", "51.20"),
        # 3,000 paths, 1,000 free: 10; 20 for the requests; no misses.
        (["--file-bytes", "0", "--invalidations", "3000", "--miss-percent", "0"], "CloudFront", "30.00"),
    ],
)
def test_every_assumption_is_an_option(arguments: Sequence[str], name: str, dollars: str) -> None:
    assert bills("--visitors", "1000000", *arguments)["Readers, at AWS's list prices", name, 1_000_000] == dollars


def test_what_is_no_gb_is_refused() -> None:
    assert feed_costs("--gb", "marketing").exit_code == 2


def test_the_largest_numbers_can_be_calculated_with() -> None:
    counts = ("visitors", "requests-per-visit", "visit-kb", "file-bytes", "invalidations", "alarm-metrics")

    finished = feed_costs("--days", "31", *(f"--{name}={MOST}" for name in counts))

    assert finished.exit_code == 0, finished.output


def test_no_visitors_at_all_is_no_division_by_zero() -> None:
    assert feed_costs("--visitors", "0").exit_code == 0


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://127.0.0.1:99999", "\x1b[31mnowhere"])
def test_a_measurement_without_a_stack_is_said_in_one_line(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    finished = feed_costs("--measure")

    assert finished.exit_code == 2
    assert finished.stderr.startswith(("feed: cannot look up the stack", "feed: no endpoint of cloudformation"))


def test_the_feed_itself_has_its_own_bill() -> None:
    answer: Any = json.loads(feed_costs("--json", "--alarm-metrics", "12").stdout)
    with_two: Any = json.loads(feed_costs("--json", "--alarm-metrics", "12", "--composite-alarms", "2").stdout)

    assert answer["upkeep"]["withFreeAmounts"]["dollars"] == "0.21"
    assert answer["upkeep"]["withoutFreeAmounts"]["dollars"] == "5.01"
    assert with_two["upkeep"]["withFreeAmounts"]["dollars"] == "1.21"

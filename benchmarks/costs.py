"""What a month costs, and a million published files: counted calls, measured durations and dated prices, multiplied."""

import json
import tempfile
from decimal import Decimal
from functools import cache
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.crawl import LAMBDA_512_MB, built, run_limited
from benchmarks.sweep import MARGIN, TIME, Listings, environment_for
from cloud.alarms import read_alarm
from cloud.template import read_template, resolve, translate
from ops.costs import Bill, BillLine, DailyUse, price_of, upkeep
from ops.prices import UPKEEP, Price
from shared.contract import FILES, schemas

DAYS, FILES_PUBLISHED, ANNOUNCED = 30, 1_000_000, 100
RELEASED = len(FILES) + len(schemas()) - 1  # all but the manifest
CALL = Decimal("0.04")  # seconds that S3 takes for a GET, a COPY or a HEAD of a small object
REPORT = 400  # bytes that Lambda adds to the log of each invocation: START, END, REPORT
MEMORY = Decimal("0.5")  # GB
SECONDS_A_LISTING = Decimal("0.25")  # of a sweep at 512 MB, as the subject `sweep` has measured
DEFAULT: dict[str, str] = {}  # beside the names of two buckets
STACKS = {
    "a website, all by default but the names of two buckets": DEFAULT,
    "the same, with `AlarmMails=outage`": {"AlarmMails": "outage"},
    "a website behind CloudFront": {"CloudFrontDistributionId": "E1EXAMPLE"},
    "the same, with events to a webhook": {
        "CloudFrontDistributionId": "E1EXAMPLE",
        "EventBusName": "default",
        "WebhookUrl": "https://hooks.example",
        "WebhookSecret": "hook",
    },
}
ALARMS = {"CloudWatch alarms", "composite alarms"}
CALLS = {"Lambda requests", "Lambda time", "S3 PUT, COPY, LIST", "S3 GET, HEAD", "SQS"}


@cache
def _translated() -> Any:  # noqa: ANN401 - a template
    return translate(read_template())


def alarms_of(parameters: dict[str, str]) -> tuple[int, int]:
    """The metrics that a stack's alarms watch, which CloudWatch bills one by one, and its composite alarms."""
    names = {"S3BucketName": "my-source", "DistributionBucketName": "my-website"}
    stack = resolve(_translated(), "feed", names | parameters)
    alarms = stack.of_type("AWS::CloudWatch::Alarm")
    metrics = sum(len(read_alarm(alarm.properties).statistics) for alarm in alarms)
    return metrics, len(stack.of_type("AWS::CloudWatch::CompositeAlarm"))


def month_table() -> Table:
    """A calm month without readers, by what the stack is made for; dollars."""
    table = Table(
        "the stack serves",
        "metrics of alarms",
        "composite alarms",
        "calls and time",
        "alarms",
        "**in all**",
        "in all, no free amounts left",
        title="Dollars",
    )
    for name, parameters in STACKS.items():
        metrics, composites = alarms_of(parameters)
        paths = len(FILES) * DAYS if "CloudFrontDistributionId" in parameters else 0
        with_free, without = (month(metrics, composites, paths, free=free) for free in (True, False))
        alarms = sum(line.dollars for line in with_free.lines if line.name in ALARMS)
        calls = sum(line.dollars for line in without.lines if line.name in CALLS)
        dollars = (calls, alarms, with_free.dollars, without.dollars)
        table.add_row(name, str(metrics), str(composites), *(f"${each:.2f}" for each in dollars))
    return table


def month(metrics: int, composites: int, paths: int = 0, *, free: bool) -> Bill:
    """The bill of a calm month of a stack whose alarms watch so many metrics."""
    return upkeep(
        DailyUse(RELEASED),
        days=DAYS,
        alarm_metrics=metrics,
        composite_alarms=composites,
        invalidated_paths=paths,
        free=free,
    )


def million_table() -> Table:
    """A million files published one by one, by warm functions at one destination; nothing of it is free."""
    with tempfile.TemporaryDirectory() as folder, Listings(1) as s3:
        path = built(Path(folder), "Distributor")
        arguments = ("distributor.handler", "60", json.dumps({"keys": ["aws-data/000000000.json"]}), str(ANNOUNCED))
        runs = [run_limited(arguments, environment_for(s3, path), 1) for _ in range(3)]
    cpu, logged = (Decimal(median(run[name] for run in runs)) for name in ("cpu", "logged"))
    seconds = cpu / Decimal(LAMBDA_512_MB) + 3 * CALL
    table = Table("of a million files", "quantity", "dollars", title="The distributor as built, at 512 MB, warm")
    for line in million(seconds, logged / ANNOUNCED).lines:
        table.add_row(line.name, f"{line.quantity:,.0f} {line.unit}", f"${line.dollars:.2f}")
    table.add_row("**in all**", "", f"**${million(seconds, logged / ANNOUNCED).dollars:.2f}**")
    return table


def million(seconds: Decimal, logged: Decimal) -> Bill:
    """The bill, if an invocation takes so many seconds and prints so many bytes."""
    files = Decimal(FILES_PUBLISHED)
    return Bill(
        "a million files",
        (
            _line("Lambda: one invocation each", files, "requests", UPKEEP.lambda_request),
            _line(f"Lambda: {seconds:.2f} s each", files * seconds * MEMORY, "GB-s", UPKEEP.lambda_gb_second),
            _line("S3: one COPY each", files, "requests", UPKEEP.s3_put),
            _line("S3: one GET, one HEAD each", 2 * files, "requests", UPKEEP.s3_get),
            _line("logs", files * (logged + REPORT) / 10**9, "GB", UPKEEP.log_gb),
        ),
    )


def growth_table() -> Table:
    """What a daily sweep becomes with the number of files."""
    table = Table("files", "LISTs of a sweep", "invocations", "hours", "a month of daily sweeps", "to publish all once")
    each = million(CALL * 3, Decimal(0)).dollars
    for power in range(3, 9):
        files = 10**power
        listings = 2 * max(1, files // 1000)
        seconds = listings * SECONDS_A_LISTING
        dollars = DAYS * (
            price_of(Decimal(listings), UPKEEP.s3_put, free=False)
            + price_of(seconds * MEMORY, UPKEEP.lambda_gb_second, free=False)
        )
        table.add_row(
            f"{files:,}",
            f"{listings:,}",
            f"{ceil(seconds / (TIME - MARGIN)):,}",
            f"{seconds / 3600:.1f}",
            f"${dollars:,.2f}",
            f"${each * files / 10**6:,.2f}",
        )
    return table


def _line(name: str, quantity: Decimal, unit: str, price: Price) -> BillLine:
    return BillLine(name, quantity, unit, price_of(quantity, price, free=False))

"""`feed costs`: what a month of readers costs, by the design's own figures and by today's prices."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from ops.costs import (
    Bill,
    Day,
    Gigabyte,
    Traffic,
    compressed,
    direct,
    through_cloudfront,
    to_cents,
    upkeep,
)
from ops.prices import DESIGN, TODAY, UPKEEP
from ops.stack import DeployedStack
from ops.terminal import (
    DEFAULT_STACK,
    LOOK,
    Json,
    Profile,
    Region,
    StackName,
    console,
    examples,
    open_stack,
    print_json,
)

app = typer.Typer()

VISITORS = [10_000, 100_000, 1_000_000]
DESIGN_VISIT_KB = 233
# complete-data.json as `feed demo` published it from the catalogue of moto 5.2.5; `gzip -6` leaves 13,781 bytes of it.
RECORDED_BYTES = 266_218
RECORDED_PERCENT = 5.2
ALARM_METRICS = 20  # of a stack that distributes; with CloudFront five more


class Unit(StrEnum):
    """Which GB is meant."""

    DECIMAL = "decimal"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Visit:
    """The files that a visit fetches, in bytes, and what compression leaves of them."""

    sizes: tuple[int, ...]
    percent: Decimal
    origin: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One table: bills for each number of visitors, and what was assumed."""

    title: str
    assumptions: tuple[str, ...]
    bills: dict[int, tuple[Bill, ...]]


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "feed costs",
        "feed costs --visitors 25000 --visitors 50000 --json",
        "feed costs --file-bytes 266218 --file-bytes 59201 --no-free-tier",
        "feed costs --measure --stack-name aws-services-feed",
    ),
)
def costs(  # noqa: PLR0913 - one argument an option
    *,
    visitors: Annotated[list[int] | None, typer.Option(min=0, help="Visitors a day; repeatable.")] = None,
    days: Annotated[int, typer.Option(min=1, max=31, help="Days of the month.")] = 30,
    requests_per_visit: Annotated[
        int | None, typer.Option(min=1, help="By default 1 in the design, today one for each file.")
    ] = None,
    miss_percent: Annotated[float, typer.Option(min=0, max=100, help="Requests that CloudFront asks S3 for.")] = 5,
    visit_kb: Annotated[float, typer.Option(min=0, help="KB (1,000 bytes) a visit, by the design.")] = DESIGN_VISIT_KB,
    file_bytes: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Size of a file that a visit fetches; repeatable. By default complete-data.json's."),
    ] = None,
    compressed_percent: Annotated[
        float, typer.Option(min=0, max=100, help="What CloudFront's compression leaves of a file.")
    ] = RECORDED_PERCENT,
    gb: Annotated[Unit | None, typer.Option(help="By default decimal in the design, binary today.")] = None,
    invalidations: Annotated[
        int | None, typer.Option(min=0, help="Paths invalidated in the month; by default each file once a day.")
    ] = None,
    alarm_metrics: Annotated[
        int, typer.Option(min=0, help="Metrics that the stack's alarms watch; CloudWatch bills each.")
    ] = ALARM_METRICS,
    free_tier: Annotated[
        bool, typer.Option("--free-tier/--no-free-tier", help="Whether the account's free amounts are left for this.")
    ] = True,
    measure: Annotated[
        bool, typer.Option("--measure", help="Take size and compression from the stack's complete-data.json.")
    ] = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what a month of readers costs: S3 direct against CloudFront. Needs no network, unless --measure is given."""
    from shared.contract import FILES

    visit = _assumed(file_bytes, compressed_percent)
    if measure:
        with open_stack(stack_name, profile, region) as stack:
            visit = _measured(stack)
    traffic = Traffic(
        0,
        Decimal(0),
        days,
        miss_percent=Decimal(str(miss_percent)),
        invalidated_paths=len(FILES) * days if invalidations is None else invalidations,
    )
    of_design = replace(
        traffic,
        bytes_per_visit=1000 * Decimal(str(visit_kb)),
        requests_per_visit=requests_per_visit or 1,
        invalidated_paths=0,
        gigabyte=Gigabyte[(gb or Unit.DECIMAL).name],
    )
    of_today = replace(
        traffic,
        bytes_per_visit=Decimal(sum(visit.sizes)),
        requests_per_visit=requests_per_visit or len(visit.sizes),
        gigabyte=Gigabyte[(gb or Unit.BINARY).name],
    )
    scenarios = [
        _by_design(of_design, visitors or VISITORS),
        _by_today(of_today, visitors or VISITORS, visit, free=free_tier),
    ]
    bills = [_upkeep(traffic, len(FILES), alarm_metrics, free=free) for free in (True, False)]
    if as_json:
        print_json(
            {
                "scenarios": [_data(scenario) for scenario in scenarios],
                "upkeep": {"withFreeAmounts": _bill_data(bills[0]), "withoutFreeAmounts": _bill_data(bills[1])},
            }
        )
        return
    for scenario in scenarios:
        _print(scenario)
    _print_upkeep(*bills)


def _assumed(file_bytes: list[int] | None, percent: float) -> Visit:
    recorded = not file_bytes and percent == RECORDED_PERCENT
    origin = "recorded from feed demo: moto 5.2.5's catalogue, gzip -6" if recorded else "as given"
    return Visit(tuple(file_bytes or [RECORDED_BYTES]), Decimal(str(percent)), origin)


def _measured(stack: DeployedStack) -> Visit:
    import gzip

    from shared.contract import COMPLETE_DATA_FILE

    body = stack.source(COMPLETE_DATA_FILE)
    percent = Decimal(100 * len(gzip.compress(body, 6))) / max(len(body), 1)
    return Visit((len(body),), percent, f"measured on {COMPLETE_DATA_FILE} of the stack {stack.name}, gzip -6")


def _upkeep(traffic: Traffic, files: int, alarm_metrics: int, *, free: bool) -> Bill:
    paths = traffic.invalidated_paths
    return upkeep(Day(files), days=traffic.days, alarm_metrics=alarm_metrics, invalidated_paths=paths, free=free)


def _by_design(traffic: Traffic, visitors: list[int]) -> Scenario:
    bills: dict[int, tuple[Bill, ...]] = {}
    for number in visitors:
        of_visitors = replace(traffic, visitors_per_day=number)
        bills[number] = (direct(of_visitors, DESIGN), through_cloudfront(of_visitors, DESIGN))
    return Scenario("The design's figures", (*_assumptions(traffic), f"Prices: {DESIGN.source}."), bills)


def _by_today(traffic: Traffic, visitors: list[int], visit: Visit, *, free: bool) -> Scenario:
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
        *_assumptions(traffic),
        f"A visit is {traffic.bytes_per_visit:,.0f} bytes, compressed {small:,.0f} ({visit.origin}).",
        f"{traffic.invalidated_paths:,} paths are invalidated.",
        "The account's free amounts are all left for this." if free else "The account's free amounts are used up.",
        "Pay as you go, not one of CloudFront's flat-rate plans. Headers, TLS and storage are not counted.",
        f"Prices: {TODAY.source}.",
    )
    return Scenario("Today's figures", assumptions, bills)


def _assumptions(traffic: Traffic) -> tuple[str, ...]:
    requests = f"{traffic.requests_per_visit} request{'s' * (traffic.requests_per_visit > 1)}"
    return (
        f"A month has {traffic.days} days; a visit makes {requests}, {traffic.bytes_per_visit / 1000:,.1f} KB in all.",
        f"{float(traffic.miss_percent):g} % of the requests miss at the edge; a GB is {traffic.gigabyte.value:,} B.",
    )


def _print(scenario: Scenario) -> None:
    terminal = console()
    table = Table(title=f"{scenario.title}: US dollars a month", title_justify="left", title_style="bold")
    table.add_column("visitors a day")
    for number in scenario.bills:
        table.add_column(f"{number:,}", justify="right")
    for bills in zip(*scenario.bills.values(), strict=True):
        table.add_section()
        for lines in zip(*(bill.lines for bill in bills), strict=True):
            if any(line.quantity for line in lines):
                table.add_row(f"  {lines[0].name}", *(f"{to_cents(line.dollars):,}" for line in lines), style="dim")
        table.add_row(bills[0].name, *(f"{to_cents(bill.dollars):,}" for bill in bills), style="bold")
    table.add_section()
    last = next(iter(scenario.bills.values()))[-1].name
    table.add_row(f"saved by {last}", *(_saved(bills) for bills in scenario.bills.values()))
    terminal.print(table)
    for assumption in scenario.assumptions:
        terminal.print(f"  {assumption}", soft_wrap=True, style="dim")
    terminal.print()


def _saved(bills: tuple[Bill, ...]) -> str:
    first, last = bills[0].dollars, bills[-1].dollars
    return f"{to_cents(first - last):,} ({100 * (first - last) / first:.1f} %)" if first else "-"


def _print_upkeep(with_free: Bill, without: Bill) -> None:
    table = Table("", title="The feed itself: US dollars a month", title_justify="left", title_style="bold")
    for heading in ("quantity", "free amounts left", "used up"):
        table.add_column(heading, justify="right")
    for line, paid in zip(with_free.lines, without.lines, strict=True):
        quantity = f"{line.quantity:,.0f} {line.unit}"
        table.add_row(
            f"  {line.name}", quantity, f"{to_cents(line.dollars):,}", f"{to_cents(paid.dollars):,}", style="dim"
        )
    table.add_section()
    table.add_row("in all", "", *(f"{to_cents(bill.dollars):,}" for bill in (with_free, without)), style="bold")
    terminal = console()
    terminal.print(table)
    for words in (
        "Estimated from the calls that the code makes, whoever reads the files; SSM's public parameters cost nothing.",
        f"Prices: {UPKEEP.source}.",
        "Lines are rounded one by one, totals once.",
    ):
        terminal.print(f"  {words}", soft_wrap=True, style="dim")


def _data(scenario: Scenario) -> dict[str, Any]:
    return {
        "title": scenario.title,
        "assumptions": scenario.assumptions,
        "bills": [
            {"visitorsPerDay": number, **_bill_data(bill)} for number, bills in scenario.bills.items() for bill in bills
        ],
    }


def _bill_data(bill: Bill) -> dict[str, Any]:
    return {
        "name": bill.name,
        "dollars": str(to_cents(bill.dollars)),
        "lines": [
            {
                "name": line.name,
                "quantity": f"{line.quantity:f}",
                "unit": line.unit,
                "dollars": str(to_cents(line.dollars)),
            }
            for line in bill.lines
        ],
    }

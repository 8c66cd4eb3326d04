"""`feed costs`: what a month of readers costs, at AWS's list prices and by a simple estimate."""

from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.stack import DeployedStack
from ops.terminal import (
    DEFAULT_STACK,
    LOOK,
    Json,
    Profile,
    RegionOption,
    StackName,
    Table,
    examples,
    open_stack,
    print_json,
    show,
    spinner,
)

if TYPE_CHECKING:
    from ops.costs import Bill, DailyUse
    from ops.scenarios import Scenario, Visit

app = typer.Typer()

VISITORS = [10_000, 100_000, 1_000_000]
DESIGN_VISIT_KB = 233
# complete-data.json as `feed demo` published it from the catalogue of moto 5.2.5; `gzip -6` leaves 13,781 bytes of it.
RECORDED_BYTES = 266_218
RECORDED_PERCENT = 5.2
RECORDED_ITEMS = 889  # files of the 39 regions and 405 services of that catalogue, and their index
MOST = 10**12  # of anything that is counted: more than any site has, and far from where Decimal's digits end
ALARM_METRICS = 10  # of a stack that distributes; with CloudFront five more
COMPOSITE_ALARMS = 0  # with AlarmMails=outage two


class Unit(StrEnum):
    """Which GB is meant."""

    DECIMAL = "decimal"
    BINARY = "binary"


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
    visitors: Annotated[list[int] | None, typer.Option(min=0, max=MOST, help="Visitors a day; repeatable.")] = None,
    days: Annotated[int, typer.Option(min=1, max=31, help="Days of the month.")] = 30,
    requests_per_visit: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="By default one for each file; 1 in the simple estimate.")
    ] = None,
    miss_percent: Annotated[float, typer.Option(min=0, max=100, help="Requests that CloudFront asks S3 for.")] = 5,
    visit_kb: Annotated[
        float, typer.Option(min=0, max=MOST, help="KB (1,000 bytes) a visit, in the simple estimate.")
    ] = DESIGN_VISIT_KB,
    file_bytes: Annotated[
        list[int] | None,
        typer.Option(
            min=0, max=MOST, help="Size of a file that a visit fetches; repeatable. By default complete-data.json's."
        ),
    ] = None,
    compressed_percent: Annotated[
        float, typer.Option(min=0, max=100, help="What CloudFront's compression leaves of a file.")
    ] = RECORDED_PERCENT,
    gb: Annotated[
        Unit | None, typer.Option(help="By default binary, as AWS bills; decimal in the simple estimate.")
    ] = None,
    invalidations: Annotated[
        int | None,
        typer.Option(min=0, max=MOST, help="Paths invalidated in the month; by default each file once a day."),
    ] = None,
    alarm_metrics: Annotated[
        int, typer.Option(min=0, max=MOST, help="Metrics that the stack's alarms watch; CloudWatch bills each.")
    ] = ALARM_METRICS,
    composite_alarms: Annotated[
        int, typer.Option(min=0, max=MOST, help="Composite alarms; the stack has two with AlarmMails=outage.")
    ] = COMPOSITE_ALARMS,
    free_tier: Annotated[
        bool, typer.Option("--free-tier/--no-free-tier", help="Whether the account's free amounts are left for this.")
    ] = True,
    measure: Annotated[
        bool, typer.Option("--measure", help="Take size and compression from the stack's complete-data.json.")
    ] = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Show what a month of readers costs: S3 direct against CloudFront. Needs no network, unless --measure is given."""
    from ops.costs import DailyUse, Gigabyte, Traffic, upkeep
    from ops.scenarios import by_design, by_today
    from shared.contract import FILES, schemas

    visit = _assumed(file_bytes, compressed_percent)
    if measure:
        with open_stack(stack_name, profile, region) as stack, spinner("measuring"):
            visit = _measured(stack)
    day = DailyUse(released=len(FILES) + len(schemas()) - 1)  # all but the manifest
    traffic = Traffic(
        0,
        Decimal(0),
        days,
        miss_percent=Decimal(str(miss_percent)),
        invalidated_paths=(len(FILES) + day.readings) * days if invalidations is None else invalidations,
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
        by_design(of_design, visitors or VISITORS),
        by_today(of_today, visitors or VISITORS, visit, free=free_tier),
    ]
    amounts = {
        "days": days,
        "alarm_metrics": alarm_metrics,
        "composite_alarms": composite_alarms,
        "invalidated_paths": traffic.invalidated_paths,
    }
    with_free, without = (upkeep(day, **amounts, free=free) for free in (True, False))
    first = _first_run(day)
    if as_json:
        print_json(
            {
                "scenarios": [_data(scenario) for scenario in scenarios],
                "upkeep": {"withFreeAmounts": _bill_data(with_free), "withoutFreeAmounts": _bill_data(without)},
                "firstRun": {"files": RECORDED_ITEMS, "dollars": str(first)},
            }
        )
        return
    estimate, listed = scenarios
    _print(listed)
    _print_upkeep(with_free, without, first)
    _print(estimate)


def _first_run(day: "DailyUse") -> Decimal:
    """What the files of single regions and services cost when all of them are new, in dollars and without free amounts.

    More than a few files at once are one wildcard for CloudFront, so that paths cost nothing.
    """
    from ops.costs import to_cents, upkeep

    bill = partial(upkeep, days=1, alarm_metrics=0, composite_alarms=0, free=False)
    first = bill(replace(day, items=RECORDED_ITEMS), invalidated_paths=RECORDED_ITEMS)
    return to_cents(first.dollars - bill(day).dollars)


def _assumed(file_bytes: list[int] | None, percent: float) -> "Visit":
    from ops.scenarios import Visit

    recorded = not file_bytes and percent == RECORDED_PERCENT
    origin = "recorded from feed demo: moto 5.2.5's catalogue, gzip -6" if recorded else "as given"
    return Visit(tuple(file_bytes or [RECORDED_BYTES]), Decimal(str(percent)), origin)


def _measured(stack: DeployedStack) -> "Visit":
    import gzip

    from ops.scenarios import Visit
    from shared.contract import COMPLETE_DATA_FILE

    body = stack.source(COMPLETE_DATA_FILE)
    percent = Decimal(100 * len(gzip.compress(body, 6))) / max(len(body), 1)
    return Visit((len(body),), percent, f"measured on {COMPLETE_DATA_FILE} of the stack {stack.name}, gzip -6")


def _print(scenario: "Scenario") -> None:
    columns = ["visitors a day", *(f"{number:,}" for number in scenario.bills)]
    table = Table(f"{scenario.title}: US dollars a month", columns, justify="right")
    for bills in zip(*scenario.bills.values(), strict=True):
        for lines in zip(*(bill.lines for bill in bills), strict=True):
            if any(line.quantity for line in lines):
                table.add_row(f"  {lines[0].name}", *(f"{line.cents:,}" for line in lines), style="dim")
        table.add_row(bills[0].name, *(f"{bill.cents:,}" for bill in bills), style="bold", end_section=True)
    table.add_row(
        f"saved over {next(iter(scenario.bills.values()))[0].name}",
        *(_saved(bills) for bills in scenario.bills.values()),
    )
    table.print()
    for assumption in scenario.assumptions:
        show((f"  {assumption}", "dim"))
    show()


def _saved(bills: tuple["Bill", ...]) -> str:
    from ops.costs import to_cents

    first, last = bills[0].dollars, bills[-1].dollars
    return f"{to_cents(first - last):,} ({100 * (first - last) / first:.1f} %)" if first else "-"


def _print_upkeep(with_free: "Bill", without: "Bill", first: Decimal) -> None:
    from ops.prices import UPKEEP

    columns = ["", "quantity", "free amounts left", "used up"]
    table = Table("The feed itself, whoever reads: US dollars a month", columns, justify="right")
    for line, paid in zip(with_free.lines, without.lines, strict=True):
        cells = (f"  {line.name}", f"{line.quantity:,.0f} {line.unit}", f"{line.cents:,}", f"{paid.cents:,}")
        table.add_row(*cells, style="dim", end_section=line is with_free.lines[-1])
    table.add_row("in all", "", *(f"{bill.cents:,}" for bill in (with_free, without)), style="bold")
    table.print()
    for words in (
        "Estimated from the calls of a day on which nothing changes; SSM's public parameters cost nothing.",
        f"Once, a first run publishes {RECORDED_ITEMS} files of single regions and services for ${first}.",
        f"Prices: {UPKEEP.source}.",
        "Lines are rounded one by one, totals once.",
    ):
        show((f"  {words}", "dim"))
    show()


def _data(scenario: "Scenario") -> dict[str, Any]:
    return {
        "title": scenario.title,
        "assumptions": scenario.assumptions,
        "bills": [
            {"visitorsPerDay": number, **_bill_data(bill)} for number, bills in scenario.bills.items() for bill in bills
        ],
    }


def _bill_data(bill: "Bill") -> dict[str, Any]:
    return {
        "name": bill.name,
        "dollars": str(bill.cents),
        "lines": [
            {
                "name": line.name,
                "quantity": f"{line.quantity:f}",
                "unit": line.unit,
                "dollars": str(line.cents),
            }
            for line in bill.lines
        ],
    }

"""`feed fetch`: fetch the catalogue now, and wait until readers have it."""

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.stack import DeployedStack, InvocationError
from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
    Json,
    Profile,
    RegionOption,
    StackName,
    examples,
    open_stack,
    print_json,
    print_rows,
    refuse,
    say,
    spinner,
)

if TYPE_CHECKING:
    from ops.arrivals import Arrival

app = typer.Typer()


@app.command(
    rich_help_panel=ACT,
    epilog=examples(
        "feed fetch",
        "feed fetch --no-wait --json",
        "feed fetch --region-code eu-west-3 --region-code eusc-de-east-1",
        "feed fetch --accept-shrink",
    ),
)
def fetch(  # noqa: PLR0913 - one argument an option
    *,
    region_code: Annotated[
        list[str] | None, typer.Option(help="Fetch only this region's services anew; repeatable. By default all.")
    ] = None,
    any_region: Annotated[
        bool,
        typer.Option("--any-region", help="Ask for the regions that are named even if regions.json has them not yet."),
    ] = False,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Write the files even if much of the catalogue has gone.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the website has the files.")] = True,
    seconds: Annotated[float, typer.Option(min=0, max=86_400, help="How long to wait for the website.")] = 120,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Fetch the catalogue now. Exit code 1, with the fetcher's own message, if it fails or the website lags behind."""
    from ops.arrivals import await_arrivals, await_items, expected_files
    from ops.observation import is_paused, observe_distributor

    with open_stack(stack_name, profile, region) as stack:
        if region_code and not any_region:
            _refuse_unknown(stack, region_code)
        summary = _run_fetcher(stack, region_code or [], accept_shrink=accept_shrink)
        expected = expected_files(stack, summary) if wait else []
        paused = bool(expected) and is_paused(observe_distributor(stack))
        seconds = 0 if paused else seconds
        with spinner("waiting for the website"):
            arrived = {arrival.name: arrival for arrival in await_arrivals(stack, expected, seconds)}
            items = await_items(stack, seconds) if expected and summary.get("itemsWritten") else 0
    late = [name for name in expected if name not in arrived]
    late += [f"{items} files of single regions and services"] * bool(items)
    if as_json:
        published = [{"name": arrival.name, "lagSeconds": arrival.lag_seconds} for arrival in arrived.values()]
        print_json({"summary": summary, "published": published, "late": late})
    else:
        _print(summary, arrived)
    if late:
        why = "the distributor is paused; feed status says what ends that" if paused else "feed failures shows why"
        say(f"not on the website after {seconds:g} s: {', '.join(late)}; {stack.advice(why)}", as_json=as_json)
        raise typer.Exit(FAILED)
    if wait and not expected:
        say("nothing to wait for: the stack distributes none of these files", as_json=as_json)


def _refuse_unknown(stack: DeployedStack, codes: list[str]) -> None:
    """End the command if regions.json does not have one of the regions: the run would fail, and set off an alarm."""
    known = _known_regions(stack)
    unknown = [code for code in codes if known and code not in known]
    if unknown:
        similar = ", ".join(get_close_matches(unknown[0], known, n=3))
        words = f"{', '.join(unknown)}: no such region in regions.json" + f" (similar: {similar})" * bool(similar)
        refuse(f"{words}; --any-region asks for it all the same")


def _known_regions(stack: DeployedStack) -> set[str]:
    """The codes in regions.json; none if there is no valid one."""
    from ops.observation import StoredObject, observe_source
    from shared.contract import REGIONS_FILE, Regions
    from shared.strict_json import UnfitError

    stored = observe_source(stack, [REGIONS_FILE])[REGIONS_FILE]
    body = stored.body if isinstance(stored, StoredObject) else b""
    try:
        return {region.code for region in Regions.from_bytes(body).regions}
    except UnfitError:
        return set()


def _run_fetcher(stack: DeployedStack, regions: list[str], *, accept_shrink: bool) -> dict[str, Any]:
    """Run the fetcher and wait for its summary. No `regions` means all of them."""
    event: dict[str, Any] = {"regions": regions} if regions else {}
    if accept_shrink:
        event["accept_shrink"] = True
    try:
        with spinner("fetching"):
            summary: dict[str, Any] = stack.invoke(stack.output("FetcherFunctionName"), event)
            return summary
    except InvocationError as error:
        refuse(f"the fetcher failed: {error}; {stack.advice('feed logs shows where to look further')}", FAILED)


def _print(summary: dict[str, Any], arrived: dict[str, "Arrival"]) -> None:
    fields = ("regions", "services", "regionServices", "ssmCalls", "seconds")
    row = [f"{summary[field]:,}" for field in fields]
    columns = ["regions", "services", "pairs", "SSM calls", "seconds"]
    print_rows(f"Fetched: run {summary['runId']}", columns, [row], data=None, as_json=False)
    rows = []
    for written in summary["written"]:
        arrival = arrived.get(written["key"].rpartition("/")[2])
        rows.append([written["key"], f"{written['bytes']:,}", _words(arrival)])
    print_rows("Written", ["key", "bytes", "on the website"], rows, data=None, as_json=False)
    if items := summary.get("itemsWritten"):
        say(f"and {items} files of single regions and services")
    if left := summary.get("itemsLeft"):
        say(f"{left} more are left to the next run, since time ran short")


def _words(arrival: "Arrival | None") -> str:
    if arrival is None:
        return "-"
    return "unchanged" if arrival.lag_seconds is None else f"after {arrival.lag_seconds:.0f} s"

"""`feed rollback`: put an earlier version of a file back, and wait until readers have it."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
    Json,
    Profile,
    RegionOption,
    StackName,
    Yes,
    examples,
    open_stack,
    print_json,
    say,
    spinner,
)

if TYPE_CHECKING:
    from ops.arrivals import Arrival
    from ops.rollback import Plan

app = typer.Typer()


@app.command(
    rich_help_panel=ACT,
    epilog=examples("feed rollback regions.json", "feed rollback regions.json VERSION --yes"),
)
def rollback(  # noqa: PLR0913 - one argument an option
    name: Annotated[str, typer.Argument(help="A file of the source, with or without the source prefix.")],
    version: Annotated[
        str, typer.Argument(help="A version's id; by default the newest that differs and is fit to be published.")
    ] = "",
    *,
    yes: Yes = False,
    seconds: Annotated[float, typer.Option(min=0, max=86_400, help="How long to wait for the website.")] = 60,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Put an earlier version of a file back into the source, and wait until the website has it.

    Without --yes, show what would be put back. A version that is not fit to be published is refused. Exit code 1 if
    the website does not get it.
    """
    from ops.rollback import await_website, next_write, plan_rollback, why_not_published

    arrival: Arrival | str = "nothing was written"
    with open_stack(stack_name, profile, region) as stack:
        with spinner("looking"):
            plan = plan_rollback(stack, name, version)
            left_out, fetched = why_not_published(stack, name), next_write(stack, name)
        _say_plan(plan, as_json=as_json)
        if yes and plan.needed:
            plan.file.put_back(plan.wanted, plan.present)
            say("put back", as_json=as_json)
        if yes:
            with spinner("waiting for the website"):
                arrival = left_out or await_website(stack, name, seconds)
        again = f"feed rollback {shlex.quote(name)} {plan.wanted.version} --yes"
        words = _arrival_words(arrival) if yes else f"nothing was written; {again} puts it back"
        say(stack.advice(words), as_json=as_json)
        if fetched:
            say(stack.advice(fetched), as_json=as_json)
    if as_json:
        print_json(_data(plan, arrival, put_back=yes and plan.needed))
    if yes and not left_out and isinstance(arrival, str):
        raise typer.Exit(FAILED)


def _say_plan(plan: "Plan", *, as_json: bool) -> None:
    present, wanted = plan.present, plan.wanted
    size = "deleted" if present.deletion else f"{present.size:,} bytes"
    say(plan.file.key, as_json=as_json)
    say(f"  now      {present.modified:%Y-%m-%d %H:%M:%S} UTC, {size}, version {present.id}", as_json=as_json)
    size = f"{len(wanted.body):,} bytes"
    say(f"  back to  {wanted.modified:%Y-%m-%d %H:%M:%S} UTC, {size}, version {wanted.version}", as_json=as_json)
    if plan.lines:
        say("  {:,} line(s) go, {:,} come".format(*plan.lines), as_json=as_json)
    if not plan.needed:
        say("nothing to put back: the source has these bytes", as_json=as_json)


def _arrival_words(arrival: "Arrival | str") -> str:
    if isinstance(arrival, str):
        return f"not on the website: {arrival}"
    after = "" if arrival.lag_seconds is None else f", {arrival.lag_seconds:.0f} s later"
    return f"the website has it{after}"


def _data(plan: "Plan", arrival: "Arrival | str", *, put_back: bool) -> dict[str, Any]:
    """`onWebsite` is true once the website is known to have the bytes; else `reason` says why not."""
    present, wanted = plan.present, plan.wanted
    return {
        "key": plan.file.key,
        "present": {
            "versionId": present.id,
            "modified": present.modified.isoformat(),
            "bytes": present.size,
            "deletion": present.deletion,
        },
        "wanted": {
            "versionId": wanted.version,
            "modified": wanted.modified.isoformat(),
            "bytes": len(wanted.body),
        },
        "removed": plan.lines[0] if plan.lines else None,
        "added": plan.lines[1] if plan.lines else None,
        "needed": plan.needed,
        "putBack": put_back,
        "onWebsite": not isinstance(arrival, str),
        "lagSeconds": None if isinstance(arrival, str) else arrival.lag_seconds,
        "reason": arrival if isinstance(arrival, str) else "",
    }

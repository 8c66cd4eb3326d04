"""The commands on the distributor: publish again, sweep, and look after what failed."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from ops import distribution
from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
    LOOK,
    UNUSABLE,
    Json,
    Profile,
    Region,
    StackName,
    Yes,
    examples,
    opened,
    print_rows,
    say,
)

app = typer.Typer()


@app.command(
    rich_help_panel=ACT,
    epilog=examples("feed redistribute regions.json services.json", "feed redistribute --all --yes"),
)
def redistribute(  # noqa: PLR0913 - one argument an option
    keys: Annotated[list[str] | None, typer.Argument(help="Keys, with or without the source prefix.")] = None,
    glob: Annotated[list[str] | None, typer.Option(help="Also what matches; ** crosses folders.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything below the source prefix.")] = False,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Publish files again. Keys that are named are published at once, a selection only with --yes."""
    if not (keys or glob or everything):
        typer.echo("feed: name keys, or use --glob or --all", err=True)
        raise typer.Exit(UNUSABLE)
    with opened(stack_name, profile, region) as stack:
        selected = distribution.select(stack, keys or [], glob or [], everything=everything)
        if (glob or everything) and not yes:
            print_rows("Would be published again", ["key"], [[key] for key in selected], data=selected, as_json=as_json)
            say(f"{len(selected)} file(s); --yes publishes them", as_json=as_json)
            return
        steps = distribution.redistribute(stack, selected)
        outcomes = list(track(steps, "publishing", total=len(selected), console=Console(stderr=True)))
    _print_outcomes(outcomes, as_json=as_json)
    if any(one["outcome"] not in {"copied", "skipped"} for one in outcomes):
        raise typer.Exit(FAILED)


@app.command(rich_help_panel=ACT, epilog=examples("feed sweep", "feed sweep --yes"))
def sweep(
    *,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Compare source and website; with --yes publish what has drifted. Exit code 0 if nothing is amiss afterwards."""
    with opened(stack_name, profile, region) as stack, Console(stderr=True).status("comparing"):
        answers = list(distribution.sweep(stack, dry_run=not yes))
    objects = [one for answer in answers for one in answer["objects"]]
    compared, in_step = (sum(answer[name] for answer in answers) for name in ("compared", "inStep"))
    rows = [[one["source"], one["drift"], one.get("outcome", ""), one.get("reason", "")] for one in objects]
    print_rows("Drifted", ["key", "drift", "outcome", "reason"], rows, data=answers, as_json=as_json)
    say(f"{compared} compared, {in_step} in step, {compared - in_step} drifted", as_json=as_json)
    mended = sum(answer["outcomes"]["copied"] for answer in answers)
    if compared - in_step > mended:
        say("--yes publishes what has drifted" if not yes else "not everything could be published", as_json=as_json)
        raise typer.Exit(FAILED)


@app.command(rich_help_panel=LOOK, epilog=examples("feed failures --json"))
def failures(
    *,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what could not be published, and why. Exit code 0 if there is nothing."""
    with opened(stack_name, profile, region) as stack:
        found = distribution.failures(stack)
        distribution.put_back(stack, found)
    _print_failures("Not published", found, as_json=as_json)
    say(f"{len(found)} message(s)" + "; feed redrive tries them again" * bool(found), as_json=as_json)
    if found:
        raise typer.Exit(FAILED)


@app.command(rich_help_panel=ACT, epilog=examples("feed redrive", "feed redrive --yes"))
def redrive(
    *,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Try what failed once more; only what goes well leaves the queue. Exit code 0 if nothing is left in it."""
    with opened(stack_name, profile, region) as stack:
        found = distribution.failures(stack, distribution.REDRIVE_SECONDS if yes else distribution.LISTING_SECONDS)
        if not yes:
            distribution.put_back(stack, found)
            _print_failures("Would be tried again", found, as_json=as_json)
            say(f"{len(found)} message(s); --yes tries them", as_json=as_json)
            return
        steps = distribution.redrive(stack, found)
        tried = list(track(steps, "trying again", total=len(found), console=Console(stderr=True)))
    rows = [[", ".join(one.failure.keys), "done" if one.done else "kept", one.words] for one in tried]
    data = [{"keys": one.failure.keys, "done": one.done, "reason": one.words} for one in tried]
    print_rows("Tried again", ["keys", "result", "words"], rows, data=data, as_json=as_json)
    if not all(one.done for one in tried):
        raise typer.Exit(FAILED)


def _print_outcomes(outcomes: list[dict[str, Any]], *, as_json: bool) -> None:
    rows = [[one["source"], one["outcome"], one.get("destination") or one.get("reason", "")] for one in outcomes]
    print_rows(
        "Published again", ["key", "outcome", "destination, or the reason"], rows, data=outcomes, as_json=as_json
    )


def _print_failures(title: str, found: list[distribution.Failure], *, as_json: bool) -> None:
    rows = [[f"{one.sent:%Y-%m-%d %H:%M}", one.kind, ", ".join(one.keys), one.reason] for one in found]
    data = [{"sent": one.sent.isoformat(), "kind": one.kind, "keys": one.keys, "reason": one.reason} for one in found]
    print_rows(title, ["sent (UTC)", "kind", "keys", "reason"], rows, data=data, as_json=as_json)

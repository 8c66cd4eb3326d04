"""The `feed` command: what a person types, and what is printed."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from ops import distribution
from ops.embedded.environment import isolate
from ops.stack import DeployedStack, InvocationError, StackError, find_stack

FAILED, UNUSABLE = 1, 2
MOST_ROWS = 40

app = typer.Typer(
    help="Run and operate AWS Services Feed.",
    epilog="Commands on a stack use the AWS CLI's credentials, profiles and endpoints. Exit codes: 0 all is well, "
    "1 something is not, 2 the command could not be carried out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

StackName = Annotated[str, typer.Option("--stack-name", envvar="FEED_STACK", help="The stack's name.")]
Profile = Annotated[str | None, typer.Option(help="A profile of the AWS CLI.")]
Region = Annotated[str | None, typer.Option(help="The stack's region.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this nothing is written.")]
DEFAULT_STACK = "aws-services-feed"


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 140)


@contextmanager
def _stack(name: str, profile: str | None, region: str | None) -> Iterator[DeployedStack]:
    try:
        yield find_stack(name, profile, region)
    except (StackError, InvocationError, ClientError, BotoCoreError) as error:
        typer.echo(f"feed: {error}", err=True)
        raise typer.Exit(UNUSABLE) from error


@app.command(epilog="Example: feed demo --output demo-output")
def demo(
    output: Annotated[
        Path | None, typer.Option(help="Also write the published files (website/) and report.json to this folder.")
    ] = None,
    *,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run the functions in this process instead of AWS's emulator.")
    ] = False,
) -> None:
    """Run the main job on this machine, without an AWS account: schedule, fetch, distribute, change, reject, sweep.

    Exit code 0 if every check held, 1 otherwise.
    """
    from ops.demo import run_demo  # noqa: PLC0415 - moto and SAM take a second to import; --help should not

    isolate()
    if output and output.exists() and not output.is_dir():
        sys.exit(f"feed: {output} is not a folder")
    sys.exit(0 if run_demo(_console(), output, in_process=in_process) else FAILED)


@app.command(epilog="Example: feed cloud, then in another terminal the lines that it prints, then feed sweep")
def cloud(
    *,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run the functions in this process instead of AWS's emulator.")
    ] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds; by default at Ctrl-C.")] = None,
) -> None:
    """Keep the embedded cloud running, with the files fetched and published, for other commands to try."""
    from ops.embedded.cloud import EmbeddedCloud  # noqa: PLC0415 - as above

    isolate()
    with EmbeddedCloud(in_process=in_process) as running:
        running.fire("FetchSchedule")
        running.settle()
        typer.echo("# The stack aws-services-feed is deployed here. To use it from another terminal:")
        for name, value in running.environment().items():
            typer.echo(f"export {name}={value}")
        typer.echo("# Ctrl-C stops it.")
        sys.stdout.flush()
        until = time.monotonic() + seconds if seconds is not None else float("inf")
        try:
            while time.monotonic() < until:
                time.sleep(0.2)
        except KeyboardInterrupt:
            typer.echo("stopped", err=True)


@app.command(epilog="Examples: feed redistribute regions.json services.json | feed redistribute --all --yes")
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
    with _stack(stack_name, profile, region) as stack:
        selected = distribution.select(stack, keys or [], glob or [], everything=everything)
        if (glob or everything) and not yes:
            _print_rows("Would be published again", ["key"], [[key] for key in selected], as_json, selected)
            _say(f"{len(selected)} file(s); --yes publishes them", as_json=as_json)
            return
        steps = distribution.redistribute(stack, selected)
        outcomes = list(track(steps, "publishing", total=len(selected), console=Console(stderr=True)))
    _print_outcomes(outcomes, as_json=as_json)
    if any(one["outcome"] not in {"copied", "skipped"} for one in outcomes):
        raise typer.Exit(FAILED)


@app.command(epilog="Examples: feed sweep | feed sweep --yes")
def sweep(
    *,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Compare source and website; with --yes publish what has drifted. Exit code 0 if nothing is amiss afterwards."""
    with _stack(stack_name, profile, region) as stack, Console(stderr=True).status("comparing"):
        answers = list(distribution.sweep(stack, dry_run=not yes))
    objects = [one for answer in answers for one in answer["objects"]]
    compared, in_step = (sum(answer[name] for answer in answers) for name in ("compared", "inStep"))
    rows = [[one["source"], one["drift"], one.get("outcome", ""), one.get("reason", "")] for one in objects]
    _print_rows("Drifted", ["key", "drift", "outcome", "reason"], rows, as_json, answers)
    _say(f"{compared} compared, {in_step} in step, {compared - in_step} drifted", as_json=as_json)
    mended = sum(answer["outcomes"]["copied"] for answer in answers)
    if compared - in_step > mended:
        _say("--yes publishes what has drifted" if not yes else "not everything could be published", as_json=as_json)
        raise typer.Exit(FAILED)


@app.command(epilog="Example: feed failures --json")
def failures(
    *,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what could not be published, and why. Exit code 0 if there is nothing."""
    with _stack(stack_name, profile, region) as stack:
        found = distribution.failures(stack)
        distribution.put_back(stack, found)
    _print_failures("Not published", found, as_json=as_json)
    _say(f"{len(found)} message(s)" + "; feed redrive tries them again" * bool(found), as_json=as_json)
    if found:
        raise typer.Exit(FAILED)


@app.command(epilog="Examples: feed redrive | feed redrive --yes")
def redrive(
    *,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Try what failed once more; only what goes well leaves the queue. Exit code 0 if nothing is left in it."""
    with _stack(stack_name, profile, region) as stack:
        found = distribution.failures(stack, distribution.REDRIVE_SECONDS if yes else distribution.LISTING_SECONDS)
        if not yes:
            distribution.put_back(stack, found)
            _print_failures("Would be tried again", found, as_json=as_json)
            _say(f"{len(found)} message(s); --yes tries them", as_json=as_json)
            return
        steps = distribution.redrive(stack, found)
        tried = list(track(steps, "trying again", total=len(found), console=Console(stderr=True)))
    rows = [[", ".join(one.failure.keys), "done" if one.done else "kept", one.words] for one in tried]
    data = [{"keys": one.failure.keys, "done": one.done, "reason": one.words} for one in tried]
    _print_rows("Tried again", ["keys", "result", "words"], rows, as_json, data)
    if not all(one.done for one in tried):
        raise typer.Exit(FAILED)


def _print_outcomes(outcomes: list[dict[str, Any]], *, as_json: bool) -> None:
    rows = [[one["source"], one["outcome"], one.get("destination") or one.get("reason", "")] for one in outcomes]
    _print_rows("Published again", ["key", "outcome", "destination, or the reason"], rows, as_json, outcomes)


def _print_failures(title: str, found: list[distribution.Failure], *, as_json: bool) -> None:
    rows = [[f"{one.sent:%Y-%m-%d %H:%M}", one.kind, ", ".join(one.keys), one.reason] for one in found]
    data = [{"sent": one.sent.isoformat(), "kind": one.kind, "keys": one.keys, "reason": one.reason} for one in found]
    _print_rows(title, ["sent (UTC)", "kind", "keys", "reason"], rows, as_json, data)


def _print_rows(title: str, columns: list[str], rows: list[list[str]], as_json: bool, data: object) -> None:  # noqa: FBT001
    if as_json:
        typer.echo(json.dumps(data, indent=2))
        return
    if not rows:
        return
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(escape(cell) for cell in row))
    _console().print(table)
    if len(rows) > MOST_ROWS:
        typer.echo(f"and {len(rows) - MOST_ROWS} more; --json shows all")


def _say(words: str, *, as_json: bool) -> None:
    typer.echo(words, err=as_json)

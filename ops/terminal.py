"""Shared parts of all commands: options, finding a stack, and output."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.stack import DeployedStack, InvocationError, StackError, find_stack

T = TypeVar("T")

FAILED, NOT_CARRIED_OUT = 1, 2
MOST_ROWS = 40
LOOK, ACT, LOCAL = "Look, and change nothing", "Act on a stack", "On this machine"  # the groups of feed --help
DEFAULT_MAX_AGE_HOURS = 26.0  # a day, and the time of a run with all its retries
DEFAULT_STACK = "aws-services-feed"

StackName = Annotated[str, typer.Option("--stack-name", envvar="FEED_STACK", help="The stack's name.")]
Profile = Annotated[str | None, typer.Option(help="A profile of the AWS CLI.")]
RegionOption = Annotated[str | None, typer.Option(help="The stack's region.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
MaxAgeHours = Annotated[float, typer.Option(min=0, help="How old the data may be.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this nothing is written.")]


def console() -> Console:
    """The terminal; 140 characters wide without one, so that a pipe gets whole lines."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


@contextmanager
def open_stack(name: str, profile: str | None, region: str | None) -> Iterator[DeployedStack]:
    """The stack; AWS errors in the block are printed as one line, with the exit code 2."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield find_stack(name, profile, region)
    except (StackError, InvocationError, ClientError, BotoCoreError) as error:
        refuse(error)


def refuse(error: object) -> NoReturn:
    """Print why the command was not carried out, and end it."""
    typer.echo(f"feed: {error}", err=True)
    raise typer.Exit(NOT_CARRIED_OUT) from (error if isinstance(error, BaseException) else None)


def say(words: str, *, as_json: bool) -> None:
    """Print a line; with --json it goes to stderr, not into the output."""
    typer.echo(words, err=as_json)


def track(steps: Iterable[T], words: str, *, total: int) -> Iterable[T]:
    """The steps, with a progress bar on stderr."""
    from rich import progress

    return progress.track(steps, words, total=total, console=Console(stderr=True))


def print_json(data: object) -> None:
    """Print data for a script."""
    typer.echo(json.dumps(data, indent=2))


def print_rows(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, data: object, as_json: bool
) -> None:
    """Print a table of the first rows, or all of `data` as JSON; without rows there is no table."""
    if as_json:
        print_json(data)
        return
    if not rows:
        return
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(escape(cell) for cell in row))
    console().print(table)
    if len(rows) > MOST_ROWS:
        typer.echo(f"and {len(rows) - MOST_ROWS} more; --json shows all")


def examples(*lines: str) -> str:
    """Examples for a command's help, each on its own line."""
    return "Examples:\n\n" + "\n\n".join(lines)

"""Shared parts of all commands: options, finding a stack, and output.

Only this module prints, apart from the demo. What it prints passes `printable`: a key, a file or a message that
anybody may have written cannot give the terminal orders, nor look like a line of ours.
"""

import codecs
import io
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

import typer
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ops.stack import DeployedStack, InvocationError, StackError, StackOptions, find_stack

T = TypeVar("T")

FAILED, NOT_CARRIED_OUT = 1, 2
MOST_ROWS = 40
WIDEST = 10_000  # of a table's row: more than all that `printable` leaves of its cells
PLAIN = {"✓": "+", "✗": "x", "…": "..."}  # what stands for our own signs in an encoding that lacks them
# What a line is wrapped between: words, and commands as a person would copy them.
COMMAND = (
    r"`[^`]+`|feed [a-z][a-z-]*(?: --(?:stack-name|profile|region) \S+| --[a-z-]+| \S+\.json(?:l(?:\.gz)?)?)*"
    r"|aws [a-z0-9-]+ [a-z0-9-]+(?: --[a-z-]+ \S+)*"
)
TOKEN = re.compile(rf"(?:{COMMAND})(?!\w)\S*|\S+")
SAMPLES, LONGEST = 2, 70  # of a group: how many subjects are shown, and how many columns of each
LOOK, ACT, LOCAL = "Look, and change nothing", "Act on a stack", "On this machine"  # the groups of feed --help
DEFAULT_STACK, STACK_VARIABLE = "aws-services-feed", "FEED_STACK"

StackName = Annotated[str, typer.Option("--stack-name", envvar=STACK_VARIABLE, help="The stack's name or ARN.")]
Profile = Annotated[str | None, typer.Option(help="A profile of the AWS CLI.")]
RegionOption = Annotated[str | None, typer.Option(help="The stack's region.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
MaxAgeHours = Annotated[
    float | None,
    typer.Option(min=0, max=1_000_000, help="How old the data may be. By default the stack's FreshnessHours."),
]
Every = Annotated[bool, typer.Option("--all", help="Print a line for each; by default by reason.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this nothing is written.")]


@contextmanager
def open_stack(name: str, profile: str | None, region: str | None) -> Iterator[DeployedStack]:
    """The stack; an error in the block is printed as one line. SIGTERM ends it like Ctrl-C."""
    # typer takes an empty variable for none: the command would act on the default stack, which nobody named.
    if not name.strip() or (name == DEFAULT_STACK and os.environ.get(STACK_VARIABLE) == ""):
        refuse(f"the stack's name is empty; look at --stack-name and {STACK_VARIABLE}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with errors_in_a_line():
        with spinner("looking up the stack"):
            stack = find_stack(name, profile, region)
        yield replace(stack, options=stack_options(name, profile, region))


@contextmanager
def errors_in_a_line() -> Iterator[None]:
    """Print an error in the block as one line, and end the command.

    The exit code is 1 if a function of the stack ended in an error, 2 if AWS answered with one, or we refuse.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except InvocationError as error:
        refuse(error, FAILED)
    except (StackError, ClientError, BotoCoreError) as error:
        refuse(error)


def stack_options(name: str, profile: str | None, region: str | None) -> StackOptions:
    """The options with which a command finds the stack."""
    found_with = {"--profile": profile, "--region": region}
    aws = "".join(f" {option} {shlex.quote(value)}" for option, value in found_with.items() if value)
    return StackOptions(f" --stack-name {shlex.quote(name)}" * (name != DEFAULT_STACK) + aws, aws)


def refuse(error: object, exit_code: int = NOT_CARRIED_OUT) -> NoReturn:
    """Print why the command was not carried out, and end it."""
    _print(Text(_printable(f"feed: {error}")), err=True)
    raise typer.Exit(exit_code) from (error if isinstance(error, BaseException) else None)


def choose(stack: DeployedStack, among: Mapping[str, T], name: str) -> T:
    """The part of the stack that has this name; ends the command if there is none."""
    if name not in among:
        refuse(f"the stack {stack.name} has no {name}, but {', '.join(among)}")
    return among[name]


def say(words: str, *, as_json: bool = False) -> None:
    """Print a line; with --json it goes to stderr, not into the output."""
    _print(Text(_printable(words)), err=as_json)


def show(*parts: str | tuple[str, str], whole: bool = False) -> None:
    """Print a line of texts, each alone or with its style, such as `("✗", "red")`; one to be copied stays `whole`."""
    styled = [(part, "") if isinstance(part, str) else part for part in parts]
    _print(Text.assemble(*((_printable(text), style) for text, style in styled)), whole=whole)


def _print(text: Text, *, err: bool = False, whole: bool = False) -> None:
    """Print a line, at a terminal wrapped between words; a pipe gets whole lines."""
    printer = console(err=err)
    wrapped = (sys.stderr if err else sys.stdout).isatty() and not whole
    for line in _wrap(text, printer.width) if wrapped else [text]:
        printer.print(line, soft_wrap=True)


def _wrap(text: Text, width: int) -> Iterator[Text]:
    """The text in lines that fit, all but the first indented further; a longer word or command is not broken."""
    plain, start, end, margin = text.plain, 0, 0, 0
    hang = len(plain) - len(plain.lstrip()) + 2
    for token in TOKEN.finditer(plain):
        if end - start > hang and margin + cell_len(plain[start : token.end()]) > width:
            yield Text(" " * margin).append_text(text[start:end])
            start, margin = token.start(), hang
        end = token.end()
    yield Text(" " * margin).append_text(text[start:])


def track(steps: Iterable[T], words: str, *, total: int) -> Iterable[T]:
    """The steps, with a progress bar on stderr if that is a terminal."""
    from rich import progress

    errors = Console(stderr=True)
    return progress.track(steps, words, total=total, console=errors, transient=True, disable=not errors.is_interactive)


@contextmanager
def spinner(words: str) -> Iterator[None]:
    """The words and the seconds that have passed, on stderr if that is a terminal, while the block runs."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_interactive) as progress:
        progress.add_task(words, total=None)
        yield


def print_json(data: object, *, indent: int | None = 2) -> None:
    """Print data for a script, in printable ASCII; without `indent` on one line."""
    typer.echo(
        json.dumps(data, indent=indent).replace("\x7f", r"\u007f")
    )  # the one control character that json lets pass


class Table:
    """A table; its texts are printed as they are, without rich's markup."""

    def __init__(self, title: str, columns: Sequence[str], justify: Literal["left", "right"] = "left") -> None:
        """`justify` is for all columns but the first."""
        self._title = title
        self._table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for number, column in enumerate(columns):
            self._table.add_column(Text(_printable(column)), justify=justify if number else "left", overflow="fold")

    def add_row(self, *cells: str, style: str = "", end_section: bool = False) -> None:
        """Add a row; a line follows the last one of a section."""
        self._table.add_row(*(Text(_printable(cell)) for cell in cells), style=style, end_section=end_section)

    def print(self) -> None:
        """Print the table below its title; in a pipe each row is one line, however long."""
        show((self._title, "bold"))
        printer = console()
        if not sys.stdout.isatty():
            printer.width = WIDEST
        printer.print(self._table)


def print_rows(  # noqa: PLR0913 - the table, or the data
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    data: object,
    as_json: bool,
    most: int = MOST_ROWS,
) -> None:
    """Print a table of the first rows, or all of `data` as JSON; without rows there is no table."""
    if as_json:
        print_json(data)
        return
    if not rows:
        return
    table = Table(title, columns)
    for row in rows[:most]:
        table.add_row(*row)
    table.print()
    if len(rows) > most:
        say(f"and {len(rows) - most} more; --json shows all")


@dataclass(frozen=True, slots=True)
class Line:
    """One of many things to show: what has become of it, why, and what it is."""

    label: str
    reason: str
    subject: str


def print_groups(lines: Iterable[Line]) -> None:
    """Print the lines by label and reason, the largest group first, with the reason and the subjects of the first ones.

    Reasons that differ only in numbers, quoted words or the subject are one.
    """
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        outline = re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "", line.reason.replace(line.subject or "?", ""))
        groups.setdefault((line.label, outline), []).append(line)
    for members in sorted(groups.values(), key=len, reverse=True):
        show((f"{len(members):>5,}", "bold"), f" {members[0].label}: {members[0].reason}")
        subjects = [line.subject for line in members if line.subject]
        for subject in subjects[:SAMPLES]:
            show((f"      {cut(subject)}", "dim"))
        if len(subjects) > SAMPLES:
            show((f"      and {len(subjects) - SAMPLES:,} more", "dim"))


def cut(text: str) -> str:
    """A text with its middle left out if it is long: names often begin alike."""
    text = _printable(text)
    if cell_len(text) <= LONGEST:
        return text
    return f"{set_cell_size(text, LONGEST // 2 - 1)}…{set_cell_size(text[::-1], LONGEST // 2)[::-1]}"


def is_interactive() -> bool:
    """Whether a person is there to be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def need_checkout() -> Path:
    """The folder of the checkout; ends the command where only the package is installed."""
    folder = Path(__file__).parents[1]
    if not (folder / "template.yaml").is_file():
        refuse("this command needs a checkout of the project, set up by make setup")
    return folder


def print_in_any_encoding() -> None:
    """Print what the terminal's encoding lacks as plain signs or escapes, instead of ending in an error."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign) or ascii(sign)[1:-1] for sign in missing), error.end


def console(*, err: bool = False) -> Console:
    """The terminal, for this module and the demo; 140 characters wide without one, so that a pipe gets whole lines."""
    at_terminal = (sys.stderr if err else sys.stdout).isatty()
    return Console(stderr=err, width=None if at_terminal else 140, highlight=False, emoji=False)


def _printable(text: str) -> str:
    from shared.text import printable

    return printable(text)


def examples(*lines: str) -> str:
    """Examples for a command's help, each on its own line."""
    return "Examples:\n\n" + "\n\n".join(lines)

"""`feed diff`: what differs between source and website, or between versions of a file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.terminal import (
    DEFAULT_STACK,
    FAILED,
    LOOK,
    Json,
    Profile,
    RegionOption,
    StackName,
    examples,
    open_stack,
    print_json,
    refuse,
    say,
    show,
    spinner,
)

if TYPE_CHECKING:
    from ops.stack import DeployedStack
    from ops.versions import Content

app = typer.Typer()

MOST_LINES = 100
STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two contents that are compared, and what it is."""

    name: str
    content: "Content"

    def __str__(self) -> str:
        """As a line of the diff has it."""
        return f"{self.name}, {self.content.modified:%Y-%m-%d %H:%M:%S} UTC, {len(self.content.body):,} bytes"


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "feed diff regions.json",
        "feed diff regions.json VERSION",
        "feed diff regions.json VERSION VERSION --all",
    ),
)
def diff(  # noqa: PLR0913 - one argument an option
    name: Annotated[str, typer.Argument(help="A file of the source, with or without the source prefix.")],
    version: Annotated[str, typer.Argument(help="The id of a version: compare it with the present one.")] = "",
    other: Annotated[str, typer.Argument(help="The id of another version: compare with this one instead.")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help=f"Print all lines; by default the first {MOST_LINES}.")] = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Compare the website's file with the source's, or versions of the source's, line by line.

    Exit code 0 if the bytes are equal, 1 if they differ, 2 if they cannot be compared.
    """
    from ops.difference import text_lines
    from shared.strict_json import UnfitError

    with open_stack(stack_name, profile, region) as stack, spinner("looking"):
        old, new = _sides(stack, name, version, other)
    equal = old.content.body == new.content.body
    try:
        before, after = ([], []) if equal else text_lines(old.content.body, new.content.body)
    except UnfitError as error:
        refuse(f"{old}; {new}: they differ, but cannot be compared line by line: one is {error}")
    if as_json:
        _print_json(old, new, before, after)
    else:
        _print(old, new, before, after, every=every)
    if not equal:
        raise typer.Exit(FAILED)


def _sides(stack: "DeployedStack", name: str, version: str, other: str) -> tuple[Side, Side]:
    from ops.versions import open_source_file, read_content, short_name

    if version:
        file = open_source_file(stack, name)
        new = Side(f"version {other}", file.read(other)) if other else Side("present version", file.read_present())
        return Side(f"version {version}", file.read(version)), new
    s3, short = stack.client("s3"), short_name(stack, name)
    places = {"website": "Website", "source": "Source"}
    website, source = (
        Side(place, read_content(s3, stack.output(f"{kind}BucketName"), f"{stack.output(f'{kind}KeyPrefix')}/{short}"))
        for place, kind in places.items()
    )
    return website, source


def _print(old: Side, new: Side, before: list[str], after: list[str], *, every: bool) -> None:
    from ops.difference import unified

    if old.content.body == new.content.body:
        say(f"{old}; {new}: the bytes are equal")
        return
    lines = unified(before, after, str(old), str(new))
    removed, added = (sum(line.startswith(sign) for line in lines[2:]) for sign in "-+")
    say(f"{removed:,} line(s) removed, {added:,} added")
    if not lines:
        say(f"{old}; {new}: the JSON is the same, but written otherwise")
    for line in lines if every else lines[:MOST_LINES]:
        show((line, STYLES.get(line[:1], "")), whole=True)
    if len(lines) > MOST_LINES and not every:
        say(f"and {len(lines) - MOST_LINES:,} more lines; --all prints them")


def _print_json(old: Side, new: Side, before: list[str], after: list[str]) -> None:
    from ops.difference import changes

    found = list(changes(before, after))
    print_json(
        {
            "old": _data(old),
            "new": _data(new),
            "equal": old.content.body == new.content.body,
            "removed": sum(len(change.removed) for change in found),
            "added": sum(len(change.added) for change in found),
            "changes": [
                {
                    "oldLine": change.old_line,
                    "removed": change.removed,
                    "newLine": change.new_line,
                    "added": change.added,
                }
                for change in found
            ],
        }
    )


def _data(side: Side) -> dict[str, Any]:
    content = side.content
    return {
        "name": side.name,
        "versionId": content.version or None,
        "modified": content.modified.isoformat(),
        "bytes": len(content.body),
        "etag": content.etag,
    }

"""`feed ls`: what is published, and what of it has no source any more."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.status import age_words
from ops.terminal import (
    DEFAULT_STACK,
    LOOK,
    Json,
    Profile,
    RegionOption,
    StackName,
    cut,
    examples,
    open_stack,
    print_rows,
    say,
    spinner,
)

if TYPE_CHECKING:
    from ops.publication import PublishedFile
    from ops.stack import DeployedStack

app = typer.Typer()


@app.command(rich_help_panel=LOOK, epilog=examples("feed ls", "feed ls '*.schema.json'", "feed ls --json '**'"))
def ls(  # noqa: PLR0913 - one argument an option
    patterns: Annotated[
        list[str] | None, typer.Argument(help="Names below the prefix, or globs; ** crosses folders.")
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many files at most.")] = 200,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """List the files of source and website: size, ages, Cache-Control, and whether both are in step. Invokes nothing.

    Files of single regions and services that are in step are only counted, unless a pattern names them.
    An orphan is on the website and no longer in the source: deletions are not mirrored, so it stays.
    """
    from ops.observation import observe_distributor, publishing_settings
    from ops.publication import MOST_COMPARED, list_files

    with open_stack(stack_name, profile, region) as stack, spinner("listing"):
        found = list_files(stack, publishing_settings(observe_distributor(stack)), patterns or [], limit)
    now = datetime.now(UTC)
    data = {"files": [_data(file) for file in found.files], "itemsInStep": found.items, "complete": found.complete}
    columns = ["file", "bytes", "source", "published", "state"]
    rows = [_cells(file, now) for file in found.files]
    print_rows("Published", columns, rows, data=data, as_json=as_json, most=len(rows))
    for line in _summary(found.files, stack):
        say(line, as_json=as_json)
    if found.items:
        say(f"{found.items} files of single regions and services, in step: feed ls 'regions/*'", as_json=as_json)
    if not found.complete:
        rest = f"these are not all: give a pattern or a larger --limit; at most {MOST_COMPARED:,} names are compared"
        say(rest, as_json=as_json)


def _summary(files: "tuple[PublishedFile, ...]", stack: "DeployedStack") -> Iterator[str]:
    from ops.publication import FileState

    counts = Counter(file.state for file in files)
    yield f"{len(files)} file(s)" + "".join(f", {state}: {counts[state]}" for state in FileState if counts[state])
    if counts[FileState.MISSING] + counts[FileState.DRIFTED]:
        yield stack.advice("feed sweep shows what of it can be published, feed sweep --yes publishes that")
    if counts[FileState.ORPHAN]:
        yield stack.advice("an orphan has no source any more; feed unpublish NAME takes it down")
    headers: dict[str, list[str]] = {}
    for file in files:
        if file.pair.website:
            header = file.refusal or f"Cache-Control: {file.cache_control or 'none'}"
            headers.setdefault(header, []).append(file.pair.name)
    for header, names in headers.items():
        which = f" ({cut(names[0])})" if len(names) == 1 < len(files) else ""
        yield f"{len(names)} with {header}{which}"


def _cells(file: "PublishedFile", now: datetime) -> list[str]:
    source, website = file.pair.source, file.pair.website
    stored = source or website
    return [
        file.pair.name,
        f"{stored.size:,}" if stored else "",
        _age(source.modified, now) if source else "-",
        _age(_time(file.distributed_at), now) if website else "-",
        file.state,
    ]


def _time(stamp: str) -> datetime | None:
    """The time in the metadata `distributed-at`, which anybody may have written; None if it is none."""
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return time if time.tzinfo else None


def _age(time: datetime | None, now: datetime) -> str:
    return age_words(max((now - time).total_seconds(), 0)) if time else "?"


def _data(file: "PublishedFile") -> dict[str, Any]:
    source, website = file.pair.source, file.pair.website
    return {
        "name": file.pair.name,
        "state": file.state,
        "bytes": source.size if source else None,
        "sourceModified": source.modified.isoformat() if source else None,
        "publishedBytes": website.size if website else None,
        "publishedModified": website.modified.isoformat() if website else None,
        "distributedAt": file.distributed_at or None,
        "cacheControl": file.cache_control or None,
        "refusal": file.refusal,
    }

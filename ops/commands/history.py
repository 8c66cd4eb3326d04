"""`feed history`: the versions of a file in the source bucket."""

import shlex
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.terminal import (
    DEFAULT_STACK,
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
    from ops.observation import Unavailable
    from ops.stack import DeployedStack
    from ops.versions import SourceFile, Version

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Row:
    """A version, the id of the run that wrote it, and what is to be said of it.

    `put_back`: an older version that is shown has the same bytes of the same run. `published`: it has the bytes that
    the website has.
    """

    version: "Version"
    writer: "str | Unavailable"
    put_back: bool
    published: bool


@app.command(rich_help_panel=LOOK, epilog=examples("feed history regions.json", "feed history regions.json --last 100"))
def history(  # noqa: PLR0913 - one argument an option
    name: Annotated[str, typer.Argument(help="A file of the source, with or without the source prefix.")],
    *,
    last: Annotated[int, typer.Option(min=1, max=1000, help="How many versions.")] = 20,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Show the versions of a file, newest first: when, how large, by whom, and which of them the website has."""
    from ops.versions import open_source_file, short_name

    with open_stack(stack_name, profile, region) as stack:
        short = short_name(stack, name)
        with spinner("looking"):
            file = open_source_file(stack, short)
            versions = list(islice(file.versions(), last + 1))
            rows = _rows(file, versions[:last], _published_etag(stack, short))
    if not rows:
        refuse(f"the source bucket has no version of {file.key}")
    older = len(versions) > last
    if as_json:
        print_json({"key": file.key, "versions": [_data(row) for row in rows], "older": older})
        return
    for row in rows:
        _print(row)
    if older:
        say(f"and older ones; --last {2 * last} shows more")
    quoted = shlex.quote(short)
    advice = f"feed diff {quoted} VERSION compares one with the present, feed rollback {quoted} VERSION puts one back"
    say(stack.advice(advice))


def _rows(file: "SourceFile", versions: "list[Version]", published_etag: str) -> list[Row]:
    writers = file.writers(versions)
    origins = [(version.etag, writer) for version, writer in zip(versions, writers, strict=True)]
    published = next((version for version in versions if version.etag and version.etag == published_etag), None)
    return [
        Row(
            version,
            writer,
            put_back=isinstance(writer, str) and writer != "" and origins[number] in origins[number + 1 :],
            published=version is published,
        )
        for number, (version, writer) in enumerate(zip(versions, writers, strict=True))
    ]


def _published_etag(stack: "DeployedStack", name: str) -> str:
    """The ETag of the source's bytes that the website has; empty if it does not have the file."""
    from botocore.exceptions import ClientError

    if not stack.distributes:
        return ""
    key = f"{stack.output('WebsiteKeyPrefix')}/{name}"
    try:
        head = stack.client("s3").head_object(Bucket=stack.output("WebsiteBucketName"), Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return ""
    return str(head["Metadata"].get("source-etag") or head["ETag"].strip('"'))


def _print(row: Row) -> None:
    version = row.version
    size = "deleted" if version.deletion else f"{version.size:,} bytes"
    show((f"{version.modified:%Y-%m-%d %H:%M:%S} UTC", "bold"), f"{size:>17}  {version.id}")
    marks = [("current", version.current), ("put back", row.put_back), ("on the website", row.published)]
    words = ", ".join(word for word, holds in marks if holds)
    show(("    " + (words + ", " if words else ""), "green"), (_writer(row), "dim"))


def _writer(row: Row) -> str:
    if row.version.deletion:
        return "a deletion"
    if not isinstance(row.writer, str):
        return f"by whom is not known: {row.writer.reason}"
    return f"by run {row.writer}" if row.writer else "by hand"


def _data(row: Row) -> dict[str, Any]:
    """`runId` is null of what no run wrote, and if it is not known."""
    version = row.version
    return {
        "versionId": version.id,
        "modified": version.modified.isoformat(),
        "bytes": version.size,
        "etag": version.etag,
        "runId": row.writer if isinstance(row.writer, str) and row.writer else None,
        "deletion": version.deletion,
        "current": version.current,
        "putBack": row.put_back,
        "onWebsite": row.published,
    }

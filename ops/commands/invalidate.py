"""`feed invalidate`: let the edges fetch published files anew."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.invalidation import ask, correlation_id, keys_of
from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
    Json,
    Profile,
    Region,
    StackName,
    examples,
    opened,
    print_rows,
    refuse,
    say,
)

app = typer.Typer()


@app.command(
    rich_help_panel=ACT,
    epilog=examples("feed invalidate regions.json services.json", "feed invalidate --all"),
)
def invalidate(  # noqa: PLR0913 - one argument an option
    paths: Annotated[list[str] | None, typer.Argument(help="Published files, with or without the prefix.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that is published, as one path.")] = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Ask CloudFront to drop files from its edges, through the stack's queue. Needed only to be faster than max-age."""
    if bool(paths) is everything:
        refuse("name files, or use --all")
    now = datetime.now(UTC)
    with opened(stack_name, profile, region) as stack:
        asked = ask(stack, keys_of(stack, paths or [], everything=everything), now)
    rows = [[one.key, one.reason or "queued"] for one in asked]
    data = {
        "correlationId": correlation_id(now),
        "asked": [{"key": one.key, "queued": not one.reason, "reason": one.reason} for one in asked],
    }
    print_rows("Invalidations asked for", ["key", "result"], rows, data=data, as_json=as_json)
    if any(one.reason for one in asked):
        raise typer.Exit(FAILED)
    say(
        f"CloudFront is asked within a minute and takes some more; the logs call it {correlation_id(now)}",
        as_json=as_json,
    )

"""`feed invalidate`: put messages on the stack's invalidation queue, so that edges fetch published files again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.stack import DeployedStack, StackError
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
    print_rows,
    refuse,
    say,
    spinner,
)

app = typer.Typer()


@app.command(
    rich_help_panel=ACT,
    epilog=examples("feed invalidate regions.json services.json", "feed invalidate --all --yes"),
)
def invalidate(  # noqa: PLR0913 - one argument an option
    paths: Annotated[list[str] | None, typer.Argument(help="Published files, with or without the prefix.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that is published, as one path; needs --yes.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it for --all, and for a file that the website has not.")
    ] = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Ask CloudFront to drop files from its edges, through the stack's queue. Needed only to be faster than max-age."""
    from ops.invalidations import queue_keys

    if bool(paths) is everything:
        refuse("name files, or use --all")
    now = datetime.now(UTC)
    correlation_id = f"feed-invalidate-{now:%Y%m%dT%H%M%SZ}"  # every line of the logs about this request has it
    with open_stack(stack_name, profile, region) as stack, spinner("asking"):
        keys = _keys(stack, paths or [], everything=everything)
        url = _queue_url(stack)
        if not yes:
            _refuse_unpublished(stack, keys)
        queued = queue_keys(stack, url, keys, now, correlation_id)
    rows = [[key.key, key.refusal or "queued"] for key in queued]
    data = {
        "correlationId": correlation_id,
        "asked": [{"key": key.key, "queued": not key.refusal, "reason": key.refusal} for key in queued],
    }
    print_rows("Invalidations asked for", ["key", "result"], rows, data=data, as_json=as_json)
    if any(key.refusal for key in queued):
        raise typer.Exit(FAILED)
    say(f"CloudFront is asked within a minute and takes some more; the logs call it {correlation_id}", as_json=as_json)


def _keys(stack: DeployedStack, names: Sequence[str], *, everything: bool) -> list[str]:
    """The keys to invalidate, each once. A name may be given with or without the prefix, or as the path of a URL.

    Everything below the prefix is one wildcard, which CloudFront counts as one path.
    """
    prefix = f"{stack.output('WebsiteKeyPrefix')}/"
    relative = [name.removeprefix("/") for name in names]
    keys = [name if name.startswith(prefix) else f"{prefix}{name}" for name in relative]
    return [f"{prefix}*"] if everything else list(dict.fromkeys(keys))


def _queue_url(stack: DeployedStack) -> str:
    if "InvalidationsUrl" not in stack.outputs:
        msg = (
            f"the stack {stack.name} makes no invalidations (CloudFrontDistributionId is empty): "
            "readers get a new file when max-age has passed"
        )
        raise StackError(msg)
    return stack.output("InvalidationsUrl")


def _refuse_unpublished(stack: DeployedStack, keys: Sequence[str]) -> None:
    """End the command if it is for everything, or for a file that the website does not have."""
    if keys == [f"{stack.output('WebsiteKeyPrefix')}/*"]:
        refuse(f"{keys[0]} is everything that is published: edges would fetch all of it again; --yes asks for it")
    missing = [key for key in keys if not stack.has(stack.output("WebsiteBucketName"), key)]
    if missing:
        refuse(
            f"the website does not have {', '.join(missing)}; --yes asks all the same, to take what has gone off edges"
        )

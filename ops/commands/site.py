"""`feed site`: upload the page to the website bucket, beside the published files and never among them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.stack import DeployedStack
from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
    Json,
    Profile,
    RegionOption,
    StackName,
    examples,
    need_checkout,
    open_stack,
    print_rows,
    say,
    spinner,
)

if TYPE_CHECKING:
    from ops.page import PageObject

app = typer.Typer()


@app.command(rich_help_panel=ACT, epilog=examples("feed site", "feed site --yes"))
def site(  # noqa: PLR0913 - one argument an option
    *,
    folder: Annotated[
        Path | None, typer.Option(help="The page: index.html and assets/. By default website/ of the checkout.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Upload what is new or changed.")] = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Show what of the page the website lacks; with --yes upload it. Nothing is deleted.

    Published files are never touched. Needs the right s3:PutObject on the page's own keys.
    """
    folder = folder or need_checkout() / "website"
    from ops.page import KEPT, State, compare_page, read_page, upload_page

    with open_stack(stack_name, profile, region) as stack, spinner("comparing"):
        bucket, s3 = stack.output("WebsiteBucketName"), stack.client("s3")
        objects = read_page(folder, stack.output("WebsiteKeyPrefix"))
        states = compare_page(s3, bucket, objects)
        wanted = [page_object for page_object, state in zip(objects, states, strict=True) if state is not State.SAME]
        refusals: list[str] = []
        if yes:
            upload_page(s3, bucket, wanted)
            refusals = _invalidate(stack, [page_object for page_object in wanted if page_object is objects[-1]])
    rows = [
        [page_object.key, f"{len(page_object.body):,}", KEPT[page_object.cache_control], state.value]
        for page_object, state in zip(objects, states, strict=True)
    ]
    data = {
        "bucket": bucket,
        "uploaded": yes,
        "objects": [
            {
                "key": page_object.key,
                "bytes": len(page_object.body),
                "cacheControl": page_object.cache_control,
                "state": state.value,
            }
            for page_object, state in zip(objects, states, strict=True)
        ],
    }
    print_rows(
        f"The page on s3://{bucket}", ["key", "bytes", "browsers keep it", "state"], rows, data=data, as_json=as_json
    )
    say(_result(len(wanted), refusals, yes=yes), as_json=as_json)
    if refusals:
        raise typer.Exit(FAILED)


def _invalidate(stack: DeployedStack, changed: "list[PageObject]") -> list[str]:
    """Ask for the invalidation of what keeps its name, where the stack makes any; why it was refused."""
    from ops.invalidations import queue_keys

    if "InvalidationsUrl" not in stack.outputs or not changed:
        return []
    now = datetime.now(UTC)
    keys = [page_object.key for page_object in changed]
    queued = queue_keys(stack, stack.output("InvalidationsUrl"), keys, now, f"feed-site-{now:%Y%m%dT%H%M%SZ}")
    return [key.refusal for key in queued if key.refusal]


def _result(wanted: int, refusals: list[str], *, yes: bool) -> str:
    if not wanted:
        return "the website has all of it already"
    if not yes:
        return f"--yes uploads {wanted}"
    if refusals:
        return f"{wanted} uploaded, but readers get the new page in a minute only: {refusals[0]}"
    return f"{wanted} uploaded; readers get the new page within a minute"

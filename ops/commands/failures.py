"""`feed failures` and `feed redrive`: look after what could not be published."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
    LOOK,
    Json,
    Profile,
    RegionOption,
    StackName,
    Yes,
    examples,
    open_stack,
    print_rows,
    say,
    track,
)

if TYPE_CHECKING:
    from ops.failures import Failure

app = typer.Typer()


@app.command(rich_help_panel=LOOK, epilog=examples("feed failures --json"))
def failures(
    *,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Show what could not be published, and why. Exit code 0 if there is nothing."""
    from ops.failures import put_back, receive_failures

    with open_stack(stack_name, profile, region) as stack:
        received = receive_failures(stack)
        put_back(stack, received)
    _print("Not published", received, as_json=as_json)
    say(f"{len(received)} message(s)" + "; feed redrive tries them again" * bool(received), as_json=as_json)
    if received:
        raise typer.Exit(FAILED)


@app.command(name="redrive", rich_help_panel=ACT, epilog=examples("feed redrive", "feed redrive --yes"))
def redrive_failures(
    *,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Try what failed once more; only what goes well leaves the queue. Exit code 0 if nothing is left in it."""
    from ops.failures import LISTING_SECONDS, REDRIVE_SECONDS, put_back, receive_failures, redrive

    with open_stack(stack_name, profile, region) as stack:
        received = receive_failures(stack, REDRIVE_SECONDS if yes else LISTING_SECONDS)
        if not yes:
            put_back(stack, received)
            _print("Would be tried again", received, as_json=as_json)
            say(f"{len(received)} message(s); --yes tries them", as_json=as_json)
            return
        results = list(track(redrive(stack, received), "trying again", total=len(received)))
    rows = [[", ".join(result.failure.keys), "done" if result.done else "kept", result.detail] for result in results]
    data = [{"keys": result.failure.keys, "done": result.done, "reason": result.detail} for result in results]
    print_rows("Tried again", ["keys", "result", "words"], rows, data=data, as_json=as_json)
    if not all(result.done for result in results):
        raise typer.Exit(FAILED)


def _print(title: str, received: Sequence["Failure"], *, as_json: bool) -> None:
    rows = [
        [f"{failure.sent:%Y-%m-%d %H:%M}", failure.kind, ", ".join(failure.keys), failure.reason]
        for failure in received
    ]
    data = [
        {"sent": failure.sent.isoformat(), "kind": failure.kind, "keys": failure.keys, "reason": failure.reason}
        for failure in received
    ]
    print_rows(title, ["sent (UTC)", "kind", "keys", "reason"], rows, data=data, as_json=as_json)

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
    spinner,
    track,
)

if TYPE_CHECKING:
    from ops.failures import Failure, Received, Redriven

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

    with open_stack(stack_name, profile, region) as stack, spinner("reading the queue"):
        received = receive_failures(stack)
        put_back(stack, received.failures)
    _print("Not published", received.failures, as_json=as_json)
    say(_count(received) + "; feed redrive --yes tries them again" * bool(received.failures), as_json=as_json)
    if received.failures:
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

    results: list[Redriven] = []
    with open_stack(stack_name, profile, region) as stack:
        with spinner("reading the queue"):
            received = receive_failures(stack, REDRIVE_SECONDS if yes else LISTING_SECONDS)
            if not yes:
                put_back(stack, received.failures)
        if yes:
            total = len(received.failures)
            results = list(track(redrive(stack, received.failures), "trying again", total=total))
    if yes:
        _print_results(results, as_json=as_json)
    else:
        _print("Would be tried again", received.failures, as_json=as_json)
    done = sum(result.done for result in results)
    say(_count(received) + (f"; {done} done" if yes else "; --yes tries them"), as_json=as_json)
    if done < len(received.failures) or not received.complete:
        raise typer.Exit(FAILED)


def _print_results(results: Sequence["Redriven"], *, as_json: bool) -> None:
    """What is kept comes first, since a table shows only the first of many rows."""
    rows = [
        [", ".join(result.failure.keys), "done" if result.done else "kept", result.detail]
        for result in sorted(results, key=lambda result: result.done)
    ]
    data = [{"keys": result.failure.keys, "done": result.done, "reason": result.detail} for result in results]
    print_rows("Tried again", ["keys", "result", "words"], rows, data=data, as_json=as_json)


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


def _count(received: "Received") -> str:
    return f"{len(received.failures)} message(s)" + ", perhaps more" * (not received.complete)

"""`feed failures` and `feed redrive`: look after what could not be published."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

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
    from ops.failures import receive_failures

    with (
        open_stack(stack_name, profile, region) as stack,
        spinner("reading the queue"),
        receive_failures(stack) as received,
    ):
        rows = [
            [f"{failure.sent:%Y-%m-%d %H:%M}", failure.kind, ", ".join(failure.keys), failure.reason]
            for failure in received.failures
        ]
    _print("Not published", ["sent (UTC)", "kind", "keys", "reason"], rows, received, as_json=as_json)
    advice = stack.advice("; feed redrive --yes tries them again") * bool(received.failures)
    say(_count(received) + advice, as_json=as_json)
    if received.failures or received.hidden:
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
    """Try what failed once more; only what goes well leaves the queue. Exit code 0 if nothing is left in it.

    Without --yes, show which function would be invoked with which event, and which messages are refused: all but those
    that have the stack's own distributor or sweeper publish what is in the source bucket.
    """
    from ops.failures import LISTING_SECONDS, REDRIVE_SECONDS, receive_failures, redrive

    results: list[Redriven] = []
    with open_stack(stack_name, profile, region) as stack, ExitStack() as until_done:
        with spinner("reading the queue"):
            seconds = REDRIVE_SECONDS if yes else LISTING_SECONDS
            received = until_done.enter_context(receive_failures(stack, seconds))
        if yes:
            total = len(received.failures)
            results = list(track(redrive(stack, received.failures), "trying again", total=total))
    if yes:
        _print_results(results, as_json=as_json)
    else:
        columns = ["kind", "function", "event, or the message", "refused because"]
        rows = [_attempt_cells(failure) for failure in received.failures]
        _print("Would be tried again", columns, rows, received, as_json=as_json)
    done = sum(result.done for result in results)
    say(_count(received) + (f"; {done} done" if yes else "; --yes tries them"), as_json=as_json)
    if done < len(received.failures) or received.hidden or not received.complete:
        raise typer.Exit(FAILED)


def _attempt_cells(failure: "Failure") -> list[str]:
    from ops.failures import Attempt

    match failure.attempt:
        case Attempt(function, event):
            return [failure.kind, function, json.dumps(event, ensure_ascii=False), ""]
        case refusal:
            return [failure.kind, "none", failure.body, refusal.reason]


def _print_results(results: Sequence["Redriven"], *, as_json: bool) -> None:
    """What is kept comes first, since a table shows only the first of many rows."""
    rows = [
        [", ".join(result.failure.keys), "done" if result.done else "kept", result.detail]
        for result in sorted(results, key=lambda result: result.done)
    ]
    data = [{"keys": result.failure.keys, "done": result.done, "reason": result.detail} for result in results]
    print_rows("Tried again", ["keys", "result", "words"], rows, data=data, as_json=as_json)


def _print(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], received: "Received", *, as_json: bool
) -> None:
    print_rows(title, columns, rows, data=[_data(failure) for failure in received.failures], as_json=as_json)


def _data(failure: "Failure") -> dict[str, Any]:
    """`function` and `event` are what a redrive invokes, null if it refuses the message."""
    from ops.failures import Attempt

    match failure.attempt:
        case Attempt(function, event):
            redrive: dict[str, Any] = {"function": function, "event": event, "refusal": ""}
        case refusal:
            redrive = {"function": None, "event": None, "refusal": refusal.reason}
    return {
        "sent": failure.sent.isoformat(),
        "kind": failure.kind,
        "keys": failure.keys,
        "reason": failure.reason,
        **redrive,
        "message": failure.body,
    }


def _count(received: "Received") -> str:
    """How many messages there are, in words. Another command has a message for at most REDRIVE_SECONDS."""
    hidden = f", and {received.hidden} in the hands of another command for up to 15 minutes" * bool(received.hidden)
    return f"{len(received.failures)} message(s)" + ", perhaps more" * (not received.complete) + hidden

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
    Every,
    Json,
    Line,
    Profile,
    RegionOption,
    StackName,
    Yes,
    examples,
    open_stack,
    print_groups,
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
    every: Every = False,
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
        found = received.failures
    advice = stack.advice("; feed redrive --yes tries them again") * bool(found)
    say(_count(received) + advice, as_json=as_json)
    if every or as_json:
        columns = ["sent (UTC)", "kind", "keys", "reason"]
        rows = [[f"{failure.sent:%Y-%m-%d %H:%M}", failure.kind, *_named(failure)] for failure in found]
        _print("Not published", columns, rows, received, as_json=as_json)
    else:
        print_groups(Line(failure.kind, failure.reason, ", ".join(failure.keys)) for failure in found)
        _say_more(found)
    if received.failures or received.hidden:
        raise typer.Exit(FAILED)


@app.command(name="redrive", rich_help_panel=ACT, epilog=examples("feed redrive", "feed redrive --yes"))
def redrive_failures(  # noqa: PLR0913 - one argument an option
    *,
    yes: Yes = False,
    every: Every = False,
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
    done = sum(result.done for result in results)
    say(_count(received) + (f"; {done} done" if yes else "; --yes tries them"), as_json=as_json)
    if yes:
        _print_results(results, every=every, as_json=as_json)
    else:
        _print_attempts(received, every=every, as_json=as_json)
    if done < len(received.failures) or received.hidden or not received.complete:
        raise typer.Exit(FAILED)


def _named(failure: "Failure") -> list[str]:
    return [", ".join(failure.keys), failure.reason]


def _print_attempts(received: "Received", *, every: bool, as_json: bool) -> None:
    columns = ["kind", "function", "event, or the message", "refused because"]
    rows = [_attempt_cells(failure) for failure in received.failures]
    if every or as_json:
        _print("Would be tried again", columns, rows, received, as_json=as_json)
    else:
        print_groups(
            Line(kind, f"refused: {refusal}" if refusal else f"would be tried again by {function}", event)
            for kind, function, event, refusal in rows
        )
        _say_more(received.failures)


def _attempt_cells(failure: "Failure") -> list[str]:
    from ops.failures import Attempt

    match failure.attempt:
        case Attempt(function, event):
            return [failure.kind, function, json.dumps(event, ensure_ascii=False), ""]
        case refusal:
            return [failure.kind, "none", failure.body, refusal.reason]


def _print_results(results: Sequence["Redriven"], *, every: bool, as_json: bool) -> None:
    """What is kept comes first."""
    ordered = sorted(results, key=lambda result: result.done)
    lines = [
        Line("done" if result.done else "kept", result.detail, ", ".join(result.failure.keys)) for result in ordered
    ]
    if every or as_json:
        rows = [[line.subject, line.label, line.reason] for line in lines]
        data = [{"keys": result.failure.keys, "done": result.done, "reason": result.detail} for result in results]
        columns = ["keys", "result", "words"]
        print_rows("Tried again", columns, rows, data=data, as_json=as_json, most=len(rows))
    else:
        for label in ("kept", "done"):
            print_groups(line for line in lines if line.label == label)
        _say_more(results)


def _say_more(messages: Sequence[object]) -> None:
    if len(messages) > 1:
        say("--all prints a line for each message")


def _print(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], received: "Received", *, as_json: bool
) -> None:
    data = [_data(failure) for failure in received.failures]
    print_rows(title, columns, rows, data=data, as_json=as_json, most=len(rows))


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

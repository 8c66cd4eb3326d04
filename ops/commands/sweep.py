"""`feed sweep`: compare source and website, and publish what differs."""

from collections.abc import Sequence
from typing import Any

import typer

from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
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
    print_json,
    print_rows,
    say,
    spinner,
)

app = typer.Typer()


@app.command(rich_help_panel=ACT, epilog=examples("feed sweep", "feed sweep --yes"))
def sweep(  # noqa: PLR0913 - one argument an option
    *,
    yes: Yes = False,
    every: Every = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Compare source and website; with --yes publish what has drifted. Exit code 0 if nothing is amiss afterwards.

    Without --yes what differs is read and checked all the same, so it is known what would be rejected.
    """
    with open_stack(stack_name, profile, region) as stack, spinner("comparing"):
        answers = list(stack.sweep(dry_run=not yes))
    compared, in_step = (sum(answer[name] for answer in answers) for name in ("compared", "inStep"))
    mended, rejected = (sum(answer["outcomes"][name] for answer in answers) for name in ("copied", "rejected"))
    drifted = compared - in_step - rejected
    counts = f"{compared} compared, {in_step} in step, {drifted} drifted, {rejected} rejected"
    say(counts + " (nothing was published)" * (not yes), as_json=as_json)
    entries = [entry for answer in answers for entry in answer["objects"]]
    if as_json:
        print_json(answers)
    else:
        _print(entries, every=every)
    if len(entries) < drifted + rejected:
        say(f"only {len(entries)} of them are named; a sweep names the first of each kind", as_json=as_json)
    if drifted > mended:
        say("--yes publishes what has drifted" if not yes else "not everything could be published", as_json=as_json)
    if rejected:
        say("what is rejected is not fit to be published, whatever sweeps: upload good files", as_json=as_json)
    if drifted > mended or rejected:
        raise typer.Exit(FAILED)


def _print(entries: Sequence[dict[str, Any]], *, every: bool) -> None:
    """What has drifted comes first, then what is rejected."""
    ordered = sorted(entries, key=lambda entry: entry.get("outcome") == "rejected")
    if every:
        columns = ["key", "drift", "outcome", "reason"]
        rows = [[entry["source"], *(entry.get(name, "") for name in columns[1:])] for entry in ordered]
        print_rows("Different", columns, rows, data=None, as_json=False, most=len(rows))
        return
    lines = [_line(entry) for entry in ordered]
    print_groups(line for line in lines if line.label != "rejected")
    print_groups(line for line in lines if line.label == "rejected")
    if len(lines) > 1:
        say("--all prints a line for each file")


def _line(entry: dict[str, Any]) -> Line:
    """A file that is rejected is labelled so, any other by how the website differs from the source."""
    outcome, reason = entry.get("outcome", ""), entry.get("reason", "")
    if outcome == "rejected":
        return Line(outcome, reason, entry["source"])
    return Line(entry["drift"], ": ".join(filter(None, (outcome, reason))) or "would be published", entry["source"])

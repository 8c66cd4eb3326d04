"""`feed sweep`: compare source and website, and publish what differs."""

from typing import Any

import typer

from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
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
)

app = typer.Typer()


@app.command(rich_help_panel=ACT, epilog=examples("feed sweep", "feed sweep --yes"))
def sweep(
    *,
    yes: Yes = False,
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
    columns = ["key", "drift", "outcome", "reason"]
    print_rows("Different", columns, _rows(answers), data=answers, as_json=as_json)
    counts = f"{compared} compared, {in_step} in step, {drifted} drifted, {rejected} rejected"
    say(counts + " (read and checked; nothing was published)" * (not yes), as_json=as_json)
    if drifted > mended:
        say("--yes publishes what has drifted" if not yes else "not everything could be published", as_json=as_json)
    if rejected:
        say("what is rejected is not fit to be published, whatever sweeps: upload good files", as_json=as_json)
    if drifted > mended or rejected:
        raise typer.Exit(FAILED)


def _rows(answers: list[dict[str, Any]]) -> list[list[str]]:
    """What has drifted comes first, since a table shows only the first of many rows."""
    entries = [entry for answer in answers for entry in answer["objects"]]
    entries.sort(key=lambda entry: entry.get("outcome") == "rejected")
    return [[entry["source"], entry["drift"], entry.get("outcome", ""), entry.get("reason", "")] for entry in entries]

"""`feed import-history`: give a stack the years before its first look, from snapshots that others have kept."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    Json,
    Profile,
    RegionOption,
    StackName,
    Yes,
    examples,
    open_stack,
    print_json,
    refuse,
    say,
    spinner,
)

if TYPE_CHECKING:
    from ops.history_import import ImportPlan

app = typer.Typer()


@app.command(
    "import-history",
    rich_help_panel=ACT,
    epilog=examples(
        "feed import-history ssm-snapshots.jsonl.gz",
        "feed import-history --git ../moto --yes",
    ),
)
def import_history(  # noqa: PLR0913 - one argument an option
    file: Annotated[Path | None, typer.Argument(help="A file with snapshots, one in a line, perhaps gzipped.")] = None,
    *,
    git: Annotated[Path | None, typer.Option(help="A clone of getmoto/moto, whose history has snapshots.")] = None,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Believe a snapshot that has lost much since the one before.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Give the history of changes the years before the stack's first look, from snapshots that others have kept.

    Without --yes, show what would be added. What the stack has logged itself stays. A second time nothing is left to
    import.
    """
    from ops.history_import import plan_import
    from ops.snapshots import SnapshotError, read_file, read_moto

    if (file is None) == (git is None):
        refuse("give either a file or --git")
    with open_stack(stack_name, profile, region) as stack:
        try:
            with spinner("reading the snapshots, which takes a minute for five years"):
                snapshots = read_file(file) if file else read_moto(git or Path())
                plan = plan_import(stack, snapshots, accept_shrink=accept_shrink)
        except SnapshotError as error:
            refuse(error)
        write = yes and bool(plan.days)
        if write:
            plan.write()
        _say_plan(plan, as_json=as_json)
        source = shlex.quote(str(file)) if file else f"--git {shlex.quote(str(git))}"
        if write:
            words = (
                "imported; feed fetch makes all that follows from it. To undo it, with what is logged from now on: "
                f"feed rollback change-history.json {plan.present.id} --yes; "
                f"feed rollback complete-data.json {plan.data.id} --yes; feed fetch"
            )
        else:
            again = f"feed import-history {source}{' --accept-shrink' * accept_shrink} --yes"
            words = f"nothing was written; {again} imports them"
        if plan.days:
            say(stack.advice(words), as_json=as_json)
    if as_json:
        print_json(_data(plan, imported=write))


def _say_plan(plan: "ImportPlan", *, as_json: bool) -> None:
    look = f"the stack's first look on {plan.first_look}"
    if not plan.days:
        say(f"nothing to import: no snapshot is from before {look}", as_json=as_json)
        return
    now, then = plan.present.size, len(plan.body)
    changes = plan.gap.summary if plan.gap else "nothing has changed."
    say(f"{len(plan.days):,} snapshot(s), {plan.days[0]} to {plan.days[-1]}, before {look}", as_json=as_json)
    say(f"  log      {plan.new_entries:,} more entries, {now:,} bytes now, {then:,} then", as_json=as_json)
    say(f"  known    since {plan.days[0]}", as_json=as_json)
    say(f"  between  {plan.days[-1]} and {plan.first_look}: {changes}", as_json=as_json)


def _data(plan: "ImportPlan", *, imported: bool) -> dict[str, Any]:
    """`between` tells what changed from the last snapshot to the first look; it is null if there is no snapshot."""
    return {
        "snapshots": len(plan.days),
        "oldest": str(plan.days[0]) if plan.days else None,
        "newest": str(plan.days[-1]) if plan.days else None,
        "firstLook": str(plan.first_look),
        "newEntries": plan.new_entries,
        "bytesNow": plan.present.size,
        "bytesThen": len(plan.body),
        "between": (plan.gap.summary if plan.gap else "") if plan.days else None,
        "imported": imported,
        "previousVersionId": plan.present.id,
        "previousDataVersionId": plan.data.id,
    }

"""`feed sweep`: compare source and website, and publish what differs."""

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
    """Compare source and website; with --yes publish what has drifted. Exit code 0 if nothing is amiss afterwards."""
    with open_stack(stack_name, profile, region) as stack, spinner("comparing"):
        answers = list(stack.sweep(dry_run=not yes))
    drifted = [entry for answer in answers for entry in answer["objects"]]
    compared, in_step = (sum(answer[name] for answer in answers) for name in ("compared", "inStep"))
    rows = [[entry["source"], entry["drift"], entry.get("outcome", ""), entry.get("reason", "")] for entry in drifted]
    print_rows("Drifted", ["key", "drift", "outcome", "reason"], rows, data=answers, as_json=as_json)
    say(f"{compared} compared, {in_step} in step, {compared - in_step} drifted", as_json=as_json)
    mended = sum(answer["outcomes"]["copied"] for answer in answers)
    if compared - in_step > mended:
        say("--yes publishes what has drifted" if not yes else "not everything could be published", as_json=as_json)
        raise typer.Exit(FAILED)

"""`feed rollback`: put an earlier version of a file back, and wait until readers have it."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any

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
    print_json,
    refuse,
    say,
    spinner,
)

if TYPE_CHECKING:
    from ops.arrivals import Arrival
    from ops.release_rollback import ReleasePlan
    from ops.rollback import Plan
    from ops.stack import DeployedStack

app = typer.Typer()

PAUSED = (
    "with --pause {} is disabled. To go on, enable it in the console under EventBridge, Schedules, or deploy with "
    "ScheduleState=DISABLED and then with ENABLED; any deployment that changes it sets it to ScheduleState"
)


@app.command(
    rich_help_panel=ACT,
    epilog=examples(
        "feed rollback regions.json",
        "feed rollback regions.json VERSION --yes",
        "feed rollback --release 20261124T020007Z-9f3c2a1b --pause --yes",
    ),
)
def rollback(  # noqa: PLR0913 - one argument an option
    name: Annotated[str, typer.Argument(help="A file of the source, with or without the source prefix.")] = "",
    version: Annotated[
        str, typer.Argument(help="A version's id; by default the newest that differs and is fit to be published.")
    ] = "",
    *,
    release: Annotated[str, typer.Option(help="Put back every file of this release instead; its id.")] = "",
    pause: Annotated[
        bool, typer.Option("--pause", help="With --release: also disable the schedule of the fetcher.")
    ] = False,
    yes: Yes = False,
    seconds: Annotated[float, typer.Option(min=0, max=86_400, help="How long to wait for the website.")] = 60,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Put an earlier version of a file, or every file of a release, back into the source; wait for the website.

    Without --yes, show what would be put back. A version that is not fit to be published is refused. Exit code 1 if
    the website does not get it.
    """
    if bool(name) == bool(release) or (release and version) or (pause and not release):
        refuse("give either a file, perhaps with a version, or --release, perhaps with --pause")
    with open_stack(stack_name, profile, region) as stack:
        if release:
            done = _roll_back_release(stack, release, seconds, yes=yes, pause=pause, as_json=as_json)
        else:
            done = _roll_back_file(stack, name, version, seconds, yes=yes, as_json=as_json)
    if not done:
        raise typer.Exit(FAILED)


def _roll_back_file(  # noqa: PLR0913 - the options
    stack: "DeployedStack", name: str, version: str, seconds: float, *, yes: bool, as_json: bool
) -> bool:
    """Whether all went well."""
    from ops.rollback import await_website, next_write, plan_rollback, why_not_published
    from ops.versions import short_name

    arrival: Arrival | str = "nothing was written"
    with spinner("looking"):
        plan = plan_rollback(stack, name, version)
        left_out, fetched = why_not_published(stack, name), next_write(stack, name)
    _say_plan(plan, as_json=as_json)
    if yes and plan.needed:
        plan.file.put_back(plan.wanted, plan.present)
        say("put back", as_json=as_json)
    if yes:
        short = short_name(stack, name)
        with spinner("waiting for the website"):
            arrival = left_out or await_website(stack, [short], seconds)[short]
    again = f"feed rollback {shlex.quote(name)} {plan.wanted.version} --yes"
    words = _arrival_words(arrival) if yes else f"nothing was written; {again} puts it back"
    say(stack.advice(words), as_json=as_json)
    if fetched:
        say(stack.advice(fetched), as_json=as_json)
    if as_json:
        print_json(_data(plan, arrival, put_back=yes and plan.needed))
    return not yes or bool(left_out) or not isinstance(arrival, str)


def _roll_back_release(  # noqa: PLR0913 - the options
    stack: "DeployedStack", release: str, seconds: float, *, yes: bool, pause: bool, as_json: bool
) -> bool:
    """Whether the website names the release, or nothing was to be done."""
    from ops.release_rollback import plan_release_rollback
    from ops.rollback import next_write, why_not_published
    from shared.contract import MANIFEST_FILE

    with spinner("looking"):
        plan = plan_release_rollback(stack, release)
        left_out = why_not_published(stack, MANIFEST_FILE)
    _say_release_plan(plan, as_json=as_json)
    late = {MANIFEST_FILE: left_out or "nothing was written"}
    if yes:
        late = _put_back_release(stack, plan, seconds, pause=pause, left_out=left_out, as_json=as_json)
    else:
        again = f"feed rollback --release {release}{' --pause' * pause} --yes"
        say(stack.advice(f"nothing was written; {again} puts it back"), as_json=as_json)
    fetched = PAUSED.format(f"{stack.name}-fetch") if pause else next_write(stack, MANIFEST_FILE, keep="give --pause")
    say(stack.advice(fetched), as_json=as_json)
    if as_json:
        print_json(_release_data(plan, late, put_back=yes))
    return not (yes and late) or bool(left_out)


def _put_back_release(  # noqa: PLR0913 - the options
    stack: "DeployedStack", plan: "ReleasePlan", seconds: float, *, pause: bool, left_out: str, as_json: bool
) -> dict[str, str]:
    """Put the files back and wait; what the website does not have in the end, with the reasons."""
    from ops.release_rollback import pause_fetches, put_back_release
    from ops.rollback import await_website
    from shared.contract import MANIFEST_FILE

    if pause:
        pause_fetches(stack)
    for file in put_back_release(plan):
        say(f"put back {file.name}", as_json=as_json)
    late = {MANIFEST_FILE: left_out}
    if not left_out:
        with spinner("waiting for the website"):
            arrivals = await_website(stack, [file.name for file in plan.files], seconds)
        late = {name: arrival for name, arrival in arrivals.items() if isinstance(arrival, str)}
    for name, reason in late.items():
        say(f"not on the website: {name}: {reason}", as_json=as_json)
    if not late:
        say(f"the website has every file, and manifest.json names {plan.manifest.release}", as_json=as_json)
    return late


def _say_release_plan(plan: "ReleasePlan", *, as_json: bool) -> None:
    manifest = plan.manifest
    say(f"{manifest.release}, of {manifest.time:%Y-%m-%d %H:%M:%S} UTC", as_json=as_json)
    needed = [file for file in plan.files if file.needed]
    for file in needed:
        at = f", of {file.wanted.modified:%Y-%m-%d %H:%M:%S} UTC" * (file.folder is None)
        say(f"  {file.name} from {file.origin}{at}", as_json=as_json)
    say(f"  {len(needed)} of {len(plan.files)} file(s) differ from the source's", as_json=as_json)


def _release_data(plan: "ReleasePlan", late: dict[str, str], *, put_back: bool) -> dict[str, Any]:
    return {
        "release": plan.manifest.release,
        "files": [
            {
                "name": file.name,
                "origin": file.origin.name.lower(),
                "versionId": None if file.folder else file.wanted.version,
                "putBack": put_back and file.needed,
            }
            for file in plan.files
        ],
        "onWebsite": not late,
        "late": late,
    }


def _say_plan(plan: "Plan", *, as_json: bool) -> None:
    present, wanted = plan.present, plan.wanted
    size = "deleted" if present.deletion else f"{present.size:,} bytes"
    say(plan.file.key, as_json=as_json)
    say(f"  now      {present.modified:%Y-%m-%d %H:%M:%S} UTC, {size}, version {present.id}", as_json=as_json)
    size = f"{len(wanted.body):,} bytes"
    say(f"  back to  {wanted.modified:%Y-%m-%d %H:%M:%S} UTC, {size}, version {wanted.version}", as_json=as_json)
    if plan.lines:
        say("  {:,} line(s) go, {:,} come".format(*plan.lines), as_json=as_json)
    if not plan.needed:
        say("nothing to put back: the source has these bytes", as_json=as_json)


def _arrival_words(arrival: "Arrival | str") -> str:
    if isinstance(arrival, str):
        return f"not on the website: {arrival}"
    after = "" if arrival.lag_seconds is None else f", {arrival.lag_seconds:.0f} s later"
    return f"the website has it{after}"


def _data(plan: "Plan", arrival: "Arrival | str", *, put_back: bool) -> dict[str, Any]:
    """`onWebsite` is true once the website is known to have the bytes; else `reason` says why not."""
    present, wanted = plan.present, plan.wanted
    return {
        "key": plan.file.key,
        "present": {
            "versionId": present.id,
            "modified": present.modified.isoformat(),
            "bytes": present.size,
            "deletion": present.deletion,
        },
        "wanted": {
            "versionId": wanted.version,
            "modified": wanted.modified.isoformat(),
            "bytes": len(wanted.body),
        },
        "removed": plan.lines[0] if plan.lines else None,
        "added": plan.lines[1] if plan.lines else None,
        "needed": plan.needed,
        "putBack": put_back,
        "onWebsite": not isinstance(arrival, str),
        "lagSeconds": None if isinstance(arrival, str) else arrival.lag_seconds,
        "reason": arrival if isinstance(arrival, str) else "",
    }

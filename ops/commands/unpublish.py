"""`feed unpublish`: take files down, everywhere they are."""

import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.status import age_words
from ops.stack import DeployedStack, StackError
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
    print_rows,
    refuse,
    say,
    show,
    spinner,
)

if TYPE_CHECKING:
    from ops.takedown import Step, StoredCopy

app = typer.Typer()

MOST_NAMES = 100


@app.command(rich_help_panel=ACT, epilog=examples("feed unpublish old.json", "feed unpublish old.json --yes"))
def unpublish(  # noqa: PLR0913 - one argument an option
    names: Annotated[list[str], typer.Argument(help="Files as feed ls shows them, with or without a prefix.")],
    *,
    releases: Annotated[
        bool, typer.Option("--releases", help="Also delete the copies in every release, which then is not complete.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Delete files in the source, on the website and at each replica, and have the edge forget them.

    Without --yes, show where they are. Nothing is deleted that the log does not know of: it says who, what and when.
    """
    from ops.observation import observe_distributor, publishing_settings
    from ops.takedown import is_released, look_at, look_at_releases

    if len(names) > MOST_NAMES:
        refuse(f"at most {MOST_NAMES} files at once")
    with open_stack(stack_name, profile, region) as stack:
        with spinner("looking"):
            settings = publishing_settings(observe_distributor(stack))
            distinct = list(
                dict.fromkeys(_name(name, settings.source.prefix, settings.website.prefix) for name in names)
            )
            copies = look_at(stack, settings, distinct)
            copies += look_at_releases(stack, settings, distinct) if releases else []
            kept = [] if releases else [name for name in distinct if is_released(stack, settings, name)]
        _refuse_unknown(stack, copies)
        if not yes:
            _print_plan(stack, copies, as_json=as_json)
        done = not yes or _take_down(stack, copies, as_json=as_json)
        for line in _release_warnings(copies, kept):
            say(stack.advice(line), as_json=as_json)
        if not yes:
            say("nothing was deleted; --yes does it", as_json=as_json)
    if not done:
        raise typer.Exit(FAILED)


def _name(text: str, *prefixes: str) -> str:
    """The name below the prefixes, given with or without one of them, or as the path of a URL."""
    name = text.removeprefix("/")
    prefix = next((f"{prefix}/" for prefix in prefixes if name.startswith(f"{prefix}/")), "")
    name = name.removeprefix(prefix)
    if not name or name.encode(errors="ignore").decode() != name:  # a shell's bytes that are not UTF-8
        refuse(f"{text} is no name of a file")
    return name


def _refuse_unknown(stack: DeployedStack, copies: "Sequence[StoredCopy]") -> None:
    known = {copy.name for copy in copies if copy.present or copy.was_deleted}
    if unknown := [name for name in dict.fromkeys(copy.name for copy in copies) if name not in known]:
        again = stack.advice(f"; feed invalidate {shlex.quote(unknown[0])} --yes takes off edges what went earlier")
        refuse(f"no place has {', '.join(unknown)}; name files as feed ls shows them{again}")


def _take_down(stack: DeployedStack, copies: "Sequence[StoredCopy]", *, as_json: bool) -> bool:
    """Take the files down and print each step; whether all went well. The log comes first, or nothing is done."""
    from botocore.exceptions import BotoCoreError, ClientError

    from ops.takedown import caller, take_down, write_log

    now = datetime.now(UTC)
    run = {"operator": caller(stack), "correlation_id": f"feed-unpublish-{now:%Y%m%dT%H%M%SZ}"}
    try:
        write_log(stack, "unpublish_started", _log_lines(run, copies))
    except (StackError, ClientError, BotoCoreError) as error:
        refuse(f"nothing was deleted, since the log does not take it: {error}")
    steps: list[Step] = []
    try:
        with spinner("taking down, then looking again"):
            steps.extend(take_down(stack, copies, now, run["correlation_id"]))  # keeps what came before an interruption
    except KeyboardInterrupt:
        _print_steps(stack, copies, steps, run, as_json=as_json)
        say("interrupted: the same command again does the rest", as_json=as_json)
        raise
    _print_steps(stack, copies, steps, run, as_json=as_json)
    try:
        write_log(stack, "unpublish_finished", _log_lines(run, copies, steps))
    except (StackError, ClientError, BotoCoreError) as error:
        say(f"the log has the beginning of this and not the end: {error}", as_json=as_json)
        return False
    return all(step.done for step in steps)


def _log_lines(
    run: dict[str, str], copies: "Sequence[StoredCopy]", steps: "Sequence[Step]" = ()
) -> list[dict[str, object]]:
    """A line for each file: where it was in which version, and what was done."""
    return [
        {**run, "name": name, "copies": found, **({"steps": _step_data(name, steps)} if steps else {})}
        for name, found in _copy_data(copies).items()
    ]


def _copy_data(copies: "Sequence[StoredCopy]") -> dict[str, list[dict[str, object]]]:
    data: dict[str, list[dict[str, object]]] = {}
    for copy in copies:
        entry = {
            "place": copy.place.kind,
            "object": copy.url,
            "present": copy.present,
            "version": copy.version,
            "bytes": copy.size,
        }
        data.setdefault(copy.name, []).append(entry)
    return data


def _step_data(name: str, steps: "Sequence[Step]") -> list[dict[str, object]]:
    return [
        {"place": step.kind, "object": step.key, "result": step.result, "done": step.done, "marker": step.marker}
        for step in steps
        if step.name == name
    ]


def _print_plan(stack: DeployedStack, copies: "Sequence[StoredCopy]", *, as_json: bool) -> None:
    if as_json:
        print_json({"files": [{"name": name, "copies": found} for name, found in _copy_data(copies).items()]})
    else:
        for copy in (copy for copy in copies if not copy.place.release):
            show((f"{copy.place.kind:<8}", "bold"), f" {copy.url}")
            show((f"         {_fate(copy)}", "dim"))
        if released := [copy for copy in copies if copy.place.release]:
            numbers = f"{len(released):,} copies, {sum(copy.size for copy in released):,} bytes"
            show(("releases", "bold"), f" {numbers}, from {released[0].url}")
    for line in _warnings(stack, copies):
        say(stack.advice(line), as_json=as_json)


def _fate(copy: "StoredCopy") -> str:
    if not copy.present:
        return "deleted already" if copy.was_deleted else "not there"
    fate = f"version {copy.version} is kept" if copy.version else "for good: the bucket keeps no versions"
    return f"{copy.size:,} bytes would be deleted, {fate}"


def _print_steps(
    stack: DeployedStack,
    copies: "Sequence[StoredCopy]",
    steps: "Sequence[Step]",
    run: dict[str, str],
    *,
    as_json: bool,
) -> None:
    undo = [stack.advice(line) for line in _undo(copies, steps)]
    data = {
        "operator": run["operator"],
        "correlationId": run["correlation_id"],
        "files": [
            {"name": name, "copies": found, "steps": _step_data(name, steps)}
            for name, found in _copy_data(copies).items()
        ],
        "undo": undo,
    }
    rows = [[step.kind, step.key, step.result] for step in steps]
    print_rows("Taken down", ["place", "object", "result"], rows, data=data, as_json=as_json, most=len(rows))
    for line in _warnings(stack, copies):
        say(stack.advice(line), as_json=as_json)
    if undo:
        say("to undo it:", as_json=as_json)
    for line in undo:
        say(f"  {line}", as_json=as_json)


def _undo(copies: "Sequence[StoredCopy]", steps: "Sequence[Step]") -> Iterator[str]:
    """Commands that bring the files back: the marker goes, and S3 tells nobody of that, so they are published anew.

    Where the source has no version, the others may.
    """
    from ops.takedown import SOURCE

    markers = {step.key: step.marker for step in steps if step.marker}
    hidden = [(copy, markers.get(copy.url) or copy.version * copy.was_deleted) for copy in copies]
    in_source = {copy.name for copy, marker in hidden if copy.place.kind == SOURCE and marker}
    for copy, marker in hidden:
        if marker and (copy.place.kind == SOURCE or copy.name not in in_source):
            bucket, key = copy.place.location.bucket, shlex.quote(copy.key)
            yield f"aws s3api delete-object --bucket {bucket} --key {key} --version-id {shlex.quote(marker)}"
    if in_source:
        yield f"feed redistribute {' '.join(shlex.quote(name) for name in sorted(in_source))}"


def _warnings(stack: DeployedStack, copies: "Sequence[StoredCopy]") -> Iterator[str]:
    """What may bring the files back, keep them with readers, or keep them gone."""
    from ops.takedown import WEBSITE, is_fetched

    names = dict.fromkeys(copy.name for copy in copies)
    if fetched := [name for name in names if is_fetched(stack, name)]:
        yield (
            f"the schedule writes {', '.join(fetched)} again: set ScheduleState=DISABLED and deploy, "
            "as long as it is to stay away"
        )
    if lost := [name for name in names if not any(copy.version for copy in copies if copy.name == name)]:
        yield f"no bucket keeps versions of {', '.join(lost)}: this cannot be undone"
    if headers := {copy.cache_control for copy in copies if copy.present and copy.place.kind == WEBSITE}:
        by = "browsers" if "InvalidationsUrl" in stack.outputs else "browsers and the edge, which nothing invalidates,"
        yield f"{by} may show what they have for {_longest(headers)}"


def _release_warnings(copies: "Sequence[StoredCopy]", kept: Sequence[str]) -> Iterator[str]:
    """What becomes of the releases; `kept` are files whose copies there stay."""
    if kept:
        again = f"feed unpublish {' '.join(shlex.quote(name) for name in kept)} --releases"
        yield f"releases keep their copies of {', '.join(kept)}: {again} takes these down too"
    if any(copy.place.release for copy in copies):
        yield (
            "if manifest.json names one of these releases, readers of it miss the file: feed fetch makes a new one, "
            "but writes the file anew; feed unpublish manifest.json leaves them none"
        )


def _longest(headers: set[str]) -> str:
    """The longest time that one of these Cache-Control headers allows."""
    ages = [int(age) for header in headers for age in re.findall(r"\b(?:max-age|s-maxage)=(\d{1,10})\b", header)]
    shown = ", ".join(sorted(header or "no Cache-Control" for header in headers))
    return f"{age_words(max(ages))} more ({shown})" if ages else f"as long as their defaults say ({shown})"

"""`feed status`: how the feed is doing, on one screen."""

from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.observation import QueueState, StoredObject, Unavailable
from ops.status import Status, look
from ops.terminal import (
    DEFAULT_MAX_AGE_HOURS,
    DEFAULT_STACK,
    FAILED,
    LOOK,
    Json,
    MaxAgeHours,
    Profile,
    Region,
    StackName,
    console,
    examples,
    opened,
    print_json,
)
from ops.watch import Alarm

app = typer.Typer()

TITLE: Any = {"title_justify": "left", "title_style": "bold"}


@app.command(rich_help_panel=LOOK, epilog=examples("feed status", "feed status --drift", "feed status --json"))
def status(  # noqa: PLR0913 - one argument an option
    *,
    drift: Annotated[
        bool, typer.Option("--drift", help="Also compare everything, by a dry run of the sweeper: some seconds.")
    ] = False,
    max_age_hours: MaxAgeHours = DEFAULT_MAX_AGE_HOURS,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show the last run, the files, the queues and the alarms; changes nothing. Exit code 0 if all is well."""
    with opened(stack_name, profile, region) as stack, Console(stderr=True).status("looking"):
        found = look(stack, timedelta(hours=max_age_hours), with_drift=drift)
    if as_json:
        print_json(_data(found))
    else:
        _print(found)
    if found.todo:
        raise typer.Exit(FAILED)


def _print(found: Status) -> None:
    terminal, stack = console(), found.observed.stack
    terminal.print(f"[bold]{escape(stack.name)}[/]  [dim]{stack.status}, {stack.session.region_name}[/]")
    terminal.print(_run_words(found))
    terminal.print(_files(found))
    terminal.print(_queues(found))
    terminal.print(_alarm_words(found.seen.alarms))
    if found.drift:
        terminal.print(f"[bold]Drift[/]      {found.drift.in_step} of {found.drift.compared} files are in step")
    if not found.todo:
        terminal.print("[bold green]All is well.[/]")
    for check in found.todo:
        terminal.print(f"[red]✗[/] {escape(check.name)}  [dim]{escape(check.found)}[/]", soft_wrap=True)
        terminal.print(f"    [yellow]{escape(check.advice)}[/]", soft_wrap=True)


def _run_words(found: Status) -> str:
    if found.last_run is None:
        return "[bold]Last run[/]   [red]not known: there is no valid complete-data.json[/]"
    metadata, counts = found.last_run.metadata, found.last_run.metadata.counts
    age = age_words((found.now - metadata.timestamp).total_seconds())
    return (
        f"[bold]Last run[/]   {metadata.timestamp:%Y-%m-%d %H:%M:%S} UTC, {age} ago\n"
        f"           {counts.regions:,} regions, {counts.services:,} services, {counts.region_services:,} pairs\n"
        f"           run {escape(metadata.run_id)}"
    )


def _files(found: Status) -> Table:
    table = Table(
        "file", "bytes", "source (UTC)", "website (UTC)", "", title="Files", title_justify="left", title_style="bold"
    )
    for one in found.files:
        size = f"{len(one.source.body):,}" if one.source else ""
        table.add_row(one.name, size, _time(one.source), _time(one.website), one.state)
    return table


def _time(stored: StoredObject | None) -> str:
    return f"{stored.last_modified:%m-%d %H:%M:%S}" if stored else "-"


def _queues(found: Status) -> Table:
    table = Table(
        "queue", "waiting", "taken or delayed", "oldest", title="Queues", title_justify="left", title_style="bold"
    )
    for name, queue in found.observed.queues.items():
        if isinstance(queue, QueueState):
            seconds = found.seen.oldest_seconds.get(name)
            oldest = age_words(seconds) if seconds and queue.visible + queue.hidden else "-"
            table.add_row(name, str(queue.visible), str(queue.hidden), oldest)
        else:
            table.add_row(name, "?", "?", escape(queue.reason))
    return table


def _alarm_words(alarms: list[Alarm] | Unavailable) -> str:
    if isinstance(alarms, Unavailable):
        return "[bold]Alarms[/]     [red]not shown to you[/]"
    if not alarms:
        return "[bold]Alarms[/]     the stack has none"
    states = [alarm.state for alarm in alarms]
    counts = f"{states.count('OK')} OK, {states.count('ALARM')} in alarm"
    return f"[bold]Alarms[/]     {counts}, {states.count('INSUFFICIENT_DATA')} without enough data"


def age_words(seconds: float) -> str:
    """A time span as a person says it, in its largest fitting unit."""
    for unit, length in (("days", 172_800), ("h", 7_200), ("min", 120)):
        if seconds >= length:
            return f"{seconds / {'days': 86_400, 'h': 3_600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def _data(found: Status) -> dict[str, Any]:
    complete, alarms = found.last_run, found.seen.alarms
    return {
        "stack": found.observed.stack.name,
        "run": complete.metadata.model_dump(mode="json", by_alias=True) if complete else None,
        "ageSeconds": round((found.now - complete.metadata.timestamp).total_seconds()) if complete else None,
        "files": [
            {
                "name": one.name,
                "bytes": len(one.source.body) if one.source else None,
                "sourceModified": one.source.last_modified.isoformat() if one.source else None,
                "distributedAt": one.website.metadata.get("distributed-at") if one.website else None,
                "state": one.state,
            }
            for one in found.files
        ],
        "queues": [_queue_data(name, found) for name in found.observed.queues],
        "alarms": [_alarm_data(alarm) for alarm in alarms] if isinstance(alarms, list) else None,
        "drift": {"compared": found.drift.compared, "inStep": found.drift.in_step} if found.drift else None,
        "todo": [{"name": check.name, "found": check.found, "advice": check.advice} for check in found.todo],
    }


def _queue_data(name: str, found: Status) -> dict[str, Any]:
    queue = found.observed.queues[name]
    counts = {"visible": queue.visible, "hidden": queue.hidden} if isinstance(queue, QueueState) else {}
    return {"name": name, **counts, "oldestSeconds": found.seen.oldest_seconds.get(name)}


def _alarm_data(alarm: Alarm) -> dict[str, str]:
    return {"name": alarm.name, "state": alarm.state, "reason": alarm.reason}

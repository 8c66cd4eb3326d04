"""`feed status`: how the feed is doing, on one screen."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.terminal import (
    DEFAULT_MAX_AGE_HOURS,
    DEFAULT_STACK,
    FAILED,
    LOOK,
    Json,
    MaxAgeHours,
    Profile,
    RegionOption,
    StackName,
    console,
    examples,
    open_stack,
    print_json,
)

if TYPE_CHECKING:
    from ops.monitoring import AlarmState
    from ops.observation import StoredObject, Unavailable
    from ops.overview import Overview

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
    region: RegionOption = None,
) -> None:
    """Show the last run, the files, the queues and the alarms; changes nothing. Exit code 0 if all is well."""
    from ops.overview import take_overview

    with open_stack(stack_name, profile, region) as stack, Console(stderr=True).status("looking"):
        overview = take_overview(stack, timedelta(hours=max_age_hours), with_drift=drift)
    if as_json:
        print_json(_data(overview))
    else:
        _print(overview)
    if overview.todo:
        raise typer.Exit(FAILED)


def _print(overview: "Overview") -> None:
    terminal, stack = console(), overview.observed.stack
    terminal.print(f"[bold]{escape(stack.name)}[/]  [dim]{stack.status}, {stack.session.region_name}[/]")
    terminal.print(_run_words(overview))
    terminal.print(_files(overview))
    terminal.print(_queues(overview))
    terminal.print(_alarm_words(overview.alarms))
    if overview.drift:
        terminal.print(f"[bold]Drift[/]      {overview.drift.in_step} of {overview.drift.compared} files are in step")
    if not overview.todo:
        terminal.print("[bold green]All is well.[/]")
    for check in overview.todo:
        terminal.print(f"[red]✗[/] {escape(check.name)}  [dim]{escape(check.actual)}[/]", soft_wrap=True)
        terminal.print(f"    [yellow]{escape(check.advice)}[/]", soft_wrap=True)


def _run_words(overview: "Overview") -> str:
    if overview.last_run is None:
        return "[bold]Last run[/]   [red]not known: there is no valid complete-data.json[/]"
    metadata, counts = overview.last_run.metadata, overview.last_run.metadata.counts
    age = age_words((overview.now - metadata.timestamp).total_seconds())
    return (
        f"[bold]Last run[/]   {metadata.timestamp:%Y-%m-%d %H:%M:%S} UTC, {age} ago\n"
        f"           {counts.regions:,} regions, {counts.services:,} services, {counts.region_services:,} pairs\n"
        f"           run {escape(metadata.run_id)}"
    )


def _files(overview: "Overview") -> Table:
    table = Table("file", "bytes", "source (UTC)", "website (UTC)", "", title="Files", **TITLE)
    for file in overview.files:
        size = f"{len(file.source.body):,}" if file.source else ""
        table.add_row(file.name, size, _time(file.source), _time(file.website), file.state)
    return table


def _time(stored: "StoredObject | None") -> str:
    return f"{stored.last_modified:%m-%d %H:%M:%S}" if stored else "-"


def _queues(overview: "Overview") -> Table:
    from ops.observation import QueueState

    table = Table("queue", "waiting", "taken or delayed", "oldest", title="Queues", **TITLE)
    for name, queue in overview.observed.queues.items():
        if isinstance(queue, QueueState):
            seconds = overview.oldest_seconds.get(name)
            oldest = age_words(seconds) if seconds and queue.visible + queue.hidden else "-"
            table.add_row(name, str(queue.visible), str(queue.hidden), oldest)
        else:
            table.add_row(name, "?", "?", escape(queue.reason))
    return table


def _alarm_words(alarms: "list[AlarmState] | Unavailable") -> str:
    if not isinstance(alarms, list):
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


def _data(overview: "Overview") -> dict[str, Any]:
    complete, alarms = overview.last_run, overview.alarms
    return {
        "stack": overview.observed.stack.name,
        "run": complete.metadata.model_dump(mode="json", by_alias=True) if complete else None,
        "ageSeconds": round((overview.now - complete.metadata.timestamp).total_seconds()) if complete else None,
        "files": [
            {
                "name": file.name,
                "bytes": len(file.source.body) if file.source else None,
                "sourceModified": file.source.last_modified.isoformat() if file.source else None,
                "distributedAt": file.website.metadata.get("distributed-at") if file.website else None,
                "state": file.state,
            }
            for file in overview.files
        ],
        "queues": [_queue_data(name, overview) for name in overview.observed.queues],
        "alarms": [_alarm_data(alarm) for alarm in alarms] if isinstance(alarms, list) else None,
        "drift": {"compared": overview.drift.compared, "inStep": overview.drift.in_step} if overview.drift else None,
        "todo": [{"name": check.name, "found": check.actual, "advice": check.advice} for check in overview.todo],
    }


def _queue_data(name: str, overview: "Overview") -> dict[str, Any]:
    from ops.observation import QueueState

    queue = overview.observed.queues[name]
    counts = {"visible": queue.visible, "hidden": queue.hidden} if isinstance(queue, QueueState) else {}
    return {"name": name, **counts, "oldestSeconds": overview.oldest_seconds.get(name)}


def _alarm_data(alarm: "AlarmState") -> dict[str, str]:
    return {"name": alarm.name, "state": alarm.state, "reason": alarm.reason}

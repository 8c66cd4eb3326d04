"""`feed status`: how the feed is doing, on one screen."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.terminal import (
    DEFAULT_STACK,
    FAILED,
    LOOK,
    Json,
    MaxAgeHours,
    Profile,
    RegionOption,
    StackName,
    examples,
    open_stack,
    print_json,
    print_rows,
    show,
    spinner,
)

if TYPE_CHECKING:
    from ops.monitoring import AlarmState
    from ops.observation import Listing, Observation, StoredObject, Unavailable
    from ops.overview import DriftCount, Overview

app = typer.Typer()


@app.command(rich_help_panel=LOOK, epilog=examples("feed status", "feed status --drift", "feed status --json"))
def status(  # noqa: PLR0913 - one argument an option
    *,
    drift: Annotated[
        bool, typer.Option("--drift", help="Also compare everything, by a dry run of the sweeper: some seconds.")
    ] = False,
    max_age_hours: MaxAgeHours = None,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Show the last run, the files, the queues and the alarms; changes nothing. Exit code 0 if all is well."""
    from ops.overview import take_overview

    with open_stack(stack_name, profile, region) as stack, spinner("looking"):
        max_age = stack.max_age if max_age_hours is None else timedelta(hours=max_age_hours)
        overview = take_overview(stack, max_age, with_drift=drift)
    if as_json:
        print_json(_data(overview))
    else:
        _print(overview)
    if any(check.fails for check in overview.todo):
        raise typer.Exit(FAILED)


def _print(overview: "Overview") -> None:
    stack = overview.observed.stack
    show((stack.name, "bold"), "  ", (f"{stack.status}, {stack.session.region_name}", "dim"))
    show(("Source", "bold"), f"     {stack.source_url}")
    if stack.fetches:
        _show_run(overview)
    _print_table("Files", ["file", "bytes", "source (UTC)", "website (UTC)", ""], _file_rows(overview))
    _show_others(overview.observed)
    _print_table("Queues", ["queue", "waiting", "taken or delayed", "oldest"], _queue_rows(overview))
    _show_alarms(overview.alarms)
    if url := stack.outputs.get("DashboardUrl"):
        show(("Dashboard", "bold"), f"  {url}")
    if overview.drift:
        counts = f"{overview.drift.in_step} of {overview.drift.compared} files are in step"
        show(("Drift", "bold"), f"      {counts}, {overview.drift.rejected} not fit to be published")
    if not any(check.fails for check in overview.todo):
        show(("All is well.", "bold green"))
    for check in overview.todo:
        show(check.mark, f" {check.name}  ", (check.actual, "dim"))
        show("    ", (check.advice, "yellow"))


def _print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print_rows(title, columns, list(rows), data=None, as_json=False)


def _show_run(overview: "Overview") -> None:
    if overview.last_run is None:
        show(("Last run", "bold"), "   ", ("not known: there is no valid complete-data.json", "red"))
        return
    metadata, counts = overview.last_run.metadata, overview.last_run.metadata.counts
    age = age_words((overview.now - metadata.timestamp).total_seconds())
    show(("Last run", "bold"), f"   {metadata.timestamp:%Y-%m-%d %H:%M:%S} UTC, {age} ago")
    show(f"           {counts.regions:,} regions, {counts.services:,} services, {counts.region_services:,} pairs")
    show(f"           run {metadata.run_id}")


def _file_rows(overview: "Overview") -> Iterator[list[str]]:
    for file in overview.files:
        size = f"{len(file.source.body):,}" if file.source else ""
        yield [file.name, size, _time(file.source), _time(file.website), file.state]


def _show_others(observed: "Observation") -> None:
    """Lines about files that the table does not have; it is no trouble that there are some."""
    from ops.observation import Listing, publish_patterns

    if not isinstance(observed.listing, Listing):
        return
    if observed.listing.unread:
        show(("More", "bold"), f"       {observed.listing.unread} file(s), not looked at here; --drift compares all")
    if skipped := observed.listing.skipped:
        patterns = publish_patterns(observed.functions["distributor"])
        words = f"{len(skipped)} file(s) match no pattern of PublishPatterns ({patterns}), such as {skipped[0]}"
        show(("Skipped", "bold"), "    ", (words, "dim"))


def _time(stored: "StoredObject | None") -> str:
    return f"{stored.last_modified:%m-%d %H:%M:%S}" if stored else "-"


def _queue_rows(overview: "Overview") -> Iterator[list[str]]:
    from ops.observation import QueueState

    for name, queue in overview.observed.queues.items():
        if isinstance(queue, QueueState):
            seconds = overview.oldest_seconds.get(name)
            oldest = age_words(seconds) if seconds and queue.visible + queue.hidden else "-"
            yield [name, str(queue.visible), str(queue.hidden), oldest]
        else:
            yield [name, "?", "?", queue.reason]


def _show_alarms(alarms: "list[AlarmState] | Unavailable") -> None:
    if not isinstance(alarms, list):
        show(("Alarms", "bold"), "     ", ("not shown to you", "red"))
        return
    states = [alarm.state for alarm in alarms]
    counts = f"{states.count('OK')} OK, {states.count('ALARM')} in alarm"
    words = f"{counts}, {states.count('INSUFFICIENT_DATA')} without enough data" if alarms else "the stack has none"
    show(("Alarms", "bold"), f"     {words}")


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
        "source": overview.observed.stack.source_url,
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
        **_others_data(overview.observed.listing),
        "queues": [_queue_data(name, overview) for name in overview.observed.queues],
        "alarms": [_alarm_data(alarm) for alarm in alarms] if isinstance(alarms, list) else None,
        "dashboard": overview.observed.stack.outputs.get("DashboardUrl"),
        "drift": _drift_data(overview.drift) if overview.drift else None,
        "todo": [
            {"name": check.name, "trouble": check.fails, "found": check.actual, "advice": check.advice}
            for check in overview.todo
        ],
    }


def _others_data(listing: "Listing | Unavailable") -> dict[str, Any]:
    from ops.observation import Listing

    if not isinstance(listing, Listing):
        return {"unread": None, "skipped": None}
    return {"unread": listing.unread, "skipped": {"count": len(listing.skipped), "first": listing.skipped[:10]}}


def _drift_data(drift: "DriftCount") -> dict[str, Any]:
    from ops.observation import Unavailable

    counts = {"compared": drift.compared, "inStep": drift.in_step, "rejected": drift.rejected}
    if isinstance(drift.orphans, Unavailable):
        return {**counts, "orphans": None}
    names = [file.pair.name for file in drift.orphans.files]
    return {**counts, "orphans": {"count": len(names), "complete": drift.orphans.complete, "first": names[:10]}}


def _queue_data(name: str, overview: "Overview") -> dict[str, Any]:
    from ops.observation import QueueState

    queue = overview.observed.queues[name]
    counts = {"visible": queue.visible, "hidden": queue.hidden} if isinstance(queue, QueueState) else {}
    return {"name": name, **counts, "oldestSeconds": overview.oldest_seconds.get(name)}


def _alarm_data(alarm: "AlarmState") -> dict[str, str]:
    return {
        "name": alarm.name,
        "state": alarm.state,
        "since": alarm.since.astimezone(UTC).isoformat(),
        "reason": alarm.reason,
    }

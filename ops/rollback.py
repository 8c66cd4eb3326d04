"""Decides which version of a file is put back, and sees to it that the website gets it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ops.arrivals import Arrival, await_arrivals
from ops.checks.source import breach
from ops.difference import count_lines, text_lines
from ops.observation import (
    ScheduleState,
    fetched_files,
    is_item,
    is_paused,
    is_published,
    observe_distributor,
    observe_schedule,
    or_unavailable,
)
from ops.stack import DeployedStack, InvocationError, StackError
from ops.versions import Content, SourceFile, Version, open_source_file, short_name
from shared.contract import ANNOUNCEMENTS_FILE, MANIFEST_FILE, schemas
from shared.strict_json import MAX_BYTES, UnfitError

SCHEDULE_STATE = "set ScheduleState=DISABLED in samconfig.toml and run sam deploy"
MOST_TRIED = 20  # versions that are read to find one that is fit


@dataclass(frozen=True, slots=True)
class Plan:
    """What is there, and what is put back. `body` is what is there: None of a deletion, or if it is too large."""

    file: SourceFile
    present: Version
    body: bytes | None
    wanted: Content

    @property
    def needed(self) -> bool:
        """Whether the source does not have the wanted bytes already."""
        return self.body != self.wanted.body

    @property
    def lines(self) -> tuple[int, int] | None:
        """How many lines go, and how many come; None if what is there has none."""
        try:
            return count_lines(*text_lines(self.body, self.wanted.body)) if self.body is not None else None
        except UnfitError:
            return None


def plan_rollback(stack: DeployedStack, name: str, version: str) -> Plan:
    """The version that is named, else the newest that differs from the present one and is fit to be published.

    StackError if there is none, or if the one that is named is not fit.
    """
    short, file = short_name(stack, name), open_source_file(stack, name)
    if short == MANIFEST_FILE and stack.releases:
        msg = "manifest.json names the files of one run, so it is no use alone: feed rollback --release ID"
        raise StackError(msg)
    present = file.newest()
    body = None if present.deletion or present.size > MAX_BYTES else file.read(present.id).body
    if version:
        wanted = file.read(version)
        if reason := unfit(stack, short, wanted.body):
            msg = f"version {version} is not fit to be published, and was not put back: {reason}"
            raise StackError(msg)
        return Plan(file, present, body, wanted)
    for candidate in islice(_others(file, present, _most(stack)), MOST_TRIED):
        wanted = file.read(candidate.id)
        if wanted.body != body and not unfit(stack, short, wanted.body):
            return Plan(file, present, body, wanted)
    msg = f"no other version of {file.key} is fit to be published, as far as the newest {MOST_TRIED} were read"
    raise StackError(msg)


def why_not_published(stack: DeployedStack, name: str) -> str:
    """Why the website does not get a file, whatever happens; empty if it does."""
    if not stack.distributes:
        return "the stack distributes nothing"
    if not is_published(short_name(stack, name), observe_distributor(stack)):
        return "PublishPatterns does not name it"
    return ""


def await_website(stack: DeployedStack, names: Sequence[str], seconds: float) -> dict[str, Arrival | str]:
    """The arrivals of the source's present bytes on the website, or why they are not there, by the files' names.

    Once the time is over, or at once if the distributor is paused, it is invoked: it publishes, or says what is wrong.
    """
    distributor, prefix = observe_distributor(stack), f"{stack.output('SourceKeyPrefix')}/"
    arrived = {
        arrival.name: arrival for arrival in await_arrivals(stack, names, 0 if is_paused(distributor) else seconds)
    }
    late = [name for name in names if name not in arrived]
    if not late:
        return {**arrived}
    try:
        event = {"keys": [f"{prefix}{name}" for name in late]}
        outcomes = stack.invoke(stack.output("DistributorFunctionName"), event)["objects"]
    except (StackError, InvocationError) as error:
        return {**arrived, **dict.fromkeys(late, str(error))}
    reasons = {
        outcome["source"].removeprefix(prefix): f"{outcome['outcome']}: {outcome.get('reason', '')}"
        for outcome in reversed(outcomes)  # a replica's comes after that of the website
    }
    at_last = {arrival.name: arrival for arrival in await_arrivals(stack, late, 0)}
    return {**arrived, **{name: at_last.get(name, reasons.get(name, "not tried")) for name in late}}


def next_write(stack: DeployedStack, name: str, *, keep: str = SCHEDULE_STATE) -> str:
    """When the fetcher writes the file anew, and what to do to `keep` the version; empty if it never does."""
    short = short_name(stack, name)
    if stack.reads_announcements and short == ANNOUNCEMENTS_FILE:
        return f"the next change of AWS's feed writes it anew, or an announcement that gets too old; {keep}"
    if not stack.fetches or not (is_item(short) or short in {*fetched_files(stack), *schemas()}):
        return ""
    schedule = or_unavailable(observe_schedule, stack.client("scheduler"), f"{stack.name}-fetch")
    if isinstance(schedule, ScheduleState) and schedule.state == "DISABLED":
        return "feed fetch would write it anew; the schedule of the fetcher is paused"
    due = f" ({_words(schedule.expression)})" if isinstance(schedule, ScheduleState) else ""
    return f"the next run of the fetcher{due}, or feed fetch, writes it anew; to keep this version, {keep}"


def _others(file: SourceFile, present: Version, most: int) -> Iterator[Version]:
    """The versions with other ETags than the present one, the newest of each."""
    seen = {present.etag}
    for version in file.versions():
        if version.etag not in seen and not version.deletion and version.size <= most:
            seen.add(version.etag)
            yield version


def unfit(stack: DeployedStack, name: str, body: bytes) -> str:
    """Why the stack would not publish a file with these bytes; empty if it would."""
    if len(body) > _most(stack):
        return f"{len(body):,} bytes, over MaxObjectBytes"
    return breach(name, body, releases=stack.releases)  # without the fetcher manifest.json is any producer's


def _most(stack: DeployedStack) -> int:
    return int(stack.parameters.get("MaxObjectBytes") or MAX_BYTES)


def _words(expression: str) -> str:
    daily = re.fullmatch(r"cron\((\d+) (\d+) \* \* \? \*\)", expression)
    return f"daily at {int(daily[2]):02}:{int(daily[1]):02} UTC" if daily else f"{expression} in UTC"

"""Decides which version of a file is put back, and sees to it that the website gets it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ops.arrivals import Arrival, await_arrivals
from ops.checks.source import breach
from ops.difference import count_lines, text_lines
from ops.observation import (
    ScheduleState,
    is_paused,
    is_published,
    observe_distributor,
    observe_schedule,
    or_unavailable,
)
from ops.stack import DeployedStack, InvocationError, StackError
from ops.versions import Content, SourceFile, Version, open_source_file, short_name
from shared.contract import FILES, schemas
from shared.strict_json import MAX_BYTES, UnfitError

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
    file, most = open_source_file(stack, name), int(stack.parameters.get("MaxObjectBytes") or MAX_BYTES)
    present = file.newest()
    body = None if present.deletion or present.size > MAX_BYTES else file.read(present.id).body
    if version:
        wanted = file.read(version)
        unfit = _unfit(short_name(stack, name), wanted.body, most)
        if unfit:
            msg = f"version {version} is not fit to be published, and was not put back: {unfit}"
            raise StackError(msg)
        return Plan(file, present, body, wanted)
    for candidate in islice(_others(file, present, most), MOST_TRIED):
        wanted = file.read(candidate.id)
        if wanted.body != body and not _unfit(short_name(stack, name), wanted.body, most):
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


def await_website(stack: DeployedStack, name: str, seconds: float) -> Arrival | str:
    """The arrival of the source's present bytes on the website, or why they are not there.

    Once the time is over, or at once if the distributor is paused, it is invoked: it publishes, or says what is wrong.
    """
    distributor, short = observe_distributor(stack), short_name(stack, name)
    arrival = next(await_arrivals(stack, [short], 0 if is_paused(distributor) else seconds), None)
    if arrival:
        return arrival
    key = f"{stack.output('SourceKeyPrefix')}/{short}"
    try:
        (outcome,) = stack.invoke(stack.output("DistributorFunctionName"), {"keys": [key]})["objects"]
    except (StackError, InvocationError) as error:
        return str(error)
    return next(await_arrivals(stack, [short], 0), None) or f"{outcome['outcome']}: {outcome.get('reason', '')}"


def next_write(stack: DeployedStack, name: str) -> str:
    """When the fetcher writes the file anew, and how to keep it from that; empty if it never does."""
    if not stack.fetches or short_name(stack, name) not in {*FILES, *schemas()}:
        return ""
    schedule = or_unavailable(observe_schedule, stack.client("scheduler"), f"{stack.name}-fetch")
    if isinstance(schedule, ScheduleState) and schedule.state == "DISABLED":
        return "feed fetch would write it anew; the schedule of the fetcher is paused"
    due = f" ({_words(schedule.expression)})" if isinstance(schedule, ScheduleState) else ""
    return (
        f"the next run of the fetcher{due}, or feed fetch, writes it anew; "
        "to keep this version, set ScheduleState=DISABLED in samconfig.toml and run sam deploy"
    )


def _others(file: SourceFile, present: Version, most: int) -> Iterator[Version]:
    """The versions with other ETags than the present one, the newest of each."""
    seen = {present.etag}
    for version in file.versions():
        if version.etag not in seen and not version.deletion and version.size <= most:
            seen.add(version.etag)
            yield version


def _unfit(name: str, body: bytes, most: int) -> str:
    return f"{len(body):,} bytes, over MaxObjectBytes" if len(body) > most else breach(name, body)


def _words(expression: str) -> str:
    daily = re.fullmatch(r"cron\((\d+) (\d+) \* \* \? \*\)", expression)
    return f"daily at {int(daily[2]):02}:{int(daily[1]):02} UTC" if daily else f"{expression} in UTC"

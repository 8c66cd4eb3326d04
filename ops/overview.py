"""Collects everything that `feed status` shows."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ops.checks.check import Check
from ops.checks.machinery import check_alarms, check_machinery
from ops.checks.source import check_source, parsed
from ops.checks.website import check_website
from ops.monitoring import AlarmState, observe_alarms, observe_oldest_messages
from ops.observation import (
    FunctionState,
    Observation,
    StoredObject,
    Unavailable,
    observe,
    or_unavailable,
    publishing_settings,
)
from ops.publication import Found, list_orphans
from ops.stack import DeployedStack, StackError
from shared.contract import COMPLETE_DATA_FILE, CompleteData

MOST_ORPHANS = 1000  # are counted, and no more


@dataclass(frozen=True, slots=True)
class DriftCount:
    """How many files a dry run of the sweeper compared, how many are the same in both buckets, how many are unfit.

    `refusal`: why the sweeper could not read the metadata that might tell more of them the same; else empty.
    `orphans`: the first MOST_ORPHANS files of the website that the source no longer has, which no sweep looks at.
    """

    compared: int
    in_step: int
    rejected: int
    refusal: str
    orphans: Found | Unavailable


@dataclass(frozen=True, slots=True)
class FileOverview:
    """A file of the contract in both buckets, None if it is missing, and the comparison of both."""

    name: str
    source: StoredObject | None
    website: StoredObject | None
    state: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything to show; `todo` are the checks that do not hold, trouble first. `oldest_seconds` is by queue."""

    now: datetime
    observed: Observation
    alarms: list[AlarmState] | Unavailable
    oldest_seconds: dict[str, float]
    last_run: CompleteData | None
    files: tuple[FileOverview, ...]
    drift: DriftCount | None
    todo: tuple[Check, ...]


def take_overview(stack: DeployedStack, max_age: timedelta, *, with_drift: bool) -> Overview:
    """Collect everything; `with_drift` makes a dry run of the sweeper, which compares every file of both buckets."""
    observed, alarms, oldest_seconds = observe(stack), observe_alarms(stack), observe_oldest_messages(stack)
    drift = _drift(stack, observed.functions["distributor"]) if with_drift else None
    now = datetime.now(UTC)
    checks = [
        *check_machinery(observed),
        *check_source(observed, now, max_age),
        *check_website(observed, now),
        *check_alarms(stack, alarms, now),
        *_check_drift(drift),
    ]
    complete = parsed(observed).get(COMPLETE_DATA_FILE)
    return Overview(
        now=now,
        observed=observed,
        alarms=alarms,
        oldest_seconds=oldest_seconds,
        last_run=complete if isinstance(complete, CompleteData) else None,
        files=tuple(_files(observed)),
        drift=drift,
        todo=tuple(
            replace(check, advice=stack.advice(check.advice))
            for check in sorted(checks, key=lambda check: not check.fails)
            if not check.holds
        ),
    )


def _drift(stack: DeployedStack, distributor: FunctionState | Unavailable) -> DriftCount:
    answers = list(stack.sweep(dry_run=True))
    return DriftCount(
        sum(answer["compared"] for answer in answers),
        sum(answer["inStep"] for answer in answers),
        sum(answer["outcomes"]["rejected"] for answer in answers),
        next((answer["refusal"] for answer in answers if answer["refusal"]), ""),
        _orphans(stack, distributor),
    )


def _orphans(stack: DeployedStack, distributor: FunctionState | Unavailable) -> Found | Unavailable:
    try:
        settings = publishing_settings(distributor)
    except StackError as error:
        return Unavailable(str(error))
    return or_unavailable(list_orphans, stack, settings, MOST_ORPHANS)


def _check_drift(drift: DriftCount | None) -> Iterator[Check]:
    if drift:
        drifted, rejected = drift.compared - drift.in_step - drift.rejected, drift.rejected
        refused = f"; the sweeper may not read the website's metadata: {drift.refusal}" if drift.refusal else ""
        actual = f"{drifted} differ{refused}"
        yield Check("Drift", "source and website are in step", not drifted, actual, "feed sweep --yes")
        advice = "feed sweep names them with the reasons; upload good ones"
        yield Check("Drift", "what differs is fit to be published", not rejected, f"{rejected} are not", advice)
        yield _check_orphans(drift.orphans)


def _check_orphans(orphans: Found | Unavailable) -> Check:
    """Deletions in the source are not mirrored on purpose, so an orphan is no trouble."""
    sentence = "what is on the website is in the source"
    if isinstance(orphans, Unavailable):
        advice = "ask for the right s3:ListBucket on both buckets"
        return Check("Drift", sentence, holds=False, actual=orphans.reason, advice=advice, trouble=False)
    names = [file.pair.name for file in orphans.files]
    actual = f"{len(names)} file(s)" + " or more" * (not orphans.complete) + f" are not: {', '.join(names[:3])}"
    first = shlex.quote(names[0]) if names else "NAME"
    advice = f"deletions are not mirrored: feed unpublish {first} takes it down; feed ls shows all"
    return Check("Drift", sentence, not names, actual, advice, trouble=False)


def _files(observed: Observation) -> Iterator[FileOverview]:
    for name, stored in observed.source.items():
        source, website = _present(stored), _present(observed.website.get(name))
        yield FileOverview(name, source, website, _state(source, website) if observed.website else "not distributed")


def _present(stored: StoredObject | Unavailable | None) -> StoredObject | None:
    return stored if isinstance(stored, StoredObject) else None


def _state(source: StoredObject | None, website: StoredObject | None) -> str:
    if website is None:
        return "not published"
    if source is None:
        return "gone from the source"
    return "in step" if source.body == website.body else "differs"

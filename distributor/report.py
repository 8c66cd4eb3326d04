"""Outcomes in; log lines, metrics and a summary that a person can read out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from distributor.outcomes import Cause, Copied, Failed, Gone, NotQueued, Outcome, Rejected, Skipped
from distributor.settings import Location
from shared.text import printable

KINDS = (Copied, Gone, Skipped, Rejected, Failed)


class DistributionFailedError(Exception):
    """At least one object is not known to be published. Lambda retries the event, which is safe, then keeps it."""


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many there are of each kind, those of which there are none included."""
    counts = Counter(type(outcome) for outcome in outcomes)
    return {kind.__name__.lower(): counts[kind] for kind in KINDS}


def summarize(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The answer of an invocation: counts by outcome, and a line for each object with its reason where it has one."""
    return {"counts": count(outcomes), "objects": [describe(outcome) for outcome in outcomes]}


def describe(outcome: Outcome) -> dict[str, Any]:
    """One outcome as plain fields: `source` is a key of the source bucket, times are in seconds, text is printable.

    `correlation_id` is there if it is known.
    """
    correlation_id = "" if isinstance(outcome, Skipped) else outcome.correlation_id
    return _describe(outcome) | ({"correlation_id": correlation_id} if correlation_id else {})


def _describe(outcome: Outcome) -> dict[str, Any]:
    kind = type(outcome).__name__.lower()
    match outcome:
        case Copied(task, etag, size, passes, seconds):
            return {
                "outcome": kind,
                "source": printable(task.source_key),
                "destination": f"s3://{task.destination.bucket}/{printable(task.destination_key)}",
                "etag": etag.strip('"'),
                "bytes": size,
                "passes": passes,
                "seconds": round(seconds, 3),
            }
        case Skipped(key, reason) | Rejected(key, reason) | Failed(key, reason):
            return {"outcome": kind, "source": printable(key), "reason": printable(reason)}
        case _:
            reason = "the source no longer exists; what is published stays"
            return {"outcome": kind, "source": printable(outcome.task.source_key), "reason": reason}


def emit(outcomes: Iterable[Outcome], logger: Logger, metrics: Metrics) -> None:
    """One log line an object; metrics for each outcome, for copies also their latency and lag behind the event."""
    for outcome in outcomes:
        write = logger.warning if isinstance(outcome, Rejected | Failed) else logger.info
        write("object_" + type(outcome).__name__.lower(), extra=describe(outcome))
        metrics.add_metric(name=type(outcome).__name__, unit=MetricUnit.Count, value=1)
        if isinstance(outcome, Copied):
            _measure_copy(outcome, metrics)
        if isinstance(outcome, Rejected) and outcome.cause is Cause.FOREIGN_BUCKET:
            metrics.add_metric(name="ForeignBucket", unit=MetricUnit.Count, value=1)


def _measure_copy(copied: Copied, metrics: Metrics) -> None:
    metrics.add_metric(name="CopyLatency", unit=MetricUnit.Milliseconds, value=copied.seconds * 1000)
    metrics.add_metric(name="PublishedBytes", unit=MetricUnit.Bytes, value=copied.size)
    if copied.task.event_time:
        lag = (datetime.now(UTC) - copied.task.event_time).total_seconds()
        metrics.add_metric(name="PublicationLag", unit=MetricUnit.Seconds, value=max(lag, 0))


def measure_freshness(outcomes: Iterable[Outcome], website: Location, metrics: Metrics) -> None:
    """How old the complete data was when it reached the website; a replica that got it does not make readers happy."""
    for outcome in outcomes:
        if isinstance(outcome, Copied) and outcome.data_time and outcome.task.destination == website:
            age = (datetime.now(UTC) - outcome.data_time).total_seconds()
            metrics.add_metric(name="PublishedDataAge", unit=MetricUnit.Seconds, value=max(age, 0))


def emit_not_queued(not_queued: Iterable[NotQueued], logger: Logger, metrics: Metrics) -> None:
    """One log line and one count for each published key whose invalidation could not be asked for."""
    for one in not_queued:
        described = {"source": printable(one.key), "reason": printable(one.reason)}
        logger.error("invalidation_not_queued", extra=described)
        metrics.add_metric(name="InvalidationsNotQueued", unit=MetricUnit.Count, value=1)


def raise_if_failed(outcomes: Iterable[Outcome]) -> None:
    """DistributionFailedError that names what failed, so that the event is delivered again."""
    failed = [describe(outcome) for outcome in outcomes if isinstance(outcome, Failed)]
    if failed:
        named = "; ".join(f"{one['source']}: {one['reason']}" for one in failed[:3])
        msg = f"{len(failed)} object(s) not published: {named}"
        raise DistributionFailedError(msg)

"""Outcomes in; log lines, metrics, invalidations, events and kept failures out. For distributor and sweeper."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from distributor.dependencies import Dependencies
from distributor.outcomes import Cause, Copied, Failed, NotSent, Omission, Outcome, Rejected, describe
from distributor.settings import Location
from shared.text import printable


def follow_up(
    outcomes: Sequence[Outcome], dependencies: Dependencies, logger: Logger, metrics: Metrics, *, keep_rejections: bool
) -> None:
    """Report the outcomes, have the published objects invalidated and announced, and keep what an operator must handle.

    The failure queue comes last, since it may raise: a retry may find nothing to copy, and then nobody would send what
    must follow. NotSentError or botocore's error if it does not take a message; the event must then be delivered again.
    """
    log_outcomes(outcomes, logger)
    measure_outcomes(outcomes, dependencies.settings.website, metrics)
    not_sent = dependencies.invalidations.send(outcomes)
    if dependencies.event_bus:
        not_sent += dependencies.event_bus.put(outcomes)
    log_not_sent(not_sent, logger)
    dependencies.failures.keep_not_sent(not_sent)
    if keep_rejections:
        dependencies.failures.keep_rejections(outcomes)


def log_outcomes(outcomes: Iterable[Outcome], logger: Logger) -> None:
    """Write one log line for each outcome."""
    for outcome in outcomes:
        write = logger.warning if isinstance(outcome, Rejected | Failed) else logger.info
        write("object_" + type(outcome).__name__.lower(), extra=describe(outcome))


def measure_outcomes(outcomes: Iterable[Outcome], website: Location, metrics: Metrics) -> None:
    """Count each outcome; for copies also measure latency, lag behind the event, size and age of the data."""
    for outcome in outcomes:
        metrics.add_metric(name=type(outcome).__name__, unit=MetricUnit.Count, value=1)
        if isinstance(outcome, Copied):
            _measure_copy(outcome, website, metrics)
        if isinstance(outcome, Rejected) and outcome.cause is Cause.FOREIGN_BUCKET:
            metrics.add_metric(name="ForeignBucket", unit=MetricUnit.Count, value=1)


def _measure_copy(copied: Copied, website: Location, metrics: Metrics) -> None:
    metrics.add_metric(name="CopyLatency", unit=MetricUnit.Milliseconds, value=copied.seconds * 1000)
    metrics.add_metric(name="PublishedBytes", unit=MetricUnit.Bytes, value=copied.size)
    if copied.task.event_time:
        metrics.add_metric(name="PublicationLag", unit=MetricUnit.Seconds, value=_seconds_since(copied.task.event_time))
    # Readers do not use the replicas.
    if copied.data_time and copied.task.destination == website:
        _measure_data_age(_seconds_since(copied.data_time), metrics.namespace)


def _measure_data_age(seconds: float, namespace: str | None) -> None:
    """The same metric from distributor and sweeper, since an alarm on one metric costs less than one on two."""
    with single_metric(name="PublishedDataAge", unit=MetricUnit.Seconds, value=seconds, namespace=namespace) as metric:
        metric.add_dimension(name="service", value="distributor")


def _seconds_since(time: datetime) -> float:
    return max((datetime.now(UTC) - time).total_seconds(), 0)


def log_not_sent(not_sent: Iterable[NotSent], logger: Logger) -> None:
    """Write one log line for each published key whose invalidation or event was not sent."""
    for entry in not_sent:
        described = {"source": printable(entry.key), "reason": printable(entry.reason)}
        if entry.omission is Omission.NOT_INVALIDATED:
            logger.error("invalidation_not_queued", extra=described)
        else:
            logger.error("event_not_put", extra=described)

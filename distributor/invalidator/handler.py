"""The invalidator's entry point: turns messages of the invalidation queue into one invalidation for each distribution.

At most two invocations run at once (the mapping's MaximumConcurrency, whose minimum is 2): CloudFront accepts about
one request in two seconds from an account. Messages that arrive meanwhile wait and are merged.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor.invalidator.cloudfront import create_invalidations
from distributor.invalidator.messages import Batch, Refusal, decode_batch, longest_wait
from distributor.invalidator.redelivery import Redelivery
from distributor.invalidator.requests import (
    Answer,
    Created,
    Deferred,
    Refused,
    is_reachable,
    requests_for,
    unfinished_messages,
)
from distributor.settings import InvalidatorSettings
from shared.clients import INVALIDATING, QUEUEING_INVALIDATIONS, connect, open_session
from shared.observability import logger_for, metrics_for
from shared.settings import read_settings
from shared.text import printable
from shared.tracing import traced

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

SERVICE = "invalidator"
ANSWERS = (Created, Deferred, Refused)
MAX_NAMED = 20
logger = logger_for(SERVICE)
metrics = metrics_for(SERVICE)


@dataclass(frozen=True, slots=True)
class InvalidatorDependencies:
    """Settings and clients."""

    settings: InvalidatorSettings
    cloudfront: "CloudFrontClient"
    redelivery: Redelivery


@cache
def build_invalidator_dependencies() -> InvalidatorDependencies:
    """Built once. ConfigurationError, on each call, if the environment is not right."""
    settings, session = read_settings(InvalidatorSettings, os.environ), open_session()
    sqs = connect("sqs", QUEUEING_INVALIDATIONS, session)
    redelivery = Redelivery(sqs, settings.invalidation_queue_url, settings.failure_queue_url)
    return InvalidatorDependencies(settings, connect("cloudfront", INVALIDATING, session), redelivery)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Merge messages, request invalidations, and return the messages that must come again; Lambda deletes the rest."""
    dependencies, batch = build_invalidator_dependencies(), decode_batch(event)
    settings, redelivery = dependencies.settings, dependencies.redelivery
    _append_correlation_ids(batch)
    _report_batch(batch, settings)
    with traced("invalidate") as annotations:
        answers = create_invalidations(dependencies.cloudfront, requests_for(batch.published, settings))
        counts = Counter(type(answer) for answer in answers)
        annotations.update({kind.__name__.lower(): counts[kind] for kind in ANSWERS})
    unfinished = unfinished_messages(batch, answers)

    not_moved = redelivery.move_to_dead_letters(unfinished.refused)
    again = [*unfinished.again, *not_moved]
    put_off = redelivery.put_off(again, random.random())  # noqa: S311 - only spreads load

    for answer in answers:
        _report(answer)
    _report_refusals(batch.malformed)
    logger.info("batch_finished", extra={"again": len(again), "put_off": put_off, "refused": len(unfinished.refused)})
    metrics.add_metric(name="InvalidationsDeferred", unit=MetricUnit.Count, value=len(again))
    metrics.add_metric(name="InvalidationWait", unit=MetricUnit.Seconds, value=longest_wait(again, datetime.now(UTC)))
    moved = len(unfinished.refused) - len(not_moved)
    metrics.add_metric(name="InvalidationsRefused", unit=MetricUnit.Count, value=moved)
    return {"batchItemFailures": [{"itemIdentifier": delivery.message_id} for delivery in again]}


def _append_correlation_ids(batch: Batch) -> None:
    """Add the ids of the batch's runs and uploads to every later log line of this invocation."""
    ids = sorted({published.correlation_id for published in batch.published if published.correlation_id})
    more = [f"and {len(ids) - MAX_NAMED} more"] if len(ids) > MAX_NAMED else []
    logger.append_keys(correlation_id=", ".join([*ids[:MAX_NAMED], *more]))


def _report_batch(batch: Batch, settings: InvalidatorSettings) -> None:
    keys = [published.key for published in batch.published]
    unreachable = sum(not is_reachable(key, settings.distribution_origin_path) for key in keys)
    counts = {"messages": len(keys), "malformed": len(batch.malformed), "unreachable": unreachable}
    logger.info("batch_received", extra=counts)


def _report(answer: Answer) -> None:
    request = answer.request
    described = {"distribution": request.distribution, "paths": request.paths, "caller_reference": request.reference}
    if request.refusal:
        logger.warning("invalidation_widened", extra={**described, "reason": printable(request.refusal)})
    if isinstance(answer, Created):
        logger.info("invalidation_created", extra={**described, "id": answer.id, "status": answer.status})
        metrics.add_metric(name="InvalidationsCreated", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="InvalidatedPaths", unit=MetricUnit.Count, value=len(request.paths))
    elif isinstance(answer, Deferred):
        logger.warning("invalidation_deferred", extra={**described, "reason": printable(answer.reason)})
    else:
        logger.error("invalidation_refused", extra={**described, "reason": printable(answer.reason)})


def _report_refusals(malformed: tuple[Refusal, ...]) -> None:
    for refusal in malformed:
        described = {"body": printable(refusal.delivery.body), "reason": printable(refusal.reason)}
        logger.error("message_refused", extra=described)

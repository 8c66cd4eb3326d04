"""The invalidator's entry: messages of the invalidation queue in, one invalidation for each distribution created.

Two invocations at most run side by side (the mapping's MaximumConcurrency, of which 2 is the least): CloudFront takes
about one request in two seconds of an account, and what comes while one is running waits and is merged.
"""

import os
import random
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor.invalidator import cloudfront, redelivery
from distributor.invalidator.messages import Batch, decode
from distributor.invalidator.requests import Answer, Created, Deferred, Refused, decide, invalidations, is_reachable
from distributor.settings import InvalidatorSettings
from shared.observability import logger_for, metrics_for
from shared.settings import read_settings
from shared.text import printable
from shared.tracing import traced

SERVICE = "invalidator"
KINDS = (Created, Deferred, Refused)
MOST_NAMED = 20
logger = logger_for(SERVICE)
metrics = metrics_for(SERVICE)


@dataclass(frozen=True, slots=True)
class Connections:
    """What an invocation works with."""

    settings: InvalidatorSettings
    edge: cloudfront.Edge
    redelivery: redelivery.Redelivery


@cache
def connections() -> Connections:
    """ConfigurationError, each time anew, if the environment is not right."""
    settings = read_settings(InvalidatorSettings, os.environ)
    queues = redelivery.connect(settings.invalidation_queue_url, settings.failure_queue_url)
    return Connections(settings, cloudfront.connect(), queues)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Merge, ask CloudFront, and name the messages that must come again; Lambda deletes the rest."""
    made = connections()
    batch = decode(event)
    _correlate(batch, made.settings)
    with traced("invalidate") as facts:
        answers = made.edge.create(invalidations(batch.published, made.settings))
        facts.update({kind.__name__.lower(): sum(isinstance(one, kind) for one in answers) for kind in KINDS})
    fate = decide(batch, answers)

    kept = made.redelivery.give_up(fate.refused)
    again = [*fate.again, *kept]
    put_off = made.redelivery.put_off(again, random.random())  # noqa: S311 - only spreads load

    for answer in answers:
        _tell(answer)
    logger.info("batch_finished", extra={"again": len(again), "put_off": put_off, "refused": len(fate.refused)})
    for refusal in batch.malformed:
        described = {"body": printable(refusal.delivery.body), "reason": printable(refusal.reason)}
        logger.error("message_refused", extra=described)
    metrics.add_metric(name="InvalidationsDeferred", unit=MetricUnit.Count, value=len(again))
    metrics.add_metric(name="InvalidationsRefused", unit=MetricUnit.Count, value=len(fate.refused) - len(kept))
    return {"batchItemFailures": [{"itemIdentifier": one.message_id} for one in again]}


def _correlate(batch: Batch, settings: InvalidatorSettings) -> None:
    """Let every further line of this invocation carry the ids of the runs and uploads that it is about."""
    ids = sorted({one.correlation_id for one in batch.published if one.correlation_id})
    more = [f"and {len(ids) - MOST_NAMED} more"] if len(ids) > MOST_NAMED else []
    logger.append_keys(correlation_id=", ".join([*ids[:MOST_NAMED], *more]))
    unreachable = [one.key for one in batch.published if not is_reachable(one.key, settings.distribution_origin_path)]
    counts = {"messages": len(batch.published), "malformed": len(batch.malformed), "unreachable": len(unreachable)}
    logger.info("batch_received", extra=counts)


def _tell(answer: Answer) -> None:
    asked = answer.invalidation
    described = {"distribution": asked.distribution, "paths": asked.paths, "caller_reference": asked.reference}
    if isinstance(answer, Created):
        logger.info("invalidation_created", extra={**described, "id": answer.id, "status": answer.status})
        metrics.add_metric(name="InvalidationsCreated", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="InvalidatedPaths", unit=MetricUnit.Count, value=len(asked.paths))
    elif isinstance(answer, Deferred):
        logger.warning("invalidation_deferred", extra={**described, "reason": printable(answer.reason)})
    else:
        logger.error("invalidation_refused", extra={**described, "reason": printable(answer.reason)})

"""The distributor's entry: S3 events in, the website brought to the source's present state."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor import failures, store
from distributor.events import decode
from distributor.plan import plan
from distributor.publish import carry_out
from distributor.report import emit, raise_if_failed, summarize
from distributor.settings import DistributorSettings
from shared.observability import logger_for, metrics_for
from shared.settings import read_settings

SERVICE = "distributor"
logger = logger_for(SERVICE)
metrics = metrics_for(SERVICE)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What an invocation works with."""

    settings: DistributorSettings
    store: store.Store
    failures: failures.FailureQueue


@cache
def dependencies() -> Dependencies:
    """Settings and clients, made once for each execution environment."""
    settings = read_settings(DistributorSettings, os.environ)
    return Dependencies(
        settings,
        store.connect(settings.cache_control, settings.max_object_bytes),
        failures.connect(settings.failure_queue_url),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish every object that the event names; what may yet be published is raised at the end, for Lambda's retry."""
    made = dependencies()
    decisions = plan(decode(event), made.settings)
    if not decisions:
        logger.warning("event_without_records")
    outcomes = carry_out(decisions, made.store, context.get_remaining_time_in_millis)
    emit(outcomes, logger, metrics)
    made.failures.keep(outcomes)
    raise_if_failed(outcomes)
    return summarize(outcomes)

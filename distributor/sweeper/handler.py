"""The sweeper's entry: on a schedule with `{}`, or by hand; compares source and website and mends what has drifted."""

from typing import Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor.dependencies import dependencies
from distributor.outcomes import Outcome
from distributor.report import emit, emit_not_queued, measure_freshness, raise_if_failed
from distributor.sweeper.comparison import Drift
from distributor.sweeper.sweep import Sweep, Swept, sweep
from shared.observability import logger_for, metrics_for
from shared.tracing import traced

SERVICE = "sweeper"
logger = logger_for(SERVICE)
metrics = metrics_for(SERVICE)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweep with `{}`, only look with `{"dry_run": true}`; see `distributor.sweeper.sweep.Sweep` for the rest.

    What could not be published is raised when the sweep is complete; until then the next sweep takes it up.
    """
    asked = Sweep.model_validate(event or {})
    made = dependencies()

    def report(outcomes: list[Outcome]) -> None:
        emit(outcomes, logger, metrics)
        measure_freshness(outcomes, made.settings.website, metrics)
        # Batch by batch and first: a sweep that breaks off and starts again finds no drift where it has already copied.
        not_queued = made.invalidations.send(outcomes)
        emit_not_queued(not_queued, logger, metrics)
        made.failures.keep_not_queued(not_queued)
        made.failures.keep(outcomes)

    with traced("sweep") as facts:
        swept = sweep(asked, made, context.get_remaining_time_in_millis, report)
        facts.update(compared=swept.compared, drifted=swept.drift.total())
    _measure(swept)
    if swept.next and asked.follow:
        _hand_on(swept.next, context)
    if not swept.next:
        raise_if_failed(swept.failed)
    return swept.summary(asked)


def _measure(swept: Swept) -> None:
    logger.info("sweep_finished", extra={"compared": swept.compared, "drift": swept.drift, "complete": not swept.next})
    metrics.add_metric(name="SweepCompared", unit=MetricUnit.Count, value=swept.compared)
    for kind in Drift:
        metrics.add_metric(name=f"Drift{kind.capitalize()}", unit=MetricUnit.Count, value=swept.drift[kind])


def _hand_on(rest: Sweep, context: LambdaContext) -> None:
    """Go on in an invocation of its own. Each one gets further, so the chain ends."""
    boto3.client("lambda").invoke(
        FunctionName=context.invoked_function_arn, InvocationType="Event", Payload=rest.model_dump_json().encode()
    )

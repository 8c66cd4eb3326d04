"""The distributor's entry: events that name keys in, the website brought to the source's present state."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor import batch
from distributor.dependencies import dependencies
from distributor.events import Notice, decode, is_direct
from distributor.outcomes import Outcome
from distributor.plan import plan
from distributor.publish import carry_out
from distributor.report import count, emit, emit_not_queued, measure_freshness, raise_if_failed, summarize
from shared.observability import logger_for, metrics_for
from shared.tracing import traced

SERVICE = "distributor"
logger = logger_for(SERVICE)
metrics = metrics_for(SERVICE)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish every object that the event names; what may yet be published is raised at the end, for Lambda's retry.

    Whoever waits for the answer is told in it instead, and no such object goes to the failure queue: S3 Batch
    Operations gets a result for each task, an operator's `{"keys": [...]}` the summary, failures among it.
    """
    if batch.is_job(event):
        tasks = batch.decode_tasks(event)
        results = {task: distribute([notice], context) for task, notice in tasks.items()}
        invalidate(chain.from_iterable(results.values()))
        return batch.answer(event, results)
    outcomes = distribute(decode(event), context)
    invalidate(outcomes)
    if not outcomes:
        logger.warning("event_without_records")
    if not is_direct(event):
        dependencies().failures.keep(outcomes)
        raise_if_failed(outcomes)
    return summarize(outcomes)


def distribute(notices: Iterable[Notice], context: LambdaContext) -> list[Outcome]:
    """Decide, carry out, and report."""
    made = dependencies()
    with traced("publish") as facts:
        outcomes = carry_out(plan(notices, made.settings), made.store, context.get_remaining_time_in_millis)
        facts.update(count(outcomes))
    emit(outcomes, logger, metrics)
    measure_freshness(outcomes, made.settings.website, metrics)
    return outcomes


def invalidate(outcomes: Iterable[Outcome]) -> None:
    """Ask for what was published to be invalidated; what can't be asked for is told and kept."""
    made = dependencies()
    not_queued = made.invalidations.send(outcomes)
    emit_not_queued(not_queued, logger, metrics)
    made.failures.keep_not_queued(not_queued)

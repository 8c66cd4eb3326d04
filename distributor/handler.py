"""The distributor's entry point: publishes the source's present state of every key that an event names."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor.answers import answer
from distributor.dependencies import build_dependencies
from distributor.events import Asynchronous, decode
from distributor.follow_up import follow_up
from distributor.outcomes import count
from distributor.plan import plan
from distributor.publish import carry_out
from shared.observability import logger_for, metrics_for
from shared.tracing import traced

SERVICE = "distributor"
logger = logger_for(SERVICE)
metrics = metrics_for(SERVICE)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish every object that the event names; failures raise an error at the end, so that Lambda retries.

    A synchronous caller gets failures and rejections in the answer; none goes to the failure queue.
    """
    request, dependencies = decode(event), build_dependencies()
    with traced("publish") as annotations:
        decisions = plan(request.notices, dependencies.settings)
        outcomes = carry_out(decisions, dependencies.store, context.get_remaining_time_in_millis)
        annotations.update(count(outcomes))
    if not outcomes:
        logger.warning("event_without_records")
    keep_rejections = isinstance(request.reply, Asynchronous)
    follow_up(outcomes, dependencies, logger, metrics, keep_rejections=keep_rejections)
    return answer(request.reply, outcomes)

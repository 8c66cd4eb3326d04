"""The distributor's entry: events that name keys in, the website brought to the source's present state."""

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
    """Publish every object that the event names; what may yet be published is raised at the end, for Lambda's retry.

    Whoever waits for the answer finds failures and rejections in it instead, and none goes to the failure queue.
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

"""The sweeper's entry point, invoked by its schedule with `{}` or by hand: publishes again what differs."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from distributor.answers import raise_if_failed
from distributor.dependencies import build_dependencies
from distributor.follow_up import follow_up
from distributor.outcomes import Failed, Outcome, Rejected
from distributor.sweeper.comparison import Drift
from distributor.sweeper.progress import Progress
from distributor.sweeper.sweep import SweepRequest, SweepResult, read_request, sweep
from shared.clients import CONTINUING_SWEEP, connect
from shared.observability import logger_for, metrics_for
from shared.text import printable
from shared.tracing import traced

SERVICE = "sweeper"
LAMBDA_FOLDER = "/tmp"  # noqa: S108 - the only one that a function may write to, and its own
logger = logger_for(SERVICE)
metrics = metrics_for(SERVICE)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweep with `{}`, only look with `{"dry_run": true}`; see `distributor.sweeper.sweep.SweepRequest`.

    Failures raise an error in the invocation that completes the sweep; failures before it are left to the next sweep.
    A dry run raises none and writes no metrics, since alarms are for what a sweep has found and done.
    """
    request, dependencies = read_request(event or {}), build_dependencies()

    def follow_up_batch(outcomes: list[Outcome]) -> None:
        # The queue has a rejection from the object's event, and would get the same one again from every sweep.
        follow_up(outcomes, dependencies, logger, metrics, keep_rejections=False)

    progress = Progress(Path(os.environ.get("TMPDIR", LAMBDA_FOLDER)) / "sweep.jsonl", context.aws_request_id)
    if progress.interrupted.batch:
        logger.warning("sweep_resumed", extra={"not_checked": [version.key for version in progress.interrupted.fatal]})
    with traced("sweep") as annotations:
        result = sweep(request, dependencies, context.get_remaining_time_in_millis, follow_up_batch, progress)
        annotations.update(compared=result.compared, drifted=result.drift.total())
    _log(result, request)
    if not request.dry_run:
        _measure(result)
    if result.next and request.follow:
        _continue(result.next, context)
    if not (result.next or request.dry_run):
        raise_if_failed(result.failed)
    return result.summary(request)


def _log(result: SweepResult, request: SweepRequest) -> None:
    fields = {"dry_run": request.dry_run, "compared": result.compared, "drift": result.drift}
    rejected = result.outcomes[Rejected]
    logger.info("sweep_finished", extra={**fields, "rejected": rejected, "complete": not result.next})
    if result.refusal:
        logger.warning("source_etag_not_read", extra={"reason": printable(result.refusal)})


def _measure(result: SweepResult) -> None:
    # Each rejection is counted with its outcome. The 0 of a sweep that has none ends the alarm.
    metrics.add_metric(name="Rejected", unit=MetricUnit.Count, value=0)
    # What is raised reaches the failure queue, which has an alarm, or the person who sweeps. Such a sweep does not
    # count as finished, and does not end the alarm of the drift.
    raised = 0 if result.next else result.outcomes[Failed]
    mended = result.drift.total() - raised
    if not raised:
        metrics.add_metric(name="SweepCompared", unit=MetricUnit.Count, value=result.compared)
    if mended or not raised:  # the sum, since an alarm on one metric costs less than one on three
        metrics.add_metric(name="Drift", unit=MetricUnit.Count, value=mended)
    for kind in Drift:
        metrics.add_metric(name=f"Drift{kind.capitalize()}", unit=MetricUnit.Count, value=result.drift[kind])


def _continue(rest: SweepRequest, context: LambdaContext) -> None:
    """Continue in another invocation. Each one gets further, so the chain ends."""
    connect("lambda", CONTINUING_SWEEP).invoke(
        FunctionName=context.invoked_function_arn, InvocationType="Event", Payload=json.dumps(asdict(rest))
    )

"""The entry point of the announcements: one invocation, by the schedule or by hand, brings the file up to date."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fetcher.announcements.run import RunResult, run
from fetcher.settings import AnnouncementsSettings
from fetcher.source import SourceBucket
from shared import contract
from shared.clients import FETCHING, connect
from shared.observability import logger_for, metrics_for
from shared.settings import read_settings

logger = logger_for("announcements")
metrics = metrics_for("announcements")


@cache
def settings() -> AnnouncementsSettings:
    """The environment, read once for each execution environment."""
    return read_settings(AnnouncementsSettings, os.environ)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - nothing to ask for
    """Read AWS's feed and write the file. A feed that can't be used is no error: the next invocation reads it again.

    An alarm goes off if that lasts for a day. All other errors are raised, so that Lambda sees them.
    """
    bucket = SourceBucket(connect("s3", FETCHING), settings().source_bucket, settings().source_prefix)
    result = run(settings(), bucket, context.aws_request_id)
    summary = summarize(result)
    _report(result, summary)
    return summary


def summarize(result: RunResult) -> dict[str, Any]:
    """The function's answer: how many items of the feed are in order and not, and the object that was written."""
    return {
        "read": result.next.read if result.next else 0,
        "broken": result.next.broken if result.next else 0,
        "feedError": result.feed_error,
        "written": [{"key": result.written.key, "bytes": result.written.size}] if result.written else [],
    }


def _report(result: RunResult, summary: dict[str, Any]) -> None:
    """Write one log line, a warning for each problem, and the one metric, which is 0 if the feed can't be used."""
    if result.feed_error:
        logger.warning("announcements_feed_failed", extra={"reason": result.feed_error})
    if result.unreadable:
        files = {contract.ANNOUNCEMENTS_FILE: result.unreadable}
        logger.warning("published_files_unreadable", extra={"files": files})
    if summary["broken"]:
        logger.warning("announcements_broken", extra={"items": summary["broken"]})
    logger.info("announcements_finished", extra=summary)
    metrics.add_metric(name="AnnouncementsRead", unit=MetricUnit.Count, value=summary["read"])

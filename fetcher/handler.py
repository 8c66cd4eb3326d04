"""The fetcher's entry point: one invocation, by the schedule or by hand, is one complete run or an error."""

import os
import time
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from fetcher.report import emit, raise_if_unreadable, summarize
from fetcher.run import run
from fetcher.settings import FetcherSettings, Job, read_request
from fetcher.source import SourceBucket
from shared.clients import FETCHING, connect
from shared.observability import logger_for, metrics_for
from shared.settings import read_settings

logger = logger_for("fetcher")
metrics = metrics_for("fetcher")


@cache
def settings() -> FetcherSettings:
    """The environment, read once for each execution environment."""
    return read_settings(FetcherSettings, os.environ)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Read the catalogue, build the files and write them; every error is raised, so that Lambda sees it.

    The event is a `fetcher.settings.RunRequest`, usually empty.
    """
    started = time.monotonic()
    job = Job(context.aws_request_id, settings(), read_request(event))
    bucket = SourceBucket(connect("s3", FETCHING), job.settings.source_bucket, job.settings.source_prefix)

    result = run(job, bucket, context.get_remaining_time_in_millis() / 1000)

    summary = summarize(result, time.monotonic() - started)
    emit(result, summary, logger, metrics)
    raise_if_unreadable(result)
    return summary

"""The fetcher's entry: one invocation, from the schedule or with `{}`, is one whole run or an error."""

import os
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from fetcher import source, ssm
from fetcher.crawl import crawl
from fetcher.documents import build_documents
from fetcher.report import emit, summarize
from fetcher.settings import FetcherSettings
from shared.observability import logger_for, metrics_for
from shared.settings import read_settings
from shared.tracing import traced

logger = logger_for("fetcher")
metrics = metrics_for("fetcher")


@cache
def settings() -> FetcherSettings:
    """The environment, read once for each execution environment."""
    return read_settings(FetcherSettings, os.environ)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Read the catalogue, build the documents, write them; every error is raised, so that Lambda sees it."""
    configured = settings()
    started = time.monotonic()
    now = datetime.now(UTC).replace(microsecond=0)
    store = ssm.connect(configured.ssm_requests_per_second)
    bucket = source.connect(configured.source_bucket, configured.source_prefix)

    with traced("crawl", run_id=context.aws_request_id):
        catalogue = crawl(store)
    documents = build_documents(catalogue, context.aws_request_id, now)
    with traced("write", run_id=context.aws_request_id):
        written = bucket.write(documents)

    metadata, seconds = documents.complete_data.metadata, time.monotonic() - started
    summary = summarize(catalogue, metadata, written, ssm_calls=store.calls, seconds=seconds)
    emit(summary, logger, metrics)
    return summary

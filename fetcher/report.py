"""Reports the result of a run: as a log line, as metrics and as the function's answer."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from fetcher.run import RunResult
from shared import contract
from shared.text import printable, utc_stamp

MOST_NAMED = 20


class UnreadableHistoryError(Exception):
    """`change-history.json` breaks its contract, or would do so now, and was not overwritten; all else was written.

    A retry does not help: restore an earlier version of it, or delete it to start a new one.
    """


def summarize(result: RunResult, seconds: float) -> dict[str, Any]:
    """The summary; `seconds` is the time of the whole run, `ssmSeconds` that of the crawl."""
    state, crawl = result.state, result.crawl
    metadata = state.documents.complete_data.metadata
    summary = state.documents.complete_data.services_by_region.summary
    return {
        "runId": metadata.run_id,
        "timestamp": utc_stamp(metadata.timestamp, "seconds"),
        **metadata.counts.model_dump(by_alias=True),
        "fetchedRegions": summary.fetched_regions,
        "cachedRegions": summary.cached_regions,
        "staleRegions": list(metadata.stale_regions),
        "staleValues": len(state.catalogue.stale),
        "timesAhead": len(state.ahead),
        "ssmCalls": crawl.counts.calls,
        "ssmThrottles": crawl.counts.throttles,
        "ssmErrors": crawl.counts.errors,
        "ssmSeconds": round(crawl.seconds, 3),
        "seconds": round(seconds, 3),
        "launchFeedError": printable(crawl.launch_error),
        "unplacedZones": [printable(zone) for zone in state.catalogue.unplaced_zones],
        "itemsWritten": result.items.written,
        "itemsLeft": result.items.left,
        "written": [{"key": written.key, "bytes": written.size} for written in result.written],
    }


def emit(result: RunResult, summary: dict[str, Any], logger: Logger, metrics: Metrics) -> None:
    """Write one log line, the run's metrics, and a warning for each problem."""
    stale = [f"{printable(path)}: {printable(reason)}" for path, reason in result.state.catalogue.stale.items()]
    ahead = [f"{printable(name)}: {time}" for name, time in result.state.ahead.items()]
    for event, fields in (
        ("last_good_readings_used", {"regions": summary["staleRegions"], "readings": stale[:MOST_NAMED]}),
        ("launch_feed_failed", {"reason": summary["launchFeedError"]}),
        ("zones_without_region", {"zones": summary["unplacedZones"]}),
        ("published_times_ahead", {"times": ahead[:MOST_NAMED]}),
        ("published_files_unreadable", {"files": dict(result.previous.unreadable)}),
        ("items_left", {"items": summary["itemsLeft"]}),
    ):
        if any(fields.values()):
            logger.warning(event, extra=fields)
    logger.info("run_finished", extra=summary)
    for name, value in (
        ("Regions", summary["regions"]),
        ("Services", summary["services"]),
        ("RegionServices", summary["regionServices"]),
        ("StaleRegions", len(summary["staleRegions"])),
        ("StaleValues", summary["staleValues"]),
        ("SsmCalls", summary["ssmCalls"]),
        ("SsmThrottles", summary["ssmThrottles"]),
        ("LaunchFeedFailed", int(bool(summary["launchFeedError"]))),
    ):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.add_metric(name="RunDuration", unit=MetricUnit.Seconds, value=summary["seconds"])


def raise_if_unreadable(result: RunResult) -> None:
    """UnreadableHistoryError if the history could not be read or extended, so that the failure is noticed."""
    reason = result.previous.unreadable.get(contract.CHANGE_HISTORY_FILE) or result.state.unfit_history
    if reason:
        msg = f"{contract.CHANGE_HISTORY_FILE} breaks its contract and is left as it is, all else is written: {reason}"
        raise UnreadableHistoryError(msg)

"""A finished run in, its summary out: as a log line, as metrics and as the answer to whoever invoked the function."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from fetcher.run import Finished
from shared import contract
from shared.text import printable, utc_stamp

MOST_NAMED = 20


class UnreadableHistoryError(Exception):
    """All files are written but `change-history.json`, which is not what the contract says, and so is left as it is.

    A retry does not help: bring back an earlier version of it, or delete it to begin anew.
    """


def summarize(finished: Finished, seconds: float) -> dict[str, Any]:
    """The summary; `seconds` is of the whole run, `ssmSeconds` of the crawl."""
    metadata, traffic = finished.documents.complete_data.metadata, finished.reading.traffic
    summary = finished.documents.complete_data.services_by_region.summary
    return {
        "runId": metadata.run_id,
        "timestamp": utc_stamp(metadata.timestamp, "seconds"),
        **metadata.counts.model_dump(by_alias=True),
        "fetchedRegions": summary.fetched_regions,
        "cachedRegions": summary.cached_regions,
        "staleRegions": list(metadata.stale_regions),
        "staleValues": len(finished.catalogue.stale),
        "ssmCalls": traffic.calls,
        "ssmThrottles": traffic.throttles,
        "ssmErrors": traffic.errors,
        "ssmSeconds": round(finished.reading.seconds, 3),
        "seconds": round(seconds, 3),
        "launchFeedError": printable(finished.reading.launch_error),
        "unplacedZones": [printable(zone) for zone in finished.catalogue.unplaced_zones],
        "written": [{"key": one.key, "bytes": one.size} for one in finished.written],
    }


def emit(finished: Finished, summary: dict[str, Any], logger: Logger, metrics: Metrics) -> None:
    """One log line and the run's metrics, and a warning for each thing that is not as it should be."""
    stale = [f"{printable(path)}: {printable(reason)}" for path, reason in finished.catalogue.stale.items()]
    for event, fields in (
        ("last_good_readings_used", {"regions": summary["staleRegions"], "readings": stale[:MOST_NAMED]}),
        ("launch_feed_failed", {"reason": summary["launchFeedError"]}),
        ("zones_without_region", {"zones": summary["unplacedZones"]}),
        ("published_files_unreadable", {"files": dict(finished.published.unreadable)}),
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


def raise_if_unreadable(finished: Finished) -> None:
    """UnreadableHistoryError if the history could not be read, so that somebody hears of it."""
    reason = finished.published.unreadable.get(contract.CHANGE_HISTORY_FILE)
    if reason:
        msg = f"{contract.CHANGE_HISTORY_FILE} breaks its contract and is left as it is, all else is written: {reason}"
        raise UnreadableHistoryError(msg)

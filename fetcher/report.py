"""A finished run in, its summary out: as a log line, as metrics and as the answer to whoever invoked the function."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from fetcher.catalogue import Catalogue
from fetcher.source import Written
from shared.contract import Metadata
from shared.observability import printable


def summarize(
    catalogue: Catalogue, metadata: Metadata, written: Sequence[Written], *, ssm_calls: int, seconds: float
) -> dict[str, Any]:
    """The summary; `seconds` is from the start of the crawl to the last write."""
    return {
        "runId": metadata.run_id,
        "timestamp": metadata.timestamp.isoformat().replace("+00:00", "Z"),
        **metadata.counts.model_dump(by_alias=True),
        "ssmCalls": ssm_calls,
        "seconds": round(seconds, 3),
        "unplacedZones": [printable(zone) for zone in catalogue.unplaced_zones],
        "written": [{"key": object_.key, "bytes": object_.size} for object_ in written],
    }


def emit(summary: dict[str, Any], logger: Logger, metrics: Metrics) -> None:
    """One log line and the run's metrics; a warning if SSM listed zones that belong to no region."""
    if summary["unplacedZones"]:
        logger.warning("zones_without_region", extra={"zones": summary["unplacedZones"]})
    logger.info("run_finished", extra=summary)
    for name, field in (("Regions", "regions"), ("Services", "services"), ("RegionServices", "regionServices")):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=summary[field])
    metrics.add_metric(name="SsmCalls", unit=MetricUnit.Count, value=summary["ssmCalls"])
    metrics.add_metric(name="RunDuration", unit=MetricUnit.Seconds, value=summary["seconds"])

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Metrics

from distributor.outcomes import Cause, Copied, Failed, Gone, NotQueued, Outcome, Publish, Rejected, Skipped
from distributor.report import (
    DistributionFailedError,
    describe,
    emit,
    emit_not_queued,
    measure_freshness,
    raise_if_failed,
    summarize,
)
from distributor.settings import Location
from shared.observability import logger_for, metrics_for
from tests.distributor.world import SOURCE, WEBSITE, task

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
COPIED = Copied(task(), '"e"', 12, 1, 0.0371)
EVERY_KIND: list[Outcome] = [COPIED, Gone(task()), Skipped("s", "why"), Rejected("r", "why"), Failed("f", "why")]


def test_the_summary_counts_every_outcome_and_tells_of_each_object() -> None:
    summary = summarize([*EVERY_KIND, COPIED])

    assert summary["counts"] == {"copied": 2, "gone": 1, "skipped": 1, "rejected": 1, "failed": 1}
    assert summary["objects"][0] == {
        "outcome": "copied",
        "source": "aws-data/x.json",
        "destination": "s3://my-website/data/x.json",
        "etag": "e",
        "bytes": 12,
        "passes": 1,
        "seconds": 0.037,
    }
    assert summary["objects"][3] == {"outcome": "rejected", "source": "r", "reason": "why"}
    assert all("reason" in one for one in summary["objects"][1:5])


@pytest.mark.parametrize(
    "outcome", [replace(COPIED, correlation_id="c"), Gone(task(), "c"), Rejected("r", "y", correlation_id="c")]
)
def test_the_correlation_id_is_told_where_it_is_known(outcome: Outcome) -> None:
    assert describe(outcome)["correlation_id"] == "c"
    assert all("correlation_id" not in describe(one) for one in EVERY_KIND)


def test_an_invocation_without_records_counts_nothing() -> None:
    assert summarize([])["counts"] == {"copied": 0, "gone": 0, "skipped": 0, "rejected": 0, "failed": 0}


def test_keys_and_reasons_from_outside_are_escaped() -> None:
    assert describe(Rejected("a\nb", "c\x1b")) == {"outcome": "rejected", "source": "a\\nb", "reason": "c\\x1b"}


@pytest.fixture
def metrics() -> Metrics:
    fresh = metrics_for("distributor")
    fresh.clear_metrics()
    return fresh


def test_each_object_is_one_log_line_and_only_trouble_is_a_warning(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], printed: Callable[[], list[dict[str, Any]]]
) -> None:
    emit(EVERY_KIND, logger_for("distributor"), metrics)
    metrics.clear_metrics()

    assert [(line["level"], line["message"], line["outcome"]) for line in printed()] == [
        ("INFO", "object_copied", "copied"),
        ("INFO", "object_gone", "gone"),
        ("INFO", "object_skipped", "skipped"),
        ("WARNING", "object_rejected", "rejected"),
        ("WARNING", "object_failed", "failed"),
    ]


def test_every_outcome_is_measured_and_copies_with_latency_and_lag(metrics: Metrics) -> None:
    ten_seconds_ago = datetime.now(UTC) - timedelta(seconds=10)
    late = Copied(Publish(SOURCE, WEBSITE, "y.json", ten_seconds_ago), '"e"', 5, 1, 0.25)
    early = Copied(Publish(SOURCE, WEBSITE, "z.json", datetime.now(UTC) + timedelta(days=1)), '"e"', 5, 1, 0.25)

    emit([*EVERY_KIND, late, early], logger_for("distributor"), metrics)

    measured: dict[str, Any] = dict(metrics.serialize_metric_set())
    metrics.clear_metrics()
    assert (measured["Copied"], measured["Gone"], measured["Skipped"]) == ([1.0, 1.0, 1.0], [1.0], [1.0])
    assert (measured["Rejected"], measured["Failed"]) == ([1.0], [1.0])
    assert measured["CopyLatency"] == pytest.approx([37.1, 250, 250])
    assert measured["PublishedBytes"] == [12.0, 5.0, 5.0]
    assert measured["PublicationLag"] == [pytest.approx(10, abs=5), 0.0]
    assert "ForeignBucket" not in measured


def test_the_age_of_complete_data_is_measured_where_readers_find_it_and_nowhere_else(metrics: Metrics) -> None:
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    published = Copied(task("complete-data.json"), '"e"', 5, 1, 0.25, data_time=two_hours_ago)
    from_a_fast_clock = Copied(
        task("complete-data.json"), '"e"', 5, 1, 0.25, data_time=datetime.now(UTC) + timedelta(hours=1)
    )
    mirrored = Copied(
        Publish(SOURCE, Location("my-mirror", "data"), "complete-data.json"), '"e"', 5, 1, 0.25, data_time=LONG_AGO
    )

    measure_freshness([*EVERY_KIND, published, from_a_fast_clock, mirrored], WEBSITE, metrics)

    measured: dict[str, Any] = dict(metrics.serialize_metric_set())
    metrics.clear_metrics()
    assert measured["PublishedDataAge"] == [pytest.approx(7200, abs=60), 0.0]


def test_a_record_of_another_bucket_is_measured_by_itself_too(metrics: Metrics) -> None:
    emit([Rejected("k", "another bucket", Cause.FOREIGN_BUCKET)], logger_for("distributor"), metrics)

    measured: dict[str, Any] = dict(metrics.serialize_metric_set())
    metrics.clear_metrics()
    assert (measured["Rejected"], measured["ForeignBucket"]) == ([1.0], [1.0])


def test_each_key_whose_invalidation_was_not_asked_for_is_an_error_line_and_a_count(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], printed: Callable[[], list[dict[str, Any]]]
) -> None:
    emit_not_queued(
        [NotQueued("a\nb", "AccessDenied"), NotQueued("c", "AccessDenied")], logger_for("distributor"), metrics
    )

    measured: dict[str, Any] = dict(metrics.serialize_metric_set())
    metrics.clear_metrics()
    assert measured["InvalidationsNotQueued"] == [1.0, 1.0]
    assert [(line["level"], line["message"], line["source"], line["reason"]) for line in printed()] == [
        ("ERROR", "invalidation_not_queued", "a\\nb", "AccessDenied"),
        ("ERROR", "invalidation_not_queued", "c", "AccessDenied"),
    ]


def test_only_failures_raise_and_they_are_named() -> None:
    raise_if_failed(EVERY_KIND[:4])

    with pytest.raises(DistributionFailedError, match=r"^2 object\(s\) not published: f: why; g: who$"):
        raise_if_failed([*EVERY_KIND, Failed("g", "who")])

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Metrics

from distributor.dependencies import Dependencies
from distributor.follow_up import follow_up, log_not_sent, log_outcomes, measure_outcomes
from distributor.outcomes import Cause, Copied, NotSent, Omission, Outcome, Publish, Rejected
from distributor.settings import DistributorSettings, Location
from shared.observability import logger_for, metrics_for
from tests.distributor.world import EVERY_KIND, HEADERS, SOURCE, WEBSITE, task

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NOT_QUEUED = NotSent("aws-data/x.json", Omission.NOT_INVALIDATED, "AccessDenied")
NOT_PUT = NotSent("aws-data/x.json", Omission.NOT_ANNOUNCED, "ThrottlingException")
Printed = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def metrics() -> Metrics:
    fresh = metrics_for("distributor")
    fresh.clear_metrics()
    return fresh


def measured(metrics: Metrics) -> dict[str, Any]:
    values: dict[str, Any] = dict(metrics.serialize_metric_set())
    metrics.clear_metrics()
    return values


@dataclass
class Queues:
    """Both queues and the event bus in one: what is done to them, in its order."""

    done: list[str] = field(default_factory=list)

    def send(self, outcomes: list[Outcome]) -> list[NotSent]:
        self.done.append("send")
        return [NOT_QUEUED]

    def put(self, outcomes: list[Outcome]) -> list[NotSent]:
        self.done.append("put")
        return [NOT_PUT]

    def keep_not_sent(self, not_sent: list[NotSent]) -> None:
        assert not_sent == [NOT_QUEUED, NOT_PUT]
        self.done.append("keep what was not sent")

    def keep_rejections(self, outcomes: list[Outcome]) -> None:
        self.done.append("keep rejections")


@pytest.mark.parametrize(
    ("keep_rejections", "steps"),
    [
        (True, ["send", "put", "keep what was not sent", "keep rejections"]),
        (False, ["send", "put", "keep what was not sent"]),
    ],
)
def test_invalidations_and_events_come_before_what_may_raise_and_rejections_are_kept_if_wanted(
    settings: DistributorSettings, metrics: Metrics, printed: Printed, keep_rejections: bool, steps: list[str]
) -> None:
    queues: Any = Queues()
    store: Any = None

    follow_up(
        EVERY_KIND,
        Dependencies(settings, store, queues, queues, queues),
        logger_for("distributor"),
        metrics,
        keep_rejections=keep_rejections,
    )

    assert queues.done == steps
    assert {"Copied", "Rejected"} <= measured(metrics).keys()
    assert [line["message"] for line in printed()][-2:] == ["invalidation_not_queued", "event_not_put"]


def test_each_object_is_one_log_line_and_only_trouble_is_a_warning(printed: Printed) -> None:
    log_outcomes(EVERY_KIND, logger_for("distributor"))

    assert [(line["level"], line["message"], line["outcome"]) for line in printed()] == [
        ("INFO", "object_copied", "copied"),
        ("INFO", "object_gone", "gone"),
        ("INFO", "object_skipped", "skipped"),
        ("WARNING", "object_rejected", "rejected"),
        ("WARNING", "object_failed", "failed"),
    ]


def test_every_outcome_is_measured_and_copies_with_latency_and_lag(metrics: Metrics) -> None:
    ten_seconds_ago = datetime.now(UTC) - timedelta(seconds=10)
    late = Copied(replace(task("y.json"), event_time=ten_seconds_ago), '"e"', 5, 1, 0.25)
    early = Copied(replace(task("z.json"), event_time=datetime.now(UTC) + timedelta(days=1)), '"e"', 5, 1, 0.25)

    measure_outcomes([*EVERY_KIND, late, early], WEBSITE, metrics)

    values = measured(metrics)
    assert (values["Copied"], values["Gone"], values["Skipped"]) == ([1.0, 1.0, 1.0], [1.0], [1.0])
    assert (values["Rejected"], values["Failed"]) == ([1.0], [1.0])
    assert values["CopyLatency"] == pytest.approx([37.1, 250, 250])
    assert values["PublishedBytes"] == [12.0, 5.0, 5.0]
    assert values["PublicationLag"] == [pytest.approx(10, abs=5), 0.0]
    assert "ForeignBucket" not in values


@pytest.mark.parametrize("service", ["distributor", "sweeper"])
def test_the_age_of_complete_data_is_one_metric_of_the_website_whoever_publishes(
    service: str, printed: Printed
) -> None:
    metrics = metrics_for(service)
    now, name = datetime.now(UTC), "complete-data.json"
    published = Copied(task(name), '"e"', 5, 1, 0.25, data_time=now - timedelta(hours=2))
    from_a_fast_clock = Copied(task(name), '"e"', 5, 1, 0.25, data_time=now + timedelta(hours=1))
    mirror = Publish(SOURCE, Location("my-mirror", "data"), name, HEADERS)
    mirrored = Copied(mirror, '"e"', 5, 1, 0.25, data_time=LONG_AGO)

    measure_outcomes([*EVERY_KIND, published, from_a_fast_clock, mirrored], WEBSITE, metrics)

    measured(metrics)
    lines = printed()
    assert [line["PublishedDataAge"] for line in lines] == [[pytest.approx(7200, abs=60)], [0.0]]
    assert {(line["service"], line["_aws"]["CloudWatchMetrics"][0]["Namespace"]) for line in lines} == {
        ("distributor", metrics.namespace)
    }


def test_a_record_of_another_bucket_is_measured_by_itself_too(metrics: Metrics) -> None:
    measure_outcomes([Rejected("k", "another bucket", Cause.FOREIGN_BUCKET)], WEBSITE, metrics)

    values = measured(metrics)
    assert (values["Rejected"], values["ForeignBucket"]) == ([1.0], [1.0])


def test_each_invalidation_and_event_that_was_not_sent_is_an_error_line(printed: Printed) -> None:
    not_sent = [NotSent("a\nb", Omission.NOT_INVALIDATED, "AccessDenied"), NOT_QUEUED, NOT_PUT]

    log_not_sent(not_sent, logger_for("distributor"))

    assert [(line["level"], line["message"], line["source"], line["reason"]) for line in printed()] == [
        ("ERROR", "invalidation_not_queued", "a\\nb", "AccessDenied"),
        ("ERROR", "invalidation_not_queued", "aws-data/x.json", "AccessDenied"),
        ("ERROR", "event_not_put", "aws-data/x.json", "ThrottlingException"),
    ]

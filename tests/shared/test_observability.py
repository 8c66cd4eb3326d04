import json

import pytest

from shared.observability import logger_for, metrics_for


def test_log_lines_are_json_and_carry_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    logger_for("a-service").info("something_happened", extra={"count": 2})

    line = json.loads(capsys.readouterr().out)
    assert (line["service"], line["message"], line["count"]) == ("a-service", "something_happened", 2)


def test_metrics_carry_the_namespace_and_the_service() -> None:
    metrics = metrics_for("b-service")
    metrics.add_metric(name="Things", unit="Count", value=1)

    (described,) = metrics.serialize_metric_set()["_aws"]["CloudWatchMetrics"]
    metrics.clear_metrics()
    assert (described["Namespace"], described["Dimensions"]) == ("AwsServicesFeed", [["service"]])

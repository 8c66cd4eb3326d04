import json

import pytest

from shared.observability import logger_for, metrics_for, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("aws-data/日 a.json", "aws-data/日 a.json"),
        ("a\nb\x1b[31m\x7f", "a\\nb\\x1b[31m\\x7f"),
        ("a\ud800b", "a\\ud800b"),
        ("x" * 1100, "x" * 1100),
        ("x" * 1101, "x" * 1099 + "…"),
    ],
)
def test_text_from_outside_is_escaped_and_cut(text: str, shown: str) -> None:
    assert printable(text) == shown


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

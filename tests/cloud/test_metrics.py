import json
from datetime import UTC, datetime

import pytest

from cloud.metrics import Datapoint, MetricName, delivered, from_lambda, from_log, from_queue

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LINE = {
    "_aws": {
        "Timestamp": int(NOON.timestamp() * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": "N",
                "Dimensions": [["service"], ["service", "kind"]],
                "Metrics": [{"Name": "Many", "Unit": "Count"}, {"Name": "One", "Unit": "Seconds"}],
            }
        ],
    },
    "service": "s",
    "kind": "k",
    "Many": [1.0, 2.0],
    "One": 3,
}


def test_each_value_of_an_embedded_metric_is_a_data_point_for_each_set_of_dimensions() -> None:
    log = f'START\n{{"message": "no metric"}}\n{json.dumps(LINE)}\nREPORT _aws\n'

    found = list(from_log(log))

    alone, both = frozenset({("service", "s")}), frozenset({("service", "s"), ("kind", "k")})
    assert found == [
        Datapoint(MetricName("N", name, dimensions), NOON, value)
        for dimensions in (alone, both)
        for name, value in (("Many", 1.0), ("Many", 2.0), ("One", 3.0))
    ]


def test_what_a_service_measures_itself_has_its_namespace_and_dimension() -> None:
    (errors,) = from_lambda("f", {"Errors": 1}, NOON)
    (visible,) = from_queue("q", {"Visible": 2}, NOON)

    assert errors == Datapoint(MetricName("AWS/Lambda", "Errors", frozenset({("FunctionName", "f")})), NOON, 1)
    assert visible == Datapoint(MetricName("AWS/SQS", "Visible", frozenset({("QueueName", "q")})), NOON, 2)


@pytest.mark.parametrize(
    ("lowest", "count"), [("TRACE", 6), ("DEBUG", 6), ("INFO", 5), ("WARN", 2), ("ERROR", 2), ("FATAL", 1)]
)
def test_what_is_below_lambdas_level_is_dropped_and_without_a_valid_level_counts_as_info(
    lowest: str, count: int
) -> None:
    lines = [
        *("REPORT RequestId: 1\n", '{"_aws": {}}\n', '{"level": "WARNING"}\n', '{"level": "Error"}\n'),
        *('{"level": "info"}\n', '{"level": "DEBUG"}\n'),
    ]

    assert len(delivered("".join(lines), lowest).splitlines()) == count

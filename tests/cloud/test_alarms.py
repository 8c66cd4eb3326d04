from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud.alarms import UnknownAlarmError, evaluate, read_alarm, read_rule
from cloud.metrics import Datapoint, MetricName

NOW = datetime(2026, 11, 23, 12, 30, 30, tzinfo=UTC)
SIMPLE = {
    "Namespace": "N",
    "MetricName": "M",
    "Dimensions": [{"Name": "service", "Value": "s"}],
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": "1",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 0,
    "TreatMissingData": "notBreaching",
}


def point(minutes_ago: float, value: float, name: str = "M", service: str = "s") -> Datapoint:
    metric = MetricName("N", name, frozenset({("service", service)}))
    return Datapoint(metric, NOW - timedelta(minutes=minutes_ago), value)


def state_of(points: list[Datapoint], before: str = "INSUFFICIENT_DATA", now: datetime = NOW, **changes: object) -> str:
    return evaluate(read_alarm({**SIMPLE, **changes}), points, now, before)


@pytest.mark.parametrize(
    ("statistic", "threshold", "state"),
    [
        ("Sum", 5, "ALARM"),
        ("Sum", 6, "OK"),
        ("Maximum", 3, "ALARM"),
        ("Maximum", 4, "OK"),
        ("Minimum", 1, "ALARM"),
        ("Minimum", 2, "OK"),
        ("SampleCount", 1, "ALARM"),
        ("SampleCount", 2, "OK"),
    ],
)
def test_a_statistic_is_taken_over_the_period(statistic: str, threshold: float, state: str) -> None:
    points = [point(1, 4), point(2, 2), point(1, 99, name="Other"), point(1, 99, service="other")]

    assert state_of(points, Statistic=statistic, Threshold=threshold) == state


@pytest.mark.parametrize(
    ("operator", "values"),
    [
        ("GreaterThanThreshold", {4: "OK", 5: "OK", 6: "ALARM"}),
        ("GreaterThanOrEqualToThreshold", {4: "OK", 5: "ALARM", 6: "ALARM"}),
        ("LessThanThreshold", {4: "ALARM", 5: "OK", 6: "OK"}),
    ],
)
def test_the_threshold_is_compared_as_told(operator: str, values: dict[float, str]) -> None:
    found = {value: state_of([point(1, value)], ComparisonOperator=operator, Threshold=5) for value in values}

    assert found == values


# The first five rows are those of AWS's own table for three of three periods, 0 within and X beyond the threshold:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
@pytest.mark.parametrize(
    ("seen", "ignore", "breaching", "not_breaching"),
    [
        ("0-X-X", "OK", "OK", "OK"),
        ("0----", "OK", "OK", "OK"),
        ("-----", "kept", "ALARM", "OK"),
        ("0XX-X", "ALARM", "ALARM", "ALARM"),
        ("--X--", "kept", "ALARM", "OK"),
        ("XXX--", "ALARM", "ALARM", "ALARM"),
        ("--XX0", "OK", "OK", "OK"),
    ],
)
def test_missing_data_is_treated_as_aws_documents_it(
    seen: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    points = [
        point(5 * (len(seen) - index) - 3, 1 if sign == "X" else 0) for index, sign in enumerate(seen) if sign != "-"
    ]

    found = [
        state_of(points, "kept", EvaluationPeriods=3, TreatMissingData=missing)
        for missing in ("ignore", "breaching", "notBreaching")
    ]

    assert found == [ignore, breaching, not_breaching]


def test_some_of_the_periods_may_suffice() -> None:
    points = [point(12, 1), point(7, 0), point(2, 1)]

    assert state_of(points, EvaluationPeriods=3, DatapointsToAlarm=2) == "ALARM"
    assert state_of(points, EvaluationPeriods=3, DatapointsToAlarm=3) == "OK"


def test_an_old_breach_is_forgotten_once_it_is_out_of_sight() -> None:
    assert state_of([point(14, 1)]) == "ALARM"
    assert state_of([point(16, 1)]) == "OK"


def math(expression: str, *metrics: str, **changes: object) -> dict[str, Any]:
    stats = [
        {
            "Id": name.lower(),
            "ReturnData": False,
            "MetricStat": {
                "Metric": {key: SIMPLE[key] for key in ("Namespace", "Dimensions")} | {"MetricName": name},
                "Stat": "Sum",
                "Period": 3600,
            },
        }
        for name in metrics
    ]
    rest = {key: SIMPLE[key] for key in ("EvaluationPeriods", "ComparisonOperator", "Threshold", "TreatMissingData")}
    return {"Metrics": [{"Id": "all", "Expression": expression}, *stats], **rest, **changes}


@pytest.mark.parametrize(
    ("expression", "threshold", "state"),
    [
        ("SUM(METRICS())", 6, "ALARM"),
        ("SUM(METRICS())", 7, "OK"),
        ("MAX(METRICS())", 4, "ALARM"),
        ("MAX(METRICS())", 5, "OK"),
        ("FILL(c, 9)", 8, "ALARM"),
        ("FILL(c, 9)", 9, "OK"),
        ("FILL(MAX(METRICS()), 9)", 5, "OK"),
    ],
)
def test_metric_math_joins_what_is_there_and_fills_what_is_not(expression: str, threshold: int, state: str) -> None:
    alarm = read_alarm(math(expression, "A", "B", "C", Threshold=threshold))

    assert evaluate(alarm, [point(1, 5, "A"), point(1, 2, "B")], NOW, "OK") == state


def test_where_every_hour_is_filled_the_alarm_comes_after_exactly_so_many_hours() -> None:
    alarm = read_alarm(
        math("FILL(a, 0)", "A", EvaluationPeriods=26, ComparisonOperator="LessThanThreshold", Threshold=1)
    )
    ran = datetime(2026, 11, 23, 2, 0, 40, tzinfo=UTC)
    points = [Datapoint(point(0, 1, "A").metric, ran, 30)]

    states = [evaluate(alarm, points, ran + timedelta(hours=hours), "OK") for hours in (0, 24, 25, 26, 27)]

    assert states == ["OK", "OK", "OK", "ALARM", "ALARM"]


@pytest.mark.parametrize(
    "odd",
    [
        {**SIMPLE, "Statistic": "p99"},
        {**SIMPLE, "ComparisonOperator": "LessThanLowerThreshold"},
        {**SIMPLE, "TreatMissingData": "missing"},
        {name: value for name, value in SIMPLE.items() if name != "TreatMissingData"},
        math("SUM(METRICS())", "A") | {"Metrics": math("x", "A")["Metrics"][1:]},
        {**math("x", "A"), "Metrics": [*math("x", "A")["Metrics"], {"Id": "b", "Expression": "a * 2"}]},
        {
            **math("x"),
            "Metrics": [{**math("x", "A")["Metrics"][1], "ReturnData": True}, {"Id": "b", "Expression": "a"}],
        },
    ],
    ids=["percentile", "anomaly", "missing", "default missing", "no expression", "two expressions", "two results"],
)
def test_an_alarm_that_is_not_understood_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(UnknownAlarmError):
        read_alarm(odd)


@pytest.mark.parametrize("expression", ["RATE(a)", "a / 2", "FILL(a, REPEAT)", "SUM([a])"])
def test_math_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(UnknownAlarmError, match="is not known here"):
        evaluate(read_alarm(math(expression, "A")), [], NOW, "OK")


def test_a_rule_names_the_alarms_of_which_any_raises_it() -> None:
    assert read_rule('ALARM("a") OR ALARM("b-c")') == ("a", "b-c")
    assert len(read_rule(" OR ".join(['ALARM("a")'] * 100))) == 100


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "TRUE",
        'FALSE OR ALARM("a")',
        "ALARM(a)",
        'OK("a")',
        'NOT ALARM("a")',
        'ALARM("a") AND ALARM("b")',
        '(ALARM("a"))',
        " OR ".join(['ALARM("a")'] * 101),
        f'ALARM("{"a" * 10_233}")',
    ],
    ids=lambda rule: rule[:20],
)
def test_a_rule_that_is_not_understood_or_too_long_is_refused(rule: str) -> None:
    with pytest.raises(UnknownAlarmError, match="is not known here"):
        read_rule(rule)

"""An alarm, data points and a time in; the alarm's state out, by CloudWatch's rules. Pure.

What no alarm of the template uses is not known here and raises.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud.metrics import Datapoint, MetricName

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

# How many periods CloudWatch looks back beyond those that were asked for. It does not promise a number; two is that of
# the example in https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
FURTHER_PERIODS = 2
A_DAY = 86400

STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}
COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
}
MISSING = {"breaching", "ignore", "notBreaching"}

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
LONGEST_RULE, MOST_CHILDREN = 10_240, 100

Series = list[float | None]


class UnknownAlarmError(Exception):
    """The alarm uses a part of CloudWatch that the embedded cloud does not have."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """One metric in periods of `period` seconds."""

    metric: MetricName
    name: str
    period: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """When to raise it: `needed` of the last `periods` values of `expression` breach the threshold."""

    statistics: Mapping[str, Statistic]
    expression: str
    period: int
    periods: int
    needed: int
    comparison: str
    threshold: float
    missing: str


def read_alarm(properties: Mapping[str, Any]) -> Alarm:
    """The alarm of an AWS::CloudWatch::Alarm's resolved properties; UnknownAlarmError if it uses what is not known."""
    statistics, expression = _read_metrics(properties)
    lengths = {statistic.period for statistic in statistics.values()}
    periods = int(properties["EvaluationPeriods"])
    alarm = Alarm(
        statistics=statistics,
        expression=expression,
        period=max(lengths),
        periods=periods,
        needed=int(properties.get("DatapointsToAlarm", periods)),
        comparison=properties["ComparisonOperator"],
        threshold=float(properties["Threshold"]),
        missing=properties.get("TreatMissingData", "missing"),
    )
    unknown = {statistic.name for statistic in statistics.values()} - set(STATISTICS)
    unknown |= {alarm.comparison} - set(COMPARISONS) | {alarm.missing} - MISSING
    if unknown or len(lengths) != 1:
        msg = f"alarms with {sorted(unknown)} or with periods of {sorted(lengths)} s are not known here"
        raise UnknownAlarmError(msg)
    return alarm


def _read_metrics(properties: Mapping[str, Any]) -> tuple[dict[str, Statistic], str]:
    if "Metrics" not in properties:
        return {"metric": _read_statistic(properties, properties["Statistic"], properties["Period"])}, "metric"
    statistics = {
        query["Id"]: _read_statistic(
            query["MetricStat"]["Metric"], query["MetricStat"]["Stat"], query["MetricStat"]["Period"]
        )
        for query in properties["Metrics"]
        if "MetricStat" in query and query.get("ReturnData") is False
    }
    expressions = [query["Expression"] for query in properties["Metrics"] if "Expression" in query]
    if len(expressions) != 1 or len(statistics) != len(properties["Metrics"]) - 1:
        msg = f"an alarm has one expression, and all else ReturnData: false, not {properties['Metrics']}"
        raise UnknownAlarmError(msg)
    return statistics, expressions[0]


def _read_statistic(metric: Mapping[str, Any], statistic: str, period: object) -> Statistic:
    dimensions = frozenset((dimension["Name"], dimension["Value"]) for dimension in metric.get("Dimensions", []))
    return Statistic(MetricName(metric["Namespace"], metric["MetricName"], dimensions), statistic, int(str(period)))


def read_rule(rule: str) -> tuple[str, ...]:
    """The names of which any in ALARM raises a composite alarm; UnknownAlarmError if the rule says anything else."""
    parts = [re.fullmatch(r'ALARM\("([^"]+)"\)', part) for part in rule.split(" OR ")]
    names = tuple(part[1] for part in parts if part)
    if not all(parts) or len(rule) > LONGEST_RULE or len(names) > MOST_CHILDREN:
        msg = f"the rule {rule} is not known here, or too long"
        raise UnknownAlarmError(msg)
    return names


def evaluate(alarm: Alarm, datapoints: Iterable[Datapoint], now: datetime, state: str) -> str:
    """The state that follows on `state`; the period under way counts too, so that nobody has to wait for its end."""
    points = list(datapoints)
    length = alarm.periods + FURTHER_PERIODS
    end = _window_end(alarm, now)
    series = {id_: _series(statistic, points, end, length) for id_, statistic in alarm.statistics.items()}
    return _decide(alarm, _calculate(alarm.expression, series), state)


def _window_end(alarm: Alarm, now: datetime) -> datetime:
    # Alarms over more than a day are evaluated once an hour, others every minute:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    step = 3600 if alarm.period * alarm.periods > A_DAY else 60
    return datetime.fromtimestamp((now.timestamp() // step + 1) * step, UTC)


def _series(statistic: Statistic, points: Iterable[Datapoint], end: datetime, length: int) -> Series:
    """The statistic of each period, oldest first, None where there is no data."""
    found: list[list[float]] = [[] for _ in range(length)]
    start = end - timedelta(seconds=length * statistic.period)
    for point in points:
        index = int((point.time - start).total_seconds() // statistic.period)
        if point.metric == statistic.metric and 0 <= index < length:
            found[index].append(point.value)
    return [float(STATISTICS[statistic.name](values)) if values else None for values in found]


def _calculate(expression: str, series: Mapping[str, Series]) -> Series:
    """Metric math, as far as the template uses it: an id, FILL(x, number), SUM or MAX of METRICS()."""
    if expression in series:
        return series[expression]
    if fill := re.fullmatch(r"FILL\((.+), (\d+)\)", expression):
        return [float(fill[2]) if value is None else value for value in _calculate(fill[1], series)]
    if over := re.fullmatch(r"(SUM|MAX)\(METRICS\(\)\)", expression):
        combine = STATISTICS[{"SUM": "Sum", "MAX": "Maximum"}[over[1]]]
        columns = ([value for value in values if value is not None] for values in zip(*series.values(), strict=True))
        return [float(combine(column)) if column else None for column in columns]
    msg = f"the expression {expression} is not known here"
    raise UnknownAlarmError(msg)


def _decide(alarm: Alarm, values: Sequence[float | None], state: str) -> str:
    """The latest `periods` values that are there decide; only if there are fewer, the missing ones are filled in."""
    there = [value for value in values if value is not None][-alarm.periods :]
    missing = alarm.periods - len(there)
    breaching = sum(COMPARISONS[alarm.comparison](value, alarm.threshold) for value in there)
    if alarm.missing == "breaching":
        breaching, missing = breaching + missing, 0
    if breaching >= alarm.needed:
        return ALARM
    return state if alarm.missing == "ignore" and breaching + missing >= alarm.needed else OK

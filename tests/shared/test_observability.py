import json

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import read_template
from shared.observability import logger_for, metrics_for
from tests.fetcher.small_world import PARAMETERS


def test_log_lines_are_json_and_carry_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    logger_for("a-service").info("something_happened", extra={"count": 2})

    line = json.loads(capsys.readouterr().out)
    assert (line["service"], line["message"], line["count"]) == ("a-service", "something_happened", 2)


@pytest.mark.parametrize(
    ("level", "logged"), [("INFO", ["one", "two", "three"]), ("WARN", ["two", "three"]), ("ERROR", ["three"])]
)
def test_the_logger_has_its_level_and_not_that_of_lambdas_filter(
    level: str, logged: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "INFO")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", level)

    logger = logger_for(f"with-{level}")
    logger.info("one")
    logger.warning("two")
    logger.error("three")

    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == logged


@pytest.mark.prove
@pytest.mark.parametrize("level", read_template()["Parameters"]["LogLevel"]["AllowedValues"])
def test_metrics_reach_cloudwatch_whatever_the_level_of_the_log(level: str) -> None:
    with EmbeddedCloud({"LogLevel": level}, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.fire("FetchSchedule")
        cloud.settle()
        metrics = {point.metric.name for point in cloud.cloudwatch.datapoints()}
        log = "".join(invocation.answer.log for invocation in cloud.lambdas.invocations)

    assert metrics >= {"RunDuration", "Copied", "PublishedDataAge", "InvalidationsCreated"}
    assert ('"run_finished"' in log) == (level == "INFO")


def test_metrics_carry_the_namespace_and_the_service() -> None:
    metrics = metrics_for("b-service")
    metrics.add_metric(name="Things", unit="Count", value=1)

    (described,) = metrics.serialize_metric_set()["_aws"]["CloudWatchMetrics"]
    metrics.clear_metrics()
    assert (described["Namespace"], described["Dimensions"]) == ("AwsServicesFeed", [["service"]])

"""Every command shows what others wrote into keys, files, messages, headers and errors, and the terminal obeys none."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from unicodedata import category

import pytest
from typer.testing import CliRunner

from cloud.embedded import EmbeddedCloud
from ops.cli import app
from ops.stack import DeployedStack, InvocationError
from shared.contract import FILES
from tests.ops.commands.conftest import STACK, Deploy, upload
from tests.ops.commands.edge_server import GOOD_HEADERS, EdgeServer
from tests.ops.test_cli import REPORTS

# Format characters, separators, the delete character, C1, markup: what moto takes in keys and in XML.
IN_A_NAME = "\u202e\u2066\u200b\u200f\u061c\ufeff\u00ad\u2028\u2029\x7f\x9b31m[red]:bomb:"
IN_A_HEADER = "\x1b]0;owned\x07\x1b[2J\b\t"
ANYWHERE = f"{IN_A_NAME}{IN_A_HEADER}\x00\r\nforged: every check holds"
IN_JSON = f"{ANYWHERE}\ud800"
FORBIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ESCAPED = r"\u202e"  # in JSON too

Run = Callable[..., str]


def source_key(name: str) -> str:
    return f"aws-data/{name}"


def change(cloud: EmbeddedCloud, name: str, section: str, field: str, value: object) -> None:
    body = cloud.client("s3").get_object(Bucket=cloud.source_bucket(), Key=source_key(name))["Body"].read()
    document = json.loads(body)
    document[section][field] = value
    upload(cloud, name, json.dumps(document).encode())


def alarm(cloud: EmbeddedCloud) -> None:
    rule = {"EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
    metric = {"Namespace": f"AwsServicesFeed/{STACK}", "MetricName": "Rejected", "Period": 300, "Statistic": "Sum"}
    name = f"{STACK}-{IN_A_NAME}"
    cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName=name, AlarmDescription=IN_A_NAME, **rule, **metric)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=IN_A_NAME)


def release(cloud: EmbeddedCloud) -> None:
    """A release whose manifest somebody has put on the website."""
    s3, id_ = cloud.client("s3"), "30001124T020007Z-forged"
    manifest = json.loads(s3.get_object(Bucket=cloud.website, Key="data/manifest.json")["Body"].read())
    forged = {"release": id_, "time": "3000-11-24T02:00:07Z", "path": f"releases/{id_}/"}
    change = {"latestChange": {"date": "3000-11-24", "summary": ANYWHERE}}
    body = json.dumps({**manifest, **forged, **change}).encode()
    s3.put_object(Bucket=cloud.website, Key=f"data/releases/{id_}/manifest.json", Body=body)


def messages() -> Iterator[Any]:
    yield {"outcome": "rejected", "reason": IN_JSON, "keys": [source_key(IN_JSON)]}
    yield {"requestContext": {"functionArn": IN_JSON, "condition": IN_JSON}, "requestPayload": {IN_JSON: IN_JSON}}
    yield {IN_JSON: IN_JSON}


@pytest.fixture
def hostile(cloud: EmbeddedCloud, deploy: Deploy) -> EmbeddedCloud:
    """A cloud in which all that others may write is hostile."""
    upload(cloud, f"{IN_A_NAME}.json")
    change(cloud, "complete-data.json", "metadata", "runId", ANYWHERE)
    change(cloud, "service-regions.json", "byService", ANYWHERE, 1)
    alarm(cloud)
    release(cloud)
    queue = cloud.queue_url("DistributionFailures")
    for message in messages():
        cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(message))
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=f"\t\r{IN_A_NAME}\nforged")
    outputs = {"SourceBucketName": cloud.source_bucket(), "SourceKeyPrefix": "aws-data", "WebsiteKeyPrefix": "data"}
    deploy("hostile", {**outputs, "FetcherFunctionName": IN_A_NAME, "InvalidationsUrl": queue})
    return cloud


@pytest.fixture
def run(cloud: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command and look at all that it prints."""
    monkeypatch.setattr("ops.takedown.SECONDS_BETWEEN", 0)

    def command(*arguments: str) -> str:
        finished = CliRunner().invoke(app, arguments, color=True)  # without colours it would drop escape sequences
        printed = finished.stdout + finished.stderr
        assert isinstance(finished.exception, SystemExit | None), finished.exc_info
        assert {hex(ord(one)) for one in printed if category(one) in FORBIDDEN and one != "\n"} == set()
        assert not [line for line in printed.splitlines() if line.startswith("forged")]
        return printed

    return command


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    def invoke(stack: DeployedStack, function: str, event: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(DeployedStack, "invoke", invoke)


OUTCOME = {"outcome": IN_JSON, "source": IN_JSON, "reason": IN_JSON, "drift": IN_JSON}
SWEPT = {
    "compared": 1,
    "inStep": 0,
    "outcomes": {"copied": 0, "rejected": 0, IN_JSON: 1},
    "objects": [OUTCOME],
    "next": None,
}
COUNTS = dict.fromkeys(("regions", "services", "regionServices", "ssmCalls", "seconds"), 0)
FETCHED = {**COUNTS, "runId": IN_JSON, "written": [{"key": IN_JSON, "bytes": 1}]}
FAILED = InvocationError(IN_JSON)

CASES: list[tuple[list[str], object]] = [
    (["costs", "--measure", "--stack-name", IN_A_NAME], None),
    (["diff", "service-regions.json", "--all"], None),
    (["diff", f"{IN_A_NAME}.json", ANYWHERE], None),
    (["failures"], None),
    (["failures", "--all"], None),
    (["fetch", "--no-wait"], FETCHED),
    (["fetch"], FAILED),
    (["history", f"{IN_A_NAME}.json"], None),
    (["import-history", IN_A_NAME], None),
    (["import-history", "--git", IN_A_NAME], None),
    (["invalidate", ANYWHERE, "--yes", "--stack-name", "hostile"], None),
    (["logs", "--stack-name", "hostile"], None),
    (["ls"], None),
    (["redistribute", "--all"], None),
    (["redistribute", ANYWHERE], None),
    (["redistribute", "--all", "--yes"], {"objects": [OUTCOME]}),
    (["redistribute", "--all", "--yes"], FAILED),
    (["redrive"], None),
    (["redrive", "--all"], None),
    (["redrive", "--yes"], None),
    (["redrive", "--yes"], {"objects": [OUTCOME]}),
    (["redrive", "--yes"], FAILED),
    (["releases"], None),
    (["rollback", "--release", ANYWHERE], None),
    (["rollback", f"{IN_A_NAME}.json"], None),
    (["rollback", "regions.json", ANYWHERE], None),
    (["site", "--folder", IN_A_NAME], None),
    (["status"], None),
    (["status", "--drift"], FAILED),
    (["sweep"], SWEPT),
    (["sweep", "--all"], SWEPT),
    (["sweep", "--yes"], FAILED),
    (["unpublish", ANYWHERE], None),
    (["unpublish", f"{IN_A_NAME}.json"], None),
    (["unpublish", f"{IN_A_NAME}.json", "--yes"], None),
    (["verify"], None),
]  # fmt: skip


def test_no_report_is_left_out() -> None:
    assert {arguments[0] for arguments, _ in CASES} == REPORTS


@pytest.mark.prove
@pytest.mark.parametrize(("arguments", "answer"), CASES, ids=lambda value: value[0] if isinstance(value, list) else "")
def test_a_command_shows_hostile_text_only_escaped(
    arguments: list[str], answer: object, hostile: EmbeddedCloud, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer is not None:
        answer_with(monkeypatch, answer)

    assert ESCAPED in run(*arguments)
    assert ESCAPED in run(*arguments, "--json")


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_an_error_of_aws_is_shown_only_escaped(name: str, run: Run) -> None:
    files = {command: ["regions.json"] for command in ("diff", "history", "rollback", "unpublish")}
    files |= {"import-history": ["no-such-file.jsonl"]}
    needed = {**files, "costs": ["--measure"], "invalidate": ["--all"], "redistribute": ["--all"]}

    assert ESCAPED in run(name, *needed.get(name, []), "--stack-name", IN_A_NAME)


def test_what_the_edge_answers_is_shown_only_escaped(run: Run) -> None:
    with EdgeServer(dict.fromkeys(FILES, b"{}")) as edge:
        edge.headers |= dict.fromkeys([*GOOD_HEADERS, "Location"], IN_A_HEADER)

        good = run("verify", "--url", edge.url)
        edge.status = 301
        redirected = run("verify", "--url", edge.url)

    assert r"Access-Control-Allow-Origin \x1b" in good
    assert r"301 \x1b" in redirected

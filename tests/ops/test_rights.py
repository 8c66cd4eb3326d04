"""The policies for operators that docs/ has: each command runs with the rights of its own, which are used to the last.

The embedded cloud looks at actions and at resources, and not at conditions, of which these policies have none.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from cfnlint import ManualArgs  # type: ignore[import-untyped]
from cfnlint.api import lint  # type: ignore[import-untyped]
from moto.iam.access_control import IAMPolicy, PermissionResult
from typer.testing import CliRunner, Result

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ACCOUNT, REGION, ROOT
from ops.cli import app
from tests.fetcher.small_world import PARAMETERS

pytestmark = pytest.mark.prove

Policy = dict[str, Any]
Feed = Callable[..., Result]
LONGEST_POLICY = 6144  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
VERSIONED = "versioned.json"
READ_ONLY, ACTING = "operator-read-only.json", "operator-acting.json"


def policy(name: str, cloud: EmbeddedCloud) -> Policy:
    """The document with names in place of its placeholders."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    names = {
        "ACCOUNT": ACCOUNT,
        "REGION": REGION,
        "STACK": cloud.stack.name,
        "SOURCE": cloud.source_bucket(),
        "WEBSITE": cloud.website,
    }
    for placeholder, value in names.items():
        text = text.replace(placeholder, value)
    document: Policy = json.loads(text)
    return document


def interrupt(_: float) -> None:
    """End what would follow the logs for ever."""
    raise KeyboardInterrupt


@dataclass(frozen=True)
class Operator:
    """The `feed` command with the rights of a user: the documents that the user has, and a key."""

    cloud: EmbeddedCloud
    policies: tuple[Policy, ...]
    variables: dict[str, str]

    def feed(self, *arguments: str) -> Result:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("ops.failures.WAIT_SECONDS", 0)
            patched.setattr("ops.log_events.time", SimpleNamespace(time=time.time, sleep=interrupt))
            for name, value in self.variables.items():
                patched.setenv(name, value)
            finished = CliRunner().invoke(app, arguments)
            self.cloud.settle()  # functions in this process share its environment
        return finished


def make_operator(cloud: EmbeddedCloud, user: str, *names: str) -> Operator:
    iam, policies = cloud.client("iam"), tuple(policy(name, cloud) for name in names)
    iam.create_user(UserName=user)
    for name, document in zip(names, policies, strict=True):
        iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    own = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return Operator(cloud, policies, cloud.environment() | own)


@pytest.fixture(scope="module")
def started() -> Iterator[EmbeddedCloud]:
    """A cloud after a run and a sweep, with a file that has two versions."""
    with EmbeddedCloud(ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.lambdas._retry_delay = 0
        cloud.fire("FetchSchedule")
        cloud.fire("SweepSchedule")
        cloud.settle()
        for body in (b"[1]", b"[2]"):
            upload(cloud, VERSIONED, body)
        yield cloud


@pytest.fixture(scope="module")
def reader(started: EmbeddedCloud) -> Operator:
    return make_operator(started, "reader", READ_ONLY)


@pytest.fixture(scope="module")
def actor(started: EmbeddedCloud) -> Operator:
    return make_operator(started, "actor", READ_ONLY, ACTING)


@pytest.fixture(autouse=True)
def no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without samconfig.toml, with which `feed verify` would compare the stack."""
    monkeypatch.chdir(tmp_path)


def upload(cloud: EmbeddedCloud, name: str, body: bytes) -> None:
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
    cloud.settle()


def reject_a_file(cloud: EmbeddedCloud) -> None:
    """Leave a message on the failure queue for a file that is good again."""
    upload(cloud, "x.json", b"<html>")
    upload(cloud, "x.json", b"{}")


READING: dict[str, list[str]] = {
    "status": [],
    "verify": [],
    "failures": [],
    "ls": [],
    "history": [VERSIONED],
    "diff": [VERSIONED],
    "releases": [],
    "logs": ["--follow"],
    "open": [],
    "costs": ["--measure"],
}
CHANGING = {
    "fetch": ["--no-wait"],
    "redistribute": ["regions.json"],
    "sweep": ["--yes"],
    "redrive": ["--yes"],
    "invalidate": ["regions.json"],
    "rollback": [VERSIONED, "--yes"],
    "unpublish": [VERSIONED, "--yes"],
}


def state(cloud: EmbeddedCloud) -> Any:
    """All that a command may change: files, messages, invalidations."""
    s3 = cloud.client("s3")
    files = [
        (entry["Key"], entry["LastModified"])
        for bucket in (cloud.source_bucket(), cloud.website)
        for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]
    ]
    queues = [cloud.messages(name) for name in ("FetchFailures", "DistributionFailures")]
    return files, queues, len(cloud.edge.cloudfront.accepted)


@pytest.mark.parametrize("command", READING)
def test_whoever_may_only_read_sees_all_and_changes_nothing(
    command: str, started: EmbeddedCloud, reader: Operator
) -> None:
    before = state(started)

    finished = reader.feed(command, *READING[command])

    assert finished.exit_code == 0, finished.output
    assert "denied" not in finished.output.lower()
    assert state(started) == before


def test_whoever_may_only_read_sees_what_failed_and_leaves_it_where_it_is(
    started: EmbeddedCloud, reader: Operator
) -> None:
    reject_a_file(started)
    before = started.messages("DistributionFailures")

    finished = reader.feed("failures")

    assert (finished.exit_code, len(before)) == (1, 1), finished.output
    assert "x.json" in finished.output
    assert started.messages("DistributionFailures") == before


@pytest.mark.parametrize("command", CHANGING)
def test_whoever_may_only_read_is_refused_by_name_and_has_changed_nothing(
    command: str, started: EmbeddedCloud, reader: Operator
) -> None:
    before = state(started)

    finished = reader.feed(command, *CHANGING[command])

    assert finished.exit_code in (1, 2)
    assert "AccessDenied" in finished.output
    assert "Traceback" not in finished.output
    assert state(started) == before


def test_a_dry_sweep_runs_the_sweeper_so_it_needs_the_right_to_act(reader: Operator, actor: Operator) -> None:
    assert "AccessDenied" in reader.feed("sweep").output
    assert actor.feed("sweep").exit_code == 0


@dataclass(frozen=True)
class Acted:
    """What came of each command of whoever may act, whether it changed anything, and the rights that all used."""

    results: dict[str, Result]
    changing: set[str]
    used: set[tuple[str, str]]


@pytest.fixture(scope="module")
def acted(started: EmbeddedCloud, actor: Operator) -> Acted:
    used: set[tuple[str, str]] = set()

    def is_permitted(document: IAMPolicy, action: str, resource: str, *others: Any) -> PermissionResult:
        answer = asked(document, action, resource, *others)
        if document._policy_json in actor.policies and answer is PermissionResult.PERMITTED:
            used.add((action, resource))
        return answer

    reject_a_file(started)
    results, changing, before = {}, set(), state(started)
    asked = IAMPolicy.is_action_permitted
    with patch.object(IAMPolicy, "is_action_permitted", is_permitted):
        for command, arguments in (READING | CHANGING).items():
            results[command] = actor.feed(command, *arguments)
            after = state(started)
            changing |= {command} if after != before else set()
            before = after
    return Acted(results, changing, used)


def test_whoever_may_act_does_it(started: EmbeddedCloud, acted: Acted) -> None:
    failed = {name: result.output for name, result in acted.results.items() if name in CHANGING and result.exit_code}

    assert failed == {}
    assert acted.changing == CHANGING.keys() - {"sweep"}  # all was in step
    assert started.messages("DistributionFailures") == []


def test_no_right_is_there_that_no_command_uses(actor: Operator, acted: Acted) -> None:
    rights = [
        (action, resource)
        for document in actor.policies
        for statement in document["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    unused = {
        (right, place)
        for right, place in rights
        if not any(action == right and fnmatchcase(resource, place) for action, resource in acted.used)
    }
    assert unused == set()


@pytest.mark.parametrize("name", [READ_ONLY, ACTING])
def test_a_policy_is_one_that_iam_takes_and_allows_no_more_than_is_named(name: str, started: EmbeddedCloud) -> None:
    document = policy(name, started)
    resource = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}

    matches = lint(json.dumps({"Resources": {"Policy": resource}}), config=ManualArgs(regions=[REGION]))

    assert [match.message for match in matches] == []
    assert len(json.dumps(document, separators=(",", ":"))) <= LONGEST_POLICY
    assert not [statement for statement in document["Statement"] if "*" in json.dumps(statement["Action"])]
    everywhere = [statement["Sid"] for statement in document["Statement"] if statement["Resource"] == "*"]
    assert everywhere == ["ReadAlarms"] * (name == READ_ONLY)


@pytest.mark.parametrize("name", [READ_ONLY, ACTING])
def test_a_stack_whose_name_begins_alike_is_not_meant(name: str, started: EmbeddedCloud) -> None:
    own = [place for statement in policy(name, started)["Statement"] for place in listed(statement["Resource"])]
    others = [place.replace(started.stack.name, f"{started.stack.name}-prod") for place in own if place != "*"]

    alike = [(place, other) for place in own for other in others if place != "*" and fnmatchcase(other, place)]

    assert [other for _, other in alike if started.stack.name in other] == []


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value

"""What `feed` says of itself, what a shell can complete of it, and what it imports for that."""

import itertools
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import requests
import typer
from typer.testing import CliRunner

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.edge import EdgeServer
from cloud.stand_ins.ssm import ParameterServer
from ops.cli import _keep, _stay, app
from ops.stack import DeployedStack, make_session
from tests.fetcher.small_world import PARAMETERS
from tests.ops.commands.conftest import PAGE

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
REPORTS = {
    "costs",
    "diff",
    "failures",
    "fetch",
    "history",
    "import-history",
    "invalidate",
    "logs",
    "ls",
    "redistribute",
    "redrive",
    "releases",
    "rollback",
    "site",
    "status",
    "sweep",
    "unpublish",
    "verify",
}

CLOUD = {"cloud", "moto", "samtranslator"}
AWS = {"boto3", "botocore", "urllib3"}
HEAVY = CLOUD | AWS | {"distributor", "requests", "shared"}  # typer itself reads options with pydantic
PRINT_IMPORTED = """
import sys
from ops.cli import app

app(sys.argv[1:], standalone_mode=False)
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_every_command_is_listed() -> None:
    finished = CliRunner().invoke(app, ["--help"])

    assert finished.exit_code == 0
    assert {"cloud", "demo"} | REPORTS <= set(COMMANDS)
    assert all(f" {name} " in finished.output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_and_every_report_has_json(name: str) -> None:
    finished = CliRunner().invoke(app, [name, "--help"])

    assert finished.exit_code == 0
    assert f"\n feed {name}" in finished.output.split("Examples:")[1]
    assert ("--json" in finished.output) is (name in REPORTS)


def test_a_paragraph_of_the_help_fills_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    lines = [line.rstrip() for line in CliRunner().invoke(app, ["redrive", "--help"]).output.splitlines()]

    paragraph = lines[next(number for number, line in enumerate(lines) if "Without --yes" in line) :]
    paragraph = paragraph[: paragraph.index("")]
    assert all(len(f"{line} {after.split()[0]}") > 79 for line, after in itertools.pairwise(paragraph))


@pytest.mark.parametrize(
    ("words", "position", "completed"),
    [("feed ver", 1, "verify"), ("feed verify --max", 2, "--max-age-hours"), ("feed costs --gb b", 3, "binary")],
)
def test_a_shell_completes_commands_options_and_values(words: str, position: int, completed: str) -> None:
    environment = {"_FEED_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(position)}

    finished = CliRunner().invoke(app, [], prog_name="feed", env=environment)

    assert finished.output.split() == [completed]


def numeric(option: Any) -> bool:
    annotation = option.type_descriptor.annotation
    return bool({int, float} & {annotation, *get_args(annotation)})


NUMBERS = [
    (name, option.opts[0])
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
    for option in command.params
    if numeric(option)
]


@pytest.mark.parametrize(("name", "option"), NUMBERS)
def test_a_number_that_makes_no_sense_is_refused(name: str, option: str) -> None:
    for number in ("9" * 400, "9" * 5000, "nan", "inf", "-1"):
        finished = CliRunner().invoke(app, [name, option, number])

        assert finished.exit_code == 2, number
        assert "Invalid value" in finished.stderr


def imported(*arguments: str) -> set[str]:
    """The packages that a process has imported when the command ends."""
    command = [sys.executable, "-c", PRINT_IMPORTED, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    packages = set(finished.stderr.splitlines()[-1].split())
    assert {"ops", "typer"} <= packages
    return packages


def test_the_list_of_commands_needs_nothing_of_what_they_import() -> None:
    assert imported("--help") & {*HEAVY, "pydantic"} == set()


@pytest.mark.parametrize(
    ("arguments", "without"),
    [
        (["demo", "--help"], HEAVY),
        (["status", "--help"], HEAVY),
        (["costs"], CLOUD | AWS | {"distributor", "requests"}),
        (["status"], CLOUD | {"requests"}),
        (["logs"], CLOUD | {"distributor", "requests"}),
    ],
)
def test_a_command_imports_no_more_than_it_needs(
    arguments: list[str], without: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    assert imported(*arguments) & without == set()


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
@pytest.mark.parametrize("url", ["localhost:5000", "http://[::1", "http://127.0.0.1:99999", "http://127.0.0.1:x", "no"])
def test_an_endpoint_that_is_none_is_said_in_one_line(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = DeployedStack(make_session(region="us-east-1"), "arn", "feed", "CREATE_COMPLETE", {})
    if name != "AWS_ENDPOINT_URL":
        monkeypatch.setattr("ops.terminal.find_stack", lambda *_: found)
    monkeypatch.setenv(name, url)

    finished = CliRunner().invoke(app, ["failures", "--region", "us-east-1"])

    assert finished.exit_code == 2
    assert finished.stderr.startswith("feed: no endpoint of ")
    assert len(finished.stderr.splitlines()) == 1


PRINT_SIGNS = """
from ops.cli import app
from ops.terminal import show

@app.command()
def signs() -> None:
    show(("✓", "green"), " ✗ café…")

app(["signs"])
"""


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PRINT_SIGNS],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )

    assert finished.stdout == b"+ x caf\\xe9...\n"


class Clock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_demo_ends_with_the_site_until_a_person_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages: list[str] = []

    def look(running: EmbeddedCloud, _: float) -> None:
        assert running.site
        pages.append(requests.get(f"{running.site.url}/", timeout=5).text)
        raise KeyboardInterrupt

    shutil.copytree(PAGE, tmp_path / "website")
    monkeypatch.setattr("ops.cli.need_checkout", lambda: tmp_path)
    monkeypatch.setattr("ops.cli._keep", look)
    with EdgeServer() as site, EmbeddedCloud(site=site, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        _stay(cloud)

    assert capsys.readouterr().out == f"The site, until Ctrl-C: {site.url}/\nstopped\n"
    assert "<title>Page</title>" in pages[0]


def test_an_idle_cloud_evaluates_its_alarms_once_a_minute_and_soon_after_a_function_has_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, evaluated = Clock(), []
    busy = property(lambda _: 70 <= clock.now - 1000 < 72)
    cloudwatch = type("CloudWatch", (), {"has_news": busy})()
    running: Any = SimpleNamespace(
        cloudwatch=cloudwatch,
        deliver_logs=lambda: None,
        evaluate_alarms=lambda: evaluated.append(clock.now - 1000),
    )
    monkeypatch.setattr("ops.cli.time", clock)

    _keep(running, 200)

    assert evaluated == [0, 60, 70, 71, 131, 191]


def test_a_person_at_a_terminal_sees_that_a_stack_is_looked_up() -> None:
    terminal, end = pty.openpty()
    environment = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}

    subprocess.run(
        [sys.executable, "-c", "from ops.cli import app; app()", "logs"],
        env={**environment, "TERM": "xterm"},
        stdout=subprocess.DEVNULL,
        stderr=end,
        check=False,
    )
    os.close(end)
    shown = os.read(terminal, 10_000)
    os.close(terminal)

    assert b"looking up the stack" in shown


SHELL_OF_ANOTHER = {
    "AWS_SESSION_TOKEN": "token",
    "AWS_PROFILE": "work",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL_S3": "https://example.com",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
}


@pytest.mark.prove
@pytest.mark.parametrize("inherited", [SHELL_OF_ANOTHER, {}])
def test_the_lines_of_a_cloud_leave_a_shell_with_nothing_else_of_aws(
    inherited: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.isolate", lambda: None)  # no test reaches AWS
    monkeypatch.setattr("cloud.embedded.ParameterServer", lambda: ParameterServer(PARAMETERS))

    printed = CliRunner().invoke(app, ["cloud", "--in-process", "--seconds", "0"]).stdout
    command = ["/bin/sh", "-c", f"{printed}\nenv | grep ^AWS_"]
    environment = subprocess.run(
        command, env={"PATH": os.environ["PATH"], **inherited}, capture_output=True, text=True, check=True
    )

    assert environment.stderr == ""
    names = {line.partition("=")[0] for line in environment.stdout.splitlines()}
    assert names == {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}
    assert "/aws-data/\n" in printed
    assert re.search(r"^# Its site, as readers get it: http://127\.0\.0\.1:\d+/$", printed, re.MULTILINE)

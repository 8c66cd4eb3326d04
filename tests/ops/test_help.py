"""What `feed` says of itself, and what a shell can complete of it."""

import pytest
import typer
from typer.testing import CliRunner

from ops.cli import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
REPORTS = {"costs", "failures", "fetch", "invalidate", "logs", "redistribute", "redrive", "status", "sweep", "verify"}


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


@pytest.mark.parametrize(
    ("words", "position", "completed"),
    [("feed ver", 1, "verify"), ("feed verify --max", 2, "--max-age-hours"), ("feed costs --gb b", 3, "binary")],
)
def test_a_shell_completes_commands_options_and_values(words: str, position: int, completed: str) -> None:
    environment = {"_FEED_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(position)}

    finished = CliRunner().invoke(app, [], prog_name="feed", env=environment)

    assert finished.output.split() == [completed]

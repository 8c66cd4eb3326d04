"""How a stack is found, and how the commands that are printed find it again."""

import shlex
from pathlib import Path

import pytest
import typer

from ops.cli import app
from ops.stack import FEED_COMMAND, DeployedStack, StackOptions, make_session

COMMANDS = typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("option", "variables", "region"),
    [
        ("eu-west-1", {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-1"),
        (None, {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-2"),
        (None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
        (None, {"AWS_PROFILE": "other"}, "eu-north-1"),
    ],
)
def test_the_region_is_the_one_that_the_aws_cli_takes(
    option: str | None, variables: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile other]\nregion = eu-north-1\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert make_session(region=option).region_name == region


def stack(options: StackOptions) -> DeployedStack:
    return DeployedStack(make_session(), "arn", "feed", "CREATE_COMPLETE", {}, options=options)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("feed redrive --yes tries again", "feed redrive --stack-name x --region r --yes tries again"),
        ("`feed sweep --stack-name y --yes`", "`feed sweep --stack-name x --region r --yes`"),
        ("aws sqs purge-queue --queue-url u", "aws sqs purge-queue --region r --queue-url u"),
        ("the feed of launches failed", "the feed of launches failed"),
    ],
)
def test_each_command_in_an_advice_gets_the_options_that_the_stack_was_found_with(words: str, advice: str) -> None:
    assert stack(StackOptions(" --stack-name x --region r", " --region r")).advice(words) == advice
    assert stack(StackOptions()).advice(words) == words


def test_every_command_that_takes_a_stack_is_known_in_an_advice() -> None:
    on_a_stack = {name for name, command in COMMANDS if any("--stack-name" in one.opts for one in command.params)}

    known = {name for name in on_a_stack if FEED_COMMAND.fullmatch(f"feed {name}")}

    assert known == on_a_stack - {"costs", "init"}  # no advice is about these


def test_a_name_with_spaces_is_one_word_of_the_advice() -> None:
    options = StackOptions(f" --profile {shlex.quote('my profile')}")

    assert shlex.split(stack(options).advice("feed fetch"))[2:] == ["--profile", "my profile"]

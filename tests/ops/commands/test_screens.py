"""What a stack in trouble looks like: at a terminal of any width, without colours, in a pipe, in an old locale."""

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from cloud.embedded import EmbeddedCloud
from ops.cli import app
from tests.fetcher.test_replay import SMALL as SNAPSHOTS
from tests.ops.commands.conftest import PAGE, STACK, Deploy, alarm, take_from_website, upload
from tests.ops.test_cli import REPORTS
from tests.terminal import STYLE, at_terminal

WIDTHS = (80, 100, 200)
LONG = "-".join(["customers-of-last-year"] * 6)
UNICODE = "preise-für-日本-" + "日" * 30
COMMANDS = [
    "costs",
    "diff twice.json",
    "failures --all",
    "failures",
    "history twice.json",
    f"import-history {SNAPSHOTS}",
    "invalidate services.json complete-data.json --stack-name invalidating",
    "logs",
    "ls",
    "redistribute --all",
    "redrive --all",
    "redrive --yes",
    "redrive",
    "releases",
    "rollback twice.json",
    f"site --folder {PAGE}",
    "status --drift",
    "sweep --all",
    "sweep",
    "unpublish services.json",
    "verify",
]
FETCH = "fetch --no-wait"  # in a process of its own: what the functions log here would be among what it prints
# Nothing that could be broken, or what nobody could copy then.
WHOLE = re.compile(r"\s*(?:[✓✗!] )?(?:\S+|`?(?:aws|feed) .+|--start.+)")
FEW = {"failures", "redrive --yes", "sweep --all"}  # the others take long
EACH = pytest.mark.parametrize(
    "words", [pytest.param(words, marks=[] if words in FEW else [pytest.mark.prove]) for words in COMMANDS]
)
MOVES = re.compile(r"\x1b(?!\[[\d;]*m)")
COLOURS = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3|4|9|10)\d")

Run = Callable[..., Result]


@pytest.fixture
def trouble(cloud: EmbeddedCloud, deploy: Deploy) -> EmbeddedCloud:
    """Many failures, long keys and odd ones, files that have drifted and others that are rejected, an alarm."""
    queue = cloud.queue_url("DistributionFailures")
    for number in range(12):
        keys = [f"aws-data/{LONG}/{number}.json"]
        message = {"outcome": "rejected", "reason": f"not JSON: Expecting value: line {number} column 1", "keys": keys}
        cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(message))
    upload(cloud, f"{LONG}.json", b"<html>")
    upload(cloud, f"{UNICODE}.json", b"{'a': 1}")
    upload(cloud, f"{UNICODE}-too.json")
    for body in (b"[1]", b"[2]"):
        upload(cloud, "twice.json", body)
    take_from_website(cloud, f"{UNICODE}-too.json")
    take_from_website(cloud, "regions.json")
    alarm(cloud, f"{STACK}-sweep-rejected", "ALARM")
    deploy("invalidating", cloud.stack.outputs | {"InvalidationsUrl": cloud.queue_url("FetchFailures")})
    return cloud


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command at a terminal of some columns; without any, into a pipe."""

    def command(words: str, columns: int | None = None) -> Result:
        with monkeypatch.context() as patched:
            for module in ("ls", "status", "unpublish"):  # seconds may become minutes between two runs
                patched.setattr(f"ops.commands.{module}.age_words", lambda _: "3 h")
            if columns:
                patched.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True)
                patched.setenv("COLUMNS", str(columns))
                patched.setenv("TERM", "xterm")
            finished = CliRunner().invoke(app, words.split())
        assert isinstance(finished.exception, SystemExit | None), finished.exc_info
        return finished

    return command


def facts(text: str) -> Counter[str]:
    """All that is told, wherever lines and columns end; numbers may be times."""
    return Counter(re.sub(r"[\s\d─]", "", STYLE.sub("", text)))


def test_every_command_that_shows_something_is_looked_at() -> None:
    assert {words.split()[0] for words in (*COMMANDS, FETCH)} == REPORTS


@EACH
def test_no_line_is_wider_than_the_terminal_and_none_tells_less(words: str, trouble: EmbeddedCloud, run: Run) -> None:
    run(words)  # what some publish is published once
    shown = {columns: run(words, columns).stdout for columns in WIDTHS}

    for columns, text in shown.items():
        lines = STYLE.sub("", text).splitlines()
        wide = [line for line in lines if cell_len(line.rstrip()) > columns]
        assert [line for line in wide if not WHOLE.fullmatch(line)] == [], columns
        assert not MOVES.search(text)
        assert facts(text) == facts(shown[80])


@EACH
def test_without_colours_there_are_none_and_a_pipe_gets_plain_whole_lines(
    words: str, trouble: EmbeddedCloud, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = run(words)
    monkeypatch.setenv("NO_COLOR", "1")
    colourless = run(words, 80)

    assert "\x1b" not in piped.output
    assert not COLOURS.search(colourless.stdout)
    if "--all" in words:
        assert [line for line in piped.stdout.splitlines() if f"aws-data/{UNICODE}-too.json" in line or LONG in line]


@EACH
def test_json_is_all_that_a_script_gets_and_holds_whole_keys(words: str, trouble: EmbeddedCloud, run: Run) -> None:
    printed = run(f"{words} --json", 80).stdout

    keys = json.dumps(json.loads(printed), ensure_ascii=False)
    if words.split(maxsplit=1)[0] in {"failures", "redistribute", "redrive", "sweep"}:
        assert LONG in keys
        assert UNICODE in keys


@pytest.mark.prove
@pytest.mark.parametrize("words", [*COMMANDS, FETCH])
def test_a_real_terminal_in_an_old_locale_gets_ascii(words: str, trouble: EmbeddedCloud) -> None:
    old = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", "from ops.cli import app; app()", *words.split()]

    shown = at_terminal(command, {**os.environ, **trouble.environment(), **old}, 80)

    assert shown.text.isascii()
    assert not MOVES.search(shown.text)
    assert "Traceback" not in shown.text + shown.errors
    assert shown.exit_code in {0, 1}
    assert shown.text.strip()

"""One night of an operator: the document's commands are run in its order at a terminal, and print what it says.

`REWRITE=1` writes the document anew from such a run, so nobody types what a command prints.
"""

import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.cloudfront import EdgeQuirks
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ACCOUNT, ROOT
from tests.fetcher.small_world import PARAMETERS
from tests.ops.test_watch import DISTRIBUTOR, INVALIDATOR, SCHEDULES, Watched
from tests.terminal import STYLE, at_terminal

DOCUMENT = ROOT / "docs" / "one-night.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
COLUMNS = 80
PART = re.compile(
    r"<!-- happens: (?P<event>[^\n]+) -->\n"
    r"|```text (?P<mails>mails|subjects)\n.*?```\n"
    r"|```console(?: from (?P<first>\w+))?(?:, (?P<lines>\d+) lines)?\n(?P<script>.*?)```\n",
    re.DOTALL,
)
GOOD, BROKEN = b'{"list": %d}', b'{"list": 2026,}'

# What differs from run to run.
MASKS = {
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(\+00:00|Z)?": "TIME",
    r"\d\d-\d\d \d\d:\d\d:\d\d": "TIME",
    r"[0-9a-f]{8}-[0-9a-f-]{27}": "ID",
    r"\d+ (s|min) ago": "AGE ago",
    r"(?m)^(\w+ +\d+ +\d+) +(-|\d+ (s|min)) *$": r"\1 AGE",  # of a queue's oldest message
}


def masked(text: str) -> str:
    for pattern, word in MASKS.items():
        text = re.sub(pattern, word, text)
    return text


@pytest.fixture
def night(tmp_path: Path) -> Iterator[tuple[Watched, Path]]:
    """All is well, the operator gets the alarms' mails, and another team publishes prices.json too."""
    for name, run in {"feed": "-c 'from ops.cli import app; app()'", "aws": "-m tests.aws_cli"}.items():
        (tmp_path / name).write_text(f'#!/bin/sh\nexec {sys.executable} {run} "$@"\n', encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "prices.json").write_bytes(GOOD % 2026)
    with EmbeddedCloud({"S3BucketName": "example-source"}, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.lambdas._retry_delay = 0
        listener = cloud.client("sqs").create_queue(QueueName="listener")["QueueUrl"]
        (topic,) = cloud.stack.of_type("AWS::SNS::Topic")
        endpoint = f"arn:aws:sqs:us-east-1:{ACCOUNT}:listener"
        cloud.client("sns").subscribe(TopicArn=topic.arn, Protocol="sqs", Endpoint=endpoint)
        watched = Watched(cloud, listener)
        watched.upload("prices.json", GOOD % 2025)
        watched.run(*SCHEDULES)
        watched.look()
        watched.heard()
        yield watched, tmp_path


def a_producer_uploads_a_broken_file(watched: Watched) -> None:
    watched.upload("prices.json", BROKEN)


def an_hour_passes(watched: Watched) -> None:
    watched.let_pass(timedelta(hours=1))
    watched.look()
    watched.heard()


def cloudfront_throttles_while_a_file_is_published(watched: Watched) -> None:
    watched.cloud.edge.cloudfront.quirks = EdgeQuirks(throttle_next=1_000_000)
    invocations = watched.cloud.lambdas.invocations
    before = [one.function for one in invocations].count(INVALIDATOR)
    bucket = watched.cloud.source_bucket()
    watched.cloud.client("s3").put_object(Bucket=bucket, Key="aws-data/prices.json", Body=GOOD % 2027)
    while [one.function for one in invocations].count(INVALIDATOR) == before:
        time.sleep(0.1)


def cloudfront_lets_requests_in_again(watched: Watched) -> None:
    watched.cloud.edge.cloudfront.quirks = EdgeQuirks()
    watched.cloud.settle()
    watched.look()


def somebody_pauses_the_distributor_and_a_file_is_uploaded(watched: Watched) -> None:
    lambda_ = watched.cloud.client("lambda")
    lambda_.put_function_concurrency(FunctionName=DISTRIBUTOR, ReservedConcurrentExecutions=0)
    watched.upload("prices.json", GOOD % 2028)


def the_event_of_an_upload_is_lost(watched: Watched) -> None:
    with patch.object(watched.cloud.lambdas, "invoke_async"):
        watched.upload("prices.json", GOOD % 2029)


EVENTS: dict[str, Callable[[Watched], None]] = {
    name.replace("_", " "): event
    for name, event in list(globals().items())
    if f"<!-- happens: {name.replace('_', ' ')} -->" in TEXT
}


def mails(watched: Watched, kind: str) -> str:
    """The mails since the last ones: the subject, and the description, which AWS puts among the alarm's details."""
    watched.look()
    heard = watched.heard()
    wrap = partial(textwrap.fill, width=COLUMNS - 2, break_on_hyphens=False, break_long_words=False)
    subjects = [wrap(f"Subject: {message['Subject']}", subsequent_indent=" ") for message in heard]
    if kind == "subjects":
        return "".join(f"{subject}\n" for subject in subjects)
    descriptions = [wrap(message["AlarmDescription"]) for message in heard]
    return "\n".join(f"{subject}\n\n{words}\n" for subject, words in zip(subjects, descriptions, strict=True))


def transcript(part: re.Match[str], watched: Watched, folder: Path) -> str:
    """Each command of a script with what it prints, perhaps only some lines from one on that begins with a word."""
    environment = {
        **watched.cloud.environment(),
        "PATH": f"{folder}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
        "LANG": "C.UTF-8",
    }
    printed = []
    for command in re.findall(r"^\$ ((?:.*\\\n)*.+)$", part["script"], re.MULTILINE):
        shown = at_terminal(["/usr/bin/env", "bash", "-c", command], environment, COLUMNS, folder)
        if not watched.cloud.edge.cloudfront.quirks.throttle_next:
            watched.cloud.settle()
        lines = [line.rstrip() for line in STYLE.sub("", shown.text + shown.errors).splitlines()]
        first, most = part["first"] or "", int(part["lines"] or len(lines))
        start = next((number for number, line in enumerate(lines) if line.startswith(first)), 0)
        more = len(lines) > start + most
        printed += [f"$ {command}", *["…"] * bool(start), *lines[start : start + most], *["…"] * more]
    return "".join(f"{line}\n" for line in printed)


def rewritten(watched: Watched, folder: Path) -> str:
    """The document with what its commands print now."""

    def run(part: re.Match[str]) -> str:
        if part["event"]:
            EVENTS[part["event"]](watched)
            return part[0]
        opening = part[0].partition("\n")[0]
        shown = mails(watched, part["mails"]) if part["mails"] else transcript(part, watched, folder)
        return f"{opening}\n{shown}```\n"

    return PART.sub(run, TEXT)


@pytest.mark.prove
def test_the_commands_of_the_night_print_what_the_document_says(night: tuple[Watched, Path]) -> None:
    run = rewritten(*night)

    if "REWRITE" in os.environ:
        DOCUMENT.write_text(run, encoding="utf-8")
    assert masked(run).splitlines() == masked(TEXT).splitlines()


def test_the_night_reads_well_at_a_terminal_of_80_columns() -> None:
    blocks = re.findall(r"^```(?:text|console).*?^```", TEXT, re.DOTALL | re.MULTILINE)
    wide = [line for block in blocks for line in block.splitlines() if len(line) > COLUMNS]

    # Commands and addresses stay whole, to be copied.
    assert [line for line in wide if not line.lstrip().startswith(("aws ", "https://"))] == []

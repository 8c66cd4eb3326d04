"""The manual's table of exit codes has every command, and each of its cells is what the command really ends with."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from cloud.embedded import EmbeddedCloud
from cloud.template import ROOT
from ops.cli import app
from tests.fetcher.test_replay import SMALL as SNAPSHOTS
from tests.ops.commands.conftest import PAGE, STACK, Deploy, Feed, take_from_website, upload

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CODES = (0, 1, 2)
NEVER = "\N{EN DASH}"

# The demo and `feed cloud` start a cloud, of which a process has one; a small catalogue is enough to see how they end.
SMALL = """
import sys
from functools import partial
from cloud import embedded
from ops.cli import app
from ops.demo import releases, scheduled_run
from tests.fetcher.small_world import PARAMETERS

embedded.ParameterServer = partial(embedded.ParameterServer, PARAMETERS)
releases.catalogue = scheduled_run.catalogue = lambda: PARAMETERS
{before}
app(sys.argv[1:])
"""
WITHOUT_A_RIGHT = """
template = embedded.read_template()
document = template["Resources"]["FetcherRole"]["Properties"]["Policies"][0]["PolicyDocument"]
document["Statement"] = [one for one in document["Statement"] if one.get("Sid") != "WriteSource"]
embedded.read_template = lambda: template
"""


@dataclass(frozen=True)
class Here:
    """What a case needs: a cloud, the command against it, other stacks and an empty folder."""

    cloud: EmbeddedCloud
    feed: Feed
    deploy: Deploy
    folder: Path

    def ends(self, *arguments: str) -> int:
        """The command's exit code; its own, not that of an exception."""
        finished = self.feed(*arguments)
        assert isinstance(finished.exception, SystemExit | None), finished.exc_info
        return finished.exit_code

    def ends_in_small_world(self, *arguments: str, before: str = "") -> int:
        """The exit code of a command that starts a cloud of its own, from a shell that knows nothing of AWS."""
        command = [sys.executable, "-c", SMALL.format(before=before), *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False).returncode


def break_a_file(here: Here) -> None:
    upload(here.cloud, "broken.json", b"<html>")


def pause(here: Here, function: str) -> Callable[[], None]:
    lambda_, name = here.cloud.client("lambda"), {"FunctionName": f"{STACK}-{function}"}
    lambda_.put_function_concurrency(**name, ReservedConcurrentExecutions=0)
    return lambda: lambda_.delete_function_concurrency(**name)


def deny(here: Here, action: str) -> Callable[[], None]:
    iam, policy = here.cloud.client("iam"), {"UserName": "operator", "PolicyName": "denied"}
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    iam.put_user_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return lambda: iam.delete_user_policy(**policy)


def costs_0(here: Here) -> int:
    return here.ends("costs")


def costs_2(here: Here) -> int:
    return here.ends("costs", "--measure", "--stack-name", "nowhere")


def cloud_0(here: Here) -> int:
    return here.ends_in_small_world("cloud", "--in-process", "--seconds", "0")


def cloud_2(here: Here) -> int:
    return here.ends("cloud", "--seconds", "-1")


def demo_0(here: Here) -> int:
    return here.ends_in_small_world("demo", "--in-process")


def demo_1(here: Here) -> int:
    return here.ends_in_small_world("demo", "--in-process", before=WITHOUT_A_RIGHT)


def demo_2(here: Here) -> int:
    (here.folder / "file").touch()
    return here.ends("demo", "--output", str(here.folder / "file"))


def failures_0(here: Here) -> int:
    return here.ends("failures")


def failures_1(here: Here) -> int:
    break_a_file(here)
    return here.ends("failures")


def failures_2(here: Here) -> int:
    here.deploy("fetch-only", {"SourceBucketName": "x"})
    return here.ends("failures", "--stack-name", "fetch-only")


def fetch_0(here: Here) -> int:
    return here.ends("fetch", "--no-wait")


def fetch_1(here: Here) -> int:
    return here.ends("fetch", "--any-region", "--region-code", "mars-1")


def fetch_2(here: Here) -> int:
    return here.ends("fetch", "--region-code", "mars-1")


def ends_where_stack_invalidates(here: Here, *arguments: str, refuses: bool = False) -> int:
    """The exit code against a stack with an invalidation queue, for which another one stands; it may refuse."""
    url = here.cloud.queue_url("FetchFailures")
    here.deploy("invalidating", here.cloud.stack.outputs | {"InvalidationsUrl": url})
    with pytest.MonkeyPatch.context() as patched:
        refused = [{"Id": "0", "Code": "InternalError", "SenderFault": False}]
        if refuses:
            patched.setattr("moto.sqs.models.SQSBackend.send_message_batch", lambda *_, **__: ([], refused))
        return here.ends(*arguments, "--stack-name", "invalidating")


def invalidate_0(here: Here) -> int:
    return ends_where_stack_invalidates(here, "invalidate", "regions.json")


def invalidate_1(here: Here) -> int:
    return ends_where_stack_invalidates(here, "invalidate", "regions.json", refuses=True)


def invalidate_2(here: Here) -> int:
    return here.ends("invalidate", "regions.json")


def logs_0(here: Here) -> int:
    return here.ends("logs")


def logs_2(here: Here) -> int:
    return here.ends("logs", "--stack-name", "nowhere")


def redistribute_0(here: Here) -> int:
    assert here.ends("redistribute", "--all") == 0
    return here.ends("redistribute", "regions.json")


def redistribute_1(here: Here) -> int:
    break_a_file(here)
    return here.ends("redistribute", "broken.json")


def redistribute_2(here: Here) -> int:
    return here.ends("redistribute", "no-such-file.json")


def redrive_0(here: Here) -> int:
    return here.ends("redrive")


def redrive_1(here: Here) -> int:
    break_a_file(here)
    assert here.ends("redrive") == 1
    return here.ends("redrive", "--yes")


def redrive_2(here: Here) -> int:
    return here.ends("redrive", "--stack-name", "nowhere")


def site_0(here: Here) -> int:
    assert here.ends("site", "--folder", str(PAGE)) == 0
    return ends_where_stack_invalidates(here, "site", "--folder", str(PAGE), "--yes")


def site_1(here: Here) -> int:
    return ends_where_stack_invalidates(here, "site", "--folder", str(PAGE), "--yes", refuses=True)


def site_2(here: Here) -> int:
    return here.ends("site", "--folder", str(here.folder))


def smoke_0(here: Here) -> int:
    return here.ends("smoke", "--remove", "feed-smoke-0123456789")


def smoke_1(here: Here) -> int:
    return here.ends("smoke")  # nobody answers its question


def smoke_2(here: Here) -> int:
    return here.ends("smoke", "--remove", STACK)


def status_0(here: Here) -> int:
    return here.ends("status")


def status_1(here: Here) -> int:
    take_from_website(here.cloud, "regions.json")
    return here.ends("status")


def status_2(here: Here) -> int:
    return here.ends("status", "--stack-name", "nowhere")


def sweep_0(here: Here) -> int:
    take_from_website(here.cloud, "regions.json")
    assert here.ends("sweep", "--yes") == 0
    return here.ends("sweep")


def sweep_1(here: Here) -> int:
    take_from_website(here.cloud, "regions.json")
    return here.ends("sweep")


def sweep_2(here: Here) -> int:
    resume = pause(here, "sweeper")
    code = here.ends("sweep")
    resume()
    return code


def verify_0(here: Here) -> int:
    return here.ends("verify")


def verify_1(here: Here) -> int:
    resume = pause(here, "distributor")
    code = here.ends("verify")
    resume()
    return code


def verify_2(here: Here) -> int:
    return here.ends("verify", "--url", "http://example.org/data/")


def import_history_0(here: Here) -> int:
    assert here.ends("import-history", str(SNAPSHOTS)) == 0
    assert here.ends("import-history", str(SNAPSHOTS), "--yes") == 0
    here.cloud.settle()
    return here.ends("import-history", str(SNAPSHOTS))


def import_history_2(here: Here) -> int:
    return here.ends("import-history", str(here.folder / "no-such-file.jsonl"))


def init_0(here: Here) -> int:
    return initialise(here, "--website-bucket", here.cloud.website)


def init_1(here: Here) -> int:
    return initialise(here, "--website-bucket", "nobody-has-this-bucket")


def init_2(here: Here) -> int:
    return here.ends("init")


def initialise(here: Here, *arguments: str) -> int:
    """The command in a checkout of its own, of which it writes samconfig.toml."""
    named = ("--stack-name", "new", "--region", "us-east-1", "--alarm-email", "you@example.com")
    shutil.copy(ROOT / "samconfig.toml", here.folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ops.commands.init.need_checkout", lambda: here.folder)
        return here.ends("init", "--yes", *named, *arguments)


def open_0(here: Here) -> int:
    return here.ends("open", "--print")


def open_2(here: Here) -> int:
    return here.ends("open", "site")


def ls_0(here: Here) -> int:
    take_from_website(here.cloud, "regions.json")
    return here.ends("ls")


def ls_2(here: Here) -> int:
    here.deploy("fetch-only", {"SourceBucketName": "x"})
    return here.ends("ls", "--stack-name", "fetch-only")


def unpublish_0(here: Here) -> int:
    upload(here.cloud, "other.json")
    assert here.ends("unpublish", "other.json") == 0
    return here.ends("unpublish", "other.json", "--yes")


def unpublish_1(here: Here) -> int:
    upload(here.cloud, "other.json")
    allow = deny(here, "s3:DeleteObject")
    code = here.ends("unpublish", "other.json", "--yes")
    allow()
    return code


def unpublish_2(here: Here) -> int:
    return here.ends("unpublish", "no-such-file.json")


def history_0(here: Here) -> int:
    return here.ends("history", "regions.json")


def history_2(here: Here) -> int:
    return here.ends("history", "no-such-file.json")


def versions(here: Here, name: str) -> list[str]:
    """The ids of a source file's versions, newest first."""
    s3, bucket = here.cloud.client("s3"), here.cloud.source_bucket()
    found = s3.list_object_versions(Bucket=bucket, Prefix=f"aws-data/{name}")["Versions"]
    return [version["VersionId"] for version in found]


def diff_0(here: Here) -> int:
    return here.ends("diff", "regions.json")


def diff_1(here: Here) -> int:
    upload(here.cloud, "other.json", b"[1]")
    upload(here.cloud, "other.json", b"[2]")
    return here.ends("diff", "other.json", versions(here, "other.json")[-1])


def diff_2(here: Here) -> int:
    break_a_file(here)
    return here.ends("diff", "broken.json")


def rollback_0(here: Here) -> int:
    upload(here.cloud, "other.json", b"[1]")
    upload(here.cloud, "other.json", b"[2]")
    earlier = versions(here, "other.json")[-1]
    assert here.ends("rollback", "other.json", earlier) == 0
    return here.ends("rollback", "other.json", earlier, "--yes")


def rollback_1(here: Here) -> int:
    upload(here.cloud, "other.json", b"[1]")
    upload(here.cloud, "other.json", b"[2]")
    resume = pause(here, "distributor")
    code = here.ends("rollback", "other.json", versions(here, "other.json")[-1], "--yes", "--seconds", "0")
    here.cloud.settle()
    resume()
    return code


def releases_0(here: Here) -> int:
    return here.ends("releases")


def releases_1(here: Here) -> int:
    s3, bucket = here.cloud.client("s3"), here.cloud.website
    (entry, *_) = s3.list_objects_v2(Bucket=bucket, Prefix="data/releases/")["Contents"]
    s3.delete_object(Bucket=bucket, Key=entry["Key"])
    return here.ends("releases")


def releases_2(here: Here) -> int:
    here.deploy("fetch-only", {"SourceBucketName": "x"})
    return here.ends("releases", "--stack-name", "fetch-only")


def rollback_2(here: Here) -> int:
    return here.ends("rollback", "regions.json", "no-such-version", "--yes")


CASES: dict[tuple[str, int], Callable[[Here], int]] = {
    (name.rpartition("_")[0].replace("_", "-"), int(name[-1])): case
    for name, case in list(globals().items())
    if callable(case) and re.fullmatch(r"[a-z_]+_[012]", name)
}


def commands(command: typer.core.TyperCommand, *names: str) -> Iterator[str]:
    """The words of each command below this one."""
    within = getattr(command, "commands", {})
    if not within:
        yield " ".join(names)
    for name, subcommand in within.items():
        yield from commands(subcommand, *names, name)


def documented() -> dict[str, dict[int, str]]:
    """What the table says of each command, by exit code."""
    rows = re.findall(r"^\| `feed ([a-z -]+)` \| (.+) \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)
    return {name: dict(zip(CODES, cells, strict=True)) for name, *cells in rows}


def test_every_command_has_its_row_in_the_order_of_the_alphabet() -> None:
    assert list(documented()) == sorted(commands(typer.main.get_command(app)))  # type: ignore[arg-type]


def test_every_cell_has_its_case() -> None:
    claimed = {(name, code) for name, cells in documented().items() for code in CODES if cells[code] != NEVER}

    assert set(CASES) == claimed


@pytest.fixture
def here(cloud: EmbeddedCloud, feed: Feed, deploy: Deploy, tmp_path: Path) -> Here:
    return Here(cloud, feed, deploy, tmp_path)


@pytest.mark.prove
@pytest.mark.parametrize(("command", "code"), CASES)
def test_a_command_ends_with_the_exit_code_that_the_manual_gives(command: str, code: int, here: Here) -> None:
    assert CASES[command, code](here) == code


@pytest.mark.parametrize("arguments", [["sweep"], ["sweep", "--yes"], ["status", "--drift"], ["fetch"]])
def test_a_function_that_ends_in_an_error_is_something_wrong(
    arguments: list[str], cloud: EmbeddedCloud, feed: Feed, deploy: Deploy
) -> None:
    # The distributor does not understand the events of the other two.
    crossed = dict.fromkeys(("SweeperFunctionName", "FetcherFunctionName"), f"{STACK}-distributor")
    deploy("crossed", cloud.stack.outputs | crossed)

    finished = feed(*arguments, "--stack-name", "crossed")

    assert finished.exit_code == 1, finished.output
    assert finished.stderr.startswith("feed: ")
    assert "Traceback" not in finished.output

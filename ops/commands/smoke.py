"""`feed smoke`: a stack under a throw-away name in your account, from its first deployment to its removal."""

import secrets
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ops.terminal import ACT, FAILED, examples, need_checkout, refuse, say

if TYPE_CHECKING:
    from ops.smoke import Account, Report

app = typer.Typer()

ROOT = Path(__file__).parents[2]
PREFIX = "feed-smoke-"
WHAT = """In account {number}, {region}, this makes
  the stack {name}: what template.yaml has, with schedules and alarms, whose mails go to nobody
  the buckets {source}, {website}
  and, in {elsewhere}, {replica}
and deploys it four times, fetches, publishes and breaks files of its own, and removes everything again.
It takes a quarter of an hour and costs some cents: some thousand requests, and alarms and a dashboard for an hour.
You need the rights to do all that. Traces and metrics stay until AWS lets them expire, at no cost.
"""
INVALIDATES = "It asks the distribution {id} to invalidate paths below /{name}/, which nobody reads.\n"


@app.command(
    rich_help_panel=ACT,
    epilog=examples(
        "feed smoke",
        "feed smoke --distribution-id E2EXAMPLE123 --report smoke.md",
        "feed smoke --remove feed-smoke-0123456789",
    ),
)
def smoke(  # noqa: PLR0913 - one argument an option
    *,
    distribution_id: Annotated[
        str, typer.Option(help="A CloudFront distribution of yours to try invalidations on. By default none are tried.")
    ] = "",
    parameter: Annotated[
        list[str] | None, typer.Option(help="A parameter of the stack as NAME=VALUE; repeatable.")
    ] = None,
    template: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Another template, for a cloud that can't do all.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Where the report goes. By default NAME.md, here.")
    ] = None,
    remove: Annotated[str, typer.Option(help="Only remove what an earlier walk of this name has left.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Deploy a throw-away stack to AWS, try everything on it, and remove it again. Exit code 0 if all went well."""
    from botocore.exceptions import BotoCoreError, ClientError

    from ops.smoke import Checkout, Report, StoppedError, Walk, find_account

    template = template or need_checkout() / "template.yaml"
    if remove and not remove.startswith(PREFIX):
        refuse(f"{remove} is no throw-away stack: their names begin with {PREFIX}")
    try:
        account = find_account(remove or f"{PREFIX}{secrets.token_hex(5)}")
    except (BotoCoreError, ClientError, ValueError) as error:  # an endpoint that is none is a ValueError
        refuse(f"AWS does not know who you are: {error}")
    if remove:
        left = account.remove()
        for line in left or [f"nothing is left of {remove}"]:
            say(line, as_json=False)
        raise typer.Exit(FAILED if left else 0)
    for line in _what(account, distribution_id).splitlines():
        say(line, as_json=False)
    yes or typer.confirm("Go on?", abort=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"If this is cut off: feed smoke --remove {account.name}", as_json=False)
    kept = Report(_facts(account, distribution_id), {account.number: "ACCOUNT"})
    parameters = dict(entry.partition("=")[::2] for entry in parameter or [])
    try:
        with TemporaryDirectory() as folder:
            checkout = Checkout(account, template.resolve(), Path(folder) / "build", parameters)
            Walk(account, checkout, kept, distribution_id).go()
    except (StoppedError, KeyboardInterrupt):
        say("stopped; what was made is removed", as_json=False)
    finally:
        _remove(account, kept)
        path = report or Path(f"{account.name}.md")
        kept.write(path)
        say(f"The report is {path}.", as_json=False)
    raise typer.Exit(0 if kept.ok else FAILED)


def _remove(account: "Account", report: "Report") -> None:
    from ops.smoke.report import UnexpectedError

    with report.step("everything is removed, and nothing is left"):
        if left := account.remove():
            raise UnexpectedError("; ".join(left))


def _what(account: "Account", distribution_id: str) -> str:
    return (WHAT + INVALIDATES * bool(distribution_id)).format(
        number=account.number,
        region=account.region,
        name=account.name,
        source=account.source,
        website=account.website,
        replica=account.replica,
        elsewhere=account.replica_region,
        id=distribution_id,
    )


def _facts(account: "Account", distribution_id: str) -> dict[str, str]:
    return {
        "stack": account.name,
        "commit": _commit(),
        "begun": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Region": account.region,
        "endpoint": account.client("cloudformation").meta.endpoint_url,
        "invalidations": "tried" if distribution_id else "not tried: no --distribution-id",
    }


def _commit() -> str:
    described = ("/usr/bin/env", "git", "describe", "--always", "--dirty", "--tags")
    found = subprocess.run(described, cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603 - no input
    return found.stdout.strip() or "not known"

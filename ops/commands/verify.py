"""`feed verify`: everything that must hold after a deployment, a line each."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from ops.terminal import (
    DEFAULT_STACK,
    FAILED,
    LOOK,
    Json,
    MaxAgeHours,
    Profile,
    RegionOption,
    StackName,
    examples,
    open_stack,
    print_json,
    refuse,
    show,
    spinner,
)

if TYPE_CHECKING:
    from ops.checks.check import Check

app = typer.Typer()

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@app.command(
    name="verify",
    rich_help_panel=LOOK,
    epilog=examples(
        "feed verify",
        "feed verify --url https://your.site/data/",
        "feed verify --max-age-hours 2 --json",
    ),
)
def verify_deployment(  # noqa: PLR0913 - one argument an option
    *,
    url: Annotated[
        list[str] | None,
        typer.Option(help="Where readers find the files: https://your.site/data/; repeatable."),
    ] = None,
    max_age_hours: MaxAgeHours = None,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Check a deployment from its stack to its readers; changes nothing. Exit code 1 if a line is red."""
    from ops.verification import verify

    bases = [_base(base) for base in url or []]
    with open_stack(stack_name, profile, region) as stack, spinner("looking"):
        max_age = stack.max_age if max_age_hours is None else timedelta(hours=max_age_hours)
        checks = list(verify(stack, bases, datetime.now(UTC), max_age))
    if as_json:
        print_json([_data(check) for check in checks])
    else:
        _print(checks, distributes=stack.distributes)
    if any(check.fails for check in checks):
        raise typer.Exit(FAILED)


def _base(url: str) -> str:
    """The URL with a slash at its end; readers have HTTPS, so plain HTTP is for this machine alone."""
    parts = urlsplit(url)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        refuse(f"--url {url}: it must begin with https:// (http:// for this machine alone)")
    return url.rstrip("/") + "/"


def _print(checks: list["Check"], *, distributes: bool) -> None:
    for group, members in groupby(checks, key=lambda check: check.group):
        show((group, "bold"))
        for check in members:
            show("  ", check.mark, f" {check.name}  ", (check.actual, "dim"))
            if not check.holds:
                show("      ", (check.advice, "yellow"))
    if not distributes:
        show(("Website bucket", "bold"))
        show(("  left out: the stack distributes nothing", "dim"))
    holding = sum(check.holds for check in checks)
    show(_verdict(checks), f": {holding} of {len(checks)}.")


def _verdict(checks: list["Check"]) -> tuple[str, str]:
    if any(check.fails for check in checks):
        return "NOT every check holds", "bold red"
    if all(check.holds for check in checks):
        return "Every check holds", "bold green"
    return "No trouble, but look at what is yellow", "bold yellow"


def _data(check: "Check") -> dict[str, object]:
    return {
        "group": check.group,
        "name": check.name,
        "holds": check.holds,
        "trouble": check.fails,
        "found": check.actual,
        "advice": "" if check.holds else check.advice,
    }

"""`feed open`: where a browser shows the stack. Reads its outputs and parameters and nothing else."""

import os
import sys
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote, urljoin, urlsplit

import typer

from ops.stack import DeployedStack
from ops.terminal import (
    DEFAULT_STACK,
    LOOK,
    Profile,
    RegionOption,
    StackName,
    choose,
    examples,
    is_interactive,
    open_stack,
    refuse,
    say,
)

app = typer.Typer()

# https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/regional-endpoints.html, and the user guides of the others
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


class Place(StrEnum):
    """What can be opened."""

    DASHBOARD = "dashboard"
    ALARM = "alarm"
    LOGS = "logs"
    QUEUE = "queue"
    STACK = "stack"
    SITE = "site"


@app.command(
    name="open",
    rich_help_panel=LOOK,
    epilog=examples(
        "feed open", "feed open alarm data-stale", "feed open logs distributor", "feed open queue", "feed open site"
    ),
)
def open_place(  # noqa: PLR0913 - one argument an option
    place: Annotated[Place, typer.Argument(help="What to open.")] = Place.DASHBOARD,
    name: Annotated[
        str, typer.Argument(help="Which alarm, function or queue; by default all, and the queue DistributionFailures.")
    ] = "",
    *,
    only_print: Annotated[bool, typer.Option("--print", help="Only print the address.")] = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Print an address in AWS's console, or that of the site, and open it in a browser if there is one."""
    import webbrowser

    with open_stack(stack_name, profile, region) as stack:
        address = _site(stack) if place is Place.SITE else _console(stack) + _path(stack, place, name)
    say(address)
    if not only_print and is_interactive() and _has_display():
        webbrowser.open(address)


def _has_display() -> bool:
    """Without one Python would start a browser in the terminal."""
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _site(stack: DeployedStack) -> str:
    """The page, which is beside the published files."""
    address = {**stack.parameters, **stack.outputs}.get("SiteUrl", "")
    if not address:
        refuse(
            "the stack does not know its public address: set SiteUrl in samconfig.toml, such as https://your.site/data/"
        )
    page = urljoin(address if address.endswith("/") else f"{address}/", "..")
    return page if urlsplit(page).path == "/" else f"{page}index.html"


def _console(stack: DeployedStack) -> str:
    _, partition, _, region, *_ = stack.id.split(":")
    if partition not in CONSOLES:
        refuse(f"the address of the console of {partition} is not known here")
    return f"https://{region}.{CONSOLES[partition]}/"


def _path(stack: DeployedStack, place: Place, name: str) -> str:
    from ops.observation import queue_urls

    region = stack.id.split(":")[3]
    cloudwatch = f"cloudwatch/home?region={region}#"
    match place:
        case Place.ALARM:
            full = name if name.startswith(f"{stack.name}-") else f"{stack.name}-{name}"
            return f"{cloudwatch}alarmsV2:" + f"alarm/{quote(full)}" * bool(name)
        case Place.LOGS:
            return f"{cloudwatch}logsV2:log-groups" + _log_groups(stack, name)
        case Place.QUEUE:
            queue = choose(stack, queue_urls(stack), name or "DistributionFailures")
            return f"sqs/v3/home?region={region}#/queues/{quote(queue, safe='')}"
        case Place.STACK:
            return f"cloudformation/home?region={region}#/stacks/stackinfo?stackId={quote(stack.id, safe='')}"
        case _:
            return f"{cloudwatch}dashboards/dashboard/{quote(stack.name)}"


def _log_groups(stack: DeployedStack, role: str) -> str:
    """The part of the address that CloudWatch quotes twice, with $ for %."""
    if role:
        return "/log-group/" + _twice(f"/aws/lambda/{choose(stack, stack.functions, role)}")
    return _once("?logGroupNameFilter=") + _twice(f"/aws/lambda/{stack.name}-")


def _once(text: str) -> str:
    return quote(text, safe="").replace("%", "$")


def _twice(text: str) -> str:
    return _once(quote(text, safe=""))

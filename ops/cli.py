"""The `feed` command: all commands put together, and those that need no stack."""

import re
import signal
import time
from importlib.metadata import version
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands import (
    costs,
    diff,
    failures,
    fetch,
    history,
    import_history,
    init,
    invalidate,
    logs,
    ls,
    redistribute,
    releases,
    rollback,
    site,
    smoke,
    status,
    sweep,
    unpublish,
    verify,
)
from ops.commands import open as open_
from ops.terminal import (
    FAILED,
    LOCAL,
    console,  # noqa: TID251 - the demo prints only its own words
    examples,
    is_interactive,
    need_checkout,
    print_in_any_encoding,
    refuse,
    say,
)

if TYPE_CHECKING:
    from cloud.embedded import EmbeddedCloud

EVALUATION_SECONDS = 60
# A profile, a session's token or another endpoint that a shell has would win over the lines that follow.
FORGET_AWS = "unset $(env | grep -o '^AWS_[A-Z0-9_]*')"

app = typer.Typer(
    help="Run and operate AWS Services Feed. New here? feed demo shows it, feed init prepares a deployment.",
    epilog="Commands on a stack use the AWS CLI's credentials, profiles and endpoints. Exit codes: 0 all is well, "
    "1 something is not, 2 the command could not be carried out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer passes the option's value
    if asked:
        say(f"feed {version('aws-services-feed')}")
        raise typer.Exit


@app.callback()
def prepare(
    *,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """What every command begins with."""
    print_in_any_encoding()


@app.command(rich_help_panel=LOCAL, epilog=examples("feed demo --output demo-output"))
def demo(
    output: Annotated[
        Path | None, typer.Option(help="Also write the published files (website/) and report.json to this folder.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Also draw the headings and checks to this file, as an SVG.")
    ] = None,
    *,
    serve: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Show the site until Ctrl-C; by default at a terminal."),
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run the functions in this process instead of AWS's emulator.")
    ] = False,
) -> None:
    """Run the main job on this machine, without an AWS account: fetch, distribute, change, reject, sweep, roll back.

    Exit code 0 if every check held, 1 otherwise. At a terminal the site can then be looked at, until Ctrl-C.
    """
    need_checkout()
    if output and output.exists() and not output.is_dir():
        refuse(f"{output} is not a folder")
    from cloud import isolate
    from ops.demo import run_demo

    isolate()
    stay = _stay if (is_interactive() if serve is None else serve) else None
    if not run_demo(console(), output, picture, stay=stay, in_process=in_process):
        raise typer.Exit(FAILED)


def _stay(running: "EmbeddedCloud") -> None:
    say(f"The site, until Ctrl-C: {_show_site(running)}")
    try:
        _keep(running, float("inf"))
    except KeyboardInterrupt:
        say("stopped")


def _show_site(running: "EmbeddedCloud") -> str:
    """Upload the page, if the checkout has one, beside the published files; the address of the site."""
    from ops.page import INDEX, read_page, upload_page

    folder = need_checkout() / "website"
    if (folder / INDEX).is_file():
        page = read_page(folder, running.stack.outputs["WebsiteKeyPrefix"])
        upload_page(running.client("s3"), running.website, page)
    return running.stack.outputs["SiteUrl"].removesuffix("data/")


@app.command(
    rich_help_panel=LOCAL,
    epilog=examples("feed cloud", "(paste the lines that it prints into another terminal; then)", "feed status"),
)
def cloud(
    *,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run the functions in this process instead of AWS's emulator.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0, max=1_000_000, help="Stop after so many seconds; by default at Ctrl-C.")
    ] = None,
) -> None:
    """Keep the embedded cloud running, with the files fetched and published, for other commands to try.

    Its site is on an edge of this machine, whose address it prints.
    """
    need_checkout()
    from cloud import isolate
    from cloud.embedded import EmbeddedCloud
    from cloud.stand_ins.edge import EdgeServer

    isolate()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with EdgeServer() as edge, EmbeddedCloud(site=edge, in_process=in_process) as running:
        running.fire("FetchSchedule")
        running.settle()
        outputs = running.stack.outputs
        say("# The stack aws-services-feed is deployed here. To use it from another terminal:")
        say(FORGET_AWS)
        for name, value in running.environment().items():
            say(f"export {name}={value}")
        say(f"# Its source files: s3://{outputs['SourceBucketName']}/{outputs['SourceKeyPrefix']}/")
        say(f"# Its site, as readers get it: {_show_site(running)}")
        say("# Ctrl-C stops it.")
        try:
            _keep(running, seconds if seconds is not None else float("inf"))
        except KeyboardInterrupt:
            say("# stopped")


def _keep(running: "EmbeddedCloud", seconds: float) -> None:
    """Wait; deliver logs and evaluate the alarms each minute as CloudWatch does, but soon after a function has run."""
    due, end = 0.0, time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        if now >= due or running.cloudwatch.has_news:
            running.deliver_logs()
            running.evaluate_alarms()
            due = now + EVALUATION_SECONDS
        time.sleep(1)


for command in (
    init,
    status,
    ls,
    verify,
    fetch,
    redistribute,
    sweep,
    failures,
    history,
    diff,
    releases,
    rollback,
    import_history,
    invalidate,
    unpublish,
    logs,
    open_,
    costs,
    site,
    smoke,
):
    app.add_typer(command.app)
    for registered in command.app.registered_commands:  # typer would keep the line ends of all but the first paragraph
        registered.help = re.sub(r"(?<!\n)\n(?!\n)", " ", cleandoc(str(registered.callback.__doc__)))

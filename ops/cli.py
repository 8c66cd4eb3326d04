"""The `feed` command."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.embedded.environment import isolate

app = typer.Typer(
    help="Run and operate AWS Services Feed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _main() -> None:
    """Keep `demo` a subcommand even while it is the only one."""


@app.command(epilog="Example: feed demo --output demo-output")
def demo(
    output: Annotated[
        Path | None, typer.Option(help="Also write the published files (website/) and report.json to this folder.")
    ] = None,
    *,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run the functions in this process instead of AWS's emulator.")
    ] = False,
) -> None:
    """Run the main job on this machine, without an AWS account: schedule, fetch, distribute, change, reject.

    Exit code 0 if every check held, 1 otherwise.
    """
    from ops.demo import run_demo  # noqa: PLC0415 - moto and SAM take a second to import; --help should not

    isolate()
    if output and output.exists() and not output.is_dir():
        sys.exit(f"feed: {output} is not a folder")
    console = Console(width=None if sys.stdout.isatty() else 140)
    sys.exit(0 if run_demo(console, output, in_process=in_process) else 1)

"""`feed logs`: where the logs are and what to ask them, by the stack's outputs alone; with --follow, what they say."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.stack import DeployedStack
from ops.terminal import (
    DEFAULT_STACK,
    LOOK,
    Json,
    Profile,
    RegionOption,
    StackName,
    choose,
    examples,
    open_stack,
    print_json,
    show,
)

app = typer.Typer()

LAST_DAY = '--start-time "$(($(date +%s) - 86400))" --end-time "$(date +%s)"'
RUN_ID = "RUN_ID"
QUERIES = {
    "errors and warnings of all functions": "fields @timestamp, service, message, source, reason, exception_name\n"
    '| filter level in ["ERROR", "WARNING", "CRITICAL"] or @message like /errorType|timed out|"status":"timeout"/\n'
    "| sort @timestamp desc\n"
    "| limit 50",
    f"one run through all functions (put its id in place of {RUN_ID})": "fields @timestamp, service, message, source, "
    "outcome\n"
    f'| filter @message like "{RUN_ID}"\n'
    "| sort @timestamp",
    "rejected files, and why": "fields @timestamp, source, reason\n"
    '| filter message = "object_rejected"\n'
    "| stats count() as times, latest(@timestamp) as last by source, reason",
    "slow copies": "fields @timestamp, source, seconds, passes, bytes\n"
    '| filter message = "object_copied"\n'
    "| sort seconds desc\n"
    "| limit 20",
}


@dataclass(frozen=True, slots=True)
class Log:
    """A function's log group and the command that follows it."""

    function: str
    group: str
    follow: str


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "feed logs", "feed logs --follow", "feed logs distributor --follow --json", "feed logs --stack-name feed-prod"
    ),
)
def logs(  # noqa: PLR0913 - one argument an option
    function: Annotated[
        str, typer.Argument(help="fetcher, distributor, sweeper or invalidator. By default all that the stack has.")
    ] = "",
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print what was logged in the last ten minutes and from now on, to Ctrl-C.")
    ] = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Print where the logs are, commands that follow them, and queries; with --follow, the logs themselves."""
    with open_stack(stack_name, profile, region) as stack:
        options = _options(stack, profile)
        listed = [_log(name, options) for name in _functions(stack, function)]
        if follow:
            _follow(stack, listed, as_json=as_json)
            return
    query = f"aws logs start-query {_groups(listed)} {LAST_DAY} --query-string {{}}{options}"
    queries = {name: query.format(shlex.quote(text)) for name, text in QUERIES.items()}
    if as_json:
        print_json(
            {
                "logs": [{"function": log.function, "group": log.group, "follow": log.follow} for log in listed],
                "queries": [{"name": name, "query": text, "start": queries[name]} for name, text in QUERIES.items()],
            }
        )
        return
    _print(listed, options)


def _functions(stack: DeployedStack, role: str) -> list[str]:
    """The names of the stack's functions, or of the one that is this."""
    if role:
        return [choose(stack, stack.functions, role)]
    return list(stack.functions.values())


def _follow(stack: DeployedStack, listed: Sequence[Log], *, as_json: bool) -> None:
    from ops.log_events import follow

    functions = {log.group: log.function for log in listed}
    try:
        for event in follow(stack.client("logs"), functions):
            function, at = functions[event.group], datetime.fromtimestamp(event.milliseconds / 1000, UTC)
            if as_json:
                data = {"time": at.isoformat(timespec="milliseconds"), "function": function, "message": event.message}
                print_json(data, indent=None)
            else:
                name = function.removeprefix(f"{stack.name}-")
                show((f"{at:%Y-%m-%d %H:%M:%S} {name} ", "dim"), event.message)
    except KeyboardInterrupt:
        return


def _options(stack: DeployedStack, profile: str | None) -> str:
    """What the AWS CLI needs to find the same account and region."""
    region = f" --region {shlex.quote(stack.session.region_name)}" if stack.session.region_name else ""
    return region + (f" --profile {shlex.quote(profile)}" if profile else "")


def _log(function: str, options: str) -> Log:
    group = f"/aws/lambda/{function}"  # as the template names it
    return Log(function, group, f"aws logs tail {shlex.quote(group)} --follow --format short{options}")


def _groups(listed: Sequence[Log]) -> str:
    return "--log-group-names " + " ".join(log.group for log in listed)


def _print(listed: Sequence[Log], options: str) -> None:
    show(("Follow, with feed logs --follow or with version 2 of the AWS CLI", "bold"))
    for log in listed:
        show(f"  {log.follow}", whole=True)
    show()
    show(("Ask, in CloudWatch Logs Insights over these log groups", "bold"))
    for log in listed:
        show((f"  {log.group}", "dim"))
    for name, text in QUERIES.items():
        show()
        show((f"  # {name}", "dim"))
        for line in text.splitlines():
            show(f"  {line}", whole=True)
    show()
    show(("Or at the terminal, over the last day", "bold"))
    show(f"  aws logs start-query {_groups(listed)} \\", whole=True)
    show(f"    {LAST_DAY} --query-string 'QUERY'{options}", whole=True)
    show(f"  aws logs get-query-results --query-id ID{options}", whole=True)

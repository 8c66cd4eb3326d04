"""`feed redistribute`: publish files again through the distributor."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any

import typer

from ops.stack import DeployedStack, InvocationError
from ops.terminal import (
    ACT,
    DEFAULT_STACK,
    FAILED,
    Json,
    Profile,
    RegionOption,
    StackName,
    Yes,
    examples,
    open_stack,
    print_rows,
    refuse,
    say,
    spinner,
    track,
)

app = typer.Typer()

KEYS_PER_INVOCATION = 50


@app.command(
    rich_help_panel=ACT,
    epilog=examples("feed redistribute regions.json services.json", "feed redistribute --all --yes"),
)
def redistribute(  # noqa: PLR0913 - one argument an option
    keys: Annotated[list[str] | None, typer.Argument(help="Keys, with or without the source prefix.")] = None,
    glob: Annotated[list[str] | None, typer.Option(help="Also what matches; ** crosses folders.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is for the website.")] = False,
    yes: Yes = False,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """Publish files again. Keys that are named are published at once, a selection only with --yes."""
    if not (keys or glob or everything):
        refuse("name keys, or use --glob or --all")
    with open_stack(stack_name, profile, region) as stack:
        with spinner("looking"):
            selected = _select(stack, keys or [], glob or [], everything=everything)
        if (glob or everything) and not yes:
            print_rows("Would be published again", ["key"], [[key] for key in selected], data=selected, as_json=as_json)
            say(f"{len(selected)} file(s); --yes publishes them", as_json=as_json)
            return
        outcomes = list(track(_redistribute(stack, selected), "publishing", total=len(selected)))
    rows = [
        [outcome["source"], outcome["outcome"], outcome.get("destination") or outcome.get("reason", "")]
        for outcome in outcomes
    ]
    print_rows(
        "Published again", ["key", "outcome", "destination, or the reason"], rows, data=outcomes, as_json=as_json
    )
    if any(outcome["outcome"] not in {"copied", "skipped"} for outcome in outcomes):
        raise typer.Exit(FAILED)


def _select(stack: DeployedStack, keys: Sequence[str], globs: Sequence[str], *, everything: bool) -> list[str]:
    """The keys that are named, and those below the prefix that match a glob; a name is taken with or without prefix.

    Ends the command if the source does not have what is named: the distributor would take it for a rejected file.
    """
    prefix = f"{stack.output('SourceKeyPrefix')}/"
    named = [key if key.startswith(prefix) else f"{prefix}{key}" for key in keys]
    if missing := [key for key in named if not stack.has(stack.output("SourceBucketName"), key)]:
        refuse(f"the source bucket does not have {', '.join(missing)}; name files as NAME or {prefix}NAME")
    globs = ["**"] if everything else globs
    return list(dict.fromkeys([*named, *_matching(stack, prefix, globs)])) if globs else named


def _matching(stack: DeployedStack, prefix: str, globs: Sequence[str]) -> Iterator[str]:
    """The keys that match a glob and that the distributor would not skip."""
    from distributor.outcomes import Skipped
    from distributor.plan import compile_glob, decide
    from ops.observation import observe_distributor, publishing_settings

    patterns, settings = [compile_glob(glob) for glob in globs], publishing_settings(observe_distributor(stack))
    for key in stack.source_keys():
        name = key.removeprefix(prefix)
        if any(pattern.fullmatch(name) for pattern in patterns):
            decision = decide(name, settings.destinations[0], settings)
            if not isinstance(decision, Skipped):
                yield key


def _redistribute(stack: DeployedStack, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Publish the keys through the distributor, a batch at a time; an outcome for each as it comes in."""
    remaining = iter(keys)
    while batch := list(islice(remaining, KEYS_PER_INVOCATION)):
        try:
            yield from stack.invoke(stack.output("DistributorFunctionName"), {"keys": batch})["objects"]
        except InvocationError as error:
            yield from ({"outcome": "failed", "source": key, "reason": str(error)} for key in batch)

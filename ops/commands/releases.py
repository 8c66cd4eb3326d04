"""`feed releases`: the releases on the website, what changed in each, and whether it is complete."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.terminal import (
    DEFAULT_STACK,
    FAILED,
    LOOK,
    Json,
    Profile,
    RegionOption,
    StackName,
    examples,
    open_stack,
    print_json,
    say,
    show,
    spinner,
)

if TYPE_CHECKING:
    from ops.releases import Release, Releases

app = typer.Typer()


@app.command(rich_help_panel=LOOK, epilog=examples("feed releases", "feed releases --last 50 --json"))
def releases(
    *,
    last: Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the newest first.")] = 10,
    as_json: Json = False,
    stack_name: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: RegionOption = None,
) -> None:
    """List the releases: time, counts, latest change, complete or not. Exit code 1 if the current one is not complete.

    The current one is that which manifest.json on the website names.
    """
    from ops.releases import list_releases

    with open_stack(stack_name, profile, region) as stack:
        with spinner("listing"):
            found = list_releases(stack, last)
        if as_json:
            print_json(_data(found))
        else:
            _print(found)
            say(stack.advice("feed rollback --release ID shows what it takes to make one current again"))
    current = next((release for release in found.newest if release.id == found.published), None)
    if current and current.faults:
        raise typer.Exit(FAILED)


def _print(found: "Releases") -> None:
    for release in found.newest:
        style = "yellow" if release.faults else "green"
        show((release.id, "bold"), ("  " + ", ".join(_states(release, found)), style))
        for line in _lines(release):
            show((f"    {line}", "dim"))
    say(f"{found.count:,} release(s)" + f", the newest {len(found.newest)} shown" * (len(found.newest) < found.count))
    if found.published and found.published not in {release.id for release in found.newest}:
        say(f"manifest.json names {found.published}")
    if found.source != found.published:
        say(f"the source's manifest.json names {found.source or 'none'}: see feed verify")


def _states(release: "Release", found: "Releases") -> Iterator[str]:
    if release.id == found.published:
        yield "current"
    elif release.id == found.source:
        yield "the source's"
    yield "not complete" if release.faults else "complete"


def _lines(release: "Release") -> Iterator[str]:
    manifest = release.manifest
    if manifest:
        counts, size = manifest.counts, sum(file.size for file in manifest.files)
        yield (
            f"{manifest.time:%Y-%m-%d %H:%M:%S} UTC, {counts.regions} regions, {counts.services} services, "
            f"{counts.region_services:,} pairs"
        )
        stale = f", {len(manifest.stale_regions)} stale region(s)" * bool(manifest.stale_regions)
        yield f"{len(manifest.files)} files, {size:,} bytes{stale}"
        if manifest.latest_change:
            yield f"latest change {manifest.latest_change.date}: {manifest.latest_change.summary}"
    yield from release.faults


def _data(found: "Releases") -> dict[str, Any]:
    return {
        "releases": [
            {
                "release": release.id,
                "complete": not release.faults,
                "faults": release.faults,
                "current": release.id == found.published,
                "inSource": release.id == found.source,
                "manifest": release.manifest.model_dump(mode="json", by_alias=True) if release.manifest else None,
            }
            for release in found.newest
        ],
        "count": found.count,
        "current": found.published or None,
        "inSource": found.source or None,
    }

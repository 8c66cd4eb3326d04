"""Releases on the embedded cloud: a second one, one that does not arrive whole, and the way back, shown and checked."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

from rich.markup import escape

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ROOT, catalogue
from ops.demo import files
from ops.demo.story import Story
from shared import contract

SHOWN = 3  # files of a manifest


def show_change(story: Story, cloud: EmbeddedCloud) -> None:
    """A service comes to a region; a run that looks at this region alone makes a release of its own."""
    before = _manifest(cloud)
    _print(story, before)
    region, service = _not_offered(cloud)
    story.console.print(f"  {service} comes to {region}")
    cloud.parameters.replace({**catalogue(), f"{ROOT}/regions/{region}/services/{service}": service})
    cloud.lambdas.invoke_async(f"{cloud.stack.name}-fetcher", json.dumps({"regions": [region]}))
    cloud.settle()
    after = _manifest(cloud)
    _print(story, after)
    hashes = {file["name"]: file["sha256"] for file in before["files"]}
    changed = [file for file in after["files"] if hashes.get(file["name"]) != file["sha256"]]
    rows = [[file["name"], f"{hashes[file['name']][:16]}…", f"{file['sha256'][:16]}…"] for file in changed]
    story.table("Changed between the two", ["file", "SHA-256 before", "SHA-256 now"], rows)
    names = [file["name"] for file in changed]
    story.report["releases"] = {"first": before["release"], "second": after["release"], "changed": names}
    summary = (after["latestChange"] or {}).get("summary", "")
    story.check(
        "a service that came to a region made a second release, and both are whole",
        holds=before["release"] != after["release"]
        and "change-history.json" in names
        and "1 " in summary
        and _is_whole(cloud, before)
        and _is_whole(cloud, after),
    )


def show_half_arrived(story: Story, cloud: EmbeddedCloud) -> None:
    """The manifest of a run that died before it had written all that the manifest names."""
    named = _manifest(cloud)["release"]
    manifest = json.loads(files.source(cloud, contract.MANIFEST_FILE))
    later = datetime.fromisoformat(manifest["time"]) + timedelta(seconds=1)
    manifest["time"] = f"{later:%Y-%m-%dT%H:%M:%SZ}"
    manifest["release"] = contract.name_release(f"{later:%Y%m%dT%H%M%SZ}", "halfway")
    manifest["path"] = f"{contract.RELEASES_FOLDER}/{manifest['release']}/"
    services = next(file for file in manifest["files"] if file["name"] == contract.SERVICES_FILE)
    services["sha256"] = hashlib.sha256(b"what has not arrived").hexdigest()
    (outcome,) = files.upload(cloud, contract.MANIFEST_FILE, json.dumps(manifest).encode())
    story.console.print(f"  {outcome['source']}: {outcome['outcome']}\n  {escape(outcome.get('reason', ''))}")
    story.report["releases"]["notNamed"] = manifest["release"]
    story.check(
        "a release of which a file is missing is not named: the website names the one before",
        holds=outcome["outcome"] == "skipped" and _manifest(cloud)["release"] == named,
    )


def roll_back(story: Story, cloud: EmbeddedCloud) -> None:
    """The first release becomes current again."""
    first = story.report["releases"]["first"]
    command = ["rollback", "--release", first, "--yes"]
    story.console.print(f"  $ feed {' '.join(command)}")
    finished = subprocess.run(  # noqa: S603 - this program
        [sys.executable, "-c", "from ops.cli import app; app()", *command, "--stack-name", cloud.stack.name],
        env={**os.environ, **cloud.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    cloud.settle()
    for line in (finished.stdout + finished.stderr).splitlines():
        story.console.print(f"  {escape(line)}", style="dim")
    manifest = _manifest(cloud)
    same = all(
        _hash(files.website(cloud, file["name"])) == _hash(files.source(cloud, file["name"])) == file["sha256"]
        for file in manifest["files"]
    )
    story.report["releases"]["current"] = manifest["release"]
    story.check(
        "feed rollback made the first release current again, each file with its hash",
        holds=finished.returncode == 0 and manifest["release"] == first and same,
    )


def _manifest(cloud: EmbeddedCloud) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(files.website(cloud, contract.MANIFEST_FILE))
    return manifest


def _print(story: Story, manifest: dict[str, Any]) -> None:
    counts = manifest["counts"]
    numbers = f"{counts['regions']} regions, {counts['services']} services, {counts['regionServices']:,} pairs"
    story.console.print(f"  manifest.json names [bold]{manifest['release']}[/]\n    {numbers}")
    for file in manifest["files"][:SHOWN]:
        story.console.print(f"    {file['sha256'][:16]}…  {file['bytes']:>9,}  {file['name']}")
    story.console.print(f"    and {len(manifest['files']) - SHOWN} more files below {manifest['path']}")


def _not_offered(cloud: EmbeddedCloud) -> tuple[str, str]:
    """A region, and a service that it does not have."""
    data = json.loads(files.website(cloud, contract.COMPLETE_DATA_FILE))
    region, offered = next(iter(data["servicesByRegion"]["byRegion"].items()))
    return region, next(code for code in data["services"]["services"] if code not in offered["services"])


def _is_whole(cloud: EmbeddedCloud, manifest: dict[str, Any]) -> bool:
    return all(
        _hash(files.website(cloud, manifest["path"] + file["name"])) == file["sha256"] for file in manifest["files"]
    )


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()

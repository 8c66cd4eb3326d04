"""The main job on the embedded cloud, shown as it goes and checked: schedule to website, then changes by hand."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cloud.deploy import DeployError
from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ROOT, catalogue
from cloud.template import TemplateError
from shared import contract

WANTED_CACHE_CONTROL = "public, max-age=300"
WANTED_METADATA = {"distributed-at", "source-bucket", "source-key"}
WANTED_FILES = tuple(sorted([*contract.FILES, *contract.schemas()]))
MOST_SSM_CALLS = 1150


@dataclass
class Story:
    """What the demo has seen: the checks, each with its sentence, and the report for machines."""

    console: Console
    checks: list[tuple[bool, str]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(held for held, _ in self.checks)

    def check(self, sentence: str, *, holds: bool) -> None:
        """Print the check and keep it."""
        self.checks.append((holds, sentence))
        self.console.print(f"  {'[green]✓' if holds else '[red]✗'} {escape(sentence)}[/]")

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """A heading, and how long it took."""
        self.console.print(f"\n[bold]{escape(title)}[/]")
        started = time.monotonic()
        yield
        self.console.print(f"  [dim]{time.monotonic() - started:.1f} s[/]")


def run_demo(console: Console, output: Path | None = None, *, in_process: bool = False) -> bool:
    """Run everything; True if every check held. Files go below `output` if it is given."""
    story = Story(console)
    console.print("[bold]aws-services-feed on the embedded cloud[/]: template.yaml, deployed to this machine")
    try:
        cloud = EmbeddedCloud(in_process=in_process)
        with story.chapter("1. Deploy the stack"), ExitStack() as stack:
            stack.enter_context(cloud)
            running = stack.pop_all()
        with running:
            _show_stack(story, cloud)
            _tell(story, cloud)
            if output:
                _write_output(story, cloud, output)
    except (ClientError, DeployError, TemplateError) as error:
        story.check(f"the stack deploys and the story can be told to its end: {error}", holds=False)
    held = sum(holds for holds, _ in story.checks)
    verdict = "[bold green]Every check held" if story.ok else "[bold red]NOT every check held"
    console.print(f"\n{verdict}[/]: {held} of {len(story.checks)}.")
    return story.ok


def _tell(story: Story, cloud: EmbeddedCloud) -> None:
    with story.chapter("2. The schedule fires: SSM -> fetcher -> source bucket -> distributor -> website bucket"):
        cloud.fire("FetchSchedule")
        with story.console.status("fetching and distributing"):
            cloud.settle()
    _show_fetch(story, cloud)
    _show_distribution(story, cloud)
    _show_invalidations(story, cloud)
    if not story.ok:
        story.console.print("\nThe rest needs what has just failed, and is not tried.")
        return
    _show_website(story, cloud)
    with story.chapter("3. A person re-uploads services.json"):
        _reupload(story, cloud)
    with story.chapter("4. A person uploads a changed regions.json, then brings the old version back"):
        _change_regions(story, cloud)
    with story.chapter("5. A person uploads a broken regions.json, then the good one again"):
        _upload_broken(story, cloud)
    with story.chapter("6. An object vanishes from the website, and the sweep's time comes"):
        _sweep(story, cloud)
    _check_invalidations(story, cloud)
    with story.chapter("7. The alarms are looked at now, and once more after a day on which nothing has happened"):
        _look_at_alarms(story, cloud)


def _show_stack(story: Story, cloud: EmbeddedCloud) -> None:
    how = "in this process" if cloud.runs_in_process else "by AWS's Runtime Interface Emulator"
    quota = "no limit here; 40 a second on AWS"
    story.console.print(
        f"  {len(cloud.stack.resources)} resources; functions are run {how}; IAM is enforced, role by role\n"
        f"  SSM is a stand-in over the catalogue that moto ships ({quota}), CloudFront one that\n"
        f"  accepts invalidations; all else is moto on {cloud.url}"
    )
    story.report |= {"fetch": {}, "published": [], "skipped": [], "invalidations": []}


def _show_fetch(story: Story, cloud: EmbeddedCloud) -> None:
    runs = [one for one in cloud.lambdas.invocations if one.event == {}]
    finished = [one.answer.content for one in runs if not one.answer.is_error]
    story.check("the fetcher ran once and finished", holds=len(runs) == len(finished) == 1)
    if not finished:
        story.console.print(
            f"  [red]{escape(runs[-1].answer.content['errorMessage'] if runs else 'it was never run')}[/]"
        )
        return
    (summary,) = finished
    story.report["fetch"] = {
        "regions": summary["regions"],
        "services": summary["services"],
        "region_services": summary["regionServices"],
        "ssm_calls": summary["ssmCalls"],
        "seconds": summary["seconds"],
    }
    _print_table(
        story.console,
        "Fetched",
        ["regions", "services", "region-service pairs", "SSM calls", "seconds"],
        [[f"{value:,}" for value in story.report["fetch"].values()]],
    )
    _print_table(
        story.console,
        f"Written to s3://{cloud.source_bucket()}",
        ["key", "bytes"],
        [[one["key"], f"{one['bytes']:,}"] for one in summary["written"]],
    )
    expected = _count_catalogue()
    story.check(
        f"regions, services and pairs equal the catalogue's own count: {expected}",
        holds=expected == (summary["regions"], summary["services"], summary["regionServices"]),
    )
    story.check(
        f"SSM was called {summary['ssmCalls']} times, at most {MOST_SSM_CALLS}",
        holds=summary["ssmCalls"] == cloud.parameters.traffic.calls <= MOST_SSM_CALLS,
    )


def _count_catalogue() -> tuple[int, int, int]:
    """Regions, services and pairs, counted straight from the raw parameters."""
    regions, services, pairs = set(), set(), set()
    for name in catalogue():
        match name.removeprefix(f"{ROOT}/").split("/"):
            case ["regions", region]:
                regions.add(region)
            case ["services", service]:
                services.add(service)
            case ["regions", region, "services", service]:
                pairs.add((region, service))
    return len(regions), len(services | {service for _, service in pairs}), len(pairs)


def _show_distribution(story: Story, cloud: EmbeddedCloud) -> None:
    outcomes = _outcomes(cloud)
    _print_table(
        story.console,
        "Distributed",
        ["source key", "outcome", "destination, or the reason"],
        [[one["source"], one["outcome"], one.get("destination") or one["reason"]] for one in outcomes],
    )
    copied = sorted((one for one in outcomes if one["outcome"] == "copied"), key=lambda one: str(one["source"]))
    story.report["published"] = [_published(cloud, one) for one in copied]
    story.report["skipped"] = [
        {"source_key": one["source"], "reason": one["reason"]} for one in outcomes if one["outcome"] == "skipped"
    ]
    sources = [one["source"].rpartition("/")[2] for one in copied]
    story.check(
        f"published exactly the {len(WANTED_FILES)} files of the contract and its schemas",
        holds=sources == list(WANTED_FILES),
    )
    skipped = [one["source_key"] for one in story.report["skipped"]]
    story.check(
        "the history snapshot was skipped, since it matches no pattern",
        holds=len(skipped) == 1 and skipped[0].startswith("aws-data/history/complete-data-"),
    )
    others = [one for one in outcomes if one["outcome"] not in {"copied", "skipped"}]
    kept = cloud.messages("FetchFailures") + cloud.messages("DistributionFailures")
    story.check("nothing failed or was rejected, and the failure queues are empty", holds=not others and not kept)


def _show_invalidations(story: Story, cloud: EmbeddedCloud) -> None:
    accepted = cloud.edge.cloudfront.accepted
    _print_table(
        story.console,
        "Invalidated in CloudFront (a stand-in)",
        ["distribution", "paths", "caller reference"],
        [[one.distribution, "\n".join(one.paths), f"{one.caller_reference[:16]}…"] for one in accepted],
    )
    paths = {path for one in accepted for path in one.paths}
    story.check(
        f"the invalidations cover exactly what was published, and are fewer than the files or as many: {len(accepted)}",
        holds=paths == {f"/data/{name}" for name in WANTED_FILES} and len(accepted) <= len(WANTED_FILES),
    )


def _check_invalidations(story: Story, cloud: EmbeddedCloud) -> None:
    accepted = cloud.edge.cloudfront.accepted
    story.report["invalidations"] = [
        {
            "distribution": one.distribution,
            "paths": list(one.paths),
            "caller_reference": one.caller_reference,
            "status": cloud.edge.cloudfront.status(one),
        }
        for one in accepted
    ]
    # Chapter 2 publishes each file; after it services.json twice, and regions.json changed, rolled back and mended.
    again = ["services.json"] * 2 + ["regions.json"] * 3
    later = Counter(path for one in accepted for path in one.paths)
    story.check(
        f"each file was invalidated each time that it was published again ({len(accepted)} invalidations in all)",
        holds=later == Counter(f"/data/{name}" for name in [*WANTED_FILES, *again])
        and not cloud.messages("InvalidationFailures"),
    )


def _published(cloud: EmbeddedCloud, outcome: dict[str, Any]) -> dict[str, Any]:
    bucket, _, key = outcome["destination"].removeprefix("s3://").partition("/")
    head = cloud.client("s3").head_object(Bucket=bucket, Key=key)
    return {
        "source_key": outcome["source"],
        "destination_bucket": bucket,
        "destination_key": key,
        "bytes": head["ContentLength"],
        "content_type": head["ContentType"],
        "cache_control": head.get("CacheControl"),
        "metadata": head["Metadata"],
        "seconds": outcome["seconds"],
    }


def _show_website(story: Story, cloud: EmbeddedCloud) -> None:
    published = story.report["published"]
    _print_table(
        story.console,
        f"On the website bucket s3://{cloud.website}",
        ["key", "bytes", "Content-Type", "Cache-Control", "distributed-at"],
        [
            [
                one["destination_key"],
                f"{one['bytes']:,}",
                one["content_type"],
                str(one["cache_control"]),
                one["metadata"].get("distributed-at", ""),
            ]
            for one in published
        ],
    )
    story.check(
        f"every object has Cache-Control {WANTED_CACHE_CONTROL}, Content-Type application/json and its provenance",
        holds=all(
            one["cache_control"] == WANTED_CACHE_CONTROL
            and one["content_type"] == "application/json"
            and set(one["metadata"]) == WANTED_METADATA
            for one in published
        ),
    )
    same = all(_read(cloud, cloud.website, f"data/{name}") == _source(cloud, name) for name in WANTED_FILES)
    story.check("every object has the bytes of its source", holds=same)
    services = json.loads(_read(cloud, cloud.website, "data/complete-data.json"))["services"]["services"]
    story.check(
        "AmazonGameLiftStreams, a code with capitals, is among the services", holds="AmazonGameLiftStreams" in services
    )


def _reupload(story: Story, cloud: EmbeddedCloud) -> None:
    before = _distributed_at(cloud, "services.json")
    _upload(story, cloud, "services.json", _source(cloud, "services.json"))
    after = _distributed_at(cloud, "services.json")
    story.console.print(f"  distributed-at: {before} -> {after}")
    story.check("the same file, uploaded again, was distributed again", holds=before < after)


def _change_regions(story: Story, cloud: EmbeddedCloud) -> None:
    before = _source(cloud, "regions.json")
    changed = json.loads(before)
    changed["regions"][0]["name"] += " (renamed by hand)"
    _upload(story, cloud, "regions.json", json.dumps(changed, indent=2).encode())
    arrived = json.loads(_read(cloud, cloud.website, "data/regions.json"))
    rows = [
        [was["code"], was["name"], now["name"]]
        for was, now in zip(json.loads(before)["regions"], arrived["regions"], strict=True)
        if was != now
    ]
    _print_table(story.console, "Changed on the website", ["region", "name before", "name now"], rows)
    story.check("the changed region list arrived on the website", holds=arrived == changed and len(rows) == 1)
    versions = cloud.client("s3").list_object_versions(Bucket=cloud.source_bucket(), Prefix="aws-data/regions.json")
    old = next(version for version in versions["Versions"] if not version["IsLatest"])
    source = {"Bucket": cloud.source_bucket(), "Key": old["Key"], "VersionId": old["VersionId"]}
    cloud.client("s3").copy_object(Bucket=cloud.source_bucket(), Key=old["Key"], CopySource=source)
    cloud.settle()
    story.check(
        "copying the old version over the new one rolled the website back",
        holds=_read(cloud, cloud.website, "data/regions.json") == before,
    )


def _upload_broken(story: Story, cloud: EmbeddedCloud) -> None:
    before = _source(cloud, "regions.json")
    _upload(story, cloud, "regions.json", before[: len(before) // 2])
    kept = cloud.messages("DistributionFailures")
    for message in kept:
        story.console.print(f"  [yellow]rejected:[/] {escape(message['source'])}: {escape(message['reason'])}")
    story.check("the broken file was rejected and kept on the failure queue with the reason", holds=len(kept) == 1)
    unharmed = _read(cloud, cloud.website, "data/regions.json") == before
    story.check("the website still has the last good version", holds=unharmed)
    _upload(story, cloud, "regions.json", before)


def _sweep(story: Story, cloud: EmbeddedCloud) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.website, Key="data/services.json")
    cloud.fire("SweepSchedule")
    cloud.settle()
    swept = next(one for one in reversed(cloud.lambdas.invocations) if one.function.endswith("-sweeper")).answer.content
    for one in swept.get("objects", []):
        story.console.print(f"  {one['source']}: {one['drift']} on the website, {one['outcome']}")
    story.check(
        "the sweep found the one object that had drifted, and published it",
        holds=swept.get("drift") == {"missing": 1, "stale": 0, "unlike": 0}
        and _read(cloud, cloud.website, "data/services.json") == _source(cloud, "services.json"),
    )


def _look_at_alarms(story: Story, cloud: EmbeddedCloud) -> None:
    tomorrow = datetime.now(UTC) + timedelta(hours=26)
    now, later = _alarmed(cloud.evaluate_alarms()), _alarmed(cloud.evaluate_alarms(tomorrow))
    for name in sorted(now | later):
        when = "now" if name not in later else "now and tomorrow" if name in now else "tomorrow"
        story.console.print(f"  [yellow]ALARM[/] {name}, {when}")
    story.report["alarms"] = {"now": sorted(now), "tomorrow": sorted(later)}
    wanted = {"DistributionFailuresKept", "DriftFound", "FileRejected"}
    story.check("what went wrong above set off its alarm, and nothing else did", holds=now == wanted)
    story.check(
        "a day without new data or a sweep sets off theirs", holds=later - now == {"DataStale", "SweeperSilent"}
    )


def _alarmed(states: Mapping[str, str]) -> set[str]:
    return {name for name, state in states.items() if state == "ALARM"}


def _upload(story: Story, cloud: EmbeddedCloud, name: str, body: bytes) -> None:
    seen = len(_outcomes(cloud))
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
    cloud.settle()
    for one in _outcomes(cloud)[seen:]:
        story.console.print(f"  {one['source']}: {one['outcome']} {escape(one.get('destination', ''))}")


def _outcomes(cloud: EmbeddedCloud) -> list[dict[str, Any]]:
    """Every outcome that a distributor's invocation has reported so far; errors as they are."""
    return [
        outcome
        for one in cloud.lambdas.invocations
        if one.function.endswith("-distributor")
        for outcome in one.answer.content.get("objects")
        or [{"outcome": "failed", "source": "?", "reason": one.answer.content.get("errorMessage", "")}]
    ]


def _source(cloud: EmbeddedCloud, name: str) -> bytes:
    return _read(cloud, cloud.source_bucket(), f"aws-data/{name}")


def _read(cloud: EmbeddedCloud, bucket: str, key: str) -> bytes:
    body: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _distributed_at(cloud: EmbeddedCloud, name: str) -> str:
    head = cloud.client("s3").head_object(Bucket=cloud.website, Key=f"data/{name}")
    return str(head["Metadata"]["distributed-at"])


def _write_output(story: Story, cloud: EmbeddedCloud, output: Path) -> None:
    for key in cloud.objects(cloud.website):
        path = output / "website" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_read(cloud, cloud.website, key))
    report = output / "report.json"
    report.write_text(json.dumps({"ok": story.ok, **story.report}, indent=2) + "\n", encoding="utf-8")
    story.console.print(f"\nThe published objects are in {output / 'website'}, the report is {report}.")


def _print_table(console: Console, title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)

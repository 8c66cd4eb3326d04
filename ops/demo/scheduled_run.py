"""The embedded cloud after a scheduled run in; what was fetched, published and invalidated out, shown and checked."""

import hashlib
import json
from typing import Any

from rich.markup import escape

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.cloudfront import Accepted
from cloud.stand_ins.ssm import ROOT, catalogue
from ops.demo import files
from ops.demo.story import Story
from ops.observation import is_item
from shared import contract

CACHE_CONTROL = "public, max-age=300"
MANIFEST_CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600"
METADATA = {"distributed-at", "source-bucket", "source-etag", "source-key"}
PUBLISHED_FILES = tuple(sorted([*contract.FILES, *contract.schemas()]))
MOST_SSM_CALLS = 1150
SHOWN = 5  # invalidations, and paths of each


def show_stack(story: Story, cloud: EmbeddedCloud) -> None:
    """What is real here and what is a stand-in."""
    how = "in this process" if cloud.runs_in_process else "by AWS's Runtime Interface Emulator"
    quota = "no limit here; 40 a second on AWS"
    story.console.print(
        f"  {len(cloud.stack.resources)} resources; functions are run {how}; IAM is enforced, role by role\n"
        f"  SSM is a stand-in over the catalogue that moto ships ({quota}), CloudFront one that\n"
        f"  accepts invalidations; all else is moto on {cloud.url}"
    )
    story.report |= {"fetch": {}, "published": [], "skipped": [], "invalidations": []}


def show_fetch(story: Story, cloud: EmbeddedCloud) -> None:
    """The fetcher's summary against the catalogue."""
    runs = [invocation.answer for invocation in cloud.lambdas.invocations if invocation.event == {}]
    summaries = [answer.content for answer in runs if not answer.is_error]
    story.check("the fetcher ran once and finished", holds=len(runs) == len(summaries) == 1)
    if not summaries:
        reason = runs[-1].content["errorMessage"] if runs else "it was never run"
        story.console.print(f"  [red]{escape(reason)}[/]")
        return
    (summary,) = summaries
    counts = (summary["regions"], summary["services"], summary["regionServices"])
    names = ("regions", "services", "region_services", "ssm_calls", "seconds")
    story.report["fetch"] = dict(zip(names, (*counts, summary["ssmCalls"], summary["seconds"]), strict=True))
    story.table(
        "Fetched",
        ["regions", "services", "region-service pairs", "SSM calls", "seconds"],
        [[f"{value:,}" for value in story.report["fetch"].values()]],
    )
    story.table(
        f"Written to s3://{cloud.source_bucket()}",
        ["key", "bytes"],
        [[file["key"], f"{file['bytes']:,}"] for file in summary["written"]],
    )
    expected = _count_catalogue()
    story.check(f"regions, services and pairs equal the catalogue's own count: {expected}", holds=expected == counts)
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


def show_distribution(story: Story, cloud: EmbeddedCloud) -> None:
    """What became of each file that the fetcher wrote; files of single regions and services are only counted."""
    every = files.outcomes(cloud)
    items = [outcome for outcome in every if is_item(outcome["source"].removeprefix("aws-data/"))]
    outcomes = [outcome for outcome in every if outcome not in items]
    story.table(
        "Distributed",
        ["source key", "outcome", "destination, or the reason"],
        [
            [outcome["source"], outcome["outcome"], outcome.get("destination") or outcome["reason"]]
            for outcome in outcomes
        ],
    )
    copied = sorted(
        (outcome for outcome in outcomes if outcome["outcome"] == "copied"), key=lambda copy: str(copy["source"])
    )
    skipped = [outcome for outcome in outcomes if outcome["outcome"] == "skipped"]
    story.report["published"] = [_published(cloud, outcome) for outcome in copied]
    story.report["skipped"] = [{"source_key": skip["source"], "reason": skip["reason"]} for skip in skipped]
    story.check(
        f"published exactly the {len(PUBLISHED_FILES)} files of the contract and its schemas",
        holds=[copy["source"].rpartition("/")[2] for copy in copied] == list(PUBLISHED_FILES),
    )
    fetch = story.report["fetch"]
    story.report["items"] = sum(item["outcome"] == "copied" for item in items)
    story.check(
        f"published {len(items)} more: a file and a feed of each region and service, and their index",
        holds=story.report["items"] == len(items) == 2 * (fetch.get("regions", 0) + fetch.get("services", 0)) + 1,
    )
    story.check(
        "the history snapshot was skipped, since it matches no pattern",
        holds=len(skipped) == 1 and skipped[0]["source"].startswith("aws-data/history/complete-data-"),
    )
    failures = cloud.messages("FetchFailures") + cloud.messages("DistributionFailures")
    story.check(
        "nothing failed or was rejected, and the failure queues are empty",
        holds=len(outcomes) == len(copied) + len(skipped) and not failures,
    )


def _content_type(key: str) -> str:
    return "application/feed+json" if key.endswith(f"/{contract.CHANGE_FEED_FILE}") else "application/json"


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


def _cache_control(source_key: str) -> str:
    return MANIFEST_CACHE_CONTROL if source_key.endswith(f"/{contract.MANIFEST_FILE}") else CACHE_CONTROL


def show_invalidations(story: Story, cloud: EmbeddedCloud) -> None:
    """What CloudFront was asked to drop after the run."""
    accepted = cloud.edge.cloudfront.accepted
    story.table(
        "Invalidated in CloudFront (a stand-in)",
        ["distribution", "paths", "caller reference"],
        [
            [invalidation.distribution, _first_paths(invalidation), f"{invalidation.caller_reference[:16]}…"]
            for invalidation in accepted[:SHOWN]
        ],
    )
    paths = {path for invalidation in accepted for path in invalidation.paths}
    wildcards = tuple(path[:-1] for path in paths if path.endswith("*"))
    published = [f"/{key}" for key in cloud.objects(cloud.website, "data/") if "/releases/" not in key]
    covered = all(path in paths or path.startswith(wildcards) for path in published)
    story.report["invalidated"] = len(accepted)
    story.check(
        f"{len(accepted)} invalidations, fewer than a third of the {len(published)} files, cover all of them",
        holds=covered and len(accepted) < len(published) / 3,
    )


def _first_paths(invalidation: Accepted) -> str:
    more = len(invalidation.paths) - SHOWN
    return "\n".join([*invalidation.paths[:SHOWN], *[f"and {more} more"] * (more > 0)])


def show_website(story: Story, cloud: EmbeddedCloud) -> None:
    """What readers get."""
    published = story.report["published"]
    story.table(
        f"On the website bucket s3://{cloud.website}",
        ["key", "bytes", "Content-Type", "Cache-Control", "distributed-at"],
        [
            [
                file["destination_key"],
                f"{file['bytes']:,}",
                file["content_type"],
                str(file["cache_control"]),
                file["metadata"].get("distributed-at", ""),
            ]
            for file in published
        ],
    )
    story.check(
        f"every object has its Cache-Control, mostly {CACHE_CONTROL}, the right Content-Type and its provenance",
        holds=all(
            (file["cache_control"], file["content_type"])
            == (_cache_control(file["source_key"]), _content_type(file["destination_key"]))
            and set(file["metadata"]) == METADATA
            for file in published
        ),
    )
    manifest = json.loads(files.website(cloud, contract.MANIFEST_FILE))
    names = [file["name"] for file in manifest["files"]]
    whole = all(
        hashlib.sha256(files.website(cloud, manifest["path"] + file["name"])).hexdigest() == file["sha256"]
        for file in manifest["files"]
    )
    story.check(
        "the release that the manifest names has all the other files, each with its hash",
        holds=whole and sorted([*names, contract.MANIFEST_FILE]) == list(PUBLISHED_FILES),
    )
    same = all(files.website(cloud, name) == files.source(cloud, name) for name in PUBLISHED_FILES)
    story.check("every object has the bytes of its source", holds=same)
    services = json.loads(files.website(cloud, "complete-data.json"))["services"]["services"]
    story.check(
        "AmazonGameLiftStreams, a code with capitals, is among the services", holds="AmazonGameLiftStreams" in services
    )

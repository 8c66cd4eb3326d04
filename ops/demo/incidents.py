"""What people do to the files of the embedded cloud, and what the feed does then: shown and checked."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

from rich.markup import escape

from cloud.embedded import EmbeddedCloud
from ops.demo import files
from ops.demo.story import Story


def upload_again(story: Story, cloud: EmbeddedCloud) -> None:
    """The same bytes once more."""
    before = files.distributed_at(cloud, "services.json")
    _upload(story, cloud, "services.json", files.source(cloud, "services.json"))
    after = files.distributed_at(cloud, "services.json")
    story.console.print(f"  distributed-at: {before} -> {after}")
    story.check("the same file, uploaded again, was distributed again", holds=before < after)


def change_regions(story: Story, cloud: EmbeddedCloud) -> None:
    """Other bytes, then the old version over them."""
    before = files.source(cloud, "regions.json")
    changed = json.loads(before)
    changed["regions"][0]["name"] += " (renamed by hand)"
    _upload(story, cloud, "regions.json", json.dumps(changed, indent=2).encode())
    arrived = json.loads(files.website(cloud, "regions.json"))
    rows = [
        [was["code"], was["name"], now["name"]]
        for was, now in zip(json.loads(before)["regions"], arrived["regions"], strict=True)
        if was != now
    ]
    story.table("Changed on the website", ["region", "name before", "name now"], rows)
    story.check("the changed region list arrived on the website", holds=arrived == changed and len(rows) == 1)
    _bring_back(cloud, "regions.json")
    story.check(
        "copying the old version over the new one rolled the website back",
        holds=files.website(cloud, "regions.json") == before,
    )


def _bring_back(cloud: EmbeddedCloud, name: str) -> None:
    s3, bucket = cloud.client("s3"), cloud.source_bucket()
    versions = s3.list_object_versions(Bucket=bucket, Prefix=f"aws-data/{name}")["Versions"]
    old = next(version for version in versions if not version["IsLatest"])
    source = {"Bucket": bucket, "Key": old["Key"], "VersionId": old["VersionId"]}
    s3.copy_object(Bucket=bucket, Key=old["Key"], CopySource=source)
    cloud.settle()


def upload_broken(story: Story, cloud: EmbeddedCloud) -> None:
    """Half of a file, then the whole again."""
    before = files.source(cloud, "regions.json")
    _upload(story, cloud, "regions.json", before[: len(before) // 2])
    failures = cloud.messages("DistributionFailures")
    for failure in failures:
        story.console.print(f"  [yellow]rejected:[/] {escape(failure['source'])}: {escape(failure['reason'])}")
    story.check("the broken file was rejected and kept on the failure queue with the reason", holds=len(failures) == 1)
    unharmed = files.website(cloud, "regions.json") == before
    story.check("the website still has the last good version", holds=unharmed)
    _upload(story, cloud, "regions.json", before)


def lose_object(story: Story, cloud: EmbeddedCloud) -> None:
    """A published object is deleted, and the sweeper runs."""
    cloud.client("s3").delete_object(Bucket=cloud.website, Key="data/services.json")
    cloud.fire("SweepSchedule")
    cloud.settle()
    sweeps = [call for call in cloud.lambdas.invocations if call.function.endswith("-sweeper")]
    answer = sweeps[-1].answer.content
    for entry in answer.get("objects", []):
        story.console.print(f"  {entry['source']}: {entry['drift']} on the website, {entry['outcome']}")
    story.check(
        "the sweep found the one object that had drifted, and published it",
        holds=answer.get("drift") == {"missing": 1, "stale": 0, "unlike": 0}
        and files.website(cloud, "services.json") == files.source(cloud, "services.json"),
    )


def show_invalidations(story: Story, cloud: EmbeddedCloud) -> None:
    """All that CloudFront was asked to drop."""
    cloudfront = cloud.edge.cloudfront
    story.report["invalidations"] = [
        {
            "distribution": invalidation.distribution,
            "paths": list(invalidation.paths),
            "caller_reference": invalidation.caller_reference,
            "status": cloudfront.status(invalidation),
        }
        for invalidation in cloudfront.accepted
    ]
    # After chapter 2 services.json is published twice, and regions.json changed, rolled back and mended.
    published = [*["services.json"] * 2, *["regions.json"] * 3]
    later = cloudfront.accepted[story.report["invalidated"] :]
    paths = Counter(path for invalidation in later for path in invalidation.paths)
    story.check(
        f"each file was invalidated each time that it was published again ({len(later)} more invalidations)",
        holds=paths == Counter(f"/data/{name}" for name in published) and not cloud.messages("InvalidationFailures"),
    )


def show_alarms(story: Story, cloud: EmbeddedCloud) -> None:
    """Which alarms have gone off, and which would after a day without any run."""
    cloud.fire("AnnouncementsSchedule")  # on AWS it starts when it is made
    cloud.settle()
    now, later = _alarmed(cloud), _alarmed(cloud, datetime.now(UTC) + timedelta(hours=26))
    for name in sorted(now | later):
        when = "now" if name not in later else "now and tomorrow" if name in now else "tomorrow"
        story.console.print(f"  [yellow]ALARM[/] {name}, {when}")
    story.report["alarms"] = {"now": sorted(now), "tomorrow": sorted(later)}
    expected = {"distribution-failures", "drift-found"}
    story.check("what went wrong above set off its alarm, and nothing else did", holds=now == expected)
    missed = {"announcements-stale", "data-stale", "sweeper-silent"}
    story.check("a day without new data, a sweep or a reading sets off theirs", holds=later - now == missed)


def _alarmed(cloud: EmbeddedCloud, time: datetime | None = None) -> set[str]:
    """The alarms that are on, by their names without the stack's."""
    names = {resource.logical_id: resource.name for resource in cloud.stack.resources}
    on = (id_ for id_, state in cloud.evaluate_alarms(time).items() if state == "ALARM")
    return {names[id_].removeprefix(f"{cloud.stack.name}-") for id_ in on}


def _upload(story: Story, cloud: EmbeddedCloud, name: str, body: bytes) -> None:
    for outcome in files.upload(cloud, name, body):
        story.console.print(f"  {outcome['source']}: {outcome['outcome']} {escape(outcome.get('destination', ''))}")

"""The distributor's promise in figures; see docs/reliability.md. Every run is repeatable from its seed."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from statistics import median

from rich.table import Table

from benchmarks.load import Load, load
from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from cloud.stand_ins.webhook import Call
from tests.hostile.documents import CASES
from tests.hostile.events import DISTRIBUTOR
from tests.hostile.judge import limited_process
from tests.reliability import release_search, search, test_release_search, test_search
from tests.reliability.storm import Damage, storm
from tests.reliability.test_event_storm import storm as event_storm

DELIVERIES = 100_000
OBJECTS = 10_000
SEED = 1


def storm_table() -> Table:
    """Events with faults against the distributor's own steps on the fake S3."""
    started = time.monotonic()
    damage, counts = storm(SEED, DELIVERIES)
    table = Table("figure", "value", title=f"Storm of {DELIVERIES:,} deliveries, seed {SEED}")
    for name, value in (*_damage(damage), *_counts(counts)):
        table.add_row(name, f"{value:,}")
    table.add_row("seconds", f"{time.monotonic() - started:.0f}")
    return table


def hostile_table() -> Table:
    """Documents and events that are meant to kill, in a process with the function's memory."""
    table = Table("inputs", "tried", "as promised", "largest peak, MiB", "longest, s", title="Hostile inputs")
    for title, inputs in (("documents under names of files", CASES), ("events", list(DISTRIBUTOR.values()))):
        with limited_process() as judge:
            held = sum(hostile.outcome(judge) == hostile.promised for hostile in inputs)
            table.add_row(title, str(len(inputs)), str(held), f"{judge.peak:.0f}", f"{judge.seconds:.1f}")
    return table


def events_table() -> Table:
    """How long a subscriber waits on the embedded cloud, and what a storm of the bus leaves unannounced."""
    unannounced, counts = event_storm(SEED, OBJECTS)
    waits = _waits_of_a_webhook(100)
    table = Table("figure", "value", title=f"Events: {OBJECTS:,} publications under faults, {len(waits)} to a webhook")
    table.add_row("files unannounced", str(len(unannounced)))
    for name, value in _counts(counts):
        table.add_row(name, f"{value:,}")
    table.add_row("from the copy to the webhook, seconds: median, longest", f"{median(waits):.2f}, {max(waits):.2f}")
    return table


def _waits_of_a_webhook(files: int) -> list[float]:
    parameters = {"EventBusName": "default", "WebhookUrl": "https://hooks.example", "WebhookSecret": "hook"}
    with EmbeddedCloud(parameters | {"WebhookEvents": "File Published"}, ssm=ParameterServer({})) as cloud:
        cloud.client("secretsmanager").create_secret(Name="hook", SecretString="Bearer x")
        for number in range(files):
            cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{number}.json", Body=b"[]")
        cloud.settle()
        return [_wait(cloud, call) for call in cloud.webhook.calls]


def _wait(cloud: EmbeddedCloud, call: Call) -> float:
    copy = cloud.client("s3").head_object(Bucket=cloud.website, Key=call.content["detail"]["key"])
    return call.time - datetime.fromisoformat(copy["Metadata"]["distributed-at"]).timestamp()


def _damage(damage: Damage) -> list[tuple[str, int]]:
    return [
        ("files lost", damage.lost),
        ("stale at rest", damage.stale_at_rest),
        ("stale after a sweep", damage.stale_after_sweep),
        ("malformed published", damage.malformed),
    ]


def _counts(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items())


def _add_search(table: Table, name: str, runs: list[Callable[[], search.Result | release_search.Result]]) -> None:
    started = time.monotonic()
    results = [run() for run in runs]
    states, rests = (
        f"{sum(values):,}" for values in zip(*((each.states, each.rests) for each in results), strict=True)
    )
    violations = sum(bool(result.violation) for result in results)
    table.add_row(name, str(len(runs)), states, rests, str(violations), f"{time.monotonic() - started:.0f}")


def search_table() -> Table:
    """Every interleaving of small histories, of one key and of releases."""
    columns = ("of", "histories", "states", "ways to end", "violations", "seconds")
    table = Table(*columns, title="Every interleaving of small histories")
    _add_search(table, "one key", [partial(search.search, history) for history in test_search.ALL.values()])
    worlds = test_release_search.ALL.values()
    _add_search(table, "releases", [partial(release_search.search, world) for world in worlds])
    return table


def load_table() -> Table:
    """Re-uploads through the embedded cloud: S3 events, Lambda's retries, failure queue, sweep."""
    figures: Load = load(OBJECTS, SEED)
    table = Table("figure", "value", title=f"{OBJECTS:,} uploads through the embedded event path, 1% of each fault")
    table.add_row("files lost after the sweep", f"{figures.lost:,}")
    table.add_row("left for the sweep", f"{figures.drifted:,}")
    table.add_row("events kept on the failure queue", f"{figures.kept_as_failed:,}")
    table.add_row("invocations, retries included", f"{figures.invocations:,}")
    for fault, times in sorted(figures.faults.items()):
        table.add_row(f"fault: {fault}", f"{times:,}")
    table.add_row("peak memory grown since the first tenth, MB", f"{figures.memory:.0f}")
    table.add_row("seconds", f"{figures.seconds:.0f}")
    return table

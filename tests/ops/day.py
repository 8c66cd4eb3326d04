"""What the functions of an embedded cloud do in a day: runs, items that are written, and requests to AWS."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from botocore.client import BaseClient

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.announcement_feed import recent, rss
from ops.costs import DailyUse

READINGS = DailyUse(0).readings
_BUILT, _minutes = datetime.now(UTC) - timedelta(hours=1), itertools.count()


@dataclass
class Calls:
    """How often a function runs, the items that it writes, and its requests, without those to SSM."""

    invocations: int = 0
    items: int = 0
    operations: Counter[str] = field(default_factory=Counter)

    @property
    def puts(self) -> int:
        return sum(self.operations[name] for name in ("PutObject", "CopyObject", "ListObjectsV2"))

    @property
    def gets(self) -> int:
        return self.operations["GetObject"] + self.operations["HeadObject"]


Day: TypeAlias = dict[str, Calls]


def run_day(cloud: EmbeddedCloud, parameters: Mapping[str, str], seconds: float = 120, readings: int = READINGS) -> Day:
    """Fetch and sweep in a cloud that runs functions in this process; `parameters`: SSM's new ones, if not empty.

    AWS's announcements are read before, so that they are no news on the next day. Each time the feed was built anew.
    """
    calls: Day = defaultdict(Calls)
    client: Any = BaseClient
    call = client._make_api_call
    roles = {role.access_key_id: re.findall(r"([A-Z][a-z]+)Role", arn) for arn, role in cloud._roles.items()}

    def count(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if function := roles.get(client._request_signer._credentials.access_key):
            calls[function[0].lower()].operations[operation] += 1
        return call(client, operation, arguments)

    if parameters:
        cloud.parameters.replace(dict(parameters))
    before = len(cloud.lambdas.invocations)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", count)
        for schedule in (*["AnnouncementsSchedule"] * readings, "FetchSchedule", "SweepSchedule"):
            cloud.announcements.body = rss(recent(_BUILT), _BUILT + timedelta(minutes=next(_minutes)))
            cloud.fire(schedule)
            cloud.settle(seconds)
    for invocation in cloud.lambdas.invocations[before:]:
        calls[invocation.function.rpartition("-")[2]].invocations += 1
        calls["fetcher"].items += (invocation.answer.content or {}).get("itemsWritten", 0)
    return dict(calls)

"""The first run of a real catalogue: hundreds of files at once, in real time, and what it and later days ask of AWS."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest

from cloud import mappings
from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.cloudfront import Accepted
from cloud.stand_ins.ssm import ROOT, catalogue
from ops.commands.costs import RECORDED_ITEMS
from ops.costs import DailyUse
from shared.contract import FILES, schemas
from tests.ops.day import Day, run_day

pytestmark = pytest.mark.prove

Days: TypeAlias = dict[str, tuple[Day, list[Accepted], dict[str, str]]]
RELEASED = len(FILES) + len(schemas()) - 1
READINGS = 1  # of AWS's announcements
REGIONS = ("eu-west-1", "eu-west-2", "eu-west-3")  # a service that is new there, on the third day
NEW = {f"{ROOT}/regions/{region}/services/a-new-service": "x" for region in REGIONS}


@pytest.fixture(scope="module")
def cloud() -> Iterator[EmbeddedCloud]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mappings, "SCALE", 1)  # what comes within 20 seconds is one invalidation, as on AWS
        with EmbeddedCloud(in_process=True) as running:
            yield running


@pytest.fixture(scope="module")
def days(cloud: EmbeddedCloud) -> Days:
    """The calls of a first day, a calm one and one with news, the invalidations, and the alarms that came."""
    told, known = {}, 0
    for name, parameters in (("first", {}), ("calm", {}), ("busy", {**catalogue(), **NEW})):
        day, now = run_day(cloud, parameters, 580, READINGS), datetime.now(UTC)
        states = [cloud.evaluate_alarms(now + timedelta(minutes=minutes)) for minutes in (0, 5, 10, 20, 40)]
        alarms = {alarm: state for each in states for alarm, state in each.items() if state != "OK"}
        accepted = cloud.edge.cloudfront.accepted
        told[name] = (day, accepted[known:], alarms)
        known = len(accepted)
    return told


@pytest.mark.parametrize("day", ["first", "calm", "busy"])
def test_no_day_sets_off_an_alarm_or_leaves_a_file_behind(cloud: EmbeddedCloud, days: Days, day: str) -> None:
    calls, _, alarms = days[day]

    assert alarms == {}
    assert cloud.messages("DistributionFailures") + cloud.messages("InvalidationFailures") == []
    assert not calls["sweeper"].operations["CopyObject"]


@pytest.mark.parametrize(
    ("day", "written", "items"), [("first", RELEASED + 1, RECORDED_ITEMS), ("calm", 5, 0), ("busy", 7, 9)]
)
def test_each_file_is_written_copied_and_queued_once(days: Days, day: str, written: int, items: int) -> None:
    calls, _, _ = days[day]
    use = DailyUse(RELEASED, written, items, READINGS)

    assert calls["fetcher"].items == items
    assert calls["fetcher"].operations["PutObject"] == written + items + 1
    assert calls["distributor"].operations["SendMessageBatch"] == written + items + READINGS
    assert use.puts == sum(each.puts for each in calls.values())
    assert use.gets == sum(each.gets for each in calls.values())


def test_hundreds_of_files_at_once_are_a_few_wildcards_for_cloudfront(days: Days) -> None:
    paths = {day: sum(len(each.paths) for each in accepted) for day, (_, accepted, _) in days.items()}

    assert "/data/*" in {path for each in days["first"][1] for path in each.paths}
    assert len(days["first"][1]) <= 8
    assert paths["first"] <= 100
    assert (paths["calm"], paths["busy"]) == (5 + READINGS, 16 + READINGS)

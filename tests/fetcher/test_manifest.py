import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from cloud.template import read_template
from fetcher.documents import build_documents
from fetcher.history import merge
from fetcher.manifest import TIMEOUT, build_manifest, next_expected
from shared import contract
from tests.fetcher.small_world import PARAMETERS, read_catalogue

NOW = datetime(2026, 11, 24, 2, 0, 7, tzinfo=UTC)
DOCUMENTS = build_documents(read_catalogue(dict(PARAMETERS), NOW), "9f3c2a1b-aaaa-4bbb-8ccc-0123456789ab", NOW)
HISTORY = merge(None, None, DOCUMENTS, NOW.date())


def manifest(**changes: Any) -> contract.Manifest:
    arguments = {"bodies": {"b.json": b"[]", "a.json": b"{}"}, "history": HISTORY, "schedule": "", **changes}
    return build_manifest(DOCUMENTS, **arguments)


def test_a_release_is_named_by_the_time_and_the_start_of_the_run_s_id() -> None:
    assert manifest().release == "20261124T020007Z-9f3c2a1b"
    assert manifest().path == "releases/20261124T020007Z-9f3c2a1b/"
    assert manifest().time == NOW


def test_each_file_is_named_with_its_size_hash_and_type() -> None:
    first, second = manifest().files

    assert (first.name, second.name) == ("a.json", "b.json")
    assert (first.size, first.content_type) == (2, "application/json")
    assert first.sha256 == hashlib.sha256(b"{}").hexdigest()


def test_the_latest_change_is_the_newest_entry_of_the_log() -> None:
    change = manifest().latest_change

    assert change
    assert (change.date, change.summary) == (NOW.date(), HISTORY.change_log[0].summary)
    assert manifest(history=None).latest_change is None
    assert manifest(history=HISTORY.model_copy(update={"change_log": ()})).latest_change is None


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cron(0 2 * * ? *)", "2026-11-25T02:05:00Z"),
        ("cron(30 2 * * ? *)", "2026-11-24T02:35:00Z"),
        ("cron(0 0 * * ? *)", "2026-11-25T00:05:00Z"),
        ("rate(1 day)", "2026-11-25T02:05:07Z"),
        ("rate(12 hours)", "2026-11-24T14:05:07Z"),
        ("rate(90 minutes)", "2026-11-24T03:35:07Z"),
        ("cron(0/15 2 * * ? *)", None),
        ("cron(0 2 ? * MON-FRI *)", None),
        ("cron(0 25 * * ? *)", None),
        ("rate(1 fortnight)", None),
        ("", None),
    ],
)
def test_the_next_run_is_expected_to_end_a_time_out_after_its_start(schedule: str, expected: str | None) -> None:
    time = next_expected(schedule, NOW)

    assert time == (expected and datetime.fromisoformat(expected))
    assert manifest(schedule=schedule).next_expected == time


def test_a_run_at_the_very_second_of_the_schedule_expects_the_next_day() -> None:
    assert next_expected("cron(0 2 * * ? *)", NOW.replace(second=0)) == datetime(2026, 11, 25, 2, 5, tzinfo=UTC)


def test_the_longest_run_is_as_long_as_the_function_s_time_out() -> None:
    resources: Any = read_template()["Resources"]

    assert resources["Fetcher"]["Properties"]["Timeout"] == TIMEOUT.total_seconds()

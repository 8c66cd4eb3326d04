from datetime import UTC, datetime

import pytest

from distributor.events import Changed, Notice
from distributor.outcomes import Cause, Failed, Headers, Publish, Rejected, Skipped
from distributor.plan import headers_for, plan
from distributor.settings import DistributorSettings, HeaderSettings, Location
from shared.settings import read_settings
from tests.distributor.world import ENVIRONMENT, HEADERS, SOURCE, WEBSITE, task


def decide(key: str, **environment: str) -> object:
    settings = read_settings(DistributorSettings, ENVIRONMENT | environment)
    (decision,) = plan([Changed("my-source", key)], settings)
    return decision


@pytest.mark.parametrize(
    "name",
    [
        "x.json",
        "space plus+file.json",
        "日.json",
        "100%.json",
        "%2e%2e.json",
        "a?versionId=zz.json",
        "a b&c=d.json",
        "..x.json".lstrip("."),
        "x..json",
    ],
)
def test_ordinary_keys_are_published_under_their_own_name(name: str) -> None:
    assert decide(f"aws-data/{name}") == task(name)


def test_a_task_knows_both_keys() -> None:
    nested = Publish(Location("a", "in/put"), Location("b", "out"), "x.json", HEADERS)

    assert (nested.source_key, nested.destination_key) == ("in/put/x.json", "out/x.json")


@pytest.mark.parametrize(
    "key",
    [
        "aws-data-evil/x.json",
        "AWS-DATA/x.json",
        "aws-data/x.JSON",
        "aws-data/x.json.exe",
        "aws-data/xjson",
        "aws-data/dir/",
        "aws-data/",
        "aws-data",
        "/aws-data/x.json",
        "aws-data/.previous.json",
        "aws-data/.hidden/x.json",
        "aws-data/history/2025-10-18.json",
        "aws-data/cache/x.json",
        "x.json",
    ],
)
def test_what_is_not_for_us_is_skipped(key: str) -> None:
    assert isinstance(decide(key), Skipped)


@pytest.mark.parametrize(("releases", "expected"), [("true", Skipped), ("false", Publish)])
def test_with_releases_their_folder_belongs_to_them_alone(releases: str, expected: type) -> None:
    name = "aws-data/releases/1/x.json"

    assert isinstance(decide(name, PUBLISH_PATTERNS="**", RELEASES=releases), expected)
    assert isinstance(decide(name.replace("/releases", "/old/releases"), PUBLISH_PATTERNS="**"), Publish)


@pytest.mark.parametrize(
    "name",
    [
        *("../index.json", "./x.json", "/x.json", "a//x.json", "a/../x.json", "a\\x.json", "\0.json", "a\nb.json"),
        *("\x1b[31m.json", "\x7f.json", "\x85.json", "a\ud800.json"),
    ],
)
def test_keys_that_could_end_up_elsewhere_or_garble_a_log_are_rejected(name: str) -> None:
    assert isinstance(decide(f"aws-data/{name}"), Rejected)


def test_a_key_that_outgrows_the_limit_at_the_destination_is_rejected() -> None:
    longest = "é" * ((1024 - len("aws-data/.json")) // 2) + ".json"

    assert isinstance(decide(f"aws-data/{longest}"), Publish)
    assert isinstance(decide(f"aws-data/{longest}", DISTRIBUTION_PREFIX="public-data"), Rejected)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.json", "a/x.json", False),
        ("**.json", "a/b/x.json", True),
        ("**/*.json", "x.json", True),
        ("**/*.json", "a/b/x.json", True),
        ("a/*.json", "a/x.json", True),
        ("a/*.json", "b/x.json", False),
        ("x?.json", "x1.json", True),
        ("x?.json", "x/.json", False),
        ("x.json", "xxjson", False),
        ("[a].json", "[a].json", True),
        ("[a].json", "a.json", False),
        ("a.json, b.json", "b.json", True),
        ("**", ".state.json", False),
        ("**", ".hidden/x.json", False),
        ("**", "a/.hidden/x.json", False),
    ],
)
def test_patterns_are_globs_below_the_prefix(pattern: str, name: str, matches: bool) -> None:
    decision = decide(f"aws-data/{name}", PUBLISH_PATTERNS=pattern)

    assert isinstance(decision, Publish if matches else Skipped)


def test_what_is_too_long_for_a_key_is_rejected_as_a_malformed_record(settings: DistributorSettings) -> None:
    (longest,) = plan([Changed(None, "aws-data/" + "x" * 1010 + ".json")], settings)
    (rejected,) = plan([Changed(None, "aws-data/" + "x" * 1011 + ".json")], settings)

    assert isinstance(longest, Publish)
    assert isinstance(rejected, Rejected)
    assert rejected.cause is Cause.MALFORMED_RECORD  # so that the failure queue gets no text of any length as a key


def test_another_bucket_is_rejected_and_marked(settings: DistributorSettings) -> None:
    (decision,) = plan([Changed("my-source-evil", "aws-data/x.json")], settings)

    assert isinstance(decision, Rejected)
    assert decision.cause is Cause.FOREIGN_BUCKET


def test_a_key_named_several_times_is_published_once(settings: DistributorSettings) -> None:
    notices = [Changed("my-source", "aws-data/x.json"), Changed("my-source", "aws-data/y.json")]

    assert [decision.name for decision in plan(notices * 3, settings) if isinstance(decision, Publish)] == [
        "x.json",
        "y.json",
    ]


def test_every_destination_gets_a_task_of_its_own() -> None:
    settings = read_settings(DistributorSettings, ENVIRONMENT | {"REPLICA_DESTINATIONS": "mirror/data"})

    tasks = plan([Changed("my-source", "aws-data/x.json")], settings)

    assert tasks == tuple(Publish(SOURCE, place, "x.json", HEADERS) for place in (WEBSITE, Location("mirror", "data")))


def test_notices_that_are_no_change_are_decisions_already_and_none_is_left_out(settings: DistributorSettings) -> None:
    notices: list[Notice] = [
        Skipped("a", "deleted"),
        Rejected("b", "no key", Cause.MALFORMED_RECORD),
        Failed("c", "v3"),
    ]

    assert plan(notices * 2, settings) == (*notices, *notices)


def test_a_task_carries_the_events_time_and_request_on() -> None:
    notice = Changed("my-source", "aws-data/x.json", datetime(2026, 11, 23, tzinfo=UTC), "request-1")

    (decision,) = plan([notice], read_settings(DistributorSettings, ENVIRONMENT))

    assert isinstance(decision, Publish)
    assert (decision.event_time, decision.request_id) == (notice.event_time, "request-1")


RULES = """
    releases/*/manifest.json = no-cache; releases/**=public, max-age=31536000, immutable;
    *.geo.json=max-age=60; **/x?.json=private;
"""


@pytest.mark.parametrize(
    ("name", "cache_control"),
    [
        ("x.json", "public, max-age=300"),
        ("releases/1/manifest.json", "no-cache"),
        ("releases/1/x.json", "public, max-age=31536000, immutable"),
        ("releases/x1.json", "public, max-age=31536000, immutable"),
        ("old/releases/1/x.json", "public, max-age=300"),
        ("a.geo.json", "max-age=60"),
        ("a/a.geo.json", "public, max-age=300"),
        ("x1.json", "private"),
        ("a/b/x1.json", "private"),
    ],
)
def test_the_first_rule_that_matches_sets_cache_control_and_otherwise_the_general_one_holds(
    name: str, cache_control: str
) -> None:
    settings = read_settings(HeaderSettings, {"CACHE_CONTROL_RULES": RULES})

    assert headers_for(name, settings) == Headers("application/json", cache_control)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("change-feed.json", "application/feed+json"),
        ("regions/us-east-1.feed.json", "application/feed+json"),
        ("regions/us-east-1.json", "application/json"),
        ("my/change-feed.json", "application/json"),
        ("newsfeed.json", "application/json"),
        ("change-feed.schema.json", "application/json"),
    ],
)
def test_feeds_have_a_content_type_of_their_own(name: str, content_type: str) -> None:
    assert headers_for(name, HeaderSettings()).content_type == content_type


def test_a_task_carries_its_headers_to_every_destination() -> None:
    rules = {"CACHE_CONTROL_RULES": "x.json=no-store", "REPLICA_DESTINATIONS": "mirror/data"}

    tasks = plan([Changed("my-source", "aws-data/x.json")], read_settings(DistributorSettings, ENVIRONMENT | rules))

    assert [decision.headers.cache_control for decision in tasks if isinstance(decision, Publish)] == ["no-store"] * 2

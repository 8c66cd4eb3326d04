import pytest

from distributor.settings import CacheControlRule, DistributorSettings, HeaderSettings, InvalidatorSettings, Location
from shared.settings import ConfigurationError, read_settings
from tests.distributor.world import ENVIRONMENT


def test_the_defaults_publish_json_below_data_for_five_minutes() -> None:
    settings = read_settings(DistributorSettings, ENVIRONMENT)

    assert settings.source == Location("my-source", "aws-data")
    assert settings.destinations == (Location("my-website", "data"),)
    assert (settings.cache_control, settings.publish_patterns) == (
        "public, max-age=300",
        ("*.json", "regions/*.json", "services/*.json"),
    )
    assert (settings.max_object_bytes, settings.failure_queue_url) == (10_000_000, "")


def test_without_a_queues_url_there_are_no_invalidations() -> None:
    assert read_settings(DistributorSettings, ENVIRONMENT).invalidation_queue_url == ""


def test_replicas_are_destinations_after_the_website() -> None:
    settings = read_settings(DistributorSettings, ENVIRONMENT | {"REPLICA_DESTINATIONS": "mirror-a/data, mirror-b/x/y"})

    assert settings.destinations[1:] == (Location("mirror-a", "data"), Location("mirror-b", "x/y"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SOURCE_BUCKET", ""),
        ("SOURCE_BUCKET", "s3://my-source"),
        ("SOURCE_PREFIX", ""),
        ("SOURCE_PREFIX", "../x"),
        ("SOURCE_PREFIX", "/aws-data"),
        ("DISTRIBUTION_BUCKET", " "),
        ("DISTRIBUTION_BUCKET", "my-website/data"),
        ("DISTRIBUTION_PREFIX", ""),
        ("DISTRIBUTION_PREFIX", "data/"),
        ("CACHE_CONTROL", ""),
        ("CACHE_CONTROL", "public\nX-Header: y"),
        ("CACHE_CONTROL", "fünf Minuten"),
        ("FAILURE_QUEUE_URL", "nonsense"),
        ("FAILURE_QUEUE_URL", " "),
        ("INVALIDATION_QUEUE_URL", "nonsense"),
        ("SOURCE_BUCKET", "my..bucket"),
        ("SOURCE_BUCKET_OWNER", "me"),
        ("PUBLISH_PATTERNS", ""),
        ("PUBLISH_PATTERNS", " , "),
        ("MAX_OBJECT_BYTES", "0"),
        ("MAX_OBJECT_BYTES", "lots"),
        ("MAX_OBJECT_BYTES", "10000001"),
        ("EVENT_BUS_NAME", "my bus"),
        ("SITE_URL", "http://your.site/data"),
        ("REPLICA_DESTINATIONS", "mirror"),
        ("REPLICA_DESTINATIONS", "mirror/"),
        ("REPLICA_DESTINATIONS", "s3://mirror/data"),
    ],
)
def test_an_odd_variable_is_refused_by_its_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        read_settings(DistributorSettings, ENVIRONMENT | {variable: value})


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", []),
        (" ; ;", []),
        ("x.json=no-store", [("x.json", "no-store")]),
        ("x.json=no-store;", [("x.json", "no-store")]),
        (" a/*.json = public, max-age=60 ;\n** = no-cache ", [("a/*.json", "public, max-age=60"), ("**", "no-cache")]),
        ("x.json=a;x.json=b", [("x.json", "a"), ("x.json", "b")]),
    ],
)
def test_rules_are_globs_and_headers_in_their_order(text: str, rules: list[tuple[str, str]]) -> None:
    settings = read_settings(HeaderSettings, {"CACHE_CONTROL_RULES": text})

    assert settings.cache_control_rules == tuple(CacheControlRule(*rule) for rule in rules)


@pytest.mark.parametrize(
    "odd", ["no-store", "=no-store", " = no-store", "x.json=", "x.json= ", "x.json=fünf Minuten", "x.json=a\nb"]
)
def test_an_odd_rule_is_refused_with_its_text(odd: str) -> None:
    with pytest.raises(ConfigurationError, match="^CACHE_CONTROL_RULES: ") as refusal:
        read_settings(DistributorSettings, ENVIRONMENT | {"CACHE_CONTROL_RULES": f"**=no-cache; {odd} ;a=b"})

    assert repr(odd.strip()) in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "variables"),
    [
        ({"DISTRIBUTION_PREFIX": "aws-data"}, "DISTRIBUTION_BUCKET, DISTRIBUTION_PREFIX"),
        ({"DISTRIBUTION_PREFIX": "aws-data/published"}, "DISTRIBUTION_BUCKET, DISTRIBUTION_PREFIX"),
        ({"SOURCE_PREFIX": "data/in"}, "DISTRIBUTION_BUCKET, DISTRIBUTION_PREFIX"),
        (
            {"DISTRIBUTION_BUCKET": "elsewhere", "REPLICA_DESTINATIONS": "my-source/aws-data/copy"},
            "REPLICA_DESTINATIONS",
        ),
    ],
)
def test_a_destination_inside_the_source_or_around_it_is_refused(changes: dict[str, str], variables: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{variables}: .* overlaps the source"):
        read_settings(DistributorSettings, ENVIRONMENT | {"DISTRIBUTION_BUCKET": "my-source"} | changes)


@pytest.mark.parametrize("replicas", ["my-website/data", "mirror/data,mirror/beta,mirror/data"])
def test_a_destination_that_is_given_twice_is_refused(replicas: str) -> None:
    with pytest.raises(
        ConfigurationError, match="REPLICA_DESTINATIONS: .*/data is given twice, or is the website itself"
    ):
        read_settings(DistributorSettings, ENVIRONMENT | {"REPLICA_DESTINATIONS": replicas})


def test_one_bucket_with_prefixes_apart_is_taken() -> None:
    settings = read_settings(DistributorSettings, ENVIRONMENT | {"DISTRIBUTION_BUCKET": "my-source"})

    assert settings.source.bucket == settings.destinations[0].bucket


INVALIDATOR = {
    "CLOUDFRONT_DISTRIBUTION_ID": "E1",
    "INVALIDATION_QUEUE_URL": "http://queue",
    "FAILURE_QUEUE_URL": "http://failures",
}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CLOUDFRONT_DISTRIBUTION_ID", ""),
        ("CLOUDFRONT_DISTRIBUTION_ID", "https://d111111abcdef8.cloudfront.net"),
        ("DISTRIBUTION_ORIGIN_PATH", "site"),
        ("DISTRIBUTION_ORIGIN_PATH", "/site/"),
        ("MAX_INVALIDATION_PATHS", "0"),
        ("MAX_INVALIDATION_PATHS", "3001"),
        ("INVALIDATION_QUEUE_URL", " "),
        ("FAILURE_QUEUE_URL", ""),
    ],
)
def test_an_odd_variable_of_the_invalidator_is_refused_by_its_name(variable: str, value: str) -> None:
    read_settings(InvalidatorSettings, INVALIDATOR)

    with pytest.raises(ConfigurationError, match=variable):
        read_settings(InvalidatorSettings, INVALIDATOR | {variable: value})

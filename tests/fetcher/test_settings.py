import pytest

from fetcher.settings import CATALOGUE_REGIONS, FetcherSettings, RequestError, RunRequest, read_request
from shared.settings import ConfigurationError, read_settings

BUCKET = {"SOURCE_BUCKET": "my-source"}


def settings(**environment: str) -> FetcherSettings:
    return read_settings(FetcherSettings, {**BUCKET, **environment})


def test_by_default_only_the_lambdas_own_region_is_asked_and_no_feed() -> None:
    configured = settings()

    assert configured.ssm_places == [("", "")]
    assert (configured.ssm_requests_per_second, configured.launch_feed_url) == (10, "")


@pytest.mark.parametrize(
    ("regions", "urls", "places"),
    [
        ("us-east-1, eu-west-1,", "", [("us-east-1", ""), ("eu-west-1", "")]),
        ("us-east-1,eu-west-1", "http://a,http://b", [("us-east-1", "http://a"), ("eu-west-1", "http://b")]),
        ("", "http://a", [("", "http://a")]),
    ],
)
def test_each_region_has_its_address(regions: str, urls: str, places: list[tuple[str, str]]) -> None:
    assert settings(SSM_REGIONS=regions, SSM_ENDPOINT_URLS=urls).ssm_places == places


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSM_ENDPOINT_URLS", "http://a,http://b"),
        ("SSM_ENDPOINT_URLS", "ssm.us-east-1.amazonaws.com"),
        ("SSM_REGIONS", "US East"),
        ("SSM_REQUESTS_PER_SECOND", "0"),
        ("LAUNCH_FEED_URL", "ftp://example.com"),
        ("SITE_URL", "http://example.com/data/"),
        ("SITE_URL", "https://user@example.com/data/"),
        ("SITE_URL", "https://example.com/data/?page=1"),
        ("SITE_URL", "https://example.com/my data/"),
        ("SITE_URL", "https://"),
        ("SITE_URL", "http://localhost.example.com/"),
        ("SITE_URL", "example.com/data/"),
        ("MAX_STALE_PERCENT", "101"),
        ("MAX_SHRINK_PERCENT", "-1"),
    ],
)
def test_an_odd_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        settings(**{name: value})


@pytest.mark.parametrize(
    ("value", "site_url"),
    [
        ("", ""),
        ("https://example.com", "https://example.com/"),
        ("https://example.com/data", "https://example.com/data/"),
        ("https://example.com/data/", "https://example.com/data/"),
        ("http://127.0.0.1:8080/data", "http://127.0.0.1:8080/data/"),
        ("http://localhost/", "http://localhost/"),
        ("http://[::1]:80/data/", "http://[::1]:80/data/"),
    ],
)
def test_the_address_of_the_site_ends_with_a_slash(value: str, site_url: str) -> None:
    assert settings(SITE_URL=value).site_url == site_url


@pytest.mark.parametrize(
    ("regions", "own", "words"),
    [
        (
            "us-east-1,eu-central-2",
            "us-east-1",
            "SSM_REGIONS: the SSM of eu-central-2 has no catalogue; these have it: ap-east-1, ",
        ),
        ("us-gov-west-1", "", "SSM_REGIONS: the SSM of us-gov-west-1 has"),
        ("", "ca-west-1", "SSM_REGIONS: the SSM of ca-west-1 has"),
        ("us-east-1", "us-gov-west-1", "AWS_REGION: credentials of us-gov-west-1 are not valid"),
        ("us-east-1", "cn-north-1", "AWS_REGION: credentials of cn-north-1 are not valid"),
        ("", "us-gov-west-1", "^AWS_REGION: [^;]+$"),
    ],
)
def test_a_region_whose_ssm_has_no_catalogue_is_refused_by_name(regions: str, own: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        settings(SSM_REGIONS=regions, AWS_REGION=own)


def test_a_stack_in_a_region_without_the_catalogue_asks_the_regions_that_have_it() -> None:
    assert settings(SSM_REGIONS=",".join(CATALOGUE_REGIONS), AWS_REGION="ca-west-1").ssm_regions


def test_an_event_is_a_request() -> None:
    assert read_request(None) == read_request({}) == RunRequest()
    assert read_request({"regions": ["eu-west-1"]}) == RunRequest(regions=("eu-west-1",))


@pytest.mark.parametrize(
    ("event", "words"),
    [({"acceptShrink": True}, "acceptShrink: Extra"), ({"regions": "x"}, "regions: Input"), (7, "In")],
)
def test_an_event_that_holds_something_else_is_refused(event: object, words: str) -> None:
    with pytest.raises(RequestError, match=f"regions and accept_shrink, nothing else; {words}"):
        read_request(event)

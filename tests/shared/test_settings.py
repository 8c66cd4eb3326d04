import pytest

from shared.settings import BucketName, ConfigurationError, KeyPrefix, Settings, read_settings


class Example(Settings):
    bucket: BucketName
    prefix: KeyPrefix = "aws-data"
    number: int = 1


def test_variables_are_read_by_their_upper_case_names_and_others_ignored() -> None:
    settings = read_settings(Example, {"BUCKET": "my-bucket", "NUMBER": "7", "PATH": "/bin", "number": "8"})

    assert settings == Example(BUCKET="my-bucket", NUMBER=7)


@pytest.mark.parametrize(
    "bucket", ["", "  ", "s3://name", "arn:aws:s3:::name", "Name", "na", "a" * 64, "-name", "name.", "na_me", "name/x"]
)
def test_what_is_no_buckets_name_is_refused_with_the_variables_name(bucket: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^BUCKET: "):
        read_settings(Example, {"BUCKET": bucket})


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^BUCKET: Field required$"):
        read_settings(Example, {})


@pytest.mark.parametrize("prefix", ["", " ", "/data", "data/", "a//b", "a/../b", ".", "..", "a\\b", "a\nb", "a" * 513])
def test_odd_prefixes_are_refused_with_the_variables_name(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^PREFIX: "):
        read_settings(Example, {"BUCKET": "my-bucket", "PREFIX": prefix})


@pytest.mark.parametrize("prefix", ["data", "staging/data", "päth/with spaces", ".hidden"])
def test_any_prefix_that_keys_can_have_is_taken(prefix: str) -> None:
    assert read_settings(Example, {"BUCKET": "my-bucket", "PREFIX": prefix}).prefix == prefix


def test_every_odd_variable_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"BUCKET: .*; NUMBER: "):
        read_settings(Example, {"BUCKET": "", "NUMBER": "many"})

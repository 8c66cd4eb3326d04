from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shared.settings import ConfigurationError, Settings, bucket_name, flag, key_prefix, number, read_settings, variable


@dataclass(frozen=True, kw_only=True)
class Example(Settings):
    bucket: str = variable(bucket_name)
    prefix: str = variable(key_prefix, "aws-data")
    number: float = variable(number(float, 0, 100), 1)
    on: bool = variable(flag, default=True)

    def conflicts(self) -> Iterator[str]:
        if self.bucket == self.prefix:
            yield "BUCKET, PREFIX: are the same"
        if not self.on and self.number > 1:
            yield "ON: must be true for this number"


def test_variables_are_read_by_their_upper_case_names_and_others_ignored() -> None:
    settings = read_settings(Example, {"BUCKET": "my-bucket", "NUMBER": "7", "PATH": "/bin", "number": "8"})

    assert settings == Example(bucket="my-bucket", number=7)


@pytest.mark.parametrize(
    "bucket", ["", "  ", "s3://name", "arn:aws:s3:::name", "Name", "na", "a" * 64, "-name", "name.", "na_me", "name/x"]
)
def test_what_is_no_buckets_name_is_refused_with_the_variables_name(bucket: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^BUCKET: "):
        read_settings(Example, {"BUCKET": bucket})


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^BUCKET: is not set$"):
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


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("BUCKET", "My_Bucket", "the bare name of a bucket, such as my-bucket"),
        ("PREFIX", "/data", "a key prefix without slashes at its ends, such as aws-data or a/b"),
        *(("NUMBER", odd, "a number from 0 to 100") for odd in ("", "many", "nan", "inf", "-1", "101", "9" * 5000)),
        *(("ON", odd, "true or false") for odd in ("", "True", "1", "yes")),
    ],
)
def test_a_refusal_says_what_is_wanted_and_what_was_there(name: str, value: str, wanted: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings(Example, {"BUCKET": "my-bucket", name: value})

    assert str(refused.value) == f"{name}: must be {wanted}; it is {value!r}"


def test_true_and_false_are_read() -> None:
    for value, on in (("true", True), ("false", False)):
        assert read_settings(Example, {"BUCKET": "my-bucket", "ON": value}).on is on


def test_all_that_contradicts_itself_is_told_once_each_variable_is_right() -> None:
    odd = {"BUCKET": "same", "PREFIX": "same", "ON": "false", "NUMBER": "2"}

    with pytest.raises(ConfigurationError, match="^BUCKET, PREFIX: are the same; ON: must be true for this number$"):
        read_settings(Example, odd)
    with pytest.raises(ConfigurationError, match="^NUMBER: [^;]+; it is 'x'$"):
        read_settings(Example, odd | {"NUMBER": "x"})

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from distributor.settings import Location
from distributor.sweeper.comparison import Difference, Drift, compare_buckets
from tests.distributor.fake_s3 import FakeS3, etag, refusal
from tests.distributor.world import SOURCE, WEBSITE


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="my-source")
        client.create_bucket(Bucket="my-website")
        yield client


def put(s3: Any, source: dict[str, bytes], website: dict[str, bytes]) -> None:
    for name, body in source.items():
        s3.put_object(Bucket="my-source", Key=f"aws-data/{name}", Body=body)
    for name, body in website.items():
        s3.put_object(Bucket="my-website", Key=f"data/{name}", Body=body)


def drift(s3: Any, after: str = "") -> dict[str, Drift | None]:
    return {difference.name: difference.drift for difference in compare_buckets(s3, SOURCE, WEBSITE, after)}


def test_each_object_of_the_source_is_listed_with_its_drift(s3: Any) -> None:
    put(s3, {"a": b"1", "b": b"2", "c": b"3"}, {"b": b"2", "c": b"old", "only-here": b""})

    assert drift(s3) == {"a": Drift.MISSING, "b": None, "c": Drift.STALE}


def test_what_only_the_destination_has_is_passed_over_wherever_it_stands(s3: Any) -> None:
    put(s3, {"m": b"1"}, {"a": b"", "m": b"1", "z": b""})

    assert drift(s3) == {"m": None}


def test_a_folder_that_is_left_out_is_passed_over_and_what_comes_after_it_compared(s3: Any) -> None:
    put(s3, {"a": b"1", "b/x": b"1", "c": b"1", "d": b"1"}, {"a": b"1", "b/x": b"1", "b/y": b"1", "c": b"1"})

    found = {difference.name: difference.drift for difference in compare_buckets(s3, SOURCE, WEBSITE, left_out="b/")}

    assert found == {"a": None, "b/x": Drift.MISSING, "c": None, "d": Drift.MISSING}


def test_names_are_compared_in_the_order_of_their_bytes(s3: Any) -> None:
    names = ["a", "a/b", "a0", "Z", "é", "日", "\uffee", "\U0001f600", "a b", "a+b"]
    put(s3, dict.fromkeys(names, b"1"), dict.fromkeys(names, b"1"))

    assert drift(s3) == dict.fromkeys(names)


def test_etags_of_another_kind_say_nothing_and_count_as_unlike(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="my-source", Key="aws-data/x")["UploadId"]
    where = {"Bucket": "my-source", "Key": "aws-data/x", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=b"1")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    put(s3, {}, {"x": b"1"})

    assert drift(s3) == {"x": Drift.INCOMPARABLE}
    put(s3, {}, {"x": b"12"})
    assert drift(s3) == {"x": Drift.STALE}


MISMATCH = {("my-source", "aws-data/x"): b"1", ("my-website", "data/x"): b"1"}


def encrypted(source_etag: str | None, **changes: Any) -> FakeS3:
    """A website whose object has another ETag than its source, and in its metadata the ETag of what was copied."""
    metadata = {} if source_etag is None else {"source-etag": source_etag}
    headers = {("my-website", "data/x"): {"Metadata": metadata}}
    return FakeS3(dict(MISMATCH), headers, etags={("my-website", "data/x"): f'"{"f" * 32}"'}, **changes)


@pytest.mark.parametrize(
    ("source_etag", "drift_found"),
    [(etag(b"1").strip('"'), None), (etag(b"2").strip('"'), Drift.STALE), (None, Drift.STALE)],
    ids=["of this source", "of another source", "none"],
)
def test_where_etags_differ_the_metadata_says_which_source_was_copied(
    source_etag: str | None, drift_found: Drift | None
) -> None:
    assert drift(encrypted(source_etag)) == {"x": drift_found}


def test_a_copy_of_another_size_is_stale_and_its_metadata_is_not_read() -> None:
    s3 = encrypted(etag(b"1").strip('"'))
    s3.objects["my-website", "data/x"] = b"12"

    assert drift(s3) == {"x": Drift.STALE}
    assert s3.calls == []


def test_where_all_etags_are_equal_no_metadata_is_read() -> None:
    s3 = FakeS3(dict(MISMATCH))

    assert drift(s3) == {"x": None}
    assert s3.calls == []


@pytest.mark.parametrize("error", [refusal("AccessDenied"), refusal("404"), ReadTimeoutError(endpoint_url="http://s3")])
def test_metadata_that_cannot_be_read_leaves_the_object_drifted_and_says_why(error: Exception) -> None:
    def fail(_: str) -> None:
        raise error

    s3: Any = encrypted(etag(b"1").strip('"'), before=fail)

    assert list(compare_buckets(s3, SOURCE, WEBSITE)) == [Difference("x", Drift.STALE, str(error))]


def test_a_comparison_can_go_on_from_a_name(s3: Any) -> None:
    put(s3, {"a": b"1", "b": b"2", "c": b"3"}, {"b": b"2"})

    assert drift(s3, after="a") == {"b": None, "c": Drift.MISSING}


def test_many_pages_are_read_side_by_side() -> None:
    names = [f"{number:05}" for number in range(2100)]
    s3 = FakeS3({("my-source", f"aws-data/{name}"): b"1" for name in names})
    s3.objects |= {("my-website", f"data/{name}"): b"1" for name in names[::2]}

    differences = drift(s3)

    assert list(differences) == names
    assert list(differences.values()).count(Drift.MISSING) == 1050


class QuotelessPages:
    """SeaweedFS has listed ETags without quotes, S3 lists them with."""

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **request: Any) -> list[Any]:
        assert request["ExpectedBucketOwner"] == "123456789012"
        quoted = '"d41d8cd98f00b204e9800998ecf8427e"'
        etag = quoted if request["Bucket"] == "a" else quoted.strip('"')
        entry = {"Key": f"{request['Prefix']}x", "ETag": etag, "Size": 0, "LastModified": datetime.now(UTC)}
        return [{}, {"Contents": [entry]}]


def test_quotes_around_an_etag_make_no_difference() -> None:
    places = Location("a", "in", "123456789012"), Location("b", "out", "123456789012")

    (difference,) = compare_buckets(QuotelessPages(), *places)  # type: ignore[arg-type]

    assert difference.drift is None

import hashlib
from collections.abc import Iterator
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fetcher import source
from fetcher.source import Found, OvertakenError, SourceBucket


@pytest.fixture
def bucket() -> Iterator[SourceBucket]:
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="my-source")
        yield source.connect("my-source", "some/where")


def put(body: bytes) -> str:
    """Another writer's upload; its ETag."""
    answer = boto3.client("s3").put_object(Bucket="my-source", Key="some/where/a.json", Body=body)
    return answer["ETag"]


def test_a_file_is_read_with_its_etag(bucket: SourceBucket) -> None:
    etag = put(b"{}")

    assert bucket.read("a.json") == Found(etag, b"{}")
    assert bucket.look("a.json") == Found(etag)


def test_a_missing_file_is_found_missing(bucket: SourceBucket) -> None:
    assert bucket.read("a.json") == bucket.look("a.json") == Found()


def test_a_file_is_written_over_the_one_that_was_read_with_type_and_metadata(bucket: SourceBucket) -> None:
    written = bucket.replace("a.json", b'{"a": 1}', Found(put(b"{}")), {"run-id": "run-7"})

    answer = boto3.client("s3").get_object(Bucket="my-source", Key="some/where/a.json")
    assert answer["Body"].read() == b'{"a": 1}'
    assert (answer["ContentType"], answer["Metadata"]) == ("application/json", {"run-id": "run-7"})
    assert written == source.Written("some/where/a.json", 8)


@pytest.mark.parametrize("found", [Found(), Found('"0123456789"')])
def test_a_file_that_is_no_longer_the_one_that_was_read_stays(bucket: SourceBucket, found: Found) -> None:
    etag = put(b"[]")

    with pytest.raises(OvertakenError, match=r"some/where/a\.json was written by another run"):
        bucket.replace("a.json", b"{}", found, {})

    assert bucket.look("a.json") == Found(etag)


def test_a_file_that_has_vanished_since_it_was_read_was_overtaken_too(bucket: SourceBucket) -> None:
    with pytest.raises(OvertakenError):
        bucket.replace("a.json", b"{}", Found('"0123456789"'), {})


def test_a_file_knows_the_bytes_that_it_holds() -> None:
    found = Found(f'"{hashlib.md5(b"{}").hexdigest()}"')

    assert found.holds(b"{}")
    assert not found.holds(b"[]")
    assert not Found().holds(b"")


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict", "AccessDenied", "SlowDown"])
def test_only_a_conflict_means_overtaken(code: str) -> None:
    client = Mock()
    client.put_object.side_effect = ClientError({"Error": {"Code": code}}, "PutObject")
    expected = OvertakenError if code in {"PreconditionFailed", "ConditionalRequestConflict"} else ClientError

    with pytest.raises(expected):
        SourceBucket(client, "b", "p").replace("a.json", b"{}", Found(), {})


def test_a_refused_read_is_no_missing_file() -> None:
    client = Mock()
    client.get_object.side_effect = client.head_object.side_effect = ClientError({"Error": {"Code": "403"}}, "Get")

    for attempt in (SourceBucket(client, "b", "p").read, SourceBucket(client, "b", "p").look):
        with pytest.raises(ClientError):
            attempt("a.json")


def test_a_missing_bucket_is_no_missing_file(bucket: SourceBucket) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        source.connect("no-such-bucket", "p").read("a.json")

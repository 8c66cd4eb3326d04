import hashlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fetcher.source import OvertakenError, SourceBucket, StoredFile, WrittenObject, read_previous_files
from shared import contract
from tests.fetcher.memory_s3 import MemoryS3

KEY = "some/where/a.json"


@pytest.fixture(scope="module")
def moto_client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="my-source")
        yield client


@pytest.fixture(params=["moto", "memory"])
def client(request: pytest.FixtureRequest) -> Any:
    """Both pass the same tests, so that other tests may use the faster one."""
    if request.param == "memory":
        return MemoryS3("my-source")
    moto = request.getfixturevalue("moto_client")
    moto.delete_object(Bucket="my-source", Key=KEY)
    return moto


@pytest.fixture
def bucket(client: Any) -> SourceBucket:
    return SourceBucket(client, "my-source", "some/where")


def put(bucket: SourceBucket, body: bytes) -> str:
    """Another writer's upload; its ETag."""
    answer = bucket.client.put_object(Bucket="my-source", Key=KEY, Body=body)
    return answer["ETag"]


def test_a_file_is_read_with_its_etag(bucket: SourceBucket) -> None:
    etag = put(bucket, b"{}")

    assert bucket.read("a.json") == StoredFile(etag, b"{}")
    assert bucket.read_etag("a.json") == StoredFile(etag)


def test_a_missing_file_is_read_as_missing(bucket: SourceBucket) -> None:
    assert bucket.read("a.json") == bucket.read_etag("a.json") == StoredFile()


def test_a_file_is_written_over_the_one_that_was_read_with_type_and_metadata(bucket: SourceBucket) -> None:
    previous = StoredFile(put(bucket, b"{}"))

    written = bucket.write("a.json", b'{"a": 1}', {"run-id": "run-7"}, previous)

    answer = bucket.client.get_object(Bucket="my-source", Key=KEY)
    assert answer["Body"].read() == b'{"a": 1}'
    assert (answer["ContentType"], answer["Metadata"]) == ("application/json", {"run-id": "run-7"})
    assert written == WrittenObject(KEY, 8)


@pytest.mark.parametrize("previous", [StoredFile(), StoredFile('"0123456789"')], ids=["none", "another"])
def test_a_file_that_is_no_longer_the_one_that_was_read_stays(bucket: SourceBucket, previous: StoredFile) -> None:
    etag = put(bucket, b"[]")

    with pytest.raises(OvertakenError, match=r"some/where/a\.json was written by another run"):
        bucket.write("a.json", b"{}", {}, previous)

    assert bucket.read_etag("a.json") == StoredFile(etag)


def test_a_file_that_has_vanished_since_it_was_read_was_overtaken_too(bucket: SourceBucket) -> None:
    with pytest.raises(OvertakenError):
        bucket.write("a.json", b"{}", {}, StoredFile('"0123456789"'))


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_without_a_previous_one_is_written_over_anything(bucket: SourceBucket, is_there: bool) -> None:
    if is_there:
        put(bucket, b"[]")

    bucket.write("a.json", b"{}", {})

    assert bucket.read("a.json").body == b"{}"


def test_a_file_knows_the_bytes_that_it_holds() -> None:
    stored = StoredFile(f'"{hashlib.md5(b"{}").hexdigest()}"')

    assert stored.holds(b"{}")
    assert not stored.holds(b"[]")
    assert not StoredFile().holds(b"")


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict", "AccessDenied", "SlowDown"])
def test_only_a_conflict_means_overtaken(code: str) -> None:
    client = Mock()
    client.put_object.side_effect = ClientError({"Error": {"Code": code}}, "PutObject")
    expected = OvertakenError if code in {"PreconditionFailed", "ConditionalRequestConflict"} else ClientError

    with pytest.raises(expected):
        SourceBucket(client, "b", "p").write("a.json", b"{}", {}, StoredFile())


def test_a_refused_read_is_no_missing_file() -> None:
    client = Mock()
    client.get_object.side_effect = client.head_object.side_effect = ClientError({"Error": {"Code": "403"}}, "Get")

    for attempt in (SourceBucket(client, "b", "p").read, SourceBucket(client, "b", "p").read_etag):
        with pytest.raises(ClientError):
            attempt("a.json")


def test_a_missing_bucket_is_no_missing_file(client: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        SourceBucket(client, "no-such-bucket", "p").read("a.json")


def test_of_an_empty_bucket_every_file_of_the_contract_is_missing() -> None:
    previous = read_previous_files(SourceBucket(MemoryS3("my-source"), "my-source", "p"))  # type: ignore[arg-type]

    assert previous.files == dict.fromkeys([*contract.FILES, *contract.schemas()], StoredFile())
    assert (previous.state, previous.history, previous.unreadable) == (None, None, {})

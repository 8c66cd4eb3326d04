import json
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fetcher import source
from fetcher.crawl import crawl
from fetcher.documents import Documents, build_documents
from shared.contract import SCHEMA_VERSION
from tests.fetcher.small_world import PARAMETERS, MemoryStore

NOW = datetime(2026, 11, 23, 2, 0, 5, tzinfo=UTC)


@pytest.fixture
def documents() -> Documents:
    return build_documents(crawl(MemoryStore(PARAMETERS), lambda: NOW), "run-7", NOW)


@pytest.fixture(autouse=True)
def bucket() -> Iterator[None]:
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="my-source")
        yield


def test_the_snapshot_is_written_first_and_the_complete_data_last(documents: Documents) -> None:
    written = source.connect("my-source", "aws-data").write(documents)

    assert [one.key for one in written] == [
        "aws-data/history/complete-data-20261123T020005Z.json",
        "aws-data/regions.json",
        "aws-data/services.json",
        "aws-data/complete-data.json",
    ]


def test_each_object_holds_its_document_with_type_and_provenance(documents: Documents) -> None:
    written = source.connect("my-source", "some/where").write(documents)

    for one in written:
        answer = boto3.client("s3").get_object(Bucket="my-source", Key=one.key)
        body = answer["Body"].read()
        assert json.loads(body)
        assert len(body) == one.size
        assert answer["ContentType"] == "application/json"
        assert answer["Metadata"] == {
            "generated-at": "2026-11-23T02:00:05Z",
            "schema-version": SCHEMA_VERSION,
            "run-id": "run-7",
        }


def test_the_snapshot_has_the_bytes_of_the_complete_data(documents: Documents) -> None:
    first, *_, last = source.connect("my-source", "aws-data").write(documents)

    s3 = boto3.client("s3")
    bodies = [s3.get_object(Bucket="my-source", Key=one.key)["Body"].read() for one in (first, last)]
    assert bodies == [documents.complete_data.to_bytes()] * 2


def test_a_refused_write_is_raised(documents: Documents) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        source.connect("no-such-bucket", "aws-data").write(documents)

"""What the protocol relies on, shown of every S3 that there is here; and what a stand-in does otherwise, by name.

Set FEED_TEST_AWS_BUCKET to a bucket of yours, and AWS credentials as usual, to run it against AWS too; it writes below
the prefix aws-services-feed-test/. FEED_TEST_AWS_GAPS has the gaps of what is not AWS but is spoken to like it.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cloud.second_cloud import GAPS, NO_OWNERS, SecondCloud
from distributor.outcomes import Publish
from distributor.settings import Location
from distributor.store import CopyAnswer, Store, StoreError
from distributor.sweeper.comparison import compare_buckets
from tests.distributor.fake_s3 import FakeS3
from tests.distributor.world import HEADERS
from tests.reliability.seaweedfs import seaweedfs

AWS_BUCKET = os.environ.get("FEED_TEST_AWS_BUCKET", "")
AWS_ENVIRONMENT = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
AWS_GAPS = frozenset(filter(None, [os.environ.get("FEED_TEST_AWS_GAPS")]))
NO_CONDITIONS = "copies whatever the ETag"


@dataclass(frozen=True)
class Backend:
    client: Any
    source: Location
    website: Location
    gaps: frozenset[str] = frozenset()

    @property
    def store(self) -> Store:
        return Store(self.client, 1000)

    def task(self, name: str = "x.json") -> Publish:
        return Publish(self.source, self.website, name, HEADERS)

    def put(self, name: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.source.bucket, Key=f"{self.source.prefix}/{name}", Body=body)

    def published(self, name: str = "x.json") -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get_object(Bucket=self.website.bucket, Key=f"{self.website.prefix}/{name}")
        return answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs"), {"admin": ["Admin", "Read", "Write", "List"]}) as started:
        client = started.client("admin")
        for bucket in ("my-source", "my-website"):
            client.create_bucket(Bucket=bucket)
        yield client


@contextmanager
def aws() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in AWS_ENVIRONMENT.items():
            patch.setenv(name, value)
        yield boto3.Session().client("s3")


@pytest.fixture(
    params=[
        "fake",
        "moto",
        "seaweedfs",
        pytest.param("ministack", marks=pytest.mark.second_cloud),
        pytest.param("aws", marks=pytest.mark.skipif(not AWS_BUCKET, reason="FEED_TEST_AWS_BUCKET is not set")),
    ]
)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    run = uuid.uuid4().hex
    source, website = Location("my-source", f"in-{run}"), Location("my-website", f"out-{run}")
    match request.param:
        case "fake":
            yield Backend(FakeS3(), source, website)
        case "moto":
            with mock_aws():
                client = boto3.client("s3")
                for bucket in ("my-source", "my-website"):
                    client.create_bucket(Bucket=bucket)
                yield Backend(client, source, website, frozenset({NO_CONDITIONS, NO_OWNERS}))
        case "seaweedfs":
            client = request.getfixturevalue("server")
            yield Backend(client, source, website, frozenset({NO_OWNERS}))
        case "ministack":
            cloud: SecondCloud = request.getfixturevalue("second_cloud")
            for location in (source, website):
                cloud.client("s3").create_bucket(Bucket=location.bucket)
            yield Backend(cloud.client("s3"), source, website, frozenset(GAPS) & {NO_OWNERS})
        case _:
            prefix = f"aws-services-feed-test/{run}"
            with aws() as client:
                source, website = (Location(AWS_BUCKET, f"{prefix}/{folder}") for folder in ("in", "out"))
                yield Backend(client, source, website, AWS_GAPS)


def test_get_and_head_give_the_same_quoted_etag(backend: Backend) -> None:
    backend.put("x.json", b"[1]")

    source = backend.store.get(backend.task())

    assert source is not None
    assert source.body == b"[1]"
    assert source.etag == backend.store.head(backend.task())
    assert (source.etag[0], source.etag[-1]) == ('"', '"')


def test_other_bytes_have_another_etag_and_the_same_bytes_the_same(backend: Backend) -> None:
    etags = []
    for body in (b"[1]", b"[2]", b"[1]"):
        backend.put("x.json", body)
        etags.append(backend.store.head(backend.task()))

    assert etags[0] == etags[2] != etags[1]


def test_a_missing_object_is_told_from_a_missing_bucket(backend: Backend) -> None:
    assert backend.store.get(backend.task("none.json")) is None
    assert backend.store.head(backend.task("none.json")) is None
    nowhere = Publish(Location(f"no-such-bucket-{uuid.uuid4().hex[:8]}", "in"), backend.website, "x.json", HEADERS)
    with pytest.raises(StoreError):
        backend.store.get(nowhere)


def test_a_copy_on_the_right_condition_has_the_bytes_our_headers_and_an_etag(backend: Backend) -> None:
    backend.put("x.json", b"[1]")
    etag = backend.store.head(backend.task())
    assert etag is not None

    answer = backend.store.copy(backend.task(), etag)

    assert answer == CopyAnswer(copied=True, certain=True)
    published = backend.published()
    assert published["Body"].read() == b"[1]"
    assert (published["ContentType"], published["CacheControl"]) == ("application/json", "public, max-age=300")
    assert published["Metadata"]["source-key"] == backend.task().source_key
    head = backend.client.head_object(Bucket=backend.website.bucket, Key=backend.task().destination_key)
    assert head["Metadata"]["source-etag"] == etag.strip('"')


def test_a_copy_on_another_condition_copies_nothing(backend: Backend) -> None:
    backend.put("x.json", b"[1]")
    old = backend.store.head(backend.task())
    assert old is not None
    backend.put("x.json", b"[2]")

    answer = backend.store.copy(backend.task(), old)

    if NO_CONDITIONS in backend.gaps:
        assert answer.copied
        return
    assert answer == CopyAnswer(copied=False, certain=True)
    with pytest.raises(ClientError, match="NoSuchKey"):
        backend.published()


def test_a_copy_of_a_missing_object_copies_nothing(backend: Backend) -> None:
    assert backend.store.copy(backend.task("none.json"), '"etag"') == CopyAnswer(copied=False, certain=True)


def test_a_copy_replaces_bytes_and_headers(backend: Backend) -> None:
    for body in (b"[1]", b"[22]"):
        backend.put("x.json", body)
        etag = backend.store.head(backend.task())
        assert etag is not None
        backend.store.copy(backend.task(), etag)

    assert backend.published()["Body"].read() == b"[22]"


@pytest.mark.parametrize(
    "name", ["space plus+file.json", "日.json", "100%.json", "a?versionId=zz.json", "a&b=c#d.json"]
)
def test_a_key_is_copied_under_its_real_name(backend: Backend, name: str) -> None:
    backend.put(name, b"[1]")
    etag = backend.store.head(backend.task(name))
    assert etag is not None

    backend.store.copy(backend.task(name), etag)

    assert backend.published(name)["Body"].read() == b"[1]"


def test_a_bucket_of_another_owner_is_refused(backend: Backend) -> None:
    backend.put("x.json", b"[1]")
    etag = backend.store.head(backend.task())
    assert etag is not None
    foreign = Publish(backend.source, backend.website._replace(owner="999999999999"), "x.json", HEADERS)

    if NO_OWNERS in backend.gaps:
        assert backend.store.copy(foreign, etag).copied
        return
    with pytest.raises(StoreError, match="AccessDenied"):
        backend.store.copy(foreign, etag)


def test_listings_are_in_the_order_of_bytes_and_can_go_on_from_a_name(backend: Backend) -> None:
    names = sorted(["a", "a0", "b", "Z", "é", "日", "\uffee", "\U0001f600", "a b", "a+b"], key=str.encode)
    for name in names:
        backend.put(name, b"[1]")

    whole = [one.name for one in compare_buckets(backend.client, backend.source, backend.website)]
    rest = [one.name for one in compare_buckets(backend.client, backend.source, backend.website, after=names[3])]

    assert whole == names
    assert rest == names[4:]


def test_a_copy_and_its_source_are_listed_with_the_same_etag(backend: Backend) -> None:
    backend.put("x.json", b"[1]")
    etag = backend.store.head(backend.task())
    assert etag is not None
    backend.store.copy(backend.task(), etag)

    assert [one.drift for one in compare_buckets(backend.client, backend.source, backend.website)] == [None]

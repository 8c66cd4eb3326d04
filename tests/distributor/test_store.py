import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
import requests
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ParamValidationError
from moto import mock_aws

from cloud.moto_server import serve_moto
from cloud.work import Work
from distributor.outcomes import Headers, Publish
from distributor.settings import Location
from distributor.store import CopyAnswer, Store, StoreError, provenance
from shared.clients import PUBLISHING, connect
from tests.distributor.world import HEADERS, SOURCE, WEBSITE, task

BODY = b'{"a": 1}'
NAMES = ["x.json", "space plus+file.json", "日.json", "100%.json", "a?versionId=zz.json", "%2e%2e.json", "a&b=c#d.json"]


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="my-source")
        client.create_bucket(Bucket="my-website")
        yield client


@pytest.fixture
def store(s3: Any) -> Store:
    return Store(connect("s3", PUBLISHING), 1000)


@pytest.mark.parametrize("name", NAMES)
def test_an_object_is_copied_under_its_real_name_with_the_tasks_headers_and_no_others(
    s3: Any, store: Store, name: str
) -> None:
    s3.put_object(
        Bucket="my-source",
        Key=f"aws-data/{name}",
        Body=BODY,
        ContentType="text/plain",
        ContentEncoding="identity",
        Metadata={"run-id": "7"},
        Tagging="a=b",
    )
    copied = replace(task(name), headers=Headers("text/csv", "public, max-age=60"))
    source = store.get(copied)
    assert source is not None

    answer = store.copy(copied, source.etag)

    assert answer == CopyAnswer(copied=True, certain=True)
    published = s3.get_object(Bucket="my-website", Key=f"data/{name}")
    assert published["Body"].read() == BODY == source.body
    assert (published["ContentType"], published["CacheControl"]) == ("text/csv", "public, max-age=60")
    assert set(published["Metadata"]) == {"distributed-at", "source-bucket", "source-etag", "source-key"}
    assert published["Metadata"]["source-etag"] == hashlib.md5(BODY).hexdigest()
    assert published["Metadata"]["source-bucket"] == "my-source"
    assert unquote(published["Metadata"]["source-key"]) == unquote(f"aws-data/{name}")


def test_head_and_get_agree_on_the_etag(s3: Any, store: Store) -> None:
    s3.put_object(Bucket="my-source", Key="aws-data/x.json", Body=BODY)
    source = store.get(task())

    assert source is not None
    assert store.head(task()) == source.etag == f'"{hashlib.md5(BODY).hexdigest()}"'


def test_a_missing_object_is_none(store: Store) -> None:
    assert store.get(task()) is None
    assert store.head(task()) is None


def test_a_missing_source_bucket_is_an_error_and_not_a_missing_object(store: Store) -> None:
    with pytest.raises(StoreError, match="NoSuchBucket"):
        store.get(replace(task(), source=Location("nowhere", "aws-data")))


def test_a_copy_of_a_missing_object_copied_nothing(store: Store) -> None:
    assert store.copy(task(), '"etag"') == CopyAnswer(copied=False, certain=True)


def test_a_copy_to_a_missing_bucket_is_an_error(s3: Any, store: Store) -> None:
    s3.put_object(Bucket="my-source", Key="aws-data/x.json", Body=BODY)

    with pytest.raises(StoreError, match="NoSuchBucket"):
        store.copy(Publish(SOURCE, Location("nowhere", "data"), "x.json", HEADERS), '"etag"')


class Raw(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


ERROR_BODY = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>We are sorry</Message></Error>"


@pytest.mark.parametrize(
    ("status", "body", "attempts"),
    [(200, b"", 1), (200, ERROR_BODY, 3), (200, b"<?xml version='1.0'?><CopyObjectRe", 3), (503, b"", 3)],
    ids=["empty 200", "error inside a 200", "truncated 200", "503"],
)
def test_an_answer_that_does_not_say_copied_is_uncertain(
    store: Store, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, attempts: int
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    sent = []

    def answer(request: Any, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, status, HTTPHeaders(), Raw(body))

    store.client.meta.events.register("before-send.s3.CopyObject", answer)  # type: ignore[arg-type]

    assert store.copy(task(), '"etag"') == CopyAnswer(copied=False, certain=False)
    assert len(sent) == attempts


DENIED = "User: r is not authorized to perform: s3:PutObject on resource: o"
CONDITIONS_DEMANDED = [
    (403, "AccessDenied", f"{DENIED} with an explicit deny in a resource-based policy"),
    (501, "NotImplemented", "A header you provided implies functionality that is not implemented."),
]


def refuse_copies(store: Store, status: int, code: str, message: str) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    answer: Any = lambda request, **_: AWSResponse(request.url, status, HTTPHeaders(), Raw(body))  # noqa: E731
    store.client.meta.events.register("before-send.s3.CopyObject", answer)


@pytest.mark.parametrize(("status", "code", "message"), CONDITIONS_DEMANDED)
def test_a_policy_that_demands_conditional_writes_is_named_and_leaves_no_doubt_about_the_copy(
    store: Store, status: int, code: str, message: str
) -> None:
    refuse_copies(store, status, code, message)

    with pytest.raises(StoreError, match="demands conditional writes"):
        store.copy(task(), '"etag"')


def test_a_right_that_is_missing_is_no_policy_that_demands_conditional_writes(store: Store) -> None:
    refuse_copies(store, 403, "AccessDenied", f"{DENIED} because no identity-based policy allows the action")

    with pytest.raises(StoreError, match="no identity-based policy") as refused:
        store.copy(task(), '"etag"')

    assert "conditional" not in str(refused.value)


@pytest.fixture
def abroad(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 that redirects, as AWS does; the website bucket is in another Region."""
    with serve_moto(Work()) as url:
        requests.post(f"{url}/moto-api/reset", timeout=10)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        client = boto3.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket="my-website", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        boto3.client("s3").create_bucket(Bucket="my-source")
        boto3.client("s3").put_object(Bucket="my-source", Key="aws-data/x.json", Body=BODY)
        yield client


def test_a_copy_to_a_bucket_in_another_region_is_as_certain_as_any_other(abroad: Any) -> None:
    store = Store(connect("s3", PUBLISHING), 1000)
    redirected: list[int] = []
    store.client.meta.events.register(
        "response-received.s3.CopyObject", lambda response_dict, **_: redirected.append(response_dict["status_code"])
    )

    answers = [store.copy(task(), f'"{hashlib.md5(BODY).hexdigest()}"') for _ in range(2)]

    assert answers == [CopyAnswer(copied=True, certain=True)] * 2
    assert redirected == [301, 200, 200]  # a client remembers the Region
    assert abroad.get_object(Bucket="my-website", Key="data/x.json")["Body"].read() == BODY


@pytest.mark.parametrize("lost", [1, 2])
def test_a_copy_that_is_redirected_and_whose_answer_is_lost_is_uncertain(
    abroad: Any, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    store = Store(connect("s3", PUBLISHING), 1000)
    attempts = iter(range(1, 4))

    def lose(request: Any, **_: object) -> AWSResponse | None:
        return AWSResponse(request.url, 503, HTTPHeaders(), Raw()) if next(attempts) == lost else None

    store.client.meta.events.register("before-send.s3.CopyObject", lose)  # type: ignore[arg-type]

    assert store.copy(task(), f'"{hashlib.md5(BODY).hexdigest()}"') == CopyAnswer(copied=True, certain=False)


def test_a_missing_source_of_a_copy_to_another_region_is_certain_too(abroad: Any) -> None:
    store = Store(connect("s3", PUBLISHING), 1000)

    assert store.copy(task("none.json"), '"etag"') == CopyAnswer(copied=False, certain=True)


def test_a_request_that_the_sdk_refuses_to_send_is_an_error(store: Store) -> None:
    bad = Publish(Location("", "a"), Location("", "b"), "x.json", HEADERS)

    for request in (store.get, store.head, lambda task: store.copy(task, '"etag"')):
        with pytest.raises(StoreError) as caught:
            request(bad)
        assert isinstance(caught.value.__cause__, ParamValidationError)


def test_provenance_is_a_time_in_utc_and_the_sources_bucket_etag_and_key() -> None:
    now = datetime(2026, 11, 23, 2, 0, 31, 123456, tzinfo=UTC)

    assert provenance(task("a b+%.json"), '"e-2"', now) == {
        "distributed-at": "2026-11-23T02:00:31.123Z",
        "source-bucket": "my-source",
        "source-etag": "e-2",
        "source-key": "aws-data/a b+%.json",
    }


def test_a_key_that_is_not_ascii_is_percent_encoded_in_metadata() -> None:
    assert provenance(task("日 a.json"), '"e"', datetime.now(UTC))["source-key"] == "aws-data/%E6%97%A5%20a.json"


def test_a_key_whose_encoded_form_is_too_long_for_metadata_is_a_hash_there() -> None:
    long = Publish(SOURCE, WEBSITE, "日" * 200 + ".json", HEADERS)

    digest = hashlib.sha256(long.source_key.encode()).hexdigest()
    assert provenance(long, '"e"', datetime.now(UTC))["source-key"] == f"sha256:{digest}"

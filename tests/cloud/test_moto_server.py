"""What S3 refuses and moto would carry out, and what moto does otherwise all the same."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from cloud.moto_server import serve_moto
from cloud.work import Work

DEMAND = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3:PutObject", "Condition": {"Null": {"s3:if-none-match": "false"}}},
}
SOURCE = {"CopySource": {"Bucket": "here", "Key": "x"}}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket `here` with an object, one in another Region, and one whose policy demands conditional writes."""
    with serve_moto(Work()) as url:
        requests.post(f"{url}/moto-api/reset", timeout=10)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        client = boto3.client("s3")
        for bucket in ("here", "demanding"):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket="here", Key="x", Body=b"1")
        client.put_bucket_policy(Bucket="demanding", Policy=json.dumps(DEMAND))
        abroad = boto3.client("s3", region_name="eu-west-1")
        abroad.create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


@pytest.mark.parametrize(
    "act",
    [
        lambda s3: s3.put_object(Bucket="abroad", Key="x", Body=b"1"),
        lambda s3: s3.copy_object(Bucket="abroad", Key="x", **SOURCE),
        lambda s3: s3.list_objects_v2(Bucket="abroad"),
        lambda s3: s3.head_bucket(Bucket="abroad"),
    ],
    ids=["put", "copy", "list", "head"],
)
def test_the_first_request_to_a_bucket_in_another_region_is_redirected_and_later_ones_are_not(
    s3: Any, act: Any
) -> None:
    statuses: list[int] = []
    s3.meta.events.register(
        "response-received.s3", lambda response_dict, **_: statuses.append(response_dict["status_code"])
    )

    act(s3)
    act(s3)

    assert statuses == [301, 200, 200]


@pytest.mark.parametrize(("condition", "code"), [({}, "AccessDenied"), ({"IfNoneMatch": "*"}, "NotImplemented")])
def test_a_bucket_that_demands_conditional_writes_takes_no_copy_whatever_its_headers(
    s3: Any, condition: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError, match=code):
        s3.copy_object(Bucket="demanding", Key="x", **SOURCE, **condition)

    s3.put_object(Bucket="demanding", Key="x", Body=b"1", IfNoneMatch="*")
    s3.copy_object(Bucket="here", Key="y", **SOURCE)


def test_moto_takes_the_md5_of_an_object_under_kms_for_its_etag_which_s3_does_not(s3: Any) -> None:
    put = s3.put_object(Bucket="here", Key="x", Body=b"1", ServerSideEncryption="aws:kms")

    assert put["ETag"] == f'"{hashlib.md5(b"1").hexdigest()}"'

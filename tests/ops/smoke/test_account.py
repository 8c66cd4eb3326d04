from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ops.smoke.account import Account, find_account


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        account = find_account("feed-smoke-x")
        account.make_buckets()
        yield account


def buckets(account: Account) -> list[str]:
    return sorted(bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"])


def test_what_was_made_is_removed_and_a_second_removal_finds_nothing(account: Account) -> None:
    assert buckets(account) == ["feed-smoke-x-replica", "feed-smoke-x-website"]

    assert (account.remove(), account.remove()) == ([], [])
    assert buckets(account) == []


def test_a_bucket_that_cannot_be_deleted_is_named_and_keeps_no_other(account: Account) -> None:
    def refuse(params: dict[str, str], **_: object) -> None:
        if "website" in params["url"]:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteBucket")

    account.session.events.register("before-call.s3.DeleteBucket", refuse)

    (left,) = account.remove()

    assert left.startswith("the bucket feed-smoke-x-website: ")
    assert buckets(account) == ["feed-smoke-x-website"]

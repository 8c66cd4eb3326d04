"""Each role's rights, enforced by moto with IAM on (more in tests/cloud/test_embedded.py) and by SeaweedFS."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloud.template import read_template, resolve, translate
from tests.reliability.seaweedfs import SeaweedFS, seaweedfs

# SeaweedFS knows Read, List and Write, each for a prefix; Write also deletes, which IAM tells apart.
ACTIONS = {"s3:GetObject": "Read", "s3:PutObject": "Write", "s3:ListBucket": "List"}
ROLES = ("FetcherRole", "AnnouncementsRole", "DistributorRole", "SweeperRole")


def actions_of(role: str) -> list[str]:
    """The S3 rights of a role of template.yaml, as SeaweedFS writes them."""
    parameters = {"S3BucketName": "my-source", "DistributionBucketName": "my-website"}
    stack = resolve(translate(read_template()), "feed", parameters)
    (found,) = [one for one in stack.of_type("AWS::IAM::Role") if one.logical_id == role]
    return [
        f"{ACTIONS[action]}:{_below(resource.removeprefix('arn:aws:s3:::'))}{_prefix(statement)}"
        for statement in found.properties["Policies"][0]["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
        if action.startswith("s3:")
        for resource in _list(statement["Resource"])
    ]


def _below(resource: str) -> str:
    """A resource as a prefix: SeaweedFS knows no right on a single object."""
    return f"{resource.removesuffix('*')}*" if "/" in resource else resource


def _prefix(statement: dict[str, Any]) -> str:
    """The part of a bucket that may be listed, where a condition says so."""
    prefix = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", "")
    return f"/{prefix}" if prefix else ""


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    identities = {"admin": ["Admin", "Read", "Write", "List"], **{role: actions_of(role) for role in ROLES}}
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs"), identities) as started:
        admin = started.client("admin")
        for bucket in ("my-source", "my-website"):
            admin.create_bucket(Bucket=bucket)
        for bucket, key in (
            ("my-source", "aws-data/aws-whats-new.json"),
            ("my-source", "aws-data/x.json"),
            ("my-source", "private.json"),
            ("my-website", "data/x.json"),
        ):
            admin.put_object(Bucket=bucket, Key=key, Body=b"[]")
        yield started


def put(bucket: str, key: str) -> Callable[[Any], object]:
    return lambda s3: s3.put_object(Bucket=bucket, Key=key, Body=b"[]")


def get(bucket: str, key: str) -> Callable[[Any], object]:
    return lambda s3: s3.get_object(Bucket=bucket, Key=key)


def head(bucket: str, key: str) -> Callable[[Any], object]:
    return lambda s3: s3.head_object(Bucket=bucket, Key=key)


def copy(source: str, bucket: str, key: str) -> Callable[[Any], object]:
    return lambda s3: s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": "my-source", "Key": source})


def list_(bucket: str, prefix: str = "") -> Callable[[Any], object]:
    return lambda s3: s3.list_objects_v2(Bucket=bucket, Prefix=prefix)


MAY = {
    "the fetcher writes below its prefix": ("FetcherRole", put("my-source", "aws-data/y.json")),
    "the announcements write their file": ("AnnouncementsRole", put("my-source", "aws-data/aws-whats-new.json")),
    "the announcements read their file": ("AnnouncementsRole", get("my-source", "aws-data/aws-whats-new.json")),
    "the fetcher lists the items": ("FetcherRole", list_("my-source", "aws-data/regions/")),
    "the distributor reads the source": ("DistributorRole", get("my-source", "aws-data/x.json")),
    "the distributor copies to the website": ("DistributorRole", copy("aws-data/x.json", "my-website", "data/x.json")),
    "the distributor copies into a release": (
        "DistributorRole",
        copy("aws-data/x.json", "my-website", "data/releases/1/x.json"),
    ),
    "the sweeper lists a release": ("SweeperRole", list_("my-website", "data/releases/1/")),
    "the sweeper lists the source": ("SweeperRole", list_("my-source")),
    "the sweeper lists the website": ("SweeperRole", list_("my-website", "data/")),
    "the sweeper reads metadata on the website": ("SweeperRole", head("my-website", "data/x.json")),
    "the sweeper copies to the website": ("SweeperRole", copy("aws-data/x.json", "my-website", "data/x.json")),
}
MAY_NOT = {
    "the fetcher writes to the website": ("FetcherRole", put("my-website", "data/x.json")),
    "the fetcher copies to the website": ("FetcherRole", copy("aws-data/x.json", "my-website", "data/x.json")),
    "the fetcher writes outside its prefix": ("FetcherRole", put("my-source", "elsewhere.json")),
    "the fetcher reads": ("FetcherRole", get("my-source", "private.json")),
    "the announcements write the catalogue": ("AnnouncementsRole", put("my-source", "aws-data/x.json")),
    "the announcements read the catalogue": ("AnnouncementsRole", get("my-source", "aws-data/x.json")),
    "the announcements write to the website": ("AnnouncementsRole", put("my-website", "data/aws-whats-new.json")),
    "the distributor writes the source": ("DistributorRole", put("my-source", "aws-data/x.json")),
    "the distributor writes outside its prefix": ("DistributorRole", put("my-website", "index.html")),
    "the distributor copies outside its prefix": (
        "DistributorRole",
        copy("aws-data/x.json", "my-website", "index.html"),
    ),
    "the distributor reads outside its prefix": ("DistributorRole", get("my-source", "private.json")),
    "the distributor reads the website": ("DistributorRole", get("my-website", "data/x.json")),
    "the distributor lists the website": ("DistributorRole", list_("my-website")),
    "the sweeper writes the source": ("SweeperRole", put("my-source", "aws-data/x.json")),
    "the sweeper reads outside its prefix": ("SweeperRole", get("my-website", "index.html")),
    "the sweeper lists outside its prefix": ("SweeperRole", list_("my-website", "private/")),
    "the sweeper lists everything": ("SweeperRole", list_("my-website")),
    "the sweeper copies outside its prefix": ("SweeperRole", copy("aws-data/x.json", "my-website", "index.html")),
}


@pytest.mark.parametrize("what", MAY)
def test_a_role_may_do_its_work(server: SeaweedFS, what: str) -> None:
    role, act = MAY[what]

    act(server.client(role))


@pytest.mark.parametrize("what", MAY_NOT)
def test_a_role_may_do_nothing_else(server: SeaweedFS, what: str) -> None:
    role, act = MAY_NOT[what]

    with pytest.raises(ClientError, match="AccessDenied|403"):
        act(server.client(role))


def test_nobody_may_delete_or_do_everything() -> None:
    stack = resolve(translate(read_template()), "feed", {"DistributionBucketName": "my-website"})
    allowed = {
        action
        for role in stack.of_type("AWS::IAM::Role")
        for policy in role.properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
    }

    assert not [action for action in allowed if "*" in action or "Delete" in action]

"""Looks at the account before a deployment: the stack's name, the buckets, the distributions. Changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.observation import Unavailable, or_unavailable
from ops.stack import make_client

if TYPE_CHECKING:
    import boto3

HIDDEN = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials these are."""

    account: str
    arn: str

    @property
    def partition(self) -> str:
        """The partition of AWS, such as aws-cn."""
        return self.arn.split(":")[1]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack that has the name already; `source` is its source bucket, empty if it is no stack of this project."""

    status: str
    source: str
    distributes: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that can be looked at; `private`: public access is blocked, `holds`: whether the prefix has objects."""

    region: str
    is_own: bool
    is_versioned: bool | Unavailable
    is_private: bool | Unavailable
    policy: str | Unavailable
    holds: bool | Unavailable


@dataclass(frozen=True, slots=True)
class Distribution:
    """A CloudFront distribution; `domain` is the first of its own names, else CloudFront's, `path` its origin path.

    `readers` are the ids that the bucket's policy may know it by: its own, and that of its origin access identity.
    """

    id: str
    domain: str
    path: str
    readers: tuple[str, ...]

    def address(self, prefix: str) -> str:
        """Where readers find keys with this prefix; empty if the origin path hides them."""
        key = f"/{prefix}/"
        return f"https://{self.domain}{key.removeprefix(self.path)}" if key.startswith(f"{self.path}/") else ""


def observe_caller(session: "boto3.Session") -> Caller:
    """Whose credentials these are; BotoCoreError or ClientError if AWS does not know them."""
    answer = make_client(session, "sts").get_caller_identity()
    return Caller(answer["Account"], answer["Arn"])


def observe_stack(session: "boto3.Session", name: str) -> Deployed | Unavailable | None:
    """The stack of this name, None if there is none."""
    return or_unavailable(_stack, make_client(session, "cloudformation"), name)


def observe_bucket(session: "boto3.Session", name: str, account: str, prefix: str = "") -> Bucket | Unavailable | None:
    """The bucket, None if nobody has one of this name."""
    return or_unavailable(_bucket, make_client(session, "s3"), name, account, prefix)


def observe_distributions(session: "boto3.Session", bucket: str) -> list[Distribution] | Unavailable:
    """The account's distributions that have the bucket as an origin."""
    return or_unavailable(_distributions, make_client(session, "cloudfront"), bucket)


def _stack(cloudformation: Any, name: str) -> Deployed | None:  # noqa: ANN401 - one type for each service
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # CloudFormation has no code of its own for it
            return None
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Deployed(stack["StackStatus"], outputs.get("SourceBucketName", ""), "WebsiteBucketName" in outputs)


def _bucket(s3: Any, name: str, account: str, prefix: str) -> Bucket | None:  # noqa: ANN401
    try:
        answer = s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return None
        raise
    return Bucket(
        region=answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", ""),
        is_own=not isinstance(or_unavailable(_head_own, s3, name, account), Unavailable),
        is_versioned=or_unavailable(_is_versioned, s3, name),
        is_private=or_unavailable(_is_private, s3, name),
        policy=or_unavailable(_policy, s3, name),
        holds=or_unavailable(_holds, s3, name, prefix),
    )


def _head_own(s3: Any, name: str, account: str) -> None:  # noqa: ANN401
    s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)


def _is_versioned(s3: Any, name: str) -> bool:  # noqa: ANN401
    return bool(s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled")


def _is_private(s3: Any, name: str) -> bool:  # noqa: ANN401
    try:
        rules = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration":
            return False
        raise
    return all(rules.get(rule) for rule in HIDDEN)


def _policy(s3: Any, name: str) -> str:  # noqa: ANN401
    try:
        return str(s3.get_bucket_policy(Bucket=name)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return ""
        raise


def _holds(s3: Any, name: str, prefix: str) -> bool:  # noqa: ANN401
    return bool(s3.list_objects_v2(Bucket=name, Prefix=f"{prefix}/", MaxKeys=1).get("KeyCount"))


def _distributions(cloudfront: Any, bucket: str) -> list[Distribution]:  # noqa: ANN401
    pages = cloudfront.get_paginator("list_distributions").paginate()
    summaries = (summary for page in pages for summary in page["DistributionList"].get("Items", []))
    return [distribution for summary in summaries for distribution in _reading(summary, bucket)]


def _reading(summary: dict[str, Any], bucket: str) -> Iterator[Distribution]:
    """The distribution, once, if one of its origins is the bucket's REST or website endpoint."""
    for origin in summary["Origins"]["Items"]:
        if origin["DomainName"].startswith((f"{bucket}.s3.", f"{bucket}.s3-")):
            domain = next(iter(summary.get("Aliases", {}).get("Items", [])), summary["DomainName"])
            identity = origin.get("S3OriginConfig", {}).get("OriginAccessIdentity", "").rpartition("/")[2]
            readers = (summary["Id"], *[identity] * bool(identity))
            yield Distribution(summary["Id"], domain, origin.get("OriginPath", ""), readers)
            return

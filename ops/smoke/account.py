"""The account that the credentials are for: what a walk makes in it, and the removal of all that by its name."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from ops.stack import make_session

POLL_SECONDS, MOST_POLLS = 2, 900
GONE = {"DELETE_COMPLETE", "DELETE_SKIPPED"}  # a bucket that outlives its stack is skipped, and emptied here
REPLICA_REGIONS = {
    "aws": ("us-west-2", "us-east-2"),
    "aws-us-gov": ("us-gov-west-1", "us-gov-east-1"),
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
}
# A stack that is being changed can't be deleted. These can: the second waits for a change that nobody will make.
DELETABLE = {"DELETE_IN_PROGRESS", "REVIEW_IN_PROGRESS"}


@dataclass(frozen=True)
class Account:
    """An account in a Region, and the name of all that a walk makes there."""

    session: boto3.Session
    number: str
    name: str

    @property
    def region(self) -> str:
        """The Region of the stack and its buckets."""
        return str(self.session.region_name)

    @property
    def source(self) -> str:
        """The bucket that the template makes if it is given no name."""
        return f"{self.name}-{self.number}-{self.region}"

    @property
    def website(self) -> str:
        """The website's bucket, which also holds the zips that are deployed."""
        return f"{self.name}-website"

    @property
    def replica(self) -> str:
        """The bucket in another Region, under a KMS key, that gets a copy of all that the website gets."""
        return f"{self.name}-replica"

    @property
    def replica_region(self) -> str:
        """A Region of the same partition that every account has."""
        regions = REPLICA_REGIONS[self.session.get_partition_for_region(self.region)]
        return next(region for region in regions if region != self.region)

    def client(self, service: str) -> Any:  # noqa: ANN401 - one type for each service
        """A client of the session."""
        client: Any = self.session.client
        return client(service)

    def make_buckets(self) -> None:
        """Make website and replica, private as S3 makes them by default."""
        self._make_bucket(self.website, self.region, "AES256")
        self._make_bucket(self.replica, self.replica_region, "aws:kms")  # AWS's own key: its use needs no right

    def _make_bucket(self, name: str, region: str, algorithm: str) -> None:
        elsewhere: Any = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        rule: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}, "BucketKeyEnabled": True}
        s3 = self.session.client("s3", region_name=region)
        s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else elsewhere))
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def reasons(self) -> list[str]:
        """Why resources of the stack could not be made, changed or deleted, the first reason first."""
        try:
            events = self.client("cloudformation").describe_stack_events(StackName=self.name)["StackEvents"]
        except ClientError:
            return []
        failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")]
        return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in failed]

    def remove(self) -> list[str]:
        """Delete the stack and the buckets, if they are there; what is left, each with the reason."""
        left = []
        for part in (self._remove_stack, self._remove_buckets):
            try:
                left += part()
            except (ClientError, BotoCoreError) as error:
                left.append(str(error))
        return left

    def _remove_stack(self) -> list[str]:
        cloudformation = self.client("cloudformation")
        stack = self._wait_for_change(cloudformation)
        if stack is None:
            return []
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["StackId"])
        resources = {entry["LogicalResourceId"] for page in pages for entry in page["StackResourceSummaries"]}
        cloudformation.delete_stack(StackName=stack["StackId"])
        waiter = cloudformation.get_waiter("stack_delete_complete")
        with suppress(WaiterError):  # what follows tells more
            waiter.wait(StackName=stack["StackId"], WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": MOST_POLLS})
        return list(self._left(cloudformation, stack["StackId"], {*resources, self.name}))

    def _wait_for_change(self, cloudformation: Any) -> Any:  # noqa: ANN401
        """The stack once nobody changes it any more, None if there is none."""
        for _ in range(MOST_POLLS):
            try:
                (stack,) = cloudformation.describe_stacks(StackName=self.name)["Stacks"]
            except ClientError as error:
                if error.response["Error"]["Code"] == "ValidationError":
                    return None
                raise
            if not stack["StackStatus"].endswith("_IN_PROGRESS") or stack["StackStatus"] in DELETABLE:
                break
            time.sleep(POLL_SECONDS)
        return stack

    def _left(self, cloudformation: Any, stack_id: str, names: set[str]) -> Iterator[str]:  # noqa: ANN401
        """Each of these whose latest event is not that it has gone."""
        pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        latest: dict[str, dict[str, Any]] = {}
        for page in pages:
            for event in page["StackEvents"]:
                latest.setdefault(event["LogicalResourceId"], event)
        for name, event in latest.items():
            if name in names and event["ResourceStatus"] not in GONE:
                yield f"{name} is {event['ResourceStatus']} {event.get('ResourceStatusReason', '')}".rstrip()

    def _remove_buckets(self) -> list[str]:
        here, there, left = self.region, self.replica_region, []
        for name, region in ((self.source, here), (self.website, here), (self.replica, there)):
            bucket = self.session.resource("s3", region_name=region).Bucket(name)
            try:
                bucket.object_versions.delete()
                bucket.delete()
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    left.append(f"the bucket {name}: {error}")
        return left


def find_account(name: str) -> Account:
    """The account of the usual credentials; BotoCoreError or ClientError without any, or without a Region."""
    session = make_session()
    number = session.client("sts").get_caller_identity()["Account"]
    session.client("cloudformation")  # NoRegionError here, and not after the first bucket
    return Account(session, number, name)

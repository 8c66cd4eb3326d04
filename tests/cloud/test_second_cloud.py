"""The second cloud: rights hold there, and each thing that it is said not to do it still can't do.

Whoever sees one of these fail deletes the gap: the emulator has learnt something, and the walk then shows more.
"""

import json
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from cloud.second_cloud import COPY_SOURCE, GAPS, NO_DELIVERIES, NO_LIFECYCLE, NO_OWNERS, SecondCloud, without_gaps
from cloud.template import ROOT, read_template
from tests.cloud.test_leftovers import all_end

pytestmark = pytest.mark.second_cloud

OWNER = """
import pathlib, sys
from cloud.second_cloud import second_cloud

with second_cloud(pathlib.Path(sys.argv[1])) as cloud:
    print(cloud.url, flush=True)
    sys.stdin.read()
"""


def failure_of(cloud: SecondCloud, resource: dict[str, Any]) -> str:
    """Why a stack of this resource is not made; empty if it is."""
    cloudformation, name = cloud.client("cloudformation"), f"gap-{uuid.uuid4().hex}"
    try:
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"It": resource}}))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    except ClientError as error:
        return str(error)
    except WaiterError:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)
    finally:
        cloudformation.delete_stack(StackName=name)
    return ""


def allowed(cloud: SecondCloud, *statements: dict[str, Any]) -> Callable[[str], Any]:
    """Makes clients of a user who may do this and nothing else."""
    iam, user = cloud.client("iam"), f"user-{uuid.uuid4().hex}"
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return lambda service: cloud.client(service, key["AccessKeyId"], key["SecretAccessKey"])


def make_bucket(cloud: SecondCloud) -> str:
    """A bucket with the object `in/x.json`."""
    bucket = f"bucket-{uuid.uuid4().hex}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("s3").put_object(Bucket=bucket, Key="in/x.json", Body=b"[]")
    return bucket


def copy(s3: Any, bucket: str) -> None:
    s3.copy_object(Bucket=bucket, Key="out/x.json", CopySource={"Bucket": bucket, "Key": "in/x.json"})


def rights_to_copy(bucket: str, **conditions: Any) -> list[dict[str, Any]]:
    return [
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/in/*"},
        {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/out/*", **conditions},
    ]


def has_no_queries(cloud: SecondCloud) -> None:
    query = {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "q", "QueryString": "limit 1"}}

    assert "Unrecognized resource types" in failure_of(cloud, query)


def has_no_composite_alarms(cloud: SecondCloud) -> None:
    alarm = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmName": "a", "AlarmRule": "FALSE"}}

    assert "Unrecognized resource types" in failure_of(cloud, alarm)


def has_no_metric_math(cloud: SecondCloud) -> None:
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Metrics": [{"Id": "all", "Expression": "TIME_SERIES(1)"}],
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
        },
    }

    assert "metric math" in failure_of(cloud, alarm)


def has_no_copy_source(cloud: SecondCloud) -> None:
    bucket = make_bucket(cloud)
    condition = {"StringLike": {COPY_SOURCE: f"{bucket}/in/*"}}
    s3 = allowed(cloud, *rights_to_copy(bucket, Condition=condition))("s3")

    with pytest.raises(ClientError, match="AccessDenied"):
        copy(s3, bucket)


def wants_batches(cloud: SecondCloud) -> None:
    queue = cloud.client("sqs").create_queue(QueueName=f"queue-{uuid.uuid4().hex}")["QueueUrl"]
    sqs = allowed(cloud, {"Action": "sqs:SendMessage", "Resource": "*"})("sqs")

    sqs.send_message(QueueUrl=queue, MessageBody="one")
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "one"}])


def has_no_catalogue(cloud: SecondCloud) -> None:
    path = "/aws/service/global-infrastructure/regions"

    assert cloud.client("ssm").get_parameters_by_path(Path=path)["Parameters"] == []


def has_no_owners(cloud: SecondCloud) -> None:
    bucket, source = make_bucket(cloud), {"Key": "in/x.json"}

    cloud.client("s3").copy_object(
        Bucket=bucket,
        Key="out/x.json",
        CopySource={"Bucket": bucket, **source},
        ExpectedBucketOwner="999999999999",
    )


def has_no_lifecycle(cloud: SecondCloud) -> None:
    name, cloudformation = f"bucket-{uuid.uuid4().hex}", cloud.client("cloudformation")
    rules = {"Rules": [{"Status": "Enabled", "ExpirationInDays": 1}]}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, "LifecycleConfiguration": rules}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"It": bucket}}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        cloud.client("s3").get_bucket_lifecycle_configuration(Bucket=name)


def has_no_deliveries(cloud: SecondCloud) -> None:
    source = {"Name": "access", "LogType": "ACCESS_LOGS", "ResourceArn": "arn:aws:cloudfront::1:distribution/E1"}

    assert "Unrecognized resource types" in failure_of(
        cloud, {"Type": "AWS::Logs::DeliverySource", "Properties": source}
    )


TRIALS: dict[str, Callable[[SecondCloud], None]] = {
    "has no AWS::Logs::QueryDefinition": has_no_queries,
    "has no AWS::CloudWatch::CompositeAlarm": has_no_composite_alarms,
    "has no alarms on metric math": has_no_metric_math,
    f"has no condition key {COPY_SOURCE}": has_no_copy_source,
    "wants a right of its own for a batch of messages": wants_batches,
    "has no catalogue in SSM": has_no_catalogue,
    NO_OWNERS: has_no_owners,
    NO_LIFECYCLE: has_no_lifecycle,
    NO_DELIVERIES: has_no_deliveries,
}


@pytest.mark.parametrize("gap", [*GAPS])
def test_it_still_can_not_do_what_is_left_out(gap: str, second_cloud: SecondCloud) -> None:
    TRIALS[gap](second_cloud)


def test_it_listens_on_one_address_of_the_loopback_alone(second_cloud: SecondCloud) -> None:
    port = int(second_cloud.url.rpartition(":")[2])

    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError, match="refused|assign"):
        socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_process_of_it_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        assert owner.stdout.readline().startswith("https://127.0.0.1:")

        with all_end(owner.pid):
            owner.kill()
            owner.wait()


def test_a_right_that_is_missing_is_missed(second_cloud: SecondCloud) -> None:
    bucket = make_bucket(second_cloud)
    without_reading = rights_to_copy(bucket)[1:]

    copy(allowed(second_cloud, *rights_to_copy(bucket))("s3"), bucket)
    with pytest.raises(ClientError, match="AccessDenied"):
        copy(allowed(second_cloud, *without_reading)("s3"), bucket)


def test_all_that_it_can_do_is_left_in() -> None:
    template, adapted = read_template(), without_gaps(read_template())

    left_out = {template["Resources"][name]["Type"] for name in template["Resources"].keys() - adapted["Resources"]}
    changed = {body["Type"] for name, body in adapted["Resources"].items() if body != template["Resources"][name]}
    assert left_out == {"AWS::CloudWatch::CompositeAlarm", "AWS::Logs::QueryDefinition"}
    assert changed == {"AWS::CloudWatch::Alarm", "AWS::IAM::Role", "AWS::SQS::QueuePolicy"}
    assert {key: value for key, value in adapted.items() if key != "Resources"} == {
        key: value for key, value in template.items() if key != "Resources"
    }

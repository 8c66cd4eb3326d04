"""A resolved stack in, the same resources on moto out. What moto's own CloudFormation leaves out is the point of it.

A resource type or a property that is not known here raises: nothing of the template is passed over in silence.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from cloud.alarms import INSUFFICIENT_DATA
from cloud.lambdas import AsyncConfiguration
from cloud.mappings import MappingConfiguration
from cloud.runtimes import FunctionConfiguration
from cloud.template import ACCOUNT, Resource, Stack

Client = Callable[[str], Any]

HANDLED = {
    "AWS::CloudWatch::Alarm": {
        *("AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator", "DatapointsToAlarm", "Dimensions"),
        *("EvaluationPeriods", "MetricName", "Metrics", "Namespace", "OKActions", "Period", "Statistic", "Threshold"),
        "TreatMissingData",
    },
    "AWS::CloudWatch::CompositeAlarm": {"AlarmActions", "AlarmDescription", "AlarmName", "AlarmRule", "OKActions"},
    "AWS::CloudWatch::Dashboard": {"DashboardBody", "DashboardName"},
    "AWS::Events::ApiDestination": {"ConnectionArn", "Description", "HttpMethod", "InvocationEndpoint"},
    "AWS::Events::Connection": {"AuthParameters", "AuthorizationType", "Description"},
    "AWS::Events::Rule": {"Description", "EventBusName", "EventPattern", "Targets"},
    "AWS::IAM::Role": {"AssumeRolePolicyDocument", "Path", "PermissionsBoundary", "Policies", "RoleName", "Tags"},
    "AWS::Lambda::EventInvokeConfig": {
        *("DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier")
    },
    "AWS::Lambda::EventSourceMapping": {
        *("BatchSize", "EventSourceArn", "FunctionName", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds"),
        "ScalingConfig",
    },
    "AWS::Lambda::Function": {
        *("Architectures", "Code", "Description", "Environment", "FunctionName", "Handler", "LoggingConfig"),
        *("MemorySize", "RecursiveLoop", "Role", "Runtime", "Tags", "Timeout", "TracingConfig"),
    },
    "AWS::Lambda::Permission": {"Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"},
    "AWS::Logs::LogGroup": {"LogGroupName", "RetentionInDays", "Tags"},
    "AWS::Logs::QueryDefinition": {"LogGroupNames", "Name", "QueryString"},
    "AWS::S3::Bucket": {
        *("BucketEncryption", "BucketName", "LifecycleConfiguration", "NotificationConfiguration"),
        *("OwnershipControls", "PublicAccessBlockConfiguration", "Tags", "VersioningConfiguration"),
    },
    "AWS::S3::BucketPolicy": {"Bucket", "PolicyDocument"},
    "AWS::SNS::Subscription": {"Endpoint", "Protocol", "TopicArn"},
    "AWS::SNS::Topic": {"DisplayName", "KmsMasterKeyId", "Tags", "TopicName"},
    "AWS::SNS::TopicPolicy": {"PolicyDocument", "Topics"},
    "AWS::SQS::Queue": {
        *("MessageRetentionPeriod", "QueueName", "RedrivePolicy", "SqsManagedSseEnabled", "Tags", "VisibilityTimeout")
    },
    "AWS::SQS::QueuePolicy": {"PolicyDocument", "Queues"},
    "AWS::Scheduler::Schedule": {
        *("Description", "FlexibleTimeWindow", "Name", "ScheduleExpression", "ScheduleExpressionTimezone"),
        *("State", "Target"),
    },
}


class DeployError(Exception):
    """AWS would refuse the stack, or the embedded cloud does not know a part of it."""


def deploy(stack: Stack, client: Client) -> None:
    """Create every resource after what it needs, and a bucket as soon as it can be."""
    _require_known(stack)
    roles = {role.arn: role for role in stack.of_type("AWS::IAM::Role")}
    for function in stack.of_type("AWS::Lambda::Function"):
        _require_trust(roles[function.properties["Role"]], "lambda.amazonaws.com")
    for schedule in stack.of_type("AWS::Scheduler::Schedule"):
        _require_trust(roles[schedule.properties["Target"]["RoleArn"]], "scheduler.amazonaws.com")
    for rule in stack.of_type("AWS::Events::Rule"):
        _require_targets(rule, stack, roles)
    created: list[Resource] = []
    for resource in in_order(stack):
        if resource.type in CREATE:
            CREATE[resource.type](resource, client)
        if resource.type == "AWS::S3::Bucket":
            _put_notifications(resource, created, client)
        if resource.type == "AWS::Logs::QueryDefinition":
            _require_groups(resource, stack)
        created.append(resource)


def in_order(stack: Stack) -> Iterator[Resource]:
    """Each resource after all that it needs. DeployError if some need each other.

    CloudFormation creates side by side whatever can be created. Buckets come first here, so that one whose notification
    needs a permission that it does not refer to is refused here too.
    """
    resources = {resource.logical_id: resource for resource in stack.resources}
    sorter = TopologicalSorter({id_: resource.needs for id_, resource in resources.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        msg = f"CloudFormation refuses a circle: {' -> '.join(error.args[1])}"
        raise DeployError(msg) from error
    while sorter.is_active():
        ready = sorter.get_ready()
        yield from sorted((resources[id_] for id_ in ready), key=lambda resource: resource.type != "AWS::S3::Bucket")
        sorter.done(*ready)


def function_configuration(function: Resource, added: Mapping[str, str]) -> FunctionConfiguration:
    """What the runtime needs of an AWS::Lambda::Function; `added` are variables that the surroundings set."""
    properties = function.properties
    return FunctionConfiguration(
        name=function.name,
        handler=properties["Handler"],
        timeout=int(properties["Timeout"]),
        memory=int(properties["MemorySize"]),
        environment={
            **properties["Environment"]["Variables"],
            # Lambda sets it from the function's LoggingConfig, and Powertools heeds it before its own variable.
            "AWS_LAMBDA_LOG_LEVEL": properties["LoggingConfig"]["ApplicationLogLevel"],
            "AWS_LAMBDA_LOG_FORMAT": properties["LoggingConfig"]["LogFormat"],
            **added,
        },
    )


def asynchronous_configuration(function: Resource, stack: Stack) -> AsyncConfiguration:
    """What the function's EventInvokeConfig says; Lambda's defaults without one."""
    for config in stack.of_type("AWS::Lambda::EventInvokeConfig"):
        if config.properties["FunctionName"] == function.name:
            on_failure = config.properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            oldest = int(config.properties.get("MaximumEventAgeInSeconds", 21600))
            return AsyncConfiguration(int(config.properties.get("MaximumRetryAttempts", 2)), on_failure, oldest)
    return AsyncConfiguration()


def mapping_configuration(mapping: Resource, stack: Stack, endpoint: str) -> MappingConfiguration:
    """What an AWS::Lambda::EventSourceMapping of a queue says; DeployError where AWS would refuse it."""
    properties = mapping.properties
    (queue,) = (
        resource for resource in stack.of_type("AWS::SQS::Queue") if resource.arn == properties["EventSourceArn"]
    )
    (function,) = (
        resource for resource in stack.of_type("AWS::Lambda::Function") if resource.arn == properties["FunctionName"]
    )
    visibility = int(queue.properties.get("VisibilityTimeout", 30))
    if visibility < int(function.properties["Timeout"]):
        msg = f"{mapping.logical_id}: the queue's visibility time-out is less than the function's time-out"
        raise DeployError(msg)
    return MappingConfiguration(
        queue_arn=queue.arn,
        queue_url=f"{endpoint}/{ACCOUNT}/{queue.name}",
        function=function.name,
        batch_size=int(properties.get("BatchSize", 10)),
        window=int(properties.get("MaximumBatchingWindowInSeconds", 0)),
        visibility=visibility,
        reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
    )


def _require_trust(role: Resource, service: str) -> None:
    """DeployError if the role does not let the service assume it."""
    trusted = [
        statement["Principal"].get("Service")
        for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Action"] == "sts:AssumeRole"
    ]
    if service not in trusted:
        msg = f"{role.logical_id} may not be assumed by {service}, only by {trusted}"
        raise DeployError(msg)


def _require_targets(rule: Resource, stack: Stack, roles: Mapping[str, Resource]) -> None:
    """DeployError if EventBridge may not do what a rule says: assume its roles, send to its queues."""
    open_queues = {
        statement["Resource"]
        for policy in stack.of_type("AWS::SQS::QueuePolicy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "events.amazonaws.com"}
    }
    for target in rule.properties["Targets"]:
        if "RoleArn" in target:
            _require_trust(roles[target["RoleArn"]], "events.amazonaws.com")
        for arn in (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn", "")):
            if ":sqs:" in arn and arn not in open_queues:
                msg = f"{rule.logical_id}: EventBridge may not send to {arn}"
                raise DeployError(msg)


def _require_known(stack: Stack) -> None:
    for resource in stack.resources:
        unknown = set(resource.properties) - HANDLED.get(resource.type, set())
        if unknown:
            msg = f"{resource.logical_id} ({resource.type}): unknown to the embedded cloud: {sorted(unknown)}"
            raise DeployError(msg)


def _create_role(role: Resource, client: Client) -> None:
    iam = client("iam")
    trust = json.dumps(role.properties["AssumeRolePolicyDocument"])
    optional = {name: role.properties[name] for name in ("Path", "PermissionsBoundary") if name in role.properties}
    iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust, **optional)
    for policy in role.properties["Policies"]:
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=role.name, PolicyName=policy["PolicyName"], PolicyDocument=document)


def _create_queue(queue: Resource, client: Client) -> None:
    attributes: dict[str, str] = {
        name: str(queue.properties[name]).lower()
        for name in ("MessageRetentionPeriod", "SqsManagedSseEnabled", "VisibilityTimeout")
        if name in queue.properties
    }
    if "RedrivePolicy" in queue.properties:
        attributes["RedrivePolicy"] = json.dumps(queue.properties["RedrivePolicy"])
    client("sqs").create_queue(QueueName=queue.name, Attributes=attributes)


def _create_log_group(group: Resource, client: Client) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName=group.name)
    logs.put_retention_policy(logGroupName=group.name, retentionInDays=int(group.properties["RetentionInDays"]))


def _create_function(function: Resource, client: Client) -> None:
    """So that the Lambda API knows it; its code is run by our own runtimes, from the checkout."""
    properties = function.properties
    client("lambda").create_function(
        FunctionName=function.name,
        Role=properties["Role"],
        Handler=properties["Handler"],
        Runtime=properties["Runtime"],
        Timeout=int(properties["Timeout"]),
        MemorySize=int(properties["MemorySize"]),
        Environment={"Variables": properties["Environment"]["Variables"]},
        Architectures=properties["Architectures"],
        Code={"ZipFile": _empty_zip()},
    )


def _create_schedule(schedule: Resource, client: Client) -> None:
    names = ("Description", "FlexibleTimeWindow", "Name", "ScheduleExpression", "ScheduleExpressionTimezone")
    properties = schedule.properties
    client("scheduler").create_schedule(
        **{name: properties[name] for name in (*names, "State", "Target") if name in properties}
    )


def _create_bucket(bucket: Resource, client: Client) -> None:
    s3, name, properties = client("s3"), bucket.name, bucket.properties
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
                for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            ]
        },
    )
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"])
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=properties["OwnershipControls"])
    s3.put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={"Rules": [_lifecycle(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]},
    )


def _lifecycle(rule: Mapping[str, Any]) -> dict[str, Any]:
    translated: dict[str, Any] = {
        "ID": rule["Id"],
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
    }
    if "ExpirationInDays" in rule:
        translated["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        translated["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "NoncurrentVersionExpiration" in rule:
        days = int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        translated["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "AbortIncompleteMultipartUpload" in rule:
        translated["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return translated


def _put_bucket_policy(policy: Resource, client: Client) -> None:
    document = policy.properties["PolicyDocument"]
    # All traffic here is plain HTTP on the loopback, which a rule that demands TLS would rightly refuse.
    statements = [
        statement for statement in document["Statement"] if "aws:SecureTransport" not in json.dumps(statement)
    ]
    if statements:
        text = json.dumps({**document, "Statement": statements})
        client("s3").put_bucket_policy(Bucket=policy.properties["Bucket"], Policy=text)


def _create_topic(topic: Resource, client: Client) -> None:
    names = ("DisplayName", "KmsMasterKeyId")
    attributes = {name: topic.properties[name] for name in names if name in topic.properties}
    client("sns").create_topic(Name=topic.name, Attributes=attributes)


def _put_topic_policy(policy: Resource, client: Client) -> None:
    for topic in policy.properties["Topics"]:
        document = json.dumps(policy.properties["PolicyDocument"])
        client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)


def _connect(connection: Resource, client: Client) -> None:
    client("events").create_connection(Name=connection.name, **connection.properties)


def _create_destination(destination: Resource, client: Client) -> None:
    client("events").create_api_destination(Name=destination.name, **destination.properties)


def _put_rule(rule: Resource, client: Client) -> None:
    events, bus, pattern = client("events"), rule.properties["EventBusName"], rule.properties["EventPattern"]
    events.put_rule(Name=rule.name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule.name, EventBusName=bus, Targets=rule.properties["Targets"])


def _subscribe(subscription: Resource, client: Client) -> None:
    client("sns").subscribe(**subscription.properties)


def _put_alarm(alarm: Resource, client: Client) -> None:
    numbers = ("EvaluationPeriods", "DatapointsToAlarm", "Period")
    properties = {name: int(value) if name in numbers else value for name, value in alarm.properties.items()}
    client("cloudwatch").put_metric_alarm(**properties | {"Threshold": float(properties["Threshold"])})
    _begin(alarm, client)


def _put_composite_alarm(alarm: Resource, client: Client) -> None:
    client("cloudwatch").put_composite_alarm(**alarm.properties)
    _begin(alarm, client)


def _begin(alarm: Resource, client: Client) -> None:
    # moto begins with OK, CloudWatch with this.
    client("cloudwatch").set_alarm_state(
        AlarmName=alarm.name, StateValue=INSUFFICIENT_DATA, StateReason="not yet evaluated"
    )


def _put_dashboard(dashboard: Resource, client: Client) -> None:
    client("cloudwatch").put_dashboard(**dashboard.properties)


def _require_groups(query: Resource, stack: Stack) -> None:
    """Query definitions are unknown to moto, so all that can be seen here is that their log groups exist."""
    unknown = set(query.properties["LogGroupNames"]) - {group.name for group in stack.of_type("AWS::Logs::LogGroup")}
    if unknown:
        msg = f"{query.logical_id} asks log groups that the stack does not have: {sorted(unknown)}"
        raise DeployError(msg)


def _put_notifications(bucket: Resource, created: Iterable[Resource], client: Client) -> None:
    configurations = bucket.properties.get("NotificationConfiguration", {}).get("LambdaConfigurations", [])
    for configuration in configurations:
        if not _may_invoke(bucket, configuration["Function"], created):
            msg = f"S3 refuses the notification of {bucket.logical_id}: no permission for it on the function"
            raise DeployError(msg)
    client("s3").put_bucket_notification_configuration(
        Bucket=bucket.name,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": notification["Function"],
                    "Events": [notification["Event"]],
                    "Filter": {"Key": {"FilterRules": notification["Filter"]["S3Key"]["Rules"]}},
                }
                for notification in configurations
            ]
        },
    )


def _may_invoke(bucket: Resource, function_arn: str, created: Iterable[Resource]) -> bool:
    wanted = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": function_arn,
        "Principal": "s3.amazonaws.com",
        "SourceAccount": ACCOUNT,
        "SourceArn": bucket.arn,
    }
    return any(one.properties == wanted for one in created if one.type == "AWS::Lambda::Permission")


CREATE: dict[str, Callable[[Resource, Client], None]] = {
    "AWS::CloudWatch::Alarm": _put_alarm,
    "AWS::CloudWatch::CompositeAlarm": _put_composite_alarm,
    "AWS::CloudWatch::Dashboard": _put_dashboard,
    "AWS::Events::ApiDestination": _create_destination,
    "AWS::Events::Connection": _connect,
    "AWS::Events::Rule": _put_rule,
    "AWS::IAM::Role": _create_role,
    "AWS::Lambda::Function": _create_function,
    "AWS::Logs::LogGroup": _create_log_group,
    "AWS::S3::Bucket": _create_bucket,
    "AWS::S3::BucketPolicy": _put_bucket_policy,
    "AWS::SNS::Subscription": _subscribe,
    "AWS::SNS::Topic": _create_topic,
    "AWS::SNS::TopicPolicy": _put_topic_policy,
    "AWS::SQS::Queue": _create_queue,
    "AWS::Scheduler::Schedule": _create_schedule,
}
"""What makes a resource of each type on moto. The other types are configuration that the embedded cloud reads."""


def _empty_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("README", "the embedded cloud runs the code of the checkout")
    return packed.getvalue()

"""What lint can't see in template.yaml, and proof that what it can see is seen."""

import inspect
import json
import re
from copy import deepcopy
from importlib import import_module
from typing import Any

import boto3
import pytest
from cfnlint import ManualArgs  # type: ignore[import-untyped]
from cfnlint.api import lint  # type: ignore[import-untyped]

from cloud.template import Stack, TemplateError, read_template, resolve, translate
from distributor.invalidator.messages import LONGEST_DELAY
from distributor.settings import DistributorSettings, InvalidatorSettings
from fetcher.settings import FetcherSettings
from shared.settings import Settings

Template = dict[str, Any]

SETTINGS: dict[str, type[Settings]] = {
    "Fetcher": FetcherSettings,
    "Distributor": DistributorSettings,
    "Sweeper": DistributorSettings,
    "Invalidator": InvalidatorSettings,
}
# Variables that every function gets, whether it reads them or not.
GLOBAL = {"POWERTOOLS_METRICS_NAMESPACE", "SOURCE_BUCKET", "SOURCE_PREFIX"}
LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
ACCOUNT, REGION = "123456789012", "us-east-1"
SOURCE = "arn:aws:s3:::my-source"
QUEUE, GROUP = f"arn:aws:sqs:{REGION}:{ACCOUNT}:feed", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/feed"
PARAMETERS = "arn:aws:ssm:*:*:parameter/aws/service/global-infrastructure"
DISTRIBUTION = f"arn:aws:cloudfront::{ACCOUNT}:distribution"
COPIES_ONLY = {"StringLike": {"s3:x-amz-copy-source": "my-source/aws-data/*"}}

POLICIES: dict[str, list[tuple[str | list[str], str | list[str], Any]]] = {
    "FetcherRole": [
        (["ssm:GetParameters", "ssm:GetParametersByPath"], [PARAMETERS, f"{PARAMETERS}/*"], None),
        ("s3:GetObject", f"{SOURCE}/aws-data/*", None),
        ("s3:PutObject", f"{SOURCE}/aws-data/*", None),
        ("s3:ListBucket", SOURCE, None),
        ("sqs:SendMessage", f"{QUEUE}-FetchFailures", None),
        (LOGS, f"{GROUP}-fetcher:*", None),
        (TRACES, "*", None),
    ],
    "FetchScheduleRole": [
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:feed-fetcher", None),
        ("sqs:SendMessage", f"{QUEUE}-FetchFailures", None),
    ],
    "DistributorRole": [
        ("s3:GetObject", f"{SOURCE}/aws-data/*", None),
        ("s3:ListBucket", SOURCE, None),
        ("s3:PutObject", "arn:aws:s3:::my-website/data/*", COPIES_ONLY),
        ("s3:PutObject", "arn:aws:s3:::my-mirror/x/y/*", COPIES_ONLY),
        ("sqs:SendMessage", f"{QUEUE}-DistributionFailures", None),
        ("sqs:SendMessage", f"{QUEUE}-Invalidations", None),
        (LOGS, f"{GROUP}-distributor:*", None),
        (TRACES, "*", None),
    ],
    "InvalidatorRole": [
        ("cloudfront:CreateInvalidation", [f"{DISTRIBUTION}/E1EXAMPLE", f"{DISTRIBUTION}/E2EXAMPLE"], None),
        (
            ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            f"{QUEUE}-Invalidations",
            None,
        ),
        ("sqs:SendMessage", f"{QUEUE}-InvalidationFailures", None),
        (LOGS, f"{GROUP}-invalidator:*", None),
        (TRACES, "*", None),
    ],
    "SweepScheduleRole": [
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:feed-sweeper", None),
        ("sqs:SendMessage", f"{QUEUE}-DistributionFailures", None),
    ],
    "SweeperRole": [
        ("s3:GetObject", f"{SOURCE}/aws-data/*", None),
        ("s3:ListBucket", [SOURCE, "arn:aws:s3:::my-website", "arn:aws:s3:::my-mirror"], None),
        ("s3:PutObject", "arn:aws:s3:::my-website/data/*", COPIES_ONLY),
        ("s3:PutObject", "arn:aws:s3:::my-mirror/x/y/*", COPIES_ONLY),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:feed-sweeper", None),
        ("sqs:SendMessage", f"{QUEUE}-DistributionFailures", None),
        ("sqs:SendMessage", f"{QUEUE}-Invalidations", None),
        (LOGS, f"{GROUP}-sweeper:*", None),
        (TRACES, "*", None),
    ],
}


def stack_with(template: Template | None = None, **parameters: str) -> Stack:
    given = {"S3BucketName": "my-source", "DistributionBucketName": "my-website", **parameters}
    return resolve(translate(template or read_template()), "feed", given)


def whole_stack(**parameters: str) -> Stack:
    """The stack with everything that can be switched on."""
    on: Any = {
        "ReplicaBucketName": "my-mirror",
        "ReplicaKeyPrefix": "x/y",
        "CloudFrontDistributionId": "E1EXAMPLE",
        "SecondCloudFrontDistributionId": "E2EXAMPLE",
    }
    return stack_with(**on | parameters)


def problems(template: Template) -> list[str]:
    """Everything that is wrong with a template, as far as can be known without AWS."""
    try:
        translated = translate(template)
        given = {"S3BucketName": "my-source", "DistributionBucketName": "my-website", "CloudFrontDistributionId": "E1"}
        stack = resolve(translated, "feed", given)
    except TemplateError as error:
        return [str(error)]
    found = [
        problem for check in (odd_handlers, odd_variables, odd_schedules, odd_event_names) for problem in check(stack)
    ]
    if found:  # lint takes seconds
        return found
    # For one Region: for all of them, as lint_all does it, takes fifty times as long.
    linted = lint(json.dumps(translated), config=ManualArgs(regions=[REGION]))
    return [f"{one.rule.id} {one.message}" for one in linted if one.rule.severity != "informational"]


def odd_handlers(stack: Stack) -> list[str]:
    found = []
    for function in stack.of_type("AWS::Lambda::Function"):
        module, _, name = function.properties["Handler"].rpartition(".")
        try:
            handler = getattr(import_module(module), name)
            inspect.signature(handler).bind({}, None)
        except (ImportError, AttributeError, TypeError) as error:
            found.append(f"{function.logical_id}: handler: {error}")
    return found


def odd_variables(stack: Stack) -> list[str]:
    found = []
    for function in stack.of_type("AWS::Lambda::Function"):
        set_ = set(function.properties["Environment"]["Variables"])
        read = {name.upper() for name in SETTINGS[function.logical_id].model_fields}
        if set_ - GLOBAL != read - GLOBAL:
            found.append(f"{function.logical_id}: variables set but not read, or the reverse: {sorted(set_ ^ read)}")
    return found


CRON_FIELDS = (
    ("minutes", range(60), ""),
    ("hours", range(24), ""),
    ("day of month", range(1, 32), "LW?"),
    ("month", range(1, 13), ""),
    ("day of week", range(1, 8), "L?#"),
    ("year", range(1970, 2200), ""),
)
NAMES = re.compile(r"\b(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)\b")


def odd_schedules(stack: Stack) -> list[str]:
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    found = []
    for schedule in stack.of_type("AWS::Scheduler::Schedule"):
        expression = schedule.properties["ScheduleExpression"]
        if re.fullmatch(r"rate\((1 (minute|hour|day)|[1-9]\d* (minutes|hours|days))\)", expression):
            continue
        cron = re.fullmatch(r"cron\((.*)\)", expression)
        fields = cron[1].split() if cron else []
        if len(fields) != len(CRON_FIELDS) or (fields[2] == "?") == (fields[4] == "?"):
            found.append(f"{schedule.logical_id}: not six cron fields with ? for one of the days: {expression}")
            continue
        for field, (name, numbers, signs) in zip(fields, CRON_FIELDS, strict=True):
            values = re.findall(r"\d+", NAMES.sub("1", field).partition("/")[0])
            known = re.fullmatch(rf"[\d*,/{re.escape(signs)}-]+", NAMES.sub("1", field))
            if not known or any(int(value) not in numbers for value in values):
                found.append(f"{schedule.logical_id}: {name}: {field}")
    return found


def odd_event_names(stack: Stack) -> list[str]:
    shape: Any = boto3.client("s3").meta.service_model.shape_for("Event")
    known = set(shape.enum)
    return [
        f"{bucket.logical_id}: unknown event {one['Event']}"
        for bucket in stack.of_type("AWS::S3::Bucket")
        for one in bucket.properties.get("NotificationConfiguration", {}).get("LambdaConfigurations", [])
        if one["Event"] not in known
    ]


def test_the_template_has_no_problem() -> None:
    assert problems(read_template()) == []


ACTION = "Properties.Policies.0.PolicyDocument.Statement.0.Action"
EXPRESSION = "Properties.ScheduleExpression"
HANDLER = "Properties.Handler"
VARIABLES = "Properties.Environment.Variables"

MUTATIONS: list[tuple[str, str, object, str]] = [
    ("Distributor", f"{VARIABLES}.SOURCE_BUCKET", {"Ref": "SourceBucket"}, "E3004 Circular"),
    ("Fetcher", "Properties.Runtime", "python9.9", "python9.9"),
    ("FetcherRole", ACTION, ["ssm:GetParametersByPaths"], "getparametersbypaths"),
    ("Fetcher", HANDLER, "fetcher.handler.main", "no attribute 'main'"),
    ("Fetcher", HANDLER, "fetcher.main.lambda_handler", "No module named 'fetcher.main'"),
    ("Distributor", HANDLER, "distributor.handler.dependencies", "Distributor: handler"),
    ("FetchSchedule", EXPRESSION, "cron(0 25 * * ? *)", "hours: 25"),
    ("FetchSchedule", EXPRESSION, "cron(x 2 * * ? *)", "minutes: x"),
    ("FetchSchedule", EXPRESSION, "cron(0 2 * * *)", "six cron fields"),
    ("FetchSchedule", EXPRESSION, "cron(0 2 * * * *)", "six cron fields"),
    ("FetchSchedule", EXPRESSION, "rate(0 days)", "six cron fields"),
    ("Distributor", f"{VARIABLES}.CACHECONTROL", "x", "CACHECONTROL"),
    ("Distributor", f"{VARIABLES}.DISTRIBUTION_BUCKET", None, "DISTRIBUTION_BUCKET"),
    ("Fetcher", f"{VARIABLES}.SSM_REQUESTS_PER_SECOND", "9", "W2001"),
    ("SourceBucketPolicy", "Properties.Bucket", {"Ref": "SourceBuckets"}, "SourceBuckets"),
    ("FetchFailures", "Properties.MessageRetention", 5, "MessageRetention"),
    ("FetchFailures", "Properties.MessageRetentionPeriod", 1209601, "1209601"),
    ("Fetcher", "Properties.Timeout", 901, "901"),
    ("Invalidator", "Properties.Timeout", 721, "isibility"),
    ("Invalidator", HANDLER, "distributor.invalidator.handler.decode", "Invalidator: handler"),
    ("Invalidator", f"{VARIABLES}.MAX_INVALIDATION_PATHS", None, "MAX_INVALIDATION_PATHS"),
    ("Distributor", f"{VARIABLES}.INVALIDATION_QUEUE_URL", None, "INVALIDATION_QUEUE_URL"),
    ("InvalidatorRole", ACTION, "cloudfront:CreateInvalidations", "createinvalidations"),
    ("InvalidatorReadsInvalidations", "Properties.BatchSize", 10001, "10001"),
    ("InvalidatorReadsInvalidations", "Properties.ScalingConfig.MaximumConcurrency", 1, "less than the minimum"),
    ("InvalidatorReadsInvalidations", "Properties.FunctionResponseTypes", ["ReportFailures"], "ReportFailures"),
]


@pytest.mark.parametrize(("name", "path", "value", "words"), MUTATIONS)
def test_a_broken_template_is_a_problem_that_is_named(name: str, path: str, value: object, words: str) -> None:
    template = deepcopy(read_template())
    place = template["Resources"][name]
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value

    assert words in "\n".join(problems(template))


def test_an_unknown_event_name_is_a_problem() -> None:
    template = deepcopy(read_template())
    notification = template["Resources"]["SourceBucket"]["Properties"]["NotificationConfiguration"]["Fn::If"][1]
    notification["LambdaConfigurations"][0]["Event"] = "s3:ObjectMade:*"

    assert any("s3:ObjectMade:*" in problem for problem in problems(template))


@pytest.mark.parametrize(
    "expression",
    ["rate(1 day)", "rate(12 hours)", "cron(0/15 8-17 ? * MON-FRI *)", "cron(0 2 L * ? 2026)", "cron(0 2 ? JAN 6#3 *)"],
)
def test_schedules_that_scheduler_takes_are_no_problem(expression: str) -> None:
    assert odd_schedules(stack_with(ScheduleExpression=expression)) == []


@pytest.mark.parametrize("role", POLICIES)
def test_a_role_may_do_exactly_what_is_listed(role: str) -> None:
    stack = whole_stack()
    (found,) = [one for one in stack.of_type("AWS::IAM::Role") if one.logical_id == role]

    assert [
        (statement["Action"], statement["Resource"], statement.get("Condition"))
        for policy in found.properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ] == POLICIES[role]
    assert not found.properties.get("ManagedPolicyArns")


def test_there_is_no_role_beside_those_listed() -> None:
    assert {role.logical_id for role in whole_stack().of_type("AWS::IAM::Role")} == set(POLICIES)


def test_without_a_replica_there_is_no_right_on_one() -> None:
    assert "CopyToReplica" not in json.dumps([role.properties for role in stack_with().of_type("AWS::IAM::Role")])


def test_without_a_website_nothing_of_the_distributor_is_created() -> None:
    stack = stack_with(DistributionBucketName="", CloudFrontDistributionId="E1EXAMPLE")

    assert not [one.logical_id for one in stack.resources if re.search("Distribut|Sweep|Invalid", one.logical_id)]
    assert not [name for name in stack.outputs if re.search("Distribut|Published|Sweep|Invalid|Website", name)]
    (bucket,) = stack.of_type("AWS::S3::Bucket")
    assert "NotificationConfiguration" not in bucket.properties


def test_two_stacks_in_one_account_share_no_name() -> None:
    names = [{one.name for one in resolve(translate(read_template()), stack, {}).resources} for stack in ("one", "two")]

    assert not names[0] & names[1]


def test_the_source_bucket_is_private_versioned_encrypted_and_outlives_the_stack() -> None:
    written = read_template()["Resources"]["SourceBucket"]
    (bucket,) = stack_with(HistoryRetentionDays="7").of_type("AWS::S3::Bucket")

    properties = bucket.properties
    assert (written["DeletionPolicy"], written["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "AES256" in json.dumps(properties["BucketEncryption"])
    snapshots, markers, versions = properties["LifecycleConfiguration"]["Rules"]
    assert (snapshots["Prefix"], snapshots["ExpirationInDays"]) == ("aws-data/history/", "7")
    assert snapshots["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert markers["ExpiredObjectDeleteMarker"] is True
    assert versions["NoncurrentVersionExpiration"] == {"NoncurrentDays": "7"}
    assert versions["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_prefixes_come_from_the_parameters_everywhere() -> None:
    stack = stack_with(SourceKeyPrefix="in/put", DistributionKeyPrefix="out")

    text = json.dumps([one.properties for one in stack.resources])
    assert "aws-data" not in text
    assert '"my-source/in/put/*"' in text
    assert "arn:aws:s3:::my-website/out/*" in text


def test_functions_run_on_arm_with_python_3_13_json_logs_and_tracing() -> None:
    for function in whole_stack().of_type("AWS::Lambda::Function"):
        properties = function.properties
        assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
        assert properties["LoggingConfig"]["LogFormat"] == "JSON"
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert {"Key": "project", "Value": "aws-services-feed"} in properties["Tags"]


def test_functions_have_the_time_that_their_work_needs() -> None:
    timeouts = {one.logical_id: one.properties["Timeout"] for one in whole_stack().of_type("AWS::Lambda::Function")}

    assert timeouts == {"Fetcher": 300, "Distributor": 120, "Sweeper": 900, "Invalidator": 120}


def test_the_log_level_is_the_parameters() -> None:
    for function in whole_stack(LogLevel="DEBUG").of_type("AWS::Lambda::Function"):
        assert function.properties["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"


def test_every_stack_has_a_metrics_namespace_of_its_own() -> None:
    for function in whole_stack().of_type("AWS::Lambda::Function"):
        assert function.properties["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == "AwsServicesFeed/feed"


def test_the_permission_is_made_before_the_bucket_that_needs_it() -> None:
    bucket = translate(read_template())["Resources"]["SourceBucket"]

    assert {"Ref": "SourceBucketMayInvokeDistributor"} in bucket["Metadata"]["NotificationNeeds"]["Fn::If"]


def test_every_new_json_object_below_the_prefix_is_notified_of_and_nothing_else() -> None:
    (bucket,) = stack_with().of_type("AWS::S3::Bucket")

    (one,) = bucket.properties["NotificationConfiguration"]["LambdaConfigurations"]
    assert one["Event"] == "s3:ObjectCreated:*"
    rules = {rule["Name"]: rule["Value"] for rule in one["Filter"]["S3Key"]["Rules"]}
    assert rules == {"prefix": "aws-data/", "suffix": ".json"}


def test_failures_are_kept_for_fourteen_days() -> None:
    queues = [queue for queue in whole_stack().of_type("AWS::SQS::Queue") if queue.logical_id.endswith("Failures")]

    assert [queue.logical_id for queue in queues] == ["FetchFailures", "DistributionFailures", "InvalidationFailures"]
    for queue in queues:
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_without_a_distribution_nothing_of_invalidations_exists() -> None:
    stack = stack_with(SecondCloudFrontDistributionId="E2EXAMPLE", CloudFrontOriginPath="/site")

    found = [(one.logical_id, one.properties) for one in stack.resources if not one.logical_id.endswith("Permission")]
    variables = [
        one.properties["Environment"]["Variables"].pop("INVALIDATION_QUEUE_URL", "")
        for one in stack.of_type("AWS::Lambda::Function")
    ]
    assert set(variables) == {""}
    assert not re.search("(?i)invalidat|cloudfront|E2EXAMPLE", json.dumps([found, stack.outputs]))


def test_one_distribution_is_one_right_and_one_id() -> None:
    stack = stack_with(CloudFrontDistributionId="E1EXAMPLE", CloudFrontOriginPath="/site", MaxInvalidationPaths="7")

    (invalidator,) = [one for one in stack.of_type("AWS::Lambda::Function") if one.logical_id == "Invalidator"]
    variables = invalidator.properties["Environment"]["Variables"]
    assert variables["CLOUDFRONT_DISTRIBUTION_ID"] == "E1EXAMPLE"
    assert (variables["DISTRIBUTION_ORIGIN_PATH"], variables["MAX_INVALIDATION_PATHS"]) == ("/site", "7")
    (role,) = [one for one in stack.of_type("AWS::IAM::Role") if one.logical_id == "InvalidatorRole"]
    assert role.properties["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] == [f"{DISTRIBUTION}/E1EXAMPLE"]


def test_the_invalidator_is_handed_large_batches_by_few_and_tells_which_messages_must_come_again() -> None:
    stack = whole_stack()

    (mapping,) = stack.of_type("AWS::Lambda::EventSourceMapping")
    assert mapping.properties == {
        "EventSourceArn": f"{QUEUE}-Invalidations",
        "FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:feed-invalidator",
        "BatchSize": 10000,
        "MaximumBatchingWindowInSeconds": 20,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }


def test_a_message_that_is_put_off_again_and_again_is_with_the_failures_before_it_expires() -> None:
    stack = whole_stack()
    (queue,) = [one for one in stack.of_type("AWS::SQS::Queue") if one.logical_id == "Invalidations"]
    (function,) = [one for one in stack.of_type("AWS::Lambda::Function") if one.logical_id == "Invalidator"]
    (mapping,) = stack.of_type("AWS::Lambda::EventSourceMapping")

    redrive = queue.properties["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == f"{QUEUE}-InvalidationFailures"
    assert queue.properties["VisibilityTimeout"] >= 6 * function.properties["Timeout"]
    between = max(LONGEST_DELAY, queue.properties["VisibilityTimeout"])
    longest = redrive["maxReceiveCount"] * (between + mapping.properties["MaximumBatchingWindowInSeconds"])
    assert 2 * 24 * 3600 < longest < queue.properties["MessageRetentionPeriod"]


@pytest.mark.parametrize(
    ("name", "expression", "queue"),
    [
        ("FetchSchedule", "cron(0 2 * * ? *)", f"{QUEUE}-FetchFailures"),
        ("SweepSchedule", "cron(0 3 * * ? *)", f"{QUEUE}-DistributionFailures"),
    ],
)
def test_schedules_are_daily_with_retries_and_a_dead_letter_queue(name: str, expression: str, queue: str) -> None:
    (schedule,) = [one for one in stack_with().of_type("AWS::Scheduler::Schedule") if one.logical_id == name]

    properties = schedule.properties
    assert properties["ScheduleExpression"] == expression
    assert properties["ScheduleExpressionTimezone"] == "UTC"
    assert properties["Target"]["Input"] == "{}"
    assert properties["Target"]["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert properties["Target"]["DeadLetterConfig"]["Arn"] == queue


def test_only_tls_reaches_the_source_bucket() -> None:
    (policy,) = stack_with().of_type("AWS::S3::BucketPolicy")

    assert policy.properties["PolicyDocument"]["Statement"] == [
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [SOURCE, f"{SOURCE}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]

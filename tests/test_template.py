"""What lint can't see in template.yaml, and proof that what it can see is seen."""

import inspect
import json
import re
import shlex
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import Any

import boto3
import pytest
from cfnlint import ManualArgs  # type: ignore[import-untyped]
from cfnlint.api import lint  # type: ignore[import-untyped]

from cloud.template import Resource, Stack, TemplateError, read_template, resolve, translate
from distributor.event_bus import SOURCE as SOURCE_OF_EVENTS
from distributor.event_bus import ReleasePublished
from distributor.invalidator.messages import LONGEST_DELAY
from distributor.settings import DistributorSettings, InvalidatorSettings
from fetcher.settings import CATALOGUE_REGIONS, AnnouncementsSettings, FetcherSettings
from shared.settings import Settings, read_settings
from tests.changes import Template, change

SETTINGS: dict[str, type[Settings]] = {
    "Fetcher": FetcherSettings,
    "Announcements": AnnouncementsSettings,
    "Distributor": DistributorSettings,
    "Sweeper": DistributorSettings,
    "Invalidator": InvalidatorSettings,
}
# Variables that every function gets, from Lambda or the template, whether it reads them or not.
GLOBAL = {
    *("AWS_REGION", "MALLOC_ARENA_MAX", "POWERTOOLS_LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE"),
    *("SOURCE_BUCKET", "SOURCE_PREFIX"),
}
LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
ACCOUNT, REGION = "123456789012", "us-east-1"
SOURCE = "arn:aws:s3:::my-source"
QUEUE, GROUP = f"arn:aws:sqs:{REGION}:{ACCOUNT}:feed", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/feed"
PARAMETERS = "arn:aws:ssm:*:*:parameter/aws/service/global-infrastructure"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/my-bus"
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
    "AnnouncementsRole": [
        (["s3:GetObject", "s3:PutObject"], f"{SOURCE}/aws-data/aws-whats-new.json", None),
        ("s3:ListBucket", SOURCE, None),
        (LOGS, f"{GROUP}-announcements:*", None),
        (TRACES, "*", None),
    ],
    "AnnouncementsScheduleRole": [
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:feed-announcements", None),
    ],
    "DistributorRole": [
        ("s3:GetObject", f"{SOURCE}/aws-data/*", None),
        ("s3:ListBucket", SOURCE, None),
        ("s3:PutObject", "arn:aws:s3:::my-website/data/*", COPIES_ONLY),
        ("s3:PutObject", "arn:aws:s3:::my-mirror/x/y/*", COPIES_ONLY),
        ("sqs:SendMessage", f"{QUEUE}-DistributionFailures", None),
        ("sqs:SendMessage", f"{QUEUE}-Invalidations", None),
        ("events:PutEvents", BUS, None),
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
        ("s3:ListBucket", SOURCE, None),
        ("s3:ListBucket", "arn:aws:s3:::my-website", {"StringLike": {"s3:prefix": "data/*"}}),
        ("s3:ListBucket", "arn:aws:s3:::my-mirror", {"StringLike": {"s3:prefix": "x/y/*"}}),
        ("s3:GetObject", ["arn:aws:s3:::my-website/data/*", "arn:aws:s3:::my-mirror/x/y/*"], None),
        ("s3:PutObject", "arn:aws:s3:::my-website/data/*", COPIES_ONLY),
        ("s3:PutObject", "arn:aws:s3:::my-mirror/x/y/*", COPIES_ONLY),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:feed-sweeper", None),
        ("sqs:SendMessage", f"{QUEUE}-DistributionFailures", None),
        ("sqs:SendMessage", f"{QUEUE}-Invalidations", None),
        ("events:PutEvents", BUS, None),
        (LOGS, f"{GROUP}-sweeper:*", None),
        (TRACES, "*", None),
    ],
    "WebhookRole": [
        ("events:InvokeApiDestination", f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/feed-Webhook", None)
    ],
}


@cache
def translated() -> Template:
    return translate(read_template())


def stack_with(**parameters: str) -> Stack:
    names = {"S3BucketName": "my-source", "DistributionBucketName": "my-website"}
    return resolve(translated(), "feed", names | parameters)


ON = {
    "ReplicaBucketName": "my-mirror",
    "ReplicaKeyPrefix": "x/y",
    "SiteUrl": "https://your.site/data/",
    "CloudFrontDistributionId": "E1EXAMPLE",
    "SecondCloudFrontDistributionId": "E2EXAMPLE",
    "EventBusName": "my-bus",
    "WebhookUrl": "https://hooks.example/build",
    "WebhookSecret": "feed/hook",
    "RolePath": "/feed/",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
}


def whole_stack(**parameters: str) -> Stack:
    """The stack with everything that can be switched on."""
    values: Any = ON | parameters
    return stack_with(**values)


def resource_of(stack: Stack, logical_id: str) -> Resource:
    return next(resource for resource in stack.resources if resource.logical_id == logical_id)


def problems(template: Template) -> list[str]:
    """What is wrong with a template beyond what lint knows."""
    names = {"S3BucketName": "my-source", "DistributionBucketName": "my-website", "CloudFrontDistributionId": "E1"}
    try:
        stack = resolve(translate(template), "feed", names)
    except TemplateError as error:
        return [str(error)]
    checks = (odd_handlers, odd_variables, odd_schedules, odd_event_names)
    return [problem for check in checks for problem in check(stack)]


def lint_problems(template: Template) -> list[str]:
    # For one Region: for all of them, as lint_all does it, takes fifty times as long.
    matches = lint(json.dumps(translate(template)), config=ManualArgs(regions=[REGION]))
    return [f"{match.rule.id} {match.message}" for match in matches if match.rule.severity != "informational"]


def odd_handlers(stack: Stack) -> list[str]:
    odd = []
    for function in stack.of_type("AWS::Lambda::Function"):
        module, _, name = function.properties["Handler"].rpartition(".")
        try:
            handler = getattr(import_module(module), name)
            inspect.signature(handler).bind({}, None)
        except (ImportError, AttributeError, TypeError) as error:
            odd.append(f"{function.logical_id}: handler: {error}")
    return odd


def odd_variables(stack: Stack) -> list[str]:
    odd = []
    for function in stack.of_type("AWS::Lambda::Function"):
        variables = set(function.properties["Environment"]["Variables"])
        read = {field.name.upper() for field in fields(SETTINGS[function.logical_id])}
        if variables - GLOBAL != read - GLOBAL:
            odd.append(f"{function.logical_id}: variables set but not read, or the reverse: {sorted(variables ^ read)}")
    return odd


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
    odd = []
    for schedule in stack.of_type("AWS::Scheduler::Schedule"):
        expression = schedule.properties["ScheduleExpression"]
        if re.fullmatch(r"rate\((1 (minute|hour|day)|[1-9]\d* (minutes|hours|days))\)", expression):
            continue
        cron = re.fullmatch(r"cron\((.*)\)", expression)
        fields = cron[1].split() if cron else []
        if len(fields) != len(CRON_FIELDS) or (fields[2] == "?") == (fields[4] == "?"):
            odd.append(f"{schedule.logical_id}: not six cron fields with ? for one of the days: {expression}")
            continue
        for field, (name, numbers, signs) in zip(fields, CRON_FIELDS, strict=True):
            values = re.findall(r"\d+", NAMES.sub("1", field).partition("/")[0])
            known = re.fullmatch(rf"[\d*,/{re.escape(signs)}-]+", NAMES.sub("1", field))
            if not known or any(int(value) not in numbers for value in values):
                odd.append(f"{schedule.logical_id}: {name}: {field}")
    return odd


def odd_event_names(stack: Stack) -> list[str]:
    shape: Any = boto3.client("s3").meta.service_model.shape_for("Event")
    known = set(shape.enum)
    return [
        f"{bucket.logical_id}: unknown event {configuration['Event']}"
        for bucket in stack.of_type("AWS::S3::Bucket")
        for configuration in bucket.properties.get("NotificationConfiguration", {}).get("LambdaConfigurations", [])
        if configuration["Event"] not in known
    ]


def test_the_template_has_no_problem() -> None:
    assert problems(read_template()) == []
    assert lint_problems(read_template()) == []


ACTION = "Properties.Policies.0.PolicyDocument.Statement.0.Action"
EVENT = "Properties.NotificationConfiguration.Fn::If.1.LambdaConfigurations.0.Event"
EXPRESSION = "Properties.ScheduleExpression"
HANDLER = "Properties.Handler"
VARIABLES = "Properties.Environment.Variables"

Mutation = tuple[str, str, object, str]
MUTATIONS: list[Mutation] = [
    ("Fetcher", HANDLER, "fetcher.handler.main", "no attribute 'main'"),
    ("Fetcher", HANDLER, "fetcher.main.lambda_handler", "No module named 'fetcher.main'"),
    ("Distributor", HANDLER, "distributor.handler.dependencies", "Distributor: handler"),
    ("Invalidator", HANDLER, "distributor.invalidator.handler.decode_batch", "Invalidator: handler"),
    ("FetchSchedule", EXPRESSION, "cron(0 25 * * ? *)", "hours: 25"),
    ("FetchSchedule", EXPRESSION, "cron(x 2 * * ? *)", "minutes: x"),
    ("FetchSchedule", EXPRESSION, "cron(0 2 * * *)", "six cron fields"),
    ("FetchSchedule", EXPRESSION, "cron(0 2 * * * *)", "six cron fields"),
    ("FetchSchedule", EXPRESSION, "rate(0 days)", "six cron fields"),
    ("Distributor", f"{VARIABLES}.CACHECONTROL", "x", "CACHECONTROL"),
    ("Distributor", f"{VARIABLES}.DISTRIBUTION_BUCKET", None, "DISTRIBUTION_BUCKET"),
    ("Distributor", f"{VARIABLES}.INVALIDATION_QUEUE_URL", None, "INVALIDATION_QUEUE_URL"),
    ("Invalidator", f"{VARIABLES}.MAX_INVALIDATION_PATHS", None, "MAX_INVALIDATION_PATHS"),
    ("SourceBucketPolicy", "Properties.Bucket", {"Ref": "SourceBuckets"}, "SourceBuckets"),
    ("SourceBucket", EVENT, "s3:ObjectMade:*", "s3:ObjectMade:*"),
]


@pytest.mark.parametrize(("resource", "path", "value", "words"), MUTATIONS)
def test_a_broken_template_is_a_problem_that_is_named(resource: str, path: str, value: object, words: str) -> None:
    template = read_template()
    change(template, resource, path, value)

    assert words in "\n".join(problems(template))


# One run of lint takes seconds, so these are made at once: lint looks at each property by itself.
LINTED: list[Mutation] = [
    ("Distributor", f"{VARIABLES}.SOURCE_BUCKET", {"Ref": "SourceBucket"}, "E3004 Circular"),
    ("Fetcher", "Properties.Runtime", "python9.9", "'python9.9' is not one of"),
    ("FetcherRole", ACTION, ["ssm:GetParametersByPaths"], "'getparametersbypaths' is not one of"),
    ("Fetcher", f"{VARIABLES}.SSM_REQUESTS_PER_SECOND", "9", "Parameter SsmRequestsPerSecond not used"),
    ("FetchFailures", "Properties.MessageRetention", 5, "'MessageRetention' was unexpected"),
    ("FetchFailures", "Properties.MessageRetentionPeriod", 1209601, "1209601 is greater than the maximum"),
    ("Fetcher", "Properties.Timeout", 901, "901 is greater than the maximum"),
    ("Invalidator", "Properties.Timeout", 721, "less than Function timeout (721)"),
    ("InvalidatorRole", ACTION, "cloudfront:CreateInvalidations", "'createinvalidations' is not one of"),
    ("InvalidatorReadsInvalidations", "Properties.BatchSize", 10001, "10001 is greater than the maximum"),
    (
        "InvalidatorReadsInvalidations",
        "Properties.ScalingConfig.MaximumConcurrency",
        1,
        "1 is less than the minimum of 2",
    ),
    (
        "InvalidatorReadsInvalidations",
        "Properties.FunctionResponseTypes",
        ["ReportFailures"],
        "'ReportFailures' is not one of",
    ),
]


@pytest.fixture(scope="module")
def linted() -> str:
    template = read_template()
    for resource, path, value, _ in LINTED:
        change(template, resource, path, value)
    return "\n".join(lint_problems(template))


@pytest.mark.parametrize("words", [words for *_, words in LINTED])
def test_lint_names_each_mistake_of_a_broken_template(words: str, linted: str) -> None:
    assert words in linted


@pytest.mark.parametrize(
    "expression",
    ["rate(1 day)", "rate(12 hours)", "cron(0/15 8-17 ? * MON-FRI *)", "cron(0 2 L * ? 2026)", "cron(0 2 ? JAN 6#3 *)"],
)
def test_schedules_that_scheduler_takes_are_no_problem(expression: str) -> None:
    assert odd_schedules(stack_with(ScheduleExpression=expression)) == []


@pytest.mark.parametrize("role", POLICIES)
def test_a_role_may_do_exactly_what_is_listed(role: str) -> None:
    properties = resource_of(whole_stack(), role).properties

    assert [
        (statement["Action"], statement["Resource"], statement.get("Condition"))
        for policy in properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ] == POLICIES[role]
    assert not properties.get("ManagedPolicyArns")


@pytest.mark.parametrize("role", ["FetchScheduleRole", "SweepScheduleRole"])
def test_only_schedules_of_the_group_may_assume_a_schedules_role(role: str) -> None:
    (statement,) = resource_of(whole_stack(), role).properties["AssumeRolePolicyDocument"]["Statement"]

    group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": group}}
    for schedule in whole_stack().of_type("AWS::Scheduler::Schedule"):
        assert "GroupName" not in schedule.properties  # so it is in the group `default`


def test_every_role_has_the_path_and_the_boundary_that_are_given_and_none_by_default() -> None:
    roles = whole_stack().of_type("AWS::IAM::Role")

    assert [(role.properties["Path"], role.properties["PermissionsBoundary"]) for role in roles] == [
        (ON["RolePath"], ON["PermissionsBoundaryArn"])
    ] * len(POLICIES)
    assert (
        resource_of(whole_stack(), "Fetcher").properties["Role"] == f"arn:aws:iam::{ACCOUNT}:role/feed/feed-FetcherRole"
    )
    for role in stack_with().of_type("AWS::IAM::Role"):
        assert not {"Path", "PermissionsBoundary"} & set(role.properties)
    for odd in ({"RolePath": "feed"}, {"RolePath": "/feed"}, {"PermissionsBoundaryArn": "boundary"}):
        with pytest.raises(TemplateError, match=next(iter(odd))):
            whole_stack(**odd)


def test_there_is_no_role_beside_those_listed() -> None:
    assert {role.logical_id for role in whole_stack().of_type("AWS::IAM::Role")} == set(POLICIES)


def test_every_place_that_the_functions_are_given_is_one_where_both_roles_may_put() -> None:
    stack = whole_stack()
    for function, role in (("Distributor", "DistributorRole"), ("Sweeper", "SweeperRole")):
        settings = read_settings(
            DistributorSettings, resource_of(stack, function).properties["Environment"]["Variables"]
        )
        (policy,) = resource_of(stack, role).properties["Policies"]
        statements = policy["PolicyDocument"]["Statement"]

        assert {place["Resource"] for place in statements if place["Action"] == "s3:PutObject"} == {
            f"arn:aws:s3:::{place.bucket}/{place.prefix}/*" for place in settings.destinations
        }


@pytest.mark.parametrize(
    ("parameters", "releases"),
    [({}, "true"), ({"Releases": "false"}, "false"), ({"FetchEnabled": "false"}, "false")],
)
def test_releases_are_made_where_a_fetcher_writes_manifests_unless_they_are_off(
    parameters: dict[str, str], releases: str
) -> None:
    stack = stack_with(**parameters)

    for function in ("Distributor", "Sweeper", *["Fetcher"] * ("FetchEnabled" not in parameters)):
        assert resource_of(stack, function).properties["Environment"]["Variables"]["RELEASES"] == releases


@pytest.mark.parametrize(("state", "expression"), [("ENABLED", "rate(6 hours)"), ("DISABLED", "")])
def test_the_fetcher_knows_its_schedule_unless_that_is_paused(state: str, expression: str) -> None:
    stack = stack_with(ScheduleExpression="rate(6 hours)", ScheduleState=state)

    variables = resource_of(stack, "Fetcher").properties["Environment"]["Variables"]
    assert variables["SCHEDULE_EXPRESSION"] == expression


def test_whatever_an_empty_parameter_switches_off_is_switched_on_in_the_whole_stack() -> None:
    template = read_template()
    switches = {
        name
        for name, body in template["Parameters"].items()
        if body["Default"] == "" and f'{{"Ref": "{name}"}}' in json.dumps(template["Conditions"])
    }

    assert switches - {"AlarmEmail", "AlarmTopicKmsKeyId", "S3BucketName"} <= {"DistributionBucketName", *ON}


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        (
            {"ReplicaBucketName": "my-mirror", "DistributionBucketName": ""},
            "ReplicaNeedsWebsite: ReplicaBucketName has no",
        ),
        ({"SecondCloudFrontDistributionId": "E2"}, "SecondDistributionNeedsFirst: Second"),
        ({"FetchEnabled": "false", "DistributionBucketName": ""}, "NothingFetchedNeedsWebsite: A stack with Fetch"),
        ({"WebhookUrl": "https://x", "WebhookSecret": "x"}, "WebhookNeedsBusAndSecret: WebhookUrl has no use"),
        ({"WebhookUrl": "https://x", "EventBusName": "x"}, "WebhookNeedsBusAndSecret: WebhookUrl needs"),
    ],
)
def test_parameters_that_make_no_sense_together_are_refused(parameters: dict[str, str], rule: str) -> None:
    with pytest.raises(TemplateError, match=rule):
        stack_with(**parameters)


def test_every_parameter_is_in_one_group_of_the_console() -> None:
    template = read_template()

    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])


def test_an_output_that_is_a_command_does_in_any_shell_what_it_says() -> None:
    stack = stack_with(DistributionBucketName="my-website", CloudFrontDistributionId="E1EXAMPLE")
    commands = {name: shlex.split(value) for name, value in stack.outputs.items() if value.startswith("aws ")}
    (fetcher,) = (resource for resource in stack.resources if resource.logical_id == "Fetcher")

    assert {"FetchNow", "RetryInvalidations", "WatchFetcher", "WatchDistributor", "WatchInvalidator"} < set(commands)
    for words in commands.values():
        # S3 itself says in which region a bucket is.
        assert words[1].startswith("s3") or words[words.index("--region") + 1] == "us-east-1"
    # A CLI that waits no longer than the function runs would start a second run.
    patience = commands["FetchNow"][commands["FetchNow"].index("--cli-read-timeout") + 1]
    assert int(patience) > fetcher.properties["Timeout"]


@pytest.mark.parametrize(
    ("partition", "region", "console"),
    [
        ("aws", "eu-west-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_dashboards_address_is_one_of_the_partitions_own_console(
    partition: str, region: str, console: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.template.PARTITION", partition)
    monkeypatch.setattr("cloud.template.REGION", region)

    assert stack_with().outputs["DashboardUrl"] == (
        f"https://{region}.{console}/cloudwatch/home?region={region}#dashboards/dashboard/feed"
    )


def test_without_a_replica_there_is_no_right_on_one() -> None:
    assert "CopyToReplica" not in json.dumps([role.properties for role in stack_with().of_type("AWS::IAM::Role")])


def test_without_a_website_nothing_of_the_distributor_is_created() -> None:
    stack = stack_with(DistributionBucketName="", CloudFrontDistributionId="E1EXAMPLE")

    names = [resource.logical_id for resource in stack.resources]
    assert not [name for name in names if re.search("Distribut|Sweep|Invalid", name)]
    assert not [name for name in stack.outputs if re.search("Distribut|Published|Sweep|Invalid|Website", name)]
    (bucket,) = stack.of_type("AWS::S3::Bucket")
    assert "NotificationConfiguration" not in bucket.properties


def test_without_a_fetcher_nothing_of_it_is_created_and_all_that_distributes_is() -> None:
    whole, stack = whole_stack(), whole_stack(FetchEnabled="false")

    names, others = ([resource.logical_id for resource in each.resources] for each in (stack, whole))
    of_fetcher = {name for name in others if re.search("Fetch|Runs|RegionsStale|DataStale|Announcement", name)}
    assert set(names) == set(others) - of_fetcher
    assert not [name for name in stack.outputs if re.search("Fetch|Announcement", name)]
    assert not [text for text in stack.outputs.values() if re.search("regions.json|complete-data", text)]
    assert not re.search("(?i)fetcher|ssm", json.dumps([resource.properties for resource in stack.resources]))


def test_without_the_address_of_a_feed_nothing_of_the_announcements_is_created_and_all_else_is() -> None:
    whole, stack = whole_stack(), whole_stack(AnnouncementsFeedUrl="")

    names, others = ({resource.logical_id for resource in each.resources} for each in (stack, whole))
    assert names == {name for name in others if "Announcement" not in name}
    assert len(others - names) == 6
    assert stack.outputs.keys() == {name for name in whole.outputs if "Announcement" not in name}
    assert "nnouncement" not in json.dumps([resource.properties for resource in stack.resources])


@pytest.mark.parametrize(
    ("schedules", "parameter"), [("Fetch|Announcements", "ScheduleState"), ("Sweep", "SweepScheduleState")]
)
def test_what_reads_and_what_sweeps_has_a_switch_of_its_own(schedules: str, parameter: str) -> None:
    stack = stack_with(**{parameter: "DISABLED"})

    states = {
        resource.logical_id: resource.properties["State"] for resource in stack.of_type("AWS::Scheduler::Schedule")
    }
    assert states.keys() == {"FetchSchedule", "AnnouncementsSchedule", "SweepSchedule"}
    assert {name.removesuffix("Schedule") for name, state in states.items() if state == "DISABLED"} == {
        *schedules.split("|")
    }


def test_two_stacks_in_one_account_share_no_name() -> None:
    names = [{resource.name for resource in resolve(translated(), stack, {}).resources} for stack in ("one", "two")]

    assert not names[0] & names[1]


def test_the_source_bucket_is_private_versioned_encrypted_and_outlives_the_stack() -> None:
    written = translated()["Resources"]["SourceBucket"]
    properties = resource_of(stack_with(HistoryRetentionDays="7"), "SourceBucket").properties

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

    text = json.dumps([resource.properties for resource in stack.resources])
    assert "aws-data" not in text
    assert '"my-source/in/put/*"' in text
    assert "arn:aws:s3:::my-website/out/*" in text


@pytest.mark.parametrize("rules", ["", "a/*.json=public, max-age=60;**=no-cache"])
def test_rules_for_cache_control_reach_both_functions_that_publish(rules: str) -> None:
    for name in ("Distributor", "Sweeper"):
        variables = resource_of(stack_with(CacheControlRules=rules), name).properties["Environment"]["Variables"]
        assert variables["CACHE_CONTROL_RULES"] == rules


@pytest.mark.parametrize("rules", ["*.json=max-age=60\n", "*.json=größer"])
def test_rules_that_no_header_can_hold_are_refused(rules: str) -> None:
    with pytest.raises(TemplateError, match="CacheControlRules"):
        stack_with(CacheControlRules=rules)


def test_the_sites_address_reaches_the_fetcher_and_costs_no_right() -> None:
    without, with_address = (stack_with(SiteUrl=url) for url in ("", "https://example.com/data/"))

    fetchers = [
        resource_of(stack, "Fetcher").properties["Environment"]["Variables"] for stack in (without, with_address)
    ]
    assert [variables["SITE_URL"] for variables in fetchers] == ["", "https://example.com/data/"]
    assert resource_of(without, "FetcherRole") == resource_of(with_address, "FetcherRole")
    assert len(without.resources) == len(with_address.resources)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "example.com", "https://me@example.com", "https://example.com/?a"]
)
def test_an_address_that_the_fetcher_would_refuse_cannot_be_deployed(url: str) -> None:
    with pytest.raises(TemplateError, match="SiteUrl"):
        stack_with(SiteUrl=url)


def test_only_regions_whose_ssm_has_the_catalogue_can_be_deployed() -> None:
    every = sorted(CATALOGUE_REGIONS)

    for regions in ("", ",".join(every), *every):
        assert stack_with(SsmRegions=regions)
    for regions in ("us-west-3", "eu-central-2", "us-gov-west-1", "cn-north-1", "us-east-1,", "us-east-1us-east-2"):
        with pytest.raises(TemplateError, match="SsmRegions"):
            stack_with(SsmRegions=regions)


def test_functions_run_on_arm_with_python_3_13_json_logs_tracing_and_the_stacks_own_metrics_namespace() -> None:
    for function in whole_stack(LogLevel="ERROR").of_type("AWS::Lambda::Function"):
        properties = function.properties
        assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
        assert properties["LoggingConfig"]["LogFormat"] == "JSON"
        assert properties["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
        assert properties["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "ERROR"
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert properties["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == "AwsServicesFeed/feed"


def test_functions_have_the_time_that_their_work_needs() -> None:
    functions = whole_stack().of_type("AWS::Lambda::Function")

    timeouts = {function.logical_id: function.properties["Timeout"] for function in functions}
    assert timeouts == {"Fetcher": 300, "Announcements": 60, "Distributor": 120, "Sweeper": 900, "Invalidator": 120}


def test_the_permission_is_made_before_the_bucket_that_needs_it() -> None:
    bucket = translated()["Resources"]["SourceBucket"]

    assert {"Ref": "SourceBucketMayInvokeDistributor"} in bucket["Metadata"]["NotificationNeeds"]["Fn::If"]


def test_every_new_json_object_below_the_prefix_is_notified_of_and_nothing_else() -> None:
    (bucket,) = stack_with().of_type("AWS::S3::Bucket")

    (configuration,) = bucket.properties["NotificationConfiguration"]["LambdaConfigurations"]
    assert configuration["Event"] == "s3:ObjectCreated:*"
    rules = {rule["Name"]: rule["Value"] for rule in configuration["Filter"]["S3Key"]["Rules"]}
    assert rules == {"prefix": "aws-data/", "suffix": ".json"}


def test_failures_are_kept_for_fourteen_days() -> None:
    queues = [queue for queue in whole_stack().of_type("AWS::SQS::Queue") if queue.logical_id.endswith("Failures")]

    assert [queue.logical_id for queue in queues] == [
        *("FetchFailures", "DistributionFailures", "InvalidationFailures", "WebhookFailures")
    ]
    for queue in queues:
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_without_a_distribution_nothing_of_invalidations_exists() -> None:
    stack = stack_with(CloudFrontOriginPath="/site")

    queues = {
        function.properties["Environment"]["Variables"].pop("INVALIDATION_QUEUE_URL", "")
        for function in stack.of_type("AWS::Lambda::Function")
    }
    assert queues == {""}
    resources = [(resource.logical_id, resource.properties) for resource in stack.resources]
    assert not re.search("(?i)invalidat|cloudfront", json.dumps([resources, stack.outputs]))


def test_without_a_bus_nothing_of_events_exists_and_without_a_webhook_only_the_right() -> None:
    silent, announcing = stack_with(SiteUrl="https://your.site/data"), stack_with(EventBusName="default")

    text = json.dumps([[resource.logical_id, resource.properties] for resource in silent.resources])
    assert not re.search('(?i)webhook|events:|services-feed"', text)
    assert [one.logical_id for one in announcing.resources] == [one.logical_id for one in silent.resources]
    assert not re.search("(?i)webhook", json.dumps([one.properties for one in announcing.resources]))
    assert "WebhookFailuresUrl" not in announcing.outputs


def test_the_right_to_put_events_is_on_the_named_bus_alone() -> None:
    stack = stack_with(EventBusName="my-bus")

    for function, role in (("Distributor", "DistributorRole"), ("Sweeper", "SweeperRole")):
        variables = resource_of(stack, function).properties["Environment"]["Variables"]
        assert read_settings(DistributorSettings, variables).event_bus_name == "my-bus"
        statements = resource_of(stack, role).properties["Policies"][0]["PolicyDocument"]["Statement"]
        assert [one["Resource"] for one in statements if one["Action"] == "events:PutEvents"] == [BUS]


def test_the_webhook_gets_the_events_of_this_website_alone_for_a_day_and_then_a_queue_does() -> None:
    stack = whole_stack(WebhookSecret="feed/hook:SecretString:header")

    rule = resource_of(stack, "WebhookRule").properties
    assert rule["EventBusName"] == "my-bus"
    assert rule["EventPattern"] == {
        "source": [SOURCE_OF_EVENTS],
        "detail-type": [ReleasePublished.DETAIL_TYPE],
        "detail": {"bucket": ["my-website"], "key": [{"prefix": "data/"}]},
    }
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
    assert target["DeadLetterConfig"] == {"Arn": f"{QUEUE}-WebhookFailures"}
    connection = resource_of(stack, "WebhookConnection").properties
    assert connection["AuthParameters"]["ApiKeyAuthParameters"] == {
        "ApiKeyName": "Authorization",
        "ApiKeyValue": "{{resolve:secretsmanager:feed/hook:SecretString:header}}",
    }
    assert resource_of(stack, "Webhook").properties["InvocationEndpoint"] == ON["WebhookUrl"]
    for odd in ("http://hooks.example", "hooks.example"):
        with pytest.raises(TemplateError, match="WebhookUrl"):
            whole_stack(WebhookUrl=odd)


def test_one_distribution_is_one_right_and_one_id() -> None:
    stack = stack_with(CloudFrontDistributionId="E1EXAMPLE", CloudFrontOriginPath="/site", MaxInvalidationPaths="7")

    variables = resource_of(stack, "Invalidator").properties["Environment"]["Variables"]
    assert variables["CLOUDFRONT_DISTRIBUTION_ID"] == "E1EXAMPLE"
    assert (variables["DISTRIBUTION_ORIGIN_PATH"], variables["MAX_INVALIDATION_PATHS"]) == ("/site", "7")
    policy = resource_of(stack, "InvalidatorRole").properties["Policies"][0]["PolicyDocument"]
    assert policy["Statement"][0]["Resource"] == [f"{DISTRIBUTION}/E1EXAMPLE"]


def test_the_invalidator_is_handed_large_batches_by_few_and_tells_which_messages_must_come_again() -> None:
    (mapping,) = whole_stack().of_type("AWS::Lambda::EventSourceMapping")

    assert mapping.properties == {
        "EventSourceArn": f"{QUEUE}-Invalidations",
        "FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:feed-invalidator",
        "BatchSize": 10000,
        "MaximumBatchingWindowInSeconds": 20,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }


def test_a_message_that_is_put_off_again_and_again_is_with_the_failures_before_it_expires() -> None:
    names = ("Invalidations", "Invalidator", "InvalidatorReadsInvalidations")
    queue, function, mapping = (resource_of(whole_stack(), name).properties for name in names)

    redrive = queue["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == f"{QUEUE}-InvalidationFailures"
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    between = max(LONGEST_DELAY, queue["VisibilityTimeout"])
    longest = redrive["maxReceiveCount"] * (between + mapping["MaximumBatchingWindowInSeconds"])
    assert 2 * 24 * 3600 < longest < queue["MessageRetentionPeriod"]


@pytest.mark.parametrize(
    ("name", "expression", "queue"),
    [
        ("FetchSchedule", "cron(0 2 * * ? *)", f"{QUEUE}-FetchFailures"),
        ("SweepSchedule", "cron(0 3 * * ? *)", f"{QUEUE}-DistributionFailures"),
    ],
)
def test_schedules_are_daily_with_retries_and_a_dead_letter_queue(name: str, expression: str, queue: str) -> None:
    properties = resource_of(stack_with(), name).properties

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

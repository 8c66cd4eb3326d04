"""Alarms, dashboard and saved queries watch what is really written, and all of it; the document names what there is."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import typer

from cloud.alarms import evaluate, read_alarm, read_rule
from cloud.embedded import EmbeddedCloud
from cloud.metrics import Datapoint, MetricName
from cloud.stand_ins.ssm import ROOT as SSM_ROOT
from cloud.stand_ins.ssm import ParameterServer, catalogue
from cloud.template import ROOT, Resource, Stack, TemplateError, read_template, resolve, translate
from distributor.invalidator.messages import LONGEST_DELAY
from distributor.outcomes import KINDS, Skipped
from ops.cli import app
from ops.prices import UPKEEP
from tests.changes import Template, change
from tests.distributor.world import event, record
from tests.fetcher.small_world import PARAMETERS

STACK = "aws-services-feed"
OWN = f"AwsServicesFeed/{STACK}"
DISTRIBUTION = "E1EXAMPLE"
OF_AWS = {
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": ("FunctionName", {"AsyncEventAge", "Duration", "Errors", "Invocations", "Throttles"}),
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    "AWS/CloudFront": (
        "DistributionId",
        {"4xxErrorRate", "5xxErrorRate", "BytesDownloaded", "CacheHitRate", "Requests"},
    ),
    "AWS/SQS": ("QueueName", {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}),
}
EVERYTHING = {
    "DistributionBucketName": "my-website",
    "CloudFrontDistributionId": DISTRIBUTION,
    "EventBusName": "default",
    "WebhookUrl": "https://hooks.example/build",
    "WebhookSecret": "feed/hook",
    "AlarmMails": "outage",
}
UNTIL_SEEN = 300  # seconds after the end of an invocation until CloudWatch surely has its metrics
LONGEST_SUBJECT = 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
LONGEST_STACK_NAME = 27  # as docs/operations.md says
MOST_DASHBOARD_METRICS = (
    50  # of each of the account's first three dashboards: https://aws.amazon.com/cloudwatch/pricing/
)
# $0.10 a month each after the account's first ten: https://aws.amazon.com/cloudwatch/pricing/
FREE_ALARM_METRICS, MOST_ALARM_METRICS = 10, 16
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
LONGEST_DESCRIPTION = 1024


@dataclass(frozen=True)
class Written:
    """What the functions write when they are run: metrics, the names of log events, fields of any line and of all."""

    metrics: set[MetricName]
    events: set[str]
    fields: set[str]
    common: set[str]


def own(name: str, service: str) -> MetricName:
    return MetricName(OWN, name, frozenset({("service", service)}))


# What is written in the same way but not in the run below: the sweeper tells of outcomes through the distributor's
# function, and of functions that share a process only the first starts cold.
UNSEEN = {own(kind.__name__, "sweeper") for kind in KINDS if kind is not Skipped}
UNSEEN |= {
    MetricName(OWN, "ColdStart", frozenset({("service", name), ("function_name", f"{STACK}-{name}")}))
    for name in ("fetcher", "distributor", "sweeper", "invalidator")
}
UNSEEN |= {
    own(name, "invalidator")
    for name in (
        *("InvalidationsCreated", "InvalidatedPaths", "InvalidationsDeferred", "InvalidationsRefused"),
        "InvalidationWait",
    )
}


@pytest.fixture(scope="module")
def written() -> Iterator[Written]:
    """From a run, an object of each outcome, an event of a foreign bucket, a failure for good, and two sweeps."""
    with EmbeddedCloud(stack_name=STACK, ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.lambdas._retry_delay = 0
        cloud.fire("FetchSchedule")
        cloud.fire("AnnouncementsSchedule")
        cloud.settle()
        source = cloud.source_bucket()
        cloud.client("s3").put_object(Bucket=source, Key="aws-data/broken.json", Body=b"<html>")
        cloud.client("s3").delete_object(Bucket=cloud.website, Key="data/complete-data.json")
        for odd in (record("aws-data/gone.json", source), record(bucket="evil"), record(eventVersion="3.0")):
            cloud.lambdas.invoke_async(f"{STACK}-distributor", json.dumps(event(odd)))
        cloud.lambdas.invoke_async(f"{STACK}-distributor", json.dumps({"Records": []}))
        cloud.fire("SweepSchedule")
        cloud.settle()
        cloud.evaluate_alarms()
        lines = [
            json.loads(line)
            for invocation in cloud.lambdas.invocations
            for line in invocation.answer.log.splitlines()
            if line.startswith("{")
        ]
        logged = [line for line in lines if "_aws" not in line]
        yield Written(
            {datapoint.metric for datapoint in cloud.cloudwatch.datapoints()} | UNSEEN,
            {str(line["message"]) for line in logged},
            {name for line in logged for name in line},
            set.intersection(*(set(line) for line in logged)),
        )


@cache
def translated() -> Template:
    return translate(read_template())


def stack_with(**parameters: str) -> Stack:
    return resolve(translated(), STACK, EVERYTHING | parameters)


def alarms_of(stack: Stack) -> list[Resource]:
    return stack.of_type("AWS::CloudWatch::Alarm")


def composites_of(stack: Stack) -> dict[str, tuple[str, ...]]:
    """The names of the alarms that each composite alarm joins, by its logical id."""
    composites = stack.of_type("AWS::CloudWatch::CompositeAlarm")
    return {alarm.logical_id: read_rule(alarm.properties["AlarmRule"]) for alarm in composites}


def body_of(stack: Stack) -> Any:
    (dashboard,) = stack.of_type("AWS::CloudWatch::Dashboard")
    return json.loads(dashboard.properties["DashboardBody"])


def problems(template: Template, written: Written) -> list[str]:
    """Everything that is wrong with how a template watches."""
    try:
        stack = resolve(translate(template), STACK, EVERYTHING)
        body = body_of(stack)
    except (TemplateError, ValueError) as error:
        return [str(error)]
    watched = [*alarm_metrics(stack), *widget_metrics(body)]
    return [
        *(
            f"{where}: {metric} is written by nobody"
            for where, metric in watched
            if not is_written(metric, stack, written)
        ),
        *(
            f"{metric} is watched by nothing"
            for metric in written.metrics - {metric for _, metric in watched}
            if metric.namespace == OWN
        ),
        *mute_alarms(stack),
        *short_sighted_alarms(stack),
        *odd_widgets(body, stack),
        *(problem for query in stack.of_type("AWS::Logs::QueryDefinition") for problem in odd_words(query, written)),
    ]


def alarm_metrics(stack: Stack) -> Iterator[tuple[str, MetricName]]:
    for alarm in alarms_of(stack):
        for statistic in read_alarm(alarm.properties).statistics.values():
            yield alarm.logical_id, statistic.metric


def widget_metrics(body: Any) -> Iterator[tuple[str, MetricName]]:
    for widget in body["widgets"]:
        for line in widget["properties"].get("metrics", []):
            if isinstance(line[0], str):
                namespace, name, *dimensions = [part for part in line if isinstance(part, str)]
                pairs = frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))
                yield widget["properties"]["title"], MetricName(namespace, name, pairs)


def is_written(metric: MetricName, stack: Stack, written: Written) -> bool:
    if metric.namespace not in OF_AWS:
        return metric in written.metrics
    key, names = OF_AWS[metric.namespace]
    types = ("AWS::Lambda::Function", "AWS::SQS::Queue")
    names_of_resources = {resource.name for type_ in types for resource in stack.of_type(type_)}
    if metric.namespace == "AWS/CloudFront":
        return metric.name in names and metric.dimensions == {(key, DISTRIBUTION), ("Region", "Global")}
    return metric.name in names and any(metric.dimensions == {(key, name)} for name in names_of_resources)


def mute_alarms(stack: Stack) -> Iterator[str]:
    (topic,) = stack.of_type("AWS::SNS::Topic")
    if not [policy for policy in stack.of_type("AWS::SNS::TopicPolicy") if topic.arn in policy.properties["Topics"]]:
        yield "the topic has no policy, so nobody may publish to it"
    joined = [name for names in composites_of(stack).values() for name in names]
    for alarm in (*alarms_of(stack), *stack.of_type("AWS::CloudWatch::CompositeAlarm")):
        actions = [alarm.properties.get(name) for name in ("AlarmActions", "OKActions")]
        if actions != ([None, None] if alarm.name in joined else [[topic.arn], [topic.arn]]):
            yield f"{alarm.logical_id} is not heard of when it begins or ends"
        if joined.count(alarm.name) > 1:
            yield f"{alarm.logical_id} is heard of twice"
        if len(alarm.properties.get("AlarmDescription", "")) < 80:
            yield f"{alarm.logical_id} does not say what it means and what to do"
        commands = re.findall(r"`feed [a-z]+ ?(\S*)", alarm.properties.get("AlarmDescription", ""))
        if set(commands) - {"--stack-name"}:
            yield f"{alarm.logical_id} advises a command that may act on another stack"
        if not alarm.name.startswith(f"{STACK}-"):
            yield f"{alarm.logical_id} is named {alarm.name}, which another stack could be too"
    for alarm in alarms_of(stack):
        period = read_alarm(alarm.properties)
        if period.period * period.periods > (604_800 if period.period >= 3600 else 86_400):
            yield f"{alarm.logical_id} looks further back than CloudWatch does"


def short_sighted_alarms(stack: Stack) -> Iterator[str]:
    """Alarms that look only where no metric of a function lands that timed out, since it has the time of its start."""
    timeouts = {
        function.name: int(function.properties["Timeout"]) for function in stack.of_type("AWS::Lambda::Function")
    }
    for resource in alarms_of(stack):
        alarm = read_alarm(resource.properties)
        metrics = [one.metric for one in alarm.statistics.values() if one.metric.namespace == "AWS/Lambda"]
        longest = max(
            (timeouts.get(dict(metric.dimensions).get("FunctionName", ""), 0) for metric in metrics), default=0
        )
        if metrics and alarm.period * alarm.periods < longest + UNTIL_SEEN:
            yield f"{resource.logical_id} does not see the start of a function that ran for {longest} s"


def odd_widgets(body: Any, stack: Stack) -> Iterator[str]:
    alarms = {alarm.arn for alarm in alarms_of(stack)}
    for widget in body["widgets"]:
        properties = widget["properties"]
        match widget["type"]:
            case "alarm":
                if set(properties["alarms"]) != alarms:
                    yield f"the dashboard shows other alarms than there are: {set(properties['alarms']) ^ alarms}"
            case "metric":
                lines = properties["metrics"]
                stats = [part.get("stat") for line in lines for part in line if isinstance(part, dict)]
                if "stat" not in properties and not all(stats):
                    yield f"{properties['title']}: no statistic"
                if properties["region"] != "us-east-1" or properties["period"] % 60:
                    yield f"{properties['title']}: odd region or period"
            case "text":
                pass
            case other:
                yield f"a widget of type {other}"


WORDS = {
    *("and", "as", "asc", "avg", "bin", "by", "count", "desc", "fields", "filter", "in", "ispresent", "like", "limit"),
    *("max", "or", "sort", "stats", "sum"),
}
"""What Logs Insights itself knows."""


def odd_words(query: Any, written: Written) -> Iterator[str]:
    text = re.sub(r"^#.*$", "", query.properties["QueryString"], flags=re.MULTILINE)
    for name in re.findall(r'message = "([^"]+)"', text):
        if name not in written.events:
            yield f"{query.logical_id} asks for the event {name}, which nobody logs"
    aliases = set(re.findall(r"\bas (\w+)", text))
    bare = re.sub(r'"[^"]*"|/[^/]+/|@\w+|\b\d\w*', "", text)
    for word in set(re.findall(r"\w+", bare)) - WORDS - aliases - written.fields - {"errorType"}:
        yield f"{query.logical_id} asks for {word}, which no log line has"


def test_the_template_watches_what_is_written_and_all_of_it(written: Written) -> None:
    assert problems(read_template(), written) == []


BODY = "Properties.DashboardBody.Fn::Sub.0"
OF_FETCHER = "Properties.DashboardBody.Fn::Sub.1.CostOfCatalogue.Fn::If.1.Fn::Sub.0"
FIRST = "Properties.Metrics.1.MetricStat.Metric"
ON_CATALOGUE = "Properties.AlarmRule.Fn::Join.1.1.Fn::If.1.Fn::Sub"
MUTATIONS: list[tuple[str, str, object, str]] = [
    ("AlarmTopicPolicy", "Properties.Topics", [], "the topic has no policy"),
    ("Outage", "Properties.AlarmActions", None, "Outage is not heard of"),
    ("Attention", "Properties.OKActions", [], "Attention is not heard of"),
    (
        "Outage",
        ON_CATALOGUE,
        ("DataStale", "DriftFound"),
        "DriftFound is heard of twice",
    ),
    ("Outage", ON_CATALOGUE, ("ALARM", "OK"), "the rule .*OK.* is not known here"),
    ("DistributorFailed", "Properties.AlarmDescription", "Failed.", "DistributorFailed does not say"),
    (
        "SweepRejected",
        "Properties.AlarmDescription",
        "A file is not fit to be published. `feed failures` names it. Upload a good one, then redrive.",
        "SweepRejected advises a command that may act on another stack",
    ),
    ("DistributorFailed", "Properties.AlarmName", "distributor-failed", "which another stack could be too"),
    ("DistributorFailed", "Properties.MetricName", "Error", "DistributorFailed: .*'Error'.* is written by nobody"),
    ("DistributorFailed", "Properties.Dimensions.0.Value", "fetcher", "DistributorFailed: .* is written by nobody"),
    ("DistributorFailed", "Properties.Dimensions.0.Name", "Function", "DistributorFailed: .* is written by nobody"),
    ("SweepRejected", "Properties.MetricName", "Reject", "SweepRejected: .*'Reject'.* is written by nobody"),
    ("SweepRejected", "Properties.Dimensions.0.Value", "fetcher", "SweepRejected: .* is written by nobody"),
    ("SweepRejected", "Properties.Namespace", "AwsServicesFeed", "SweepRejected: .* is written by nobody"),
    ("DataStale", f"{FIRST}.MetricName", "DataAge", "DataStale: .*'DataAge'.* is written by nobody"),
    ("InvalidationsStuck", "Properties.Metrics.1.MetricStat.Period", 7200, "alarms with"),
    ("DistributorFailed", "Properties.EvaluationPeriods", 289, "DistributorFailed looks further back"),
    ("DistributorFailed", "Properties.Period", 300, "DistributorFailed does not see the start"),
    ("Dashboard", BODY, ("]}}", "]}"), "Expecting|delimiter"),
    ("Dashboard", OF_FETCHER, ('"SsmCalls"', '"SsmCall"'), "SSM calls: .* is written by nobody"),
    (
        "Dashboard",
        BODY,
        ('"ForeignBucket", "service", "distributor"', '"Gone", "service", "sweeper"'),
        "ForeignBucket.* is watched by nothing",
    ),
    ("Dashboard", BODY, ("${Alarms}", '"${AWS::StackName}"'), "other alarms than there are"),
    ("Dashboard", BODY, ('"stat": "Sum", ', ""), "no statistic"),
    ("Dashboard", BODY, ('"type": "text"', '"type": "words"'), "a widget of type words"),
    ("Dashboard", BODY, ('"region": "${AWS::Region}"', '"region": "here"'), "odd region"),
    ("RunsQuery", "Properties.QueryString", ("run_finished", "run_done"), "RunsQuery asks for the event run_done"),
    ("RunsQuery", "Properties.QueryString", ("ssmCalls", "calls"), "RunsQuery asks for calls"),
]


@pytest.mark.parametrize(("resource", "path", "value", "words"), MUTATIONS)
def test_whatever_would_watch_in_vain_is_a_problem(
    resource: str, path: str, value: object, words: str, written: Written
) -> None:
    template = read_template()
    change(template, resource, path, value)

    try:
        text = "\n".join(problems(template, written))
    except Exception as error:  # noqa: BLE001 - the alarm itself is refused
        text = str(error)

    assert re.search(words, text)


@pytest.mark.parametrize(
    "parameters",
    [
        {"DistributionBucketName": ""},
        {"CloudFrontDistributionId": ""},
        {"ScheduleState": "DISABLED"},
        {"SweepScheduleState": "DISABLED"},
        {"FetchEnabled": "false"},
        {"FetchEnabled": "false", "SweepScheduleState": "DISABLED", "CloudFrontDistributionId": ""},
        {"AlarmEmail": "me@example.com"},
        {"AlarmMails": "each"},
    ],
)
def test_every_choice_of_parameters_shows_exactly_the_alarms_that_there_are(parameters: dict[str, str]) -> None:
    stack = stack_with(**parameters)

    assert list(odd_widgets(body_of(stack), stack)) == []
    assert list(mute_alarms(stack)) == []


@pytest.mark.parametrize(
    "metric",
    [
        own("InvalidationWait", "invalidator"),
        MetricName("AWS/SQS", "ApproximateAgeOfOldestMessage", frozenset({("QueueName", f"{STACK}-Invalidations")})),
    ],
    ids=lambda metric: metric.name,
)
def test_a_key_that_waits_too_long_is_an_alarm_whether_it_is_put_off_or_never_taken(metric: MetricName) -> None:
    (resource,) = [alarm for alarm in alarms_of(stack_with()) if alarm.logical_id == "InvalidationsStuck"]
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    put_off = timedelta(seconds=LONGEST_DELAY + 120)  # until the next measurement: the delay, and the function's time

    states = [
        evaluate(read_alarm(resource.properties), [Datapoint(metric, now - put_off, age)], now, "OK")
        for age in (1200, 1201)
    ]

    assert states == ["OK", "ALARM"]


@pytest.mark.parametrize(
    ("parameters", "missed"),
    [
        ({"ScheduleState": "DISABLED"}, {"SweeperSilent"}),
        ({"FetchEnabled": "false"}, {"SweeperSilent"}),
        ({"SweepScheduleState": "DISABLED"}, {"DataStale", "AnnouncementsStale"}),
        ({"AnnouncementsFeedUrl": ""}, {"DataStale", "SweeperSilent"}),
        ({"ScheduleState": "DISABLED", "SweepScheduleState": "DISABLED"}, set()),
        ({"FetchEnabled": "false", "SweepScheduleState": "DISABLED"}, set()),
        ({"DistributionBucketName": ""}, {"FetcherSilent", "AnnouncementsStale"}),
    ],
)
def test_only_what_is_scheduled_is_missed(parameters: dict[str, str], missed: set[str]) -> None:
    alarms = alarms_of(stack_with(**parameters))

    assert {alarm.logical_id for alarm in alarms if alarm.properties["TreatMissingData"] == "breaching"} == missed


def test_without_a_fetcher_no_alarm_and_no_widget_looks_for_it() -> None:
    stack = stack_with(FetchEnabled="false")
    watched = [*alarm_metrics(stack), *widget_metrics(body_of(stack))]

    assert [(where, metric) for where, metric in watched if "fetcher" in str(metric)] == []


@pytest.mark.parametrize("hours", ["2", "26", "168"])
def test_freshness_may_be_as_long_as_cloudwatch_looks_back(hours: str) -> None:
    parameter = read_template()["Parameters"]["FreshnessHours"]
    stack = stack_with(FreshnessHours=hours)

    stale = next(alarm for alarm in alarms_of(stack) if alarm.logical_id == "DataStale")
    assert read_alarm(stale.properties).periods == int(hours)
    assert list(mute_alarms(stack)) == []
    assert (parameter["MinValue"], parameter["Default"], parameter["MaxValue"]) == (2, 26, 168)


@pytest.mark.parametrize(
    "key", ["", "alias/mine", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:eu-west-1:1:key/x"]
)
def test_the_topic_is_encrypted_with_a_key_of_ones_own_or_not_at_all(key: str) -> None:
    (topic,) = stack_with(AlarmTopicKmsKeyId=key).of_type("AWS::SNS::Topic")

    assert topic.properties.get("KmsMasterKeyId", "") == key


@pytest.mark.parametrize("key", ["alias/aws/sns", "arn:aws:kms:eu-west-1:123456789012:alias/aws/sns", "a key"])
def test_the_key_that_would_mute_every_alarm_is_refused(key: str) -> None:
    with pytest.raises(TemplateError, match="AlarmTopicKmsKeyId"):
        stack_with(AlarmTopicKmsKeyId=key)


def test_mails_go_to_the_address_that_is_given_and_to_nobody_by_default() -> None:
    (topic,) = stack_with().of_type("AWS::SNS::Topic")
    (mail,) = stack_with(AlarmEmail="me@example.com").of_type("AWS::SNS::Subscription")

    assert stack_with().of_type("AWS::SNS::Subscription") == []
    assert mail.properties == {"TopicArn": topic.arn, "Protocol": "email", "Endpoint": "me@example.com"}
    with pytest.raises(TemplateError, match="AlarmEmail"):
        stack_with(AlarmEmail="me")


def test_the_mails_subject_has_room_for_every_alarm_in_every_region() -> None:
    regions = [value for name, value in catalogue().items() if re.fullmatch(f"{SSM_ROOT}/regions/[^/]+/longName", name)]
    suffixes = [alarm.name.removeprefix(STACK) for alarm in alarms_of(stack_with())]

    longest = "x" * LONGEST_STACK_NAME + max(suffixes, key=len)

    assert len(f'ALARM: "{longest}" in {max(regions, key=len)}') <= LONGEST_SUBJECT
    samconfig = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
    assert all(len(name) <= LONGEST_STACK_NAME for name in re.findall(r'stack_name = "(.*)"', samconfig))


def test_the_alarms_of_a_website_are_free_by_default_and_all_others_cost_what_the_document_says() -> None:
    default = resolve(translated(), STACK, {"DistributionBucketName": "my-website"})
    metrics = [len(list(alarm_metrics(stack))) for stack in (default, stack_with())]

    assert metrics == [FREE_ALARM_METRICS, MOST_ALARM_METRICS]
    assert UPKEEP.alarm.free == FREE_ALARM_METRICS
    assert composites_of(default) == {}
    assert list(composites_of(stack_with())) == ["Outage", "Attention"]
    assert f"{MOST_ALARM_METRICS} at most" in DOCUMENT
    assert "two composite alarms, $0.50 a month each" in " ".join(DOCUMENT.split())
    assert UPKEEP.composite_alarm.tiers[0].price * len(composites_of(stack_with())) == 1


@pytest.mark.parametrize("parameters", [{}, {"ScheduleState": "DISABLED"}])
def test_a_stack_that_can_have_no_outage_has_no_alarm_of_one(parameters: dict[str, str]) -> None:
    joined = composites_of(stack_with(DistributionBucketName="", **parameters))

    assert joined.get("Outage", ()) == (() if parameters else (f"{STACK}-fetcher-silent",))
    assert joined["Attention"]


def test_the_dashboard_shows_no_more_metrics_than_are_free() -> None:
    shown = len(list(widget_metrics(body_of(stack_with()))))

    assert 40 < shown <= MOST_DASHBOARD_METRICS
    assert f"at most {MOST_DASHBOARD_METRICS} metrics" in DOCUMENT


SOURCES = [
    path.read_text(encoding="utf-8")
    for name in ("fetcher", "distributor", "shared")
    for path in (ROOT / name).rglob("*.py")
]
DOCUMENT, REFERENCE = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("operations.md", "monitoring.md")
)


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without the table's own head; names without their backquotes."""
    below = re.split(r"\n##+ ", REFERENCE.split(f"\n## {heading}\n", 1)[1])[0]
    rows = [line.strip("|").split("|") for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def names_of(type_: str, property_: str) -> set[str]:
    """The names of all resources of a type, without the stack's name before them."""
    bodies = [body for body in translated()["Resources"].values() if body["Type"] == type_]
    return {re.sub(r"^\$\{AWS::StackName\}.", "", body["Properties"][property_]["Fn::Sub"]) for body in bodies}


ENTRY = re.compile(
    r"\*\*Urgent:\*\* (?P<urgent>tonight|this week|none)\. \*\*Readers\*\* [^.]+\. "
    r"\*\*First:\*\* `(?P<first>feed [^`]+)`\. "
    r"\*\*Ends\*\* [^.]+\. \*\*See\*\* \*(?P<widget>[^*]+)\* → `(?P<query>[^`]+)`\. [A-Z]"
)
ENTRIES = {
    name: ENTRY.match(" ".join(text.split()))
    for name, text in re.findall(r"\n#### ([a-z-]+)\n\n(.+?)(?=\n#)", DOCUMENT, re.DOTALL)
}
"""What the document says of each alarm, by its name without the stack's; None if a part is missing."""


def test_every_alarm_has_an_entry_and_every_entry_an_alarm_a_widget_and_a_query() -> None:
    titles = [widget["properties"].get("title", "") for widget in body_of(stack_with())["widgets"]]
    queries = names_of("AWS::Logs::QueryDefinition", "Name")

    assert ENTRIES.keys() == names_of("AWS::CloudWatch::Alarm", "AlarmName")
    for name, entry in ENTRIES.items():
        assert entry, name
        assert any(title.startswith(entry["widget"]) for title in titles), name
        assert entry["query"] in queries, name


def test_urgent_is_what_the_mail_of_an_outage_is_about() -> None:
    both = (stack_with(), stack_with(DistributionBucketName=""))
    urgent = {name for stack in both for name in composites_of(stack)["Outage"]}

    assert {f"{STACK}-{name}" for name, entry in ENTRIES.items() if entry and entry["urgent"] == "tonight"} == urgent


@pytest.mark.parametrize("parameters", [{}, {"DistributionBucketName": ""}])
def test_a_mail_names_the_first_command_of_its_entry_for_this_stack_and_where_the_entry_is(
    parameters: dict[str, str],
) -> None:
    stack = stack_with(RunbookUrl="https://example.com/operations.md", **parameters)
    for alarm in (*alarms_of(stack), *stack.of_type("AWS::CloudWatch::CompositeAlarm")):
        entry = ENTRIES.get(alarm.name.removeprefix(f"{STACK}-"))
        place, command = (alarm.name.removeprefix(f"{STACK}-"), entry["first"]) if entry else ("alarms", "feed status")

        description = alarm.properties["AlarmDescription"]

        assert f"First: `{command} --stack-name {STACK}`" in description
        assert description.endswith(f" https://example.com/operations.md#{place}")
        assert entry or stack.outputs["DashboardUrl"] in description


def test_every_command_of_a_mail_is_one_that_feed_takes() -> None:
    feed: Any = typer.main.get_command(app)
    stack = stack_with()
    mails = (*alarms_of(stack), *stack.of_type("AWS::CloudWatch::CompositeAlarm"))
    commands = {
        command for mail in mails for command in re.findall(r"`feed ([^`]+)`", mail.properties["AlarmDescription"])
    }

    assert len(commands) > 5
    for command in commands:
        name, *arguments = command.split()
        feed.commands[name].make_context(name, arguments)


def test_the_longest_mail_is_one_that_cloudwatch_takes() -> None:
    stack = resolve(translated(), "x" * 128, EVERYTHING | {"RunbookUrl": "x" * 250})

    mails = (*alarms_of(stack), *stack.of_type("AWS::CloudWatch::CompositeAlarm"))
    assert max(len(mail.properties["AlarmDescription"]) for mail in mails) <= LONGEST_DESCRIPTION


def test_the_document_tells_of_exactly_the_metrics_that_are_written(written: Written) -> None:
    documented = {(row[0], service.strip()) for row in table("Metrics") for service in row[2].split(",")}

    own_metrics = [metric for metric in written.metrics if metric.namespace == OWN]
    assert documented == {(metric.name, dict(metric.dimensions)["service"]) for metric in own_metrics}


def test_the_document_tells_of_every_metric_that_the_code_names() -> None:
    named = {name for text in SOURCES for name in re.findall(r'add_metric\(\s*name="(\w+)"', text)}

    assert named
    assert named <= {row[0] for row in table("Metrics")}


def test_the_document_tells_of_exactly_the_events_that_the_code_logs(written: Written) -> None:
    logged = {
        name for text in SOURCES for name in re.findall(r'\.(?:debug|info|warning|error|exception)\(\s*"(\w+)"', text)
    }
    # The fetcher's warnings stand in a table of events and fields.
    logged |= {name for text in SOURCES for name in re.findall(r'\(\s*"([a-z]+(?:_[a-z]+)+)", \{', text)}
    outcomes = {f"object_{kind.__name__.lower()}" for kind in KINDS}

    documented = {row[0] for row in table("Log events and their fields")}

    assert documented == logged | outcomes
    assert outcomes | {"run_finished", "sweep_finished"} <= written.events


def test_every_line_says_which_invocation_of_which_function_it_is_of_and_whether_it_was_the_first(
    written: Written,
) -> None:
    assert written.common >= {"level", "message", "timestamp", "service", "function_request_id", "cold_start"}


def test_the_document_names_every_saved_query() -> None:
    assert {row[0] for row in table("Saved queries")} == names_of("AWS::Logs::QueryDefinition", "Name")

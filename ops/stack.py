"""Finds a stack by its name and its resources by the stack's outputs, so that nobody types a name twice."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config


# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
NEVER_DEPLOYED = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}

FRESHNESS_HOURS = 26  # the template's: a day, and the time of a run with all its retries
NEW_FOR = timedelta(hours=26)  # a day, the longest time until a daily schedule has run once, and the run itself

# Commands in a text, as a person would copy them.
FEED_COMMAND = re.compile(
    r"\bfeed (diff|failures|fetch|history|import-history|invalidate|logs|ls|open|redistribute|redrive|releases|rollback"
    r"|site|status|sweep|unpublish|verify)\b"
    r"(?: --stack-name [^\s`]+)?"
)
AWS_COMMAND = re.compile(r"\baws [a-z0-9-]+ [a-z0-9-]+\b")


class StackError(Exception):
    """The stack cannot be found or lacks something; the message is for the person at the terminal."""


class InvocationError(Exception):
    """A function ended in an error; the message is its own."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """The options that the stack was found with, as a shell reads them: `aws` for the AWS CLI, `feed` for ours.

    Each is empty or begins with a space.
    """

    feed: str = ""
    aws: str = ""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack, on AWS or embedded, as AWS_ENDPOINT_URL and the usual configuration say.

    `id` is its ARN, `created` the time of its first deployment, None if that is not known.
    """

    session: "boto3.Session"
    id: str
    name: str
    status: str
    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)
    options: StackOptions = StackOptions()
    created: datetime | None = None
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def distributes(self) -> bool:
        """Whether the stack has a website to publish on."""
        return "DistributorFunctionName" in self.outputs

    @property
    def fetches(self) -> bool:
        """Whether the stack has a fetcher, which writes the catalogue."""
        return "FetcherFunctionName" in self.outputs

    @property
    def releases(self) -> bool:
        """Whether manifest.json is the fetcher's, and names a release; otherwise it is anybody's."""
        return self.fetches and self.parameters.get("Releases") != "false"

    @property
    def reads_announcements(self) -> bool:
        """Whether the stack has a function that writes aws-whats-new.json."""
        return "AnnouncementsFunctionName" in self.outputs

    @property
    def source_url(self) -> str:
        """Where source files are written to, as the AWS CLI names it."""
        return f"s3://{self.output('SourceBucketName')}/{self.output('SourceKeyPrefix')}/"

    @property
    def functions(self) -> dict[str, str]:
        """The name of each function, by what it is: fetcher, announcements, distributor, sweeper, invalidator."""
        suffix = "FunctionName"
        return {key.removesuffix(suffix).lower(): name for key, name in self.outputs.items() if key.endswith(suffix)}

    def advice(self, words: str) -> str:
        """The words with this stack's options in each command, so that a command that is copied acts on this stack."""
        if self.options.feed:
            words = FEED_COMMAND.sub(lambda command: f"feed {command[1]}{self.options.feed}", words)
        return AWS_COMMAND.sub(lambda command: command[0] + self.options.aws, words)

    def client(self, service: str) -> Any:  # noqa: ANN401 - one type for each service
        """A client of the session; it waits as long as the longest function may run. StackError without an endpoint.

        One for each service: to make it takes longer than most of its calls.
        """
        from botocore.config import Config

        if service not in self._clients:
            config = Config(read_timeout=910, retries={"mode": "standard"})
            self._clients[service] = make_client(self.session, service, config)
        return self._clients[service]

    @property
    def max_age(self) -> timedelta:
        """How old the data may be until an alarm goes off: the parameter FreshnessHours."""
        return timedelta(hours=float(self.parameters.get("FreshnessHours", FRESHNESS_HOURS)))

    def is_new(self, now: datetime) -> bool:
        """Whether the stack is so young that its schedules may not have run yet."""
        return self.created is not None and now - self.created < NEW_FOR

    def output(self, name: str) -> str:
        """An output of the stack; StackError if it has none of that name."""
        if name not in self.outputs:
            msg = f"the stack {self.name} has no {name}: {self._why_without_output(name)}"
            raise StackError(msg)
        return self.outputs[name]

    def function_arn(self, name: str) -> str:
        """The ARN of the function that an output names, in the stack's own account and Region."""
        _, partition, _, region, account, *_ = self.id.split(":")
        return f"arn:{partition}:lambda:{region}:{account}:function:{self.output(name)}"

    def _why_without_output(self, name: str) -> str:
        if self.status in NEVER_DEPLOYED:
            return (
                f"its first deployment failed, and in {self.status} CloudFormation can only delete it. "
                "Its events say why: mend that, sam delete, sam deploy"
            )
        if name.startswith("Fetch"):
            return "it fetches nothing (FetchEnabled is false)"
        if self.distributes:
            return "deploy this version of template.yaml"
        return "it distributes nothing (DistributionBucketName is empty)"

    def invoke(self, function: str, event: object) -> Any:  # noqa: ANN401 - any JSON
        """Invoke a function, wait, and return its answer; InvocationError if it ended in an error.

        StackError if it is paused: Lambda itself then says "Rate Exceeded", as for an account that is too busy.
        """
        from botocore.exceptions import ClientError

        lambda_ = self.client("lambda")
        try:
            answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        except ClientError as error:
            if error.response["Error"]["Code"] == "TooManyRequestsException" and _is_paused(lambda_, function):
                end = self.advice(f"aws lambda delete-function-concurrency --function-name {function}")
                msg = f"{function} is paused, its reserved concurrency is 0; {end} ends that"
                raise StackError(msg) from error
            raise
        content = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise InvocationError(content.get("errorMessage", "") or content.get("errorType", "no reason given"))
        return content

    def sweep(self, *, dry_run: bool) -> Iterator[dict[str, Any]]:
        """Run the sweeper to its end; yields the answer of each invocation."""
        event: dict[str, Any] | None = {"dry_run": dry_run, "follow": False}
        while event is not None:
            answer = self.invoke(self.output("SweeperFunctionName"), event)
            yield answer
            event = answer["next"]

    def has(self, bucket: str, key: str) -> bool:
        """Whether a bucket has an object with this key."""
        from botocore.exceptions import ClientError

        try:
            self.client("s3").head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def source(self, name: str) -> bytes:
        """The bytes of a file below the source prefix."""
        key = f"{self.output('SourceKeyPrefix')}/{name}"
        answer = self.client("s3").get_object(Bucket=self.output("SourceBucketName"), Key=key)
        body: bytes = answer["Body"].read()
        return body

    def source_keys(self) -> Iterator[str]:
        """Every key below the source prefix."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.output("SourceBucketName"), Prefix=f"{self.output('SourceKeyPrefix')}/"):
            yield from (entry["Key"] for entry in page.get("Contents", []))


def find_stack(name: str, profile: str | None, region: str | None) -> DeployedStack:
    """Find a stack by its name or ARN like the AWS CLI, with its profiles, regions and endpoints; else StackError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = make_session(profile, region)
        (stack,) = make_client(session, "cloudformation").describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: an odd name or number of tries
        msg = f"cannot look up the stack {name}: {error}"
        raise StackError(msg) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])}
    return DeployedStack(
        session=session,
        id=stack["StackId"],
        name=stack["StackName"],
        status=stack["StackStatus"],
        outputs=outputs,
        parameters=parameters,
        created=stack["CreationTime"].astimezone(UTC),
    )


def _is_paused(lambda_: Any, function: str) -> bool:  # noqa: ANN401 - boto3 makes its clients' types at run time
    reserved = lambda_.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
    return reserved is not None and int(reserved) == 0


def make_client(session: "boto3.Session", service: str, config: "Config | None" = None) -> Any:  # noqa: ANN401
    """A client of a session; StackError if its endpoint is none."""
    make: Any = session.client
    try:
        client = make(service, config=config)
        _ = urlsplit(client.meta.endpoint_url).port  # botocore itself looks at the port with the first request
    except ValueError as error:
        msg = f"no endpoint of {service}: {error}; look at AWS_ENDPOINT_URL"
        raise StackError(msg) from error
    return client


def make_session(profile: str | None = None, region: str | None = None) -> "boto3.Session":
    """A session with the region that the AWS CLI would take; boto3 itself does not read AWS_REGION.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
    """
    import boto3

    return boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)

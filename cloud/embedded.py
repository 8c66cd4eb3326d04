"""The embedded cloud: the stack of template.yaml on moto, its functions on AWS's runtime emulator, SSM on a stand-in.

    with EmbeddedCloud() as cloud:
        cloud.fire("FetchSchedule")
        cloud.settle()

Everything listens on 127.0.0.1 only. moto keeps one global state, so one cloud a process at a time.
"""

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

import boto3
import requests
from botocore.exceptions import ClientError
from moto.sqs.models import Queue, sqs_backends

from cloud.cloudwatch import CloudWatch
from cloud.deploy import (
    DeployError,
    asynchronous_configuration,
    deploy,
    function_configuration,
    mapping_configuration,
)
from cloud.event_bus import ApiDestinations, rules_call_destinations
from cloud.lambdas import CONCURRENCY, Function, LambdaService
from cloud.mappings import Mapping as QueueMapping
from cloud.moto_server import (
    composite_alarms_are_kept,
    empty_bodies_are_signed,
    functions_run_here,
    is_paused,
    is_permitted,
    queues_keep_messages,
    serve_moto,
)
from cloud.runtimes import EmulatedRuntime, FunctionConfiguration, InProcessRuntime, Runtime, emulator
from cloud.stand_ins.announcement_feed import AnnouncementFeed
from cloud.stand_ins.cloudfront import CloudFront, CloudFrontServer
from cloud.stand_ins.edge import Edge, EdgeServer, bucket_origin
from cloud.stand_ins.launch_feed import LaunchFeed
from cloud.stand_ins.ssm import ParameterServer
from cloud.stand_ins.webhook import Webhook
from cloud.template import ACCOUNT, REGION, Resource, Stack, read_template, resolve, translate
from cloud.work import Work

WEBSITE = "example-website"
DISTRIBUTION = "E1EXAMPLE"
OPERATOR = "operator"
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What AWS signs requests with; only an assumed role has a token."""

    access_key_id: str
    secret_access_key: str
    token: str = ""

    def environment(self) -> dict[str, str]:
        """As Lambda hands them to a function."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.token,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


ROOT_CREDENTIALS = Credentials("root", "root")


class EmbeddedCloud:
    """A deployed stack, ready for use; `with` starts and stops it."""

    def __init__(  # noqa: PLR0913 - what differs from cloud to cloud
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        template: Mapping[str, Any] | None = None,
        stack_name: str = "aws-services-feed",
        ssm: ParameterServer | None = None,
        site: EdgeServer | None = None,
        in_process: bool = False,
    ) -> None:
        """Deploy `template` (the project's own by default) with these parameters, a website bucket among them.

        `ssm` is a stand-in not yet started, by default one over the catalogue that moto ships. `site` is an edge that
        is started already, and shows the website. `in_process` runs the functions in this process instead of under
        AWS's emulator. Stacks without functions may be added to `stacks`.
        """
        defaults = {"DistributionBucketName": WEBSITE, "SsmRequestsPerSecond": "10000"}
        address = {"SiteUrl": f"{site.url}/data/"} if site else {}
        values = {**defaults, "CloudFrontDistributionId": DISTRIBUTION, **address, **(parameters or {})}
        self.stack: Stack = resolve(translate(template or read_template()), stack_name, values)
        self.stacks = [self.stack]
        self.website = values["DistributionBucketName"]
        self.parameters = ssm or ParameterServer()
        self.parameters.authorize = is_permitted
        self.launches = LaunchFeed()
        self.announcements = AnnouncementFeed()
        self.webhook = Webhook()
        distributions = {values["CloudFrontDistributionId"], values.get("SecondCloudFrontDistributionId", "")} - {""}
        self.edge = CloudFrontServer(CloudFront(distributions), is_permitted)
        self.site = site
        self._work = Work()
        self._mapped: list[Queue] = []
        self._delivered = 0  # invocations whose log is in its log group
        self._emulator = None if in_process else emulator()
        self._session = boto3.Session(region_name=REGION)
        self._connect = cache(self._make_client)  # to make a client takes longer than most of its calls
        self._exit = ExitStack()

    @property
    def runs_in_process(self) -> bool:
        """Whether functions run here instead of under AWS's emulator."""
        return self._emulator is None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if not _ONE_AT_A_TIME.acquire(blocking=False):
                msg = "another embedded cloud is running in this process, and moto has one state for all"
                raise RuntimeError(msg)
            stack.callback(_ONE_AT_A_TIME.release)
            self._start(stack)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def client(self, service: str) -> Any:  # noqa: ANN401 - one type for each service
        """A client with the operator's rights, which are all."""
        return self._connect(service, self._operator)

    def fire(self, logical_id: str) -> None:
        """Let a schedule's time come: invoke its target with its role, as EventBridge Scheduler does."""
        schedules = self.stack.of_type("AWS::Scheduler::Schedule")
        target = next(schedule for schedule in schedules if schedule.logical_id == logical_id).properties["Target"]
        role = self._roles[target["RoleArn"]]
        headers = {"X-Amz-Security-Token": role.token}
        if is_permitted(role.access_key_id, headers, "lambda:InvokeFunction", target["Arn"]):
            self.lambdas.invoke_async(target["Arn"], target["Input"])
        elif "DeadLetterConfig" in target:
            self._send(role, target["DeadLetterConfig"]["Arn"], target["Input"])

    def settle(self, timeout: float = 120) -> None:
        """Return when nothing is under way and no mapped queue holds a message; TimeoutError otherwise."""
        # A message counts until it is deleted, received or not.
        self._work.wait(timeout, messages=lambda: sum(len(queue._messages) for queue in self._mapped))  # noqa: SLF001

    def evaluate_alarms(self, now: datetime | None = None) -> dict[str, str]:
        """The state of every alarm at this time (the present by default), by its logical id; changes are published."""
        return self.cloudwatch.evaluate(now or datetime.now(UTC))

    def deliver_logs(self) -> None:
        """Put what functions have logged since the last time into their log groups, a stream for each invocation."""
        logs, known = self.client("logs"), self._delivered
        self._delivered = len(self.lambdas.invocations)
        for number, invocation in enumerate(self.lambdas.invocations[known : self._delivered], known):
            stream = {"logGroupName": f"/aws/lambda/{invocation.function}", "logStreamName": f"invocation-{number}"}
            now = int(datetime.now(UTC).timestamp() * 1000)
            lines = [{"timestamp": now, "message": line} for line in invocation.answer.log.splitlines() if line]
            if lines:
                logs.create_log_stream(**stream)
                logs.put_log_events(**stream, logEvents=lines)

    def source_bucket(self) -> str:
        """The name of the stack's bucket."""
        (bucket,) = self.stack.of_type("AWS::S3::Bucket")
        return bucket.name

    def objects(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys below a prefix."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def messages(self, logical_id: str) -> list[Any]:
        """What a queue of the stack holds, parsed; the messages stay in it."""
        sqs, url = self.client("sqs"), self.queue_url(logical_id)
        held: list[Any] = []
        while some := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60).get("Messages"):
            held += some
        for message in held:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in held]

    def queue_url(self, logical_id: str) -> str:
        """The URL of a queue of any of the stacks."""
        queues = [queue for deployed in self.stacks for queue in deployed.of_type("AWS::SQS::Queue")]
        (queue,) = (queue for queue in queues if queue.logical_id == logical_id)
        return f"{self.url}/{ACCOUNT}/{queue.name}"

    def _start(self, stack: ExitStack) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
        self.url = stack.enter_context(serve_moto(self._work))
        requests.post(f"{self.url}/moto-api/reset", timeout=10)
        stack.enter_context(self.parameters)
        stack.enter_context(self.launches)
        stack.enter_context(self.announcements)
        stack.enter_context(self.edge)
        stack.enter_context(self.webhook)
        stack.enter_context(queues_keep_messages())
        self.cloudwatch = CloudWatch(self.stack, self.client)
        self.lambdas = LambdaService(record=self.cloudwatch.record, is_paused=is_paused, work=self._work)
        stack.callback(self.lambdas.close)
        stack.enter_context(functions_run_here(self.lambdas))
        stack.enter_context(empty_bodies_are_signed())
        stack.enter_context(composite_alarms_are_kept())
        destinations = ApiDestinations(lambda: self.webhook.url, self._may_call, self._keep_event, self._work)
        stack.enter_context(rules_call_destinations(destinations))
        for deployed in self.stacks:
            deploy(deployed, lambda service: self._connect(service, ROOT_CREDENTIALS))
        if self.website:
            self._connect("s3", ROOT_CREDENTIALS).create_bucket(Bucket=self.website)
        self._roles = {
            role.arn: self._assume(role) for deployed in self.stacks for role in deployed.of_type("AWS::IAM::Role")
        }
        self._operator = self._create_operator()
        for function in self.stack.of_type("AWS::Lambda::Function"):
            self.lambdas.functions[function.name] = self._function(function)
        self._register()
        self._enforce_iam(stack)
        if self.site:
            self.site.edge = Edge(bucket_origin(self.client("s3"), self.website), self.edge.cloudfront)
        for resource in self.stack.of_type("AWS::Lambda::EventSourceMapping"):
            self._start_mapping(resource, stack)

    def environment(self) -> dict[str, str]:
        """The variables with which any AWS tool works on this cloud, with the operator's rights."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self._operator.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._operator.secret_access_key,
            "AWS_DEFAULT_REGION": REGION,
        }

    def _register(self) -> None:
        """Let CloudFormation know the stack's outputs, where the `feed` command looks for names."""
        template = {
            # A stack needs a resource, and moto's CloudFormation knows few.
            "Resources": {"Placeholder": {"Type": "AWS::Logs::LogGroup"}},
            "Outputs": {name: {"Value": value} for name, value in self.stack.outputs.items()},
        }
        cloudformation = self._connect("cloudformation", ROOT_CREDENTIALS)
        cloudformation.create_stack(StackName=self.stack.name, TemplateBody=json.dumps(template))

    def _make_client(self, service: str, credentials: Credentials) -> Any:  # noqa: ANN401
        connect: Any = self._session.client
        return connect(
            service,
            endpoint_url=self.url,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.token or None,
        )

    def _assume(self, role: Resource) -> Credentials:
        # Before IAM is enforced: the trust policies name services, which moto has no way to be.
        sts = self._connect("sts", ROOT_CREDENTIALS)
        keys = sts.assume_role(RoleArn=role.arn, RoleSessionName="embedded")["Credentials"]
        return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def _create_operator(self) -> Credentials:
        iam = self._connect("iam", ROOT_CREDENTIALS)
        iam.create_user(UserName=OPERATOR)
        everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        iam.put_user_policy(UserName=OPERATOR, PolicyName="all", PolicyDocument=json.dumps(everything))
        key = iam.create_access_key(UserName=OPERATOR)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def _function(self, function: Resource) -> Function:
        role = self._roles[function.properties["Role"]]
        endpoints = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_SSM": self.parameters.url,
            "AWS_ENDPOINT_URL_CLOUDFRONT": self.edge.url,
        }
        feeds = {"LAUNCH_FEED_URL": self.launches.url, "ANNOUNCEMENTS_FEED_URL": self.announcements.url}
        variables = function.properties["Environment"]["Variables"]
        endpoints |= {name: url for name, url in feeds.items() if variables.get(name)}
        return Function(
            function_configuration(function, {**endpoints, **role.environment()}),
            asynchronous_configuration(function, self.stack),
            self._start_runtime,
            lambda queue_arn, body: self._send(role, queue_arn, body),
            1 if self.runs_in_process else CONCURRENCY,
        )

    def _start_mapping(self, resource: Resource, stack: ExitStack) -> None:
        configuration = mapping_configuration(resource, self.stack, self.url)
        (function,) = (
            resource
            for resource in self.stack.of_type("AWS::Lambda::Function")
            if resource.name == configuration.function
        )
        queue = sqs_backends[ACCOUNT][REGION].queues[configuration.queue_arn.rpartition(":")[2]]
        sqs = self._connect("sqs", self._roles[function.properties["Role"]])
        mapping = QueueMapping(configuration, sqs, self.lambdas.invoke, lambda: len(queue.messages), self._work)
        try:
            mapping.start()
        except ClientError as error:
            msg = f"AWS refuses {resource.logical_id}: {error}"
            raise DeployError(msg) from error
        stack.callback(mapping.close)
        self._mapped.append(queue)

    def _start_runtime(self, configuration: FunctionConfiguration) -> Runtime:
        if self._emulator:
            return EmulatedRuntime(configuration, self._emulator)
        return InProcessRuntime(configuration)

    def _send(self, sender: Credentials, queue_arn: str, body: str) -> None:
        name = queue_arn.rpartition(":")[2]
        self._connect("sqs", sender).send_message(QueueUrl=f"{self.url}/{ACCOUNT}/{name}", MessageBody=body)

    def _may_call(self, role_arn: str, destination_arn: str) -> bool:
        role = self._roles[role_arn]
        headers = {"X-Amz-Security-Token": role.token}
        return is_permitted(role.access_key_id, headers, "events:InvokeApiDestination", destination_arn)

    def _keep_event(self, queue_arn: str, body: str, error: str) -> None:
        url = f"{self.url}/{ACCOUNT}/{queue_arn.rpartition(':')[2]}"
        reason = {"ERROR_MESSAGE": {"DataType": "String", "StringValue": error}}
        self.client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageAttributes=reason)

    def _enforce_iam(self, stack: ExitStack) -> None:
        requests.post(f"{self.url}/moto-api/reset-auth", data=b"0", timeout=10)
        stack.callback(requests.post, f"{self.url}/moto-api/reset-auth", data=b"inf", timeout=10)

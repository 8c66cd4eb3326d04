"""The embedded cloud: the stack of template.yaml on moto, its functions on AWS's runtime emulator, SSM on a stand-in.

    with EmbeddedCloud() as cloud:
        cloud.fire("FetchSchedule")
        cloud.settle()

Everything listens on 127.0.0.1 only. moto keeps one global state, so one cloud a process at a time.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import unquote

import boto3
import moto.awslambda.models
import moto.s3.notifications
import requests
from botocore.exceptions import ClientError
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import lambda_backends
from moto.iam.access_control import IAMRequestBase
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sqs.models import Queue, SQSBackend, sqs_backends
from werkzeug.serving import make_server

from cloud.cloudwatch import CloudWatch
from cloud.deploy import (
    DeployError,
    asynchronous_configuration,
    deploy,
    function_configuration,
    mapping_configuration,
)
from cloud.iam import is_permitted
from cloud.lambdas import CONCURRENCY, Function, LambdaService, PausedError
from cloud.mappings import SCALE
from cloud.mappings import Mapping as QueueMapping
from cloud.runtimes import EmulatedRuntime, FunctionConfiguration, InProcessRuntime, Runtime, emulator
from cloud.stand_ins.cloudfront import CloudFront, CloudFrontServer
from cloud.stand_ins.launch_feed import LaunchFeed
from cloud.stand_ins.ssm import ParameterServer
from cloud.template import ACCOUNT, PARTITION, REGION, Resource, Stack, read_template, resolve, translate
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

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        template: Mapping[str, Any] | None = None,
        stack_name: str = "aws-services-feed",
        ssm: ParameterServer | None = None,
        in_process: bool = False,
    ) -> None:
        """Deploy `template` (the project's own by default) with these parameters, a website bucket among them.

        `ssm` is a stand-in not yet started, by default one over the catalogue that moto ships. `in_process` runs the
        functions in this process instead of under AWS's emulator.
        """
        defaults = {"DistributionBucketName": WEBSITE, "SsmRequestsPerSecond": "10000"}
        given = {**defaults, "CloudFrontDistributionId": DISTRIBUTION, **(parameters or {})}
        self.stack: Stack = resolve(translate(template or read_template()), stack_name, given)
        self.website = given["DistributionBucketName"]
        self.parameters = ssm or ParameterServer()
        self.parameters.authorize = is_permitted
        self.launches = LaunchFeed()
        distributions = {given["CloudFrontDistributionId"], given.get("SecondCloudFrontDistributionId", "")} - {""}
        self.edge = CloudFrontServer(CloudFront(distributions), is_permitted)
        self._work = Work()
        self._mapped: list[Queue] = []
        self._emulator = None if in_process else emulator()
        self._session = boto3.Session(region_name=REGION)
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
        target = next(one for one in schedules if one.logical_id == logical_id).properties["Target"]
        role = self._roles[target["RoleArn"]]
        headers = {"X-Amz-Security-Token": role.token}
        if is_permitted(role.access_key_id, headers, "lambda:InvokeFunction", target["Arn"]):
            self.lambdas.invoke_async(target["Arn"], target["Input"])
        else:
            self._send(role, target["DeadLetterConfig"]["Arn"], target["Input"])

    def settle(self, timeout: float = 120) -> None:
        """Return when nothing is under way and no mapped queue holds a message; TimeoutError otherwise."""
        # A message counts until it is deleted, received or not.
        self._work.wait(timeout, messages=lambda: sum(len(queue._messages) for queue in self._mapped))  # noqa: SLF001

    def evaluate_alarms(self, now: datetime | None = None) -> dict[str, str]:
        """The state of every alarm at this time (the present by default), by its logical id; changes are published."""
        return self.cloudwatch.evaluate(now or datetime.now(UTC))

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
        """The URL of a queue of the stack."""
        (queue,) = (queue for queue in self.stack.of_type("AWS::SQS::Queue") if queue.logical_id == logical_id)
        return f"{self.url}/{ACCOUNT}/{queue.name}"

    def _start(self, stack: ExitStack) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
        self.url = stack.enter_context(_moto(self._work))
        requests.post(f"{self.url}/moto-api/reset", timeout=10)
        stack.enter_context(self.parameters)
        stack.enter_context(self.launches)
        stack.enter_context(self.edge)
        stack.enter_context(_moto_keeps_messages())
        self.cloudwatch = CloudWatch(self.stack, self.client)
        self.lambdas = LambdaService(record=self.cloudwatch.record, is_paused=_is_paused, work=self._work)
        stack.callback(self.lambdas.close)
        stack.enter_context(_moto_invokes(self.lambdas))
        stack.enter_context(_moto_checks_empty_bodies())
        deploy(self.stack, cache(lambda service: self._connect(service, ROOT_CREDENTIALS)))
        if self.website:
            self._connect("s3", ROOT_CREDENTIALS).create_bucket(Bucket=self.website)
        self._roles = {role.arn: self._assume(role) for role in self.stack.of_type("AWS::IAM::Role")}
        self._operator = self._create_operator()
        for function in self.stack.of_type("AWS::Lambda::Function"):
            self.lambdas.functions[function.name] = self._function(function)
        self._register()
        self._enforce_iam(stack)
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

    def _connect(self, service: str, credentials: Credentials) -> Any:  # noqa: ANN401
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
        given = sts.assume_role(RoleArn=role.arn, RoleSessionName="embedded")["Credentials"]
        return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

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
        if function.properties["Environment"]["Variables"].get("LAUNCH_FEED_URL"):
            endpoints["LAUNCH_FEED_URL"] = self.launches.url
        return Function(
            function_configuration(function, {**endpoints, **role.environment()}),
            asynchronous_configuration(function, self.stack),
            self._start_runtime,
            lambda queue_arn, body: self._send(role, queue_arn, body),
            1 if self.runs_in_process else CONCURRENCY,
        )

    def _start_mapping(self, resource: Resource, stack: ExitStack) -> None:
        configuration = mapping_configuration(resource, self.stack, self.url)
        (function,) = (one for one in self.stack.of_type("AWS::Lambda::Function") if one.name == configuration.function)
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

    def _enforce_iam(self, stack: ExitStack) -> None:
        requests.post(f"{self.url}/moto-api/reset-auth", data=b"0", timeout=10)
        stack.callback(requests.post, f"{self.url}/moto-api/reset-auth", data=b"inf", timeout=10)


@contextmanager
def _moto(work: Work) -> Iterator[str]:
    """Run moto's server and give its URL; each request is work until it is answered."""
    application = DomainDispatcherApplication(create_backend_app)
    # moto lists its own folder for each request.
    application.get_backend_for_host = cache(application.get_backend_for_host)  # type: ignore[method-assign]

    def answer(environ: Any, start_response: Any) -> Any:  # noqa: ANN401
        with work.of("requests"):
            return application(environ, start_response)

    with make_server("127.0.0.1", 0, answer, threaded=True, request_handler=MotoRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def _moto_keeps_messages() -> Iterator[None]:
    """Let one at a time change a queue, and a message that a function puts off come again a hundred times as fast.

    moto deletes a message by building a new list of the others, and would lose what is sent meanwhile.
    """

    def in_turn(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(backend: SQSBackend, queue_name: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            with backend.get_queue(queue_name)._messages_lock:  # noqa: SLF001 - released while a receiver waits
                return method(backend, queue_name, *arguments, **named)

        return call

    def change(backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: float) -> None:
        changed(backend, queue_name, receipt_handle, round(int(visibility_timeout) * SCALE))

    changed = SQSBackend.change_message_visibility
    with (
        patch.object(SQSBackend, "change_message_visibility", in_turn(change)),
        patch.object(SQSBackend, "receive_message", in_turn(SQSBackend.receive_message)),
        patch.object(SQSBackend, "delete_message", in_turn(SQSBackend.delete_message)),
    ):
        yield


def _is_paused(function: str) -> bool:
    configured = lambda_backends[ACCOUNT][REGION].get_function(function).reserved_concurrency
    return configured is not None and int(configured) == 0


class _TooManyRequestsError(LambdaClientError):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


@contextmanager
def _moto_invokes(lambdas: LambdaService) -> Iterator[None]:
    """Hand moto's invocations to our Lambda service: moto itself would start containers."""

    def invoke(function: Any, body: str | bytes, request_headers: Any, response_headers: Any) -> bytes:  # noqa: ANN401
        payload = (body.decode() if isinstance(body, bytes) else body) or "null"
        if request_headers.get("X-Amz-Invocation-Type") == "Event":
            lambdas.invoke_async(function.function_name, payload)
            return b""
        try:
            answer = lambdas.invoke(function.function_name, payload)
        except PausedError as error:
            raise _TooManyRequestsError from error
        if answer.is_error:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer.payload.encode()

    def notify(_account: str, event: Any, function_arn: str, _region: str) -> None:  # noqa: ANN401
        lambdas.invoke_async(function_arn, json.dumps(event))

    def check(request: Any, resource: str) -> None:  # noqa: ANN401
        if request._action == "lambda:Invoke":  # noqa: SLF001 - moto's name for it, which IAM does not know
            request._action = "lambda:InvokeFunction"  # noqa: SLF001
            name = unquote(request._path.split("/")[3]).rpartition(":")[2]  # noqa: SLF001
            resource = f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{name}"
        if request._action.startswith("sqs:"):  # noqa: SLF001 - the right to a batch is that to its single action
            request._action = request._action.removesuffix("Batch")  # noqa: SLF001
        checked(request, resource)

    checked = IAMRequestBase.check_action_permitted
    with (
        patch.object(IAMRequestBase, "check_action_permitted", check),
        patch.object(moto.awslambda.models.LambdaFunction, "invoke", invoke),
        patch.object(moto.s3.notifications, "_invoke_awslambda", notify),
    ):
        yield


@contextmanager
def _moto_checks_empty_bodies() -> Iterator[None]:
    """Let moto check the signature of a GET or DELETE to Lambda or Scheduler: it takes the parameters for a body."""

    def create(request: Any) -> Any:  # noqa: ANN401
        signed = created(request)
        if request._method in {"GET", "DELETE"}:  # noqa: SLF001
            signed.data = b""
        return signed

    created = IAMRequestBase._create_aws_request  # noqa: SLF001
    with patch.object(IAMRequestBase, "_create_aws_request", create):
        yield

"""moto's server, which keeps the state of S3, SQS, IAM, Lambda's API and more, and what it lacks of AWS."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import unquote

import moto.awslambda.models
import moto.s3.notifications
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import lambda_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.iam.access_control import (
    CreateAccessKeyFailure,
    IAMPolicy,
    IAMRequestBase,
    PermissionResult,
    create_access_key,
)
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from moto.s3.responses import ACTION_MAP
from moto.sqs.models import SQSBackend
from werkzeug.serving import make_server

from cloud.lambdas import LambdaService, PausedError
from cloud.mappings import SCALE
from cloud.template import ACCOUNT, PARTITION, REGION
from cloud.work import Work

CREDENTIAL_PARTS = 5  # key, date, Region, service, aws4_request


def is_permitted(access_key_id: str, headers: Mapping[str, str], action: str, resource: str) -> bool:
    """Whether the policies of the key's owner allow the action on the resource.

    `headers` carry the session token of an assumed role as X-Amz-Security-Token. Conditions are not looked at, as in
    moto.
    """
    try:
        key = create_access_key(ACCOUNT, PARTITION, access_key_id, dict(headers))
    except CreateAccessKeyFailure:
        return False
    results = {IAMPolicy(policy).is_action_permitted(action, resource) for policy in key.collect_policies()}
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


@contextmanager
def serve_moto(work: Work) -> Iterator[str]:
    """Run moto's server and give its URL; each request is work until it is answered."""
    application = DomainDispatcherApplication(create_backend_app)
    # moto lists its own folder for each request.
    application.get_backend_for_host = cache(application.get_backend_for_host)  # type: ignore[method-assign]

    def answer(environ: Any, start_response: Any) -> Any:  # noqa: ANN401
        with work.of("requests"):
            refusal = _refusal_by_s3(environ)
            if refusal:
                start_response(refusal.status, refusal.headers)
                return [refusal.body]
            return application(environ, start_response)

    with make_server("127.0.0.1", 0, answer, threaded=True, request_handler=MotoRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Refusal(NamedTuple):
    """An answer of S3: the status with its phrase, headers, and the error in XML."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def _refusal_by_s3(environ: Mapping[str, str]) -> _Refusal | None:
    """S3's refusal of what moto would carry out.

    That is a request to a bucket in another Region, or a copy into a bucket whose policy demands conditional writes.
    https://docs.aws.amazon.com/AmazonS3/latest/API/Redirects.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    if len(scope) < CREDENTIAL_PARTS or scope[3] != "s3":
        return None
    bucket = s3_backends[ACCOUNT][PARTITION].buckets.get(environ["PATH_INFO"].split("/")[1])
    if bucket and bucket.region_name != scope[2]:
        headers = [("x-amz-bucket-region", bucket.region_name)]
        return _Refusal("301 Moved Permanently", headers, _error("PermanentRedirect", "Use the bucket's Region."))
    if bucket and "HTTP_X_AMZ_COPY_SOURCE" in environ and b"s3:if-none-match" in (bucket.policy or b""):
        if "HTTP_IF_NONE_MATCH" in environ:
            return _Refusal("501 Not Implemented", [], _error("NotImplemented", "A header is not implemented."))
        message = "User is not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy"
        return _Refusal("403 Forbidden", [], _error("AccessDenied", message))
    return None


def _error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@contextmanager
def queues_keep_messages() -> Iterator[None]:
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


@contextmanager
def composite_alarms_are_kept() -> Iterator[None]:
    """Let moto keep a composite alarm: it knows what one is, but not the request that makes one."""
    put = CloudWatchResponse.put_metric_alarm
    with patch.object(CloudWatchResponse, "put_composite_alarm", put, create=True):
        yield


def is_paused(function: str) -> bool:
    """Whether the function's reserved concurrency is 0."""
    configured = lambda_backends[ACCOUNT][REGION].get_function(function).reserved_concurrency
    return configured is not None and int(configured) == 0


class _TooManyRequestsError(LambdaClientError):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


@contextmanager
def functions_run_here(lambdas: LambdaService) -> Iterator[None]:
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
        request._action, resource = _as_in_iam(request, resource)  # noqa: SLF001
        checked(request, resource)

    checked = IAMRequestBase.check_action_permitted
    with (
        patch.object(IAMRequestBase, "check_action_permitted", check),
        patch.dict(ACTION_MAP["BUCKET"]["GET"], ownershipControls="GetBucketOwnershipControls"),
        patch.object(moto.awslambda.models.LambdaFunction, "invoke", invoke),
        patch.object(moto.s3.notifications, "_invoke_awslambda", notify),
    ):
        yield


def _as_in_iam(request: Any, resource: str) -> tuple[str, str]:  # noqa: ANN401
    """The action and the resource of a request as policies name them. moto asks for `*` where it knows no resource.

    https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """
    service, action = request._action.split(":")  # noqa: SLF001
    path, data = unquote(request._path).split("/"), request._data  # noqa: SLF001
    match service:
        case "cloudformation":
            resource = f"stack/{''.join(data.get('StackName', []))}/"
        case "events" if action == "PutEvents":
            bus = json.loads(request._body)["Entries"][0]["EventBusName"]  # noqa: SLF001
            resource = f"event-bus/{bus.rpartition('/')[2]}"
        case "lambda":
            action = "InvokeFunction" if action == "Invoke" else action
            resource = f"function:{path[3].rpartition(':')[2]}"
        case "logs":
            body = json.loads(request._body)  # noqa: SLF001
            stream = f"log-stream:{body['logStreamName']}" if action == "PutLogEvents" else "*"  # the only such right
            resource = f"log-group:{body.get('logGroupName', '')}:{stream}"
        case "monitoring":
            return f"cloudwatch:{action}", "*"
        case "scheduler":
            resource = f"schedule/default/{path[-1]}"
        case "sns":
            return f"sns:{action}", "".join(data.get("TopicArn", ["*"]))
        case "sqs":
            return f"sqs:{action.removesuffix('Batch')}", resource  # the right to a batch is that to a single action
        case _:
            return f"{service}:{action}", resource
    return f"{service}:{action}", f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{resource}"


@contextmanager
def empty_bodies_are_signed() -> Iterator[None]:
    """Let moto check the signature of a GET or DELETE to Lambda or Scheduler: it takes the parameters for a body."""

    def create(request: Any) -> Any:  # noqa: ANN401
        signed = created(request)
        if request._method in {"GET", "DELETE"}:  # noqa: SLF001
            signed.data = b""
        return signed

    created = IAMRequestBase._create_aws_request  # noqa: SLF001
    with patch.object(IAMRequestBase, "_create_aws_request", create):
        yield

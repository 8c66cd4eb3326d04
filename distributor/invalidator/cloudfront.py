"""Sends invalidation requests to CloudFront and returns its answers. The only module that calls CloudFront."""

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from distributor.invalidator.requests import Answer, Created, Deferred, InvalidationRequest, Refused, widen

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

PAUSE = 2.0  # CloudFront accepts about one request in two seconds from an account, over all distributions
# Temporary errors. Some have status 400, which alone says nothing.
_TEMPORARY = {"Throttling", "ThrottlingException", "TooManyRequestsException", "TooManyInvalidationsInProgress"}


def create_invalidations(
    client: "CloudFrontClient", requests: Iterable[InvalidationRequest], sleep: Callable[[float], None] = time.sleep
) -> list[Answer]:
    """Send each request, with pauses between them; a failed request does not stop the others.

    If CloudFront refuses a path, a wildcard replaces all of them, so that none costs another its invalidation.
    Does not wait until an invalidation is completed, which may take more than ten minutes.
    """
    answers: list[Answer] = []
    for request in requests:
        if answers:
            sleep(PAUSE)
        answer = _create(client, request)
        if isinstance(answer, Refused) and answer.of_path:
            sleep(PAUSE)
            answer = _create(client, widen(request, answer.reason))
        answers.append(answer)
    return answers


def _create(client: "CloudFrontClient", request: InvalidationRequest) -> Answer:
    try:
        created = client.create_invalidation(
            DistributionId=request.distribution,
            InvalidationBatch={
                "Paths": {"Quantity": len(request.paths), "Items": list(request.paths)},
                "CallerReference": request.reference,
            },
        )["Invalidation"]
    except ClientError as error:
        return _after_refusal(request, error)
    except ParamValidationError as error:
        return Refused(request, str(error))
    except (BotoCoreError, ResponseParserError) as error:  # no answer, or an incomplete one
        return Deferred(request, f"{type(error).__name__}: {error}")
    return Created(request, created["Id"], created["Status"])


def _after_refusal(request: InvalidationRequest, error: ClientError) -> Deferred | Refused:
    reason = f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    passing = code in _TEMPORARY or status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Deferred(request, reason) if passing else Refused(request, reason, of_path=code == "InvalidArgument")

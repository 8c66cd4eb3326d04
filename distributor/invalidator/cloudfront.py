"""Requests for invalidations in, CloudFront's answers out. The only module that calls CloudFront."""

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from distributor.invalidator.requests import Answer, Created, Deferred, InvalidationRequest, Refused

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

# An account may make about one request in two seconds, whatever the distribution.
PAUSE = 2.0
# What passes by itself; all with status 400, 429 or 503, of which the first tells nothing.
_PASSING = {"Throttling", "ThrottlingException", "TooManyRequestsException", "TooManyInvalidationsInProgress"}


def create_invalidations(
    client: "CloudFrontClient", requests: Iterable[InvalidationRequest], sleep: Callable[[float], None] = time.sleep
) -> list[Answer]:
    """Send each request, with a pause between; one that is not granted never keeps the others from being sent.

    Never waits until an invalidation is completed, which may take ten minutes and more.
    """
    answers: list[Answer] = []
    for request in requests:
        if answers:
            sleep(PAUSE)
        answers.append(_create(client, request))
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
    except (BotoCoreError, ResponseParserError) as error:  # no answer, or half of one
        return Deferred(request, f"{type(error).__name__}: {error}")
    return Created(request, created["Id"], created["Status"])


def _after_refusal(request: InvalidationRequest, error: ClientError) -> Deferred | Refused:
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    passing = code in _PASSING or status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return (Deferred if passing else Refused)(request, f"{code}: {error.response['Error'].get('Message', '')}")

"""Requests for invalidations in, CloudFront's answers out. The only module that calls CloudFront."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from distributor.invalidator.requests import Answer, Created, Deferred, Invalidation, Refused

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

# An account may make about one request in two seconds, whatever the distribution.
PAUSE = 2.0
# What passes by itself; all with status 400, 429 or 503, of which the first tells nothing.
_PASSING = {"Throttling", "ThrottlingException", "TooManyRequestsException", "TooManyInvalidationsInProgress"}


@dataclass(frozen=True, slots=True)
class Edge:
    """CloudFront. Never waits until an invalidation is completed, which may take ten minutes and more."""

    client: "CloudFrontClient"
    sleep: Callable[[float], None] = time.sleep

    def create(self, invalidations: Iterable[Invalidation]) -> list[Answer]:
        """Ask for each, with a pause between; one that is not granted never keeps the others from being asked for."""
        answers: list[Answer] = []
        for invalidation in invalidations:
            if answers:
                self.sleep(PAUSE)
            answers.append(self._create(invalidation))
        return answers

    def _create(self, asked: Invalidation) -> Answer:
        try:
            created = self.client.create_invalidation(
                DistributionId=asked.distribution,
                InvalidationBatch={
                    "Paths": {"Quantity": len(asked.paths), "Items": list(asked.paths)},
                    "CallerReference": asked.reference,
                },
            )["Invalidation"]
        except ClientError as error:
            return _after_refusal(asked, error)
        except ParamValidationError as error:
            return Refused(asked, str(error))
        except (BotoCoreError, ResponseParserError) as error:  # no answer, or half of one
            return Deferred(asked, f"{type(error).__name__}: {error}")
        return Created(asked, created["Id"], created["Status"])


def _after_refusal(asked: Invalidation, error: ClientError) -> Deferred | Refused:
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    passing = code in _PASSING or status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return (Deferred if passing else Refused)(asked, f"{code}: {error.response['Error'].get('Message', '')}")


def connect() -> Edge:
    """CloudFront, asked once: what fails goes back to the queue, which has more patience than the SDK."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=10)
    return Edge(boto3.client("cloudfront", config=config))

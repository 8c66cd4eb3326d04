"""S3 Batch Operations: one task of a job in, one result out. For redistributing more keys than a person can name.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distributor.events import EnvelopeError, Notice, from_form
from distributor.outcomes import Copied, Failed, Outcome, Skipped
from distributor.report import describe

SCHEMA_VERSION = "2.0"
LONGEST_RESULT = 1024


def is_job(event: object) -> bool:
    """Whether the event is of S3 Batch Operations, of whatever version."""
    return isinstance(event, dict) and "invocationSchemaVersion" in event


def decode_tasks(event: Mapping[str, Any]) -> dict[str, Notice]:
    """The notice of each task by the task's id; EnvelopeError if the event is of another version or shape.

    A version id in the manifest is not looked at: publishing always brings the present state.
    """
    try:
        if event["invocationSchemaVersion"] != SCHEMA_VERSION:
            msg = f"the job's schema version is {event['invocationSchemaVersion']!r}; create it with {SCHEMA_VERSION}"
            raise EnvelopeError(msg)
        return {str(task["taskId"]): from_form(str(task["s3Bucket"]), str(task["s3Key"])) for task in event["tasks"]}
    except (KeyError, TypeError) as error:
        msg = f"not an event of S3 Batch Operations: {type(error).__name__} {error}"
        raise EnvelopeError(msg) from error


def answer(event: Mapping[str, Any], outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    """The answer that Batch Operations waits for: a result for each task, from its outcomes at every destination."""
    return {
        "invocationSchemaVersion": SCHEMA_VERSION,
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": event.get("invocationId"),
        "results": [
            {"taskId": task, "resultCode": _code(results), "resultString": _words(results)}
            for task, results in outcomes.items()
        ],
    }


def _code(outcomes: Iterable[Outcome]) -> str:
    if any(isinstance(outcome, Failed) for outcome in outcomes):
        return "TemporaryFailure"
    return "Succeeded" if all(isinstance(outcome, Copied | Skipped) for outcome in outcomes) else "PermanentFailure"


def _words(outcomes: Iterable[Outcome]) -> str:
    described = (describe(outcome) for outcome in outcomes)
    words = "; ".join(f"{one['outcome']}: {one.get('destination') or one['reason']}" for one in described)
    return words[:LONGEST_RESULT]

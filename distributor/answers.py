"""Turns outcomes into the answer to an event, or into an error that makes Lambda deliver the event again.

S3 Batch Operations redistribute more keys than a person can name:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from collections.abc import Iterable, Sequence
from typing import Any

from distributor.events import BATCH_SCHEMA_VERSION, Asynchronous, BatchJob, Reply
from distributor.outcomes import Copied, Failed, Outcome, Skipped, count, describe

LONGEST_RESULT = 1024


class DistributionFailedError(Exception):
    """It is uncertain whether every object is published. Lambda retries the event, which is safe, then keeps it."""


def answer(reply: Reply, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The results of a job's tasks, or a summary. DistributionFailedError if an asynchronous event had failures."""
    if isinstance(reply, BatchJob):
        return _job_results(reply, outcomes)
    if isinstance(reply, Asynchronous):
        raise_if_failed(outcomes)
    return summarize_outcomes(outcomes)


def summarize_outcomes(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts by outcome, and an entry for each object, with the reason if there is one."""
    return {"counts": count(outcomes), "objects": [describe(outcome) for outcome in outcomes]}


def raise_if_failed(outcomes: Iterable[Outcome]) -> None:
    """DistributionFailedError with the first failures if there are any; the event is then delivered again."""
    failed = [describe(outcome) for outcome in outcomes if isinstance(outcome, Failed)]
    if failed:
        named = "; ".join(f"{fields['source']}: {fields['reason']}" for fields in failed[:3])
        msg = f"{len(failed)} object(s) not published: {named}"
        raise DistributionFailedError(msg)


def _job_results(job: BatchJob, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """A result for each task, from the outcomes of its key at every destination."""
    by_key: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_key.setdefault(outcome.key, []).append(outcome)
    return {
        "invocationSchemaVersion": BATCH_SCHEMA_VERSION,
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": job.invocation_id,
        "results": [
            {"taskId": task, "resultCode": _result_code(by_key[key]), "resultString": _result_text(by_key[key])}
            for task, key in job.keys.items()
        ],
    }


def _result_code(outcomes: Iterable[Outcome]) -> str:
    if any(isinstance(outcome, Failed) for outcome in outcomes):
        return "TemporaryFailure"
    return "Succeeded" if all(isinstance(outcome, Copied | Skipped) for outcome in outcomes) else "PermanentFailure"


def _result_text(outcomes: Iterable[Outcome]) -> str:
    described = (describe(outcome) for outcome in outcomes)
    texts = (f"{fields['outcome']}: {fields.get('destination') or fields['reason']}" for fields in described)
    return "; ".join(texts)[:LONGEST_RESULT]

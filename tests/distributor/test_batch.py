import pytest

from distributor import batch
from distributor.events import Changed, EnvelopeError, Malformed
from distributor.outcomes import Copied, Failed, Gone, Outcome, Rejected, Skipped
from tests.distributor.world import task

JOB = {
    "invocationSchemaVersion": "2.0",
    "invocationId": "the-invocation",
    "job": {"id": "a-job", "userArguments": {}},
    "tasks": [
        {"taskId": "1", "s3Key": "aws-data/space+plus%2Bfile.json", "s3VersionId": None, "s3Bucket": "my-source"},
        {"taskId": "2", "s3Key": "%FF", "s3VersionId": "v", "s3Bucket": "my-source"},
    ],
}
COPIED = Copied(task(), '"e"', 1, 1, 0.1)


def test_a_job_is_told_from_other_events() -> None:
    assert batch.is_job(JOB)
    assert not any(map(batch.is_job, [{"Records": []}, None, [], "x"]))


def test_keys_of_tasks_are_decoded_once() -> None:
    assert batch.decode_tasks(JOB) == {
        "1": Changed("my-source", "aws-data/space plus+file.json"),
        "2": Malformed("%FF", "the key is not UTF-8"),
    }


@pytest.mark.parametrize(
    "odd",
    [
        {**JOB, "invocationSchemaVersion": "1.0"},
        {**JOB, "tasks": None},
        {**JOB, "tasks": [None]},
        {**JOB, "tasks": [{"taskId": "1", "s3Key": "k", "s3BucketArn": "arn:aws:s3:::b"}]},
        {"invocationSchemaVersion": "2.0"},
    ],
)
def test_a_job_of_another_version_or_shape_is_an_error(odd: dict[str, object]) -> None:
    with pytest.raises(EnvelopeError):
        batch.decode_tasks(odd)


@pytest.mark.parametrize(
    ("outcomes", "code", "words"),
    [
        ([COPIED], "Succeeded", "copied: s3://my-website/data/x.json"),
        ([Skipped("k", "no match")], "Succeeded", "skipped: no match"),
        ([Gone(task())], "PermanentFailure", "gone: the source no longer exists; what is published stays"),
        ([Rejected("k", "unfit")], "PermanentFailure", "rejected: unfit"),
        ([Failed("k", "403")], "TemporaryFailure", "failed: 403"),
        (
            [COPIED, Failed("k", "403"), Rejected("k", "unfit")],
            "TemporaryFailure",
            "copied: s3://my-website/data/x.json; failed: 403; rejected: unfit",
        ),
    ],
)
def test_each_task_has_one_result_that_tells_whether_a_retry_helps(
    outcomes: list[Outcome], code: str, words: str
) -> None:
    answer = batch.answer(JOB, {"1": outcomes})

    assert answer == {
        "invocationSchemaVersion": "2.0",
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": "the-invocation",
        "results": [{"taskId": "1", "resultCode": code, "resultString": words}],
    }

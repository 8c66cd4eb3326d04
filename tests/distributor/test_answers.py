from typing import Any

import pytest

from distributor.answers import DistributionFailedError, answer, raise_if_failed
from distributor.events import Asynchronous, BatchJob, Direct
from distributor.outcomes import Copied, Failed, Gone, Outcome, Publish, Rejected, Skipped
from distributor.settings import Location
from tests.distributor.world import EVERY_KIND, HEADERS, SOURCE, task

COPIED = Copied(task(), '"e"', 1, 1, 0.1)
TO_A_MIRROR = Copied(Publish(SOURCE, Location("my-mirror", "data"), "x.json", HEADERS), '"e"', 1, 1, 0.1)
KEY = COPIED.key


def test_a_summary_has_the_counts_and_a_line_for_each_object() -> None:
    summary = answer(Direct(), EVERY_KIND)

    assert summary["counts"] == {"copied": 1, "gone": 1, "skipped": 1, "rejected": 1, "failed": 1}
    assert [line["source"] for line in summary["objects"]] == [outcome.key for outcome in EVERY_KIND]
    assert all("reason" in line for line in summary["objects"][1:])


def test_what_failed_is_raised_only_if_nobody_waits_for_the_answer() -> None:
    assert answer(Asynchronous(), EVERY_KIND[:4]) == answer(Direct(), EVERY_KIND[:4])
    with pytest.raises(DistributionFailedError):
        answer(Asynchronous(), EVERY_KIND)


def test_only_failures_raise_and_they_are_named() -> None:
    raise_if_failed(EVERY_KIND[:4])

    with pytest.raises(DistributionFailedError, match=r"^2 object\(s\) not published: f: why; g: who$"):
        raise_if_failed([*EVERY_KIND, Failed("g", "who")])


@pytest.mark.parametrize(
    ("outcomes", "code", "text"),
    [
        ([COPIED], "Succeeded", "copied: s3://my-website/data/x.json"),
        ([COPIED, TO_A_MIRROR], "Succeeded", "copied: s3://my-website/data/x.json; copied: s3://my-mirror/data/x.json"),
        ([Skipped(KEY, "no match")], "Succeeded", "skipped: no match"),
        ([Gone(task())], "PermanentFailure", "gone: the source no longer exists; what is published stays"),
        ([Rejected(KEY, "unfit")], "PermanentFailure", "rejected: unfit"),
        ([Failed(KEY, "403")], "TemporaryFailure", "failed: 403"),
        ([Failed(KEY, "4" * 2000)], "TemporaryFailure", "failed: " + "4" * 1016),
        (
            [COPIED, Failed(KEY, "403"), Rejected(KEY, "unfit")],
            "TemporaryFailure",
            "copied: s3://my-website/data/x.json; failed: 403; rejected: unfit",
        ),
    ],
)
def test_each_task_of_a_job_has_one_result_that_says_whether_a_retry_helps(
    outcomes: list[Outcome], code: str, text: str
) -> None:
    assert answer(BatchJob("the-invocation", {"1": KEY}), outcomes) == {
        "invocationSchemaVersion": "2.0",
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": "the-invocation",
        "results": [{"taskId": "1", "resultCode": code, "resultString": text}],
    }


def test_a_task_has_the_outcomes_of_its_own_key_and_tasks_of_one_key_have_the_same() -> None:
    job = BatchJob(None, {"1": KEY, "2": "other", "3": KEY})

    results: Any = answer(job, [COPIED, Failed("other", "403"), TO_A_MIRROR])["results"]

    assert [result["resultCode"] for result in results] == ["Succeeded", "TemporaryFailure", "Succeeded"]
    assert results[0]["resultString"] == results[2]["resultString"]

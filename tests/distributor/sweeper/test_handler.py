import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from distributor import handler as distributor
from distributor.answers import DistributionFailedError
from distributor.dependencies import Dependencies, build_dependencies
from distributor.events import EnvelopeError
from distributor.outcomes import Publish
from distributor.queues import FailureQueue, NoInvalidations
from distributor.settings import DistributorSettings
from distributor.store import SourceObject, Store, StoreError
from distributor.sweeper import handler as sweeper
from distributor.sweeper import sweep as sweeping
from distributor.sweeper.progress import Position, Progress, Version
from tests.distributor.fake_s3 import FakeS3
from tests.distributor.world import ENVIRONMENT, event, record
from tests.shared.test_contract import COMPLETE, encode

BODY = b'{"v": 1}'


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    build_dependencies.cache_clear()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with mock_aws():
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        for bucket in ("my-source", "my-website", "my-mirror"):
            client.create_bucket(Bucket=bucket)
        yield client


def put(s3: Any, *names: str, body: bytes = BODY) -> None:
    for name in names:
        s3.put_object(Bucket="my-source", Key=f"aws-data/{name}", Body=body)


def held(s3: Any, bucket: str = "my-website") -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def names_of_metrics(line: dict[str, Any]) -> list[str]:
    return [metric["Name"] for part in line.get("_aws", {}).get("CloudWatchMetrics", []) for metric in part["Metrics"]]


def test_what_is_missing_or_stale_is_published_and_the_rest_left_alone(s3: Any, lambda_context: LambdaContext) -> None:
    put(s3, "missing.json", "stale.json", "fine.json", "history/h.json", ".state.json", "x.txt")
    s3.put_object(Bucket="my-website", Key="data/stale.json", Body=b"{}")
    s3.put_object(Bucket="my-website", Key="data/fine.json", Body=BODY)
    s3.put_object(Bucket="my-website", Key="index.html", Body=b"")

    answer = sweeper.lambda_handler({}, lambda_context)

    assert held(s3) == ["data/fine.json", "data/missing.json", "data/stale.json", "index.html"]
    assert (answer["compared"], answer["inStep"]) == (3, 1)
    assert answer["drift"] == {"missing": 1, "stale": 1, "unlike": 0}
    assert answer["outcomes"]["copied"] == 2
    assert [(line["source"], line["drift"]) for line in answer["objects"]] == [
        ("aws-data/missing.json", "missing"),
        ("aws-data/stale.json", "stale"),
    ]
    assert answer["next"] is None


def test_complete_data_that_the_sweep_had_to_publish_is_measured_too(
    s3: Any, lambda_context: LambdaContext, printed: Callable[[], list[dict[str, Any]]]
) -> None:
    put(s3, "complete-data.json", body=encode(COMPLETE))

    sweeper.lambda_handler({}, lambda_context)

    assert len([line for line in printed() if "PublishedDataAge" in line]) == 1


def test_a_sweep_is_traced_as_one_step_with_what_it_found(
    s3: Any, lambda_context: LambdaContext, traces: Callable[[], list[dict[str, Any]]]
) -> None:
    put(s3, "a.json", "b.json")
    s3.put_object(Bucket="my-website", Key="data/a.json", Body=BODY)

    sweeper.lambda_handler({}, lambda_context)

    assert [(step["name"], step["annotations"]) for step in traces()] == [("sweep", {"compared": 2, "drifted": 1})]


def test_a_second_sweep_finds_nothing_to_do(s3: Any, lambda_context: LambdaContext) -> None:
    put(s3, "a.json", "b.json")
    sweeper.lambda_handler({}, lambda_context)

    answer = sweeper.lambda_handler({}, lambda_context)

    assert (answer["compared"], answer["inStep"], answer["objects"]) == (2, 2, [])


def test_a_second_sweep_of_a_website_encrypted_with_kms_finds_nothing_to_do(
    settings: DistributorSettings, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: Any = FakeS3({("my-source", "aws-data/a.json"): BODY}, encrypted=frozenset({"my-website"}))
    queues = NoInvalidations(), FailureQueue(Mock(), "")
    dependencies = Dependencies(settings, Store(fake, 1000), queues[1], queues[0], None)
    monkeypatch.setattr(sweeper, "build_dependencies", lambda: dependencies)
    sweeper.lambda_handler({}, lambda_context)
    published = fake.objects["my-website", "data/a.json"]

    answer = sweeper.lambda_handler({}, lambda_context)

    assert published == BODY
    assert (answer["compared"], answer["inStep"], answer["objects"]) == (1, 1, [])


def test_a_second_sweep_of_files_that_were_uploaded_in_parts_finds_nothing_to_do(
    s3: Any, lambda_context: LambdaContext
) -> None:
    upload = {"Bucket": "my-source", "Key": "aws-data/a.json"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=BODY)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    sweeper.lambda_handler({}, lambda_context)

    answer = sweeper.lambda_handler({}, lambda_context)

    etags = [
        s3.head_object(Bucket=bucket, Key=key)["ETag"]
        for bucket, key in (("my-source", "aws-data/a.json"), ("my-website", "data/a.json"))
    ]
    assert etags[0] != etags[1]
    assert (answer["compared"], answer["inStep"], answer["objects"]) == (1, 1, [])


def test_metadata_that_the_sweeper_may_not_read_is_a_warning_and_the_file_is_published_anew(
    settings: DistributorSettings,
    lambda_context: LambdaContext,
    monkeypatch: pytest.MonkeyPatch,
    printed: Callable[[], list[dict[str, Any]]],
) -> None:
    fake: Any = FakeS3({("my-source", "aws-data/a.json"): BODY}, encrypted=frozenset({"my-website"}))
    fake.unreadable = frozenset({"my-website"})
    dependencies = Dependencies(settings, Store(fake, 1000), FailureQueue(Mock(), ""), NoInvalidations(), None)
    monkeypatch.setattr(sweeper, "build_dependencies", lambda: dependencies)
    sweeper.lambda_handler({}, lambda_context)

    answer = sweeper.lambda_handler({}, lambda_context)

    assert answer["outcomes"]["copied"] == 1
    assert "AccessDenied" in answer["refusal"]
    (warning,) = [line for line in printed() if line.get("message") == "source_etag_not_read"]
    assert (warning["level"], "AccessDenied" in warning["reason"]) == ("WARNING", True)


def test_a_dry_run_only_looks(s3: Any, lambda_context: LambdaContext) -> None:
    put(s3, "a.json")

    answer = sweeper.lambda_handler({"dry_run": True}, lambda_context)

    assert held(s3) == []
    assert answer["dryRun"] is True
    assert answer["objects"] == [{"source": "aws-data/a.json", "drift": "missing"}]


def test_a_dry_run_tells_what_would_be_rejected_and_what_cannot_be_read(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "a.json", "x.json")
    put(s3, "broken.json", body=b"<html>")
    read = Store.get

    def forbidden(store: Store, task: Publish) -> SourceObject | None:
        if task.name == "x.json":
            msg = "AccessDenied"
            raise StoreError(msg)
        return read(store, task)

    monkeypatch.setattr(Store, "get", forbidden)

    answer = sweeper.lambda_handler({"dry_run": True}, lambda_context)

    assert held(s3) == []
    assert (answer["compared"], answer["inStep"], answer["drift"]["missing"]) == (3, 0, 2)
    assert answer["outcomes"] == {"copied": 0, "gone": 0, "skipped": 0, "rejected": 1, "failed": 1}
    assert [entry.get("outcome") for entry in answer["objects"]] == [None, "failed", "rejected"]


def test_a_dry_run_writes_no_metrics_that_an_alarm_could_be_on(
    s3: Any, lambda_context: LambdaContext, printed: Callable[[], list[dict[str, Any]]]
) -> None:
    put(s3, "a.json")
    put(s3, "broken.json", body=b"<html>")

    sweeper.lambda_handler({"dry_run": True}, lambda_context)

    lines = printed()
    assert {name for line in lines for name in names_of_metrics(line)} <= {"ColdStart"}
    assert [line["dry_run"] for line in lines if line.get("message") == "sweep_finished"] == [True]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_rejected_object_has_not_drifted(
    s3: Any, lambda_context: LambdaContext, dry_run: bool, printed: Callable[[], list[dict[str, Any]]]
) -> None:
    put(s3, "broken.json", body=b"<html>")
    put(s3, "fine.json")
    sweeper.lambda_handler({}, lambda_context)
    printed()

    answer = sweeper.lambda_handler({"dry_run": dry_run}, lambda_context)

    assert (answer["compared"], answer["inStep"], answer["outcomes"]["rejected"]) == (2, 1, 1)
    assert answer["drift"] == {"missing": 0, "stale": 0, "unlike": 0}
    measured = [line for line in printed() if "DriftMissing" in line]
    assert [sum(line["DriftMissing"]) for line in measured] == [0] * (not dry_run)
    assert [sum(line["Rejected"]) for line in measured] == [1] * (not dry_run)


def test_drift_of_every_kind_is_one_metric_of_the_alarm(
    s3: Any, lambda_context: LambdaContext, printed: Callable[[], list[dict[str, Any]]]
) -> None:
    put(s3, "missing.json", "stale.json")
    s3.put_object(Bucket="my-website", Key="data/stale.json", Body=b"{}")

    sweeper.lambda_handler({}, lambda_context)

    (measured,) = [line for line in printed() if "Drift" in names_of_metrics(line)]
    assert [measured[name] for name in ("Drift", "DriftMissing", "DriftStale", "DriftUnlike")] == [[2], [1], [1], [0]]


def test_a_sweep_without_rejections_says_so_to_the_alarm(
    s3: Any, lambda_context: LambdaContext, printed: Callable[[], list[dict[str, Any]]]
) -> None:
    sweeper.lambda_handler({}, lambda_context)

    assert [line["Rejected"] for line in printed() if "Rejected" in names_of_metrics(line)] == [[0]]


def test_a_sweep_adds_no_message_to_that_of_the_rejected_object_s_event(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    monkeypatch.setenv("FAILURE_QUEUE_URL", url)
    put(s3, "broken.json", body=b"<html>")
    distributor.lambda_handler(event(record("aws-data/broken.json")), lambda_context)

    for _ in range(3):
        sweeper.lambda_handler({}, lambda_context)

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert attributes == {"ApproximateNumberOfMessages": "1"}


def test_every_destination_is_swept(s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICA_DESTINATIONS", "my-mirror/copies")
    put(s3, "a.json")

    answer = sweeper.lambda_handler({}, lambda_context)

    assert (held(s3), held(s3, "my-mirror")) == (["data/a.json"], ["copies/a.json"])
    assert answer["compared"] == 2


def test_what_is_unfit_stays_unpublished_and_is_in_the_answer(s3: Any, lambda_context: LambdaContext) -> None:
    put(s3, "broken.json", body=b"<html>")

    answer = sweeper.lambda_handler({}, lambda_context)

    assert answer["outcomes"]["rejected"] == 1
    assert answer["objects"][0]["reason"].startswith("not JSON")
    assert held(s3) == []


def refuse_copies() -> None:
    build_dependencies().store.client.meta.events.register(
        "before-call.s3.CopyObject", Mock(side_effect=RuntimeError("no copies today"))
    )


def test_what_could_not_be_published_is_raised_and_the_sweep_neither_counts_as_finished_nor_ends_an_alarm(
    s3: Any, lambda_context: LambdaContext, printed: Callable[[], list[dict[str, Any]]]
) -> None:
    put(s3, "a.json", "b.json")
    refuse_copies()

    with pytest.raises(DistributionFailedError, match="2 object"):
        sweeper.lambda_handler({}, lambda_context)

    (measured,) = [line for line in printed() if "DriftMissing" in names_of_metrics(line)]
    assert measured["DriftMissing"] == [2]
    assert {"Drift", "SweepCompared"}.isdisjoint(measured)


@pytest.mark.parametrize(
    "odd",
    [
        {"dryrun": True},
        {"x": None},
        {"dry_run": "perhaps"},
        {"dry_run": 1},
        {"destination": -1},
        {"destination": True},
        {"after": None},
        [1],
    ],
)
def test_what_is_not_understood_is_refused(s3: Any, lambda_context: LambdaContext, odd: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError):
        sweeper.lambda_handler(odd, lambda_context)


class Clock:
    """Lets time run out after so many looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self) -> int:
        self.left -= 1
        return 10**6 if self.left >= 0 else 30_000


def test_a_sweep_that_outlasts_its_time_is_gone_on_with_to_the_end(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICA_DESTINATIONS", "my-mirror/copies")
    names = [f"{number:03}.json" for number in range(25)]
    put(s3, *names)
    request: dict[str, Any] = {"follow": False}

    rounds = 0
    while request is not None and rounds < 20:
        lambda_context.get_remaining_time_in_millis = Clock(7)  # type: ignore[method-assign]
        request = sweeper.lambda_handler(request, lambda_context)["next"]
        rounds += 1

    assert held(s3) == [f"data/{name}" for name in names]
    assert held(s3, "my-mirror") == [f"copies/{name}" for name in names]
    assert 3 < rounds < 20


def test_what_a_sweep_leaves_to_the_next_one_is_the_drift_of_the_alarm(
    s3: Any, lambda_context: LambdaContext, printed: Callable[[], list[dict[str, Any]]]
) -> None:
    put(s3, *(f"{number:03}.json" for number in range(25)))
    refuse_copies()
    lambda_context.get_remaining_time_in_millis = Clock(7)  # type: ignore[method-assign]

    answer = sweeper.lambda_handler({"follow": False}, lambda_context)

    (measured,) = [line for line in printed() if "Drift" in names_of_metrics(line)]
    assert answer["next"]
    assert measured["Drift"] == [answer["outcomes"]["failed"]]
    assert measured["Drift"] != [0]


def test_the_rest_is_handed_to_an_invocation_of_its_own(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, *(f"{number}.json" for number in range(5)))
    build_dependencies()
    invoked = Mock()
    monkeypatch.setattr(sweeper, "connect", lambda service, _: {"lambda": invoked}[service])
    lambda_context.get_remaining_time_in_millis = Clock(3)  # type: ignore[method-assign]

    answer = sweeper.lambda_handler({}, lambda_context)

    (call,) = invoked.invoke.call_args_list
    assert call.kwargs["FunctionName"] == lambda_context.invoked_function_arn
    assert call.kwargs["InvocationType"] == "Event"
    assert json.loads(call.kwargs["Payload"]) == answer["next"]
    assert answer["next"]["after"] == "2.json"


def test_memory_does_not_grow_with_what_is_found(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MAX_EXAMPLES", 3)
    monkeypatch.setattr(sweeping, "OBJECTS_PER_BATCH", 2)
    put(s3, *(f"{number}.json" for number in range(7)))

    answer = sweeper.lambda_handler({}, lambda_context)

    assert (answer["drift"]["missing"], len(answer["objects"]), len(held(s3))) == (7, 3, 7)


def test_many_rejected_objects_do_not_hide_what_has_drifted(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MAX_EXAMPLES", 3)
    put(s3, *(f"{number}.json" for number in range(5)), body=b"<html>")
    put(s3, "drifted.json")

    answer = sweeper.lambda_handler({"dry_run": True}, lambda_context)

    assert [entry["source"] for entry in answer["objects"]] == [
        *("aws-data/drifted.json", "aws-data/0.json", "aws-data/1.json", "aws-data/2.json")
    ]


def test_what_is_mended_on_the_website_is_queued_for_invalidation_batch_by_batch(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = boto3.client("sqs").create_queue(QueueName="invalidations")["QueueUrl"]
    monkeypatch.setenv("INVALIDATION_QUEUE_URL", url)
    monkeypatch.setenv("REPLICA_DESTINATIONS", "my-mirror/copies")
    monkeypatch.setattr(sweeping, "OBJECTS_PER_BATCH", 1)
    put(s3, "a.json", "b.json")

    sweeper.lambda_handler({}, lambda_context)

    received = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["key"] for message in received] == ["data/a.json", "data/b.json"]


def test_a_key_that_the_invalidation_queue_does_not_take_is_kept(
    s3: Any, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = boto3.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
    monkeypatch.setenv("FAILURE_QUEUE_URL", url)
    monkeypatch.setenv("INVALIDATION_QUEUE_URL", f"{url}-none")
    put(s3, "a.json")

    sweeper.lambda_handler({}, lambda_context)

    (message,) = boto3.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["keys"] == ["aws-data/a.json"]


def test_the_retry_of_a_sweep_that_died_repeats_its_batch_and_goes_on_behind_it(
    s3: Any,
    lambda_context: LambdaContext,
    printed: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    put(s3, *(f"{letter}.json" for letter in "abcde"))
    monkeypatch.setattr(sweeping, "OBJECTS_PER_BATCH", 2)
    died = Progress(tmp_path / "sweep.jsonl", lambda_context.aws_request_id)
    died.begin([Position(0, "b.json", "missing"), Position(0, "c.json", "stale")])
    died._append(Version("aws-data/c.json", s3.head_object(Bucket="my-source", Key="aws-data/c.json")["ETag"]))

    answer = sweeper.lambda_handler({"follow": False}, lambda_context)

    assert held(s3) == ["data/b.json"]
    assert (answer["compared"], answer["drift"]) == (2, {"missing": 1, "stale": 0, "unlike": 0})
    assert (answer["outcomes"]["copied"], answer["outcomes"]["rejected"]) == (1, 1)
    assert sweeper.lambda_handler(answer["next"], lambda_context)["next"] is None
    assert held(s3) == ["data/b.json", "data/d.json", "data/e.json"]
    assert [line["not_checked"] for line in printed() if line.get("message") == "sweep_resumed"] == [
        ["aws-data/c.json"]
    ]
    sweeper.lambda_handler({}, lambda_context)
    assert held(s3) == [f"data/{letter}.json" for letter in "abcde"]


def test_a_dry_run_between_a_death_and_its_retry_forgets_nothing(
    s3: Any, lambda_context: LambdaContext, tmp_path: Path
) -> None:
    put(s3, "a.json")
    Progress(tmp_path / "sweep.jsonl", "event-1").begin([Position(0, "a.json", "missing")])

    sweeper.lambda_handler({"dry_run": True}, lambda_context)

    assert Progress(tmp_path / "sweep.jsonl", "event-1").interrupted.batch == (Position(0, "a.json", "missing"),)

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from distributor.events import Asynchronous, BatchJob, Changed, Direct, EnvelopeError, Notice, Request, decode
from distributor.outcomes import Cause, Failed, Rejected, Skipped
from tests.distributor.world import event, record

TIME = datetime(2026, 11, 23, 2, 0, 31, tzinfo=UTC)
JOB = {
    "invocationSchemaVersion": "2.0",
    "invocationId": "the-invocation",
    "job": {"id": "a-job", "userArguments": {}},
    "tasks": [
        {"taskId": "1", "s3Key": "aws-data/space+plus%2Bfile.json", "s3VersionId": None, "s3Bucket": "my-source"},
        {"taskId": "2", "s3Key": "%FF", "s3VersionId": "v", "s3Bucket": "my-source"},
    ],
}


def notices(envelope: object) -> tuple[Notice, ...]:
    return decode(envelope).notices


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("aws-data/x.json", "aws-data/x.json"),
        ("aws-data/space+plus%2Bfile.json", "aws-data/space plus+file.json"),
        ("aws-data/%E6%97%A5.json", "aws-data/日.json"),
        ("aws-data/100%25.json", "aws-data/100%.json"),
        ("aws-data/%252e%252e", "aws-data/%2e%2e"),
        ("aws-data%2Fx.json", "aws-data/x.json"),
        ("aws-data/a%3FversionId%3Dzz.json", "aws-data/a?versionId=zz.json"),
    ],
)
def test_keys_are_decoded_once(encoded: str, key: str) -> None:
    assert notices(event(record(encoded))) == (Changed("my-source", key, TIME),)


@pytest.mark.parametrize("name", ["Put", "Post", "Copy", "CompleteMultipartUpload", "NotKnownYet"])
def test_whatever_creates_an_object_counts(name: str) -> None:
    (notice,) = notices(event(record(eventName=f"ObjectCreated:{name}")))

    assert isinstance(notice, Changed)


@pytest.mark.parametrize(
    "name",
    [
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectTagging:Put",
        "ObjectRestore:Post",
        "LifecycleTransition",
    ],
)
def test_what_creates_no_object_is_skipped(name: str) -> None:
    assert notices(event(record(eventName=name))) == (Skipped("aws-data/x.json", f"{name} does not write an object"),)


@pytest.mark.parametrize("unreadable", [{}, {"eventTime": "yesterday"}, {"eventTime": 5}, {"eventTime": "2026-11-23"}])
def test_a_time_that_cannot_be_read_is_no_obstacle(unreadable: dict[str, object]) -> None:
    odd = record()
    del odd["eventTime"]

    assert notices(event(odd | unreadable)) == (Changed("my-source", "aws-data/x.json", None),)


@pytest.mark.parametrize(("request_id", "kept"), [("EXAMPLE123", "EXAMPLE123"), ("a b", ""), (5, ""), (None, "")])
def test_the_id_of_the_request_that_wrote_the_object_is_kept_if_it_is_one(request_id: object, kept: str) -> None:
    (from_s3,) = notices(event(record(responseElements={"x-amz-request-id": request_id})))
    bridged: Any = {"request-id": request_id}
    (from_eventbridge,) = notices(eventbridge(**bridged))

    assert isinstance(from_s3, Changed)
    assert isinstance(from_eventbridge, Changed)
    assert (from_s3.request_id, from_eventbridge.request_id) == (kept, kept)


def test_etag_size_version_and_sequencer_are_not_read() -> None:
    odd = record()
    odd["s3"]["object"] |= {"eTag": 5, "size": "much", "versionId": [], "sequencer": {}}

    assert notices(event(odd)) == (Changed("my-source", "aws-data/x.json", TIME),)


def test_fields_that_are_not_known_and_later_minor_versions_are_fine() -> None:
    (notice,) = notices(event(record(eventVersion="2.99", newField={"a": 1})))

    assert isinstance(notice, Changed)


@pytest.mark.parametrize("version", [None, "3.0", 2.1, "", "1.0"])
def test_a_record_of_another_major_version_is_a_failure(version: object) -> None:
    (notice,) = notices(event(record(eventVersion=version)))

    assert isinstance(notice, Failed)


@pytest.mark.parametrize("envelope", [{}, None, 5, "x", [], {"Records": None}, {"Records": {}}, {"records": []}])
def test_an_envelope_that_is_not_understood_is_an_error(envelope: object) -> None:
    with pytest.raises(EnvelopeError):
        decode(envelope)


def test_an_envelope_without_records_gives_no_notice() -> None:
    assert notices({"Records": []}) == ()


@pytest.mark.parametrize(
    "odd",
    [
        None,
        1,
        "x",
        [],
        {},
        record(eventSource="aws:sns"),
        record(s3=None),
        record(s3={}),
        record(s3={"bucket": {"name": "b"}}),
        record(s3={"object": {"key": "k"}}),
        record(None),
        record(""),
        record(5),
        record(["k"]),
        record(bucket=None),
        record(bucket=""),
        record(eventName=None),
        record("aws-data/%FF.json"),
        record("aws-data/%C3%28.json"),
        record("aws-data/" + "%" * 3064),
    ],
)
def test_an_odd_record_is_malformed_and_its_siblings_are_not(odd: object) -> None:
    first, second, third = notices(event(record("aws-data/a.json"), odd, record("aws-data/b.json")))

    assert isinstance(second, Rejected)
    assert second.cause is Cause.MALFORMED_RECORD
    assert (first, third) == (
        Changed("my-source", "aws-data/a.json", TIME),
        Changed("my-source", "aws-data/b.json", TIME),
    )


def test_the_longest_key_is_decoded_though_each_of_its_bytes_is_encoded() -> None:
    (longest,) = notices(event(record("%C3%A9" * 512)))

    assert longest == Changed("my-source", "é" * 512, TIME)


TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "my-source"}


def test_a_test_event_is_skipped_bare_or_in_a_message() -> None:
    in_a_message = event({"eventSource": "aws:sqs", "body": json.dumps(TEST_EVENT)})

    assert [type(notice) for envelope in (TEST_EVENT, in_a_message) for notice in notices(envelope)] == [Skipped] * 2


def test_s3_events_are_unwrapped_from_sqs_bodies() -> None:
    bodies = [event(record("aws-data/a.json"), record("aws-data/b.json")), event(record("aws-data/c+d.json"))]

    found = notices(event(*({"eventSource": "aws:sqs", "body": json.dumps(body)} for body in bodies)))

    assert [notice.key for notice in found] == ["aws-data/a.json", "aws-data/b.json", "aws-data/c d.json"]


@pytest.mark.parametrize("body", ["not json", "", None, "{}", "5", "[" * 100_000, {"a": 1}])
def test_a_body_that_holds_no_event_is_malformed_and_its_siblings_are_not(body: object) -> None:
    good = {"eventSource": "aws:sqs", "body": json.dumps(event(record()))}

    malformed, changed = notices(event({"eventSource": "aws:sqs", "body": body}, good))

    assert isinstance(malformed, Rejected)
    assert malformed.cause is Cause.MALFORMED_RECORD
    assert isinstance(changed, Changed)


def eventbridge(kind: str = "Object Created", **detail: object) -> dict[str, object]:
    return {
        "version": "0",
        "source": "aws.s3",
        "detail-type": kind,
        "time": "2026-11-23T02:00:31Z",
        "detail": {"bucket": {"name": "my-source"}, "object": {"key": "aws-data/a b+%2B.json"}, **detail},
    }


def test_keys_from_eventbridge_are_taken_as_they_are() -> None:
    assert notices(eventbridge()) == (Changed("my-source", "aws-data/a b+%2B.json", TIME),)


@pytest.mark.parametrize("kind", ["Object Deleted", "Object Tags Added", "Object Restore Completed"])
def test_what_eventbridge_says_of_other_things_is_skipped(kind: str) -> None:
    (notice,) = notices(eventbridge(kind))

    assert isinstance(notice, Skipped)


@pytest.mark.parametrize("detail", [{"bucket": None}, {"object": {}}, {"object": {"key": 5}}, {"bucket": {"name": ""}}])
def test_an_eventbridge_event_without_bucket_or_key_is_malformed(detail: dict[str, Any]) -> None:
    (notice,) = notices(eventbridge(**detail))

    assert isinstance(notice, Rejected)


def test_the_record_of_a_failed_event_is_unwrapped_bare_or_in_a_message() -> None:
    failed = {"version": "1.0", "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event(record())}
    in_a_message = event({"eventSource": "aws:sqs", "body": json.dumps(failed)})

    wanted = (Changed("my-source", "aws-data/x.json", TIME),)
    assert notices(failed) == notices(in_a_message) == wanted


def test_s3_events_are_unwrapped_from_sns_also_within_sqs() -> None:
    inner = json.dumps(event(record()))
    direct = event({"EventSource": "aws:sns", "Sns": {"Message": inner}})
    within = event({"eventSource": "aws:sqs", "body": json.dumps({"Type": "Notification", "Message": inner})})

    assert notices(direct) == notices(within) == (Changed("my-source", "aws-data/x.json", TIME),)


def test_keys_that_an_operator_names_are_of_the_source_and_as_they_are() -> None:
    assert notices({"keys": ["aws-data/a+b.json", "aws-data/%41.json"]}) == (
        Changed(None, "aws-data/a+b.json"),
        Changed(None, "aws-data/%41.json"),
    )


def test_what_is_no_key_among_them_is_malformed() -> None:
    assert [type(notice) for notice in notices({"keys": ["a", 5, "", None]})] == [
        Changed,
        Rejected,
        Rejected,
        Rejected,
    ]


@pytest.mark.parametrize("odd", [{"keys": "a"}, {"requestPayload": {}}, {"source": "aws.s3"}, {"Type": "Notification"}])
def test_half_an_envelope_is_an_error(odd: object) -> None:
    with pytest.raises(EnvelopeError):
        decode(odd)


def test_the_tasks_of_a_job_are_keys_that_are_decoded_once_and_each_waits_for_a_result() -> None:
    key = "aws-data/space plus+file.json"

    assert decode(JOB) == Request(
        (Changed("my-source", key), Rejected("%FF", "the key is not UTF-8", Cause.MALFORMED_RECORD)),
        BatchJob("the-invocation", {"1": key, "2": "%FF"}),
    )


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
        decode(odd)


def test_an_operator_waits_for_the_answer_and_nobody_else_does() -> None:
    kept_by_lambda = {"requestContext": {}, "requestPayload": {"keys": ["a"]}}
    kept_in_a_queue = event({"eventSource": "aws:sqs", "body": json.dumps({"outcome": "rejected", "keys": ["a"]})})

    assert decode({"keys": ["a"]}) == Request((Changed(None, "a"),), Direct())
    for envelope in (kept_by_lambda, kept_in_a_queue):
        assert decode(envelope) == Request((Changed(None, "a"),), Asynchronous())
    assert decode(event(record())).reply == decode(eventbridge()).reply == Asynchronous()


def test_an_event_of_more_records_than_fit_into_the_memory_is_refused_as_a_whole() -> None:
    assert len(decode({"keys": ["a.json"] * 20_000}).notices) == 20_000
    with pytest.raises(EnvelopeError, match="more than 20,000 records"):
        decode({"Records": [None] * 20_001})
    with pytest.raises(EnvelopeError, match="more than 20,000 records"):
        decode({"invocationSchemaVersion": "2.0", "invocationId": "x", "tasks": [None] * 20_001})

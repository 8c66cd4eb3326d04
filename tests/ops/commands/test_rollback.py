"""`feed rollback` against the embedded cloud: an earlier version becomes the present one, and readers get it."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from cloud.embedded import EmbeddedCloud
from cloud.template import ACCOUNT, PARTITION
from tests.ops.commands.conftest import (
    STACK,
    Deploy,
    Feed,
    ProcessFeed,
    source_outputs,
    take_from_website,
    upload,
    version_ids,
)

pytestmark = pytest.mark.prove

GOOD, BETTER = b'[\n  "good"\n]\n', b'[\n  "better"\n]\n'
DISTRIBUTOR = f"{STACK}-distributor"


@pytest.fixture
def own() -> str:
    """The name of a file that no other test has written, since versions stay."""
    return f"{uuid4().hex}.json"


def source(cloud: EmbeddedCloud, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("s3").get_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}")
    return found


def website(cloud: EmbeddedCloud, name: str) -> bytes:
    body: bytes = cloud.client("s3").get_object(Bucket=cloud.website, Key=f"data/{name}")["Body"].read()
    return body


def delete(cloud: EmbeddedCloud, name: str) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}")


def test_without_yes_it_is_shown_and_nothing_is_written(cloud: EmbeddedCloud, feed: Feed, own: str) -> None:
    for body in (GOOD, BETTER):
        upload(cloud, own, body)
    present, good = version_ids(cloud, own)

    finished, data = feed("rollback", own), json.loads(feed("rollback", own, "--json").stdout)

    assert finished.exit_code == 0, finished.output
    assert f"15 bytes, version {present}" in finished.stdout
    assert f"13 bytes, version {good}" in finished.stdout
    assert "1 line(s) go, 1 come" in finished.stdout
    assert f"feed rollback {own} {good} --yes puts it back" in finished.stdout
    assert "feed fetch" not in finished.stdout  # the fetcher never writes this file
    assert (data["present"]["versionId"], data["wanted"]["versionId"], data["putBack"]) == (present, good, False)
    assert version_ids(cloud, own) == [present, good]
    assert source(cloud, own)["Body"].read() == website(cloud, own) == BETTER


def test_the_newest_other_version_that_is_fit_is_put_back_and_published(
    cloud: EmbeddedCloud, process_feed: ProcessFeed, own: str
) -> None:
    for body in (GOOD, BETTER, b"<html>", BETTER, b"[NaN]"):
        upload(cloud, own, body)
    wanted = version_ids(cloud, own)[1]

    finished = process_feed("rollback", own, "--yes", "--json")

    data = json.loads(finished.stdout)
    assert finished.returncode == 0, finished.stderr
    assert (data["wanted"]["versionId"], data["putBack"], data["onWebsite"]) == (wanted, True, True)
    assert source(cloud, own)["Body"].read() == website(cloud, own) == BETTER


def test_the_same_bytes_are_passed_over_whatever_their_etag(
    cloud: EmbeddedCloud, feed: Feed, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body in (GOOD, BETTER, BETTER):
        upload(cloud, own, body)
    s3, place = cloud.client("s3"), {"Bucket": cloud.source_bucket(), "Key": f"aws-data/{own}"}
    parts = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    etag = s3.upload_part(**parts, PartNumber=1, Body=BETTER)["ETag"]
    s3.complete_multipart_upload(**parts, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    cloud.settle()
    monkeypatch.setattr("ops.rollback.MOST_TRIED", 2)

    found = json.loads(feed("rollback", own, "--json").stdout)

    assert found["wanted"]["versionId"] == version_ids(cloud, own)[3]


def test_a_version_that_is_named_comes_back_with_its_metadata(cloud: EmbeddedCloud, process_feed: ProcessFeed) -> None:
    run, fetched = source(cloud, "services.json")["Metadata"]["run-id"], website(cloud, "services.json")
    version = version_ids(cloud, "services.json")[0]
    upload(cloud, "services.json", fetched.replace(b"Simple", b"Other"))
    assert website(cloud, "services.json") != fetched

    finished = process_feed("rollback", "aws-data/services.json", version, "--yes")

    assert finished.returncode == 0, finished.stderr
    assert "put back\nthe website has it, " in finished.stdout
    assert "the next run of the fetcher (daily at 02:00 UTC), or feed fetch, writes it anew" in finished.stdout
    assert "set ScheduleState=DISABLED in samconfig.toml and run sam deploy" in finished.stdout
    assert website(cloud, "services.json") == fetched
    assert source(cloud, "services.json")["Metadata"]["run-id"] == run
    newest = json.loads(process_feed("history", "services.json", "--json").stdout)["versions"][0]
    assert (newest["runId"], newest["putBack"], newest["current"], newest["onWebsite"]) == (run, True, True, True)


def test_a_deleted_file_comes_back(cloud: EmbeddedCloud, process_feed: ProcessFeed, own: str) -> None:
    upload(cloud, own, GOOD)
    delete(cloud, own)
    take_from_website(cloud, own)

    finished = process_feed("rollback", own, "--yes")

    assert finished.returncode == 0, finished.stderr
    assert "deleted, version" in finished.stdout
    assert website(cloud, own) == GOOD


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"<html>", "not JSON"), (b'"text"', "not an object or array"), (b"[\xff]", "not UTF-8")],
)
def test_a_version_that_is_not_fit_is_refused_before_anything_is_written(
    cloud: EmbeddedCloud, feed: Feed, body: bytes, reason: str, own: str
) -> None:
    upload(cloud, own, body)
    upload(cloud, own, GOOD)
    before = version_ids(cloud, own)

    finished, by_default = feed("rollback", own, before[1], "--yes"), feed("rollback", own, "--yes")

    assert (finished.exit_code, by_default.exit_code) == (2, 2)
    assert "is not fit to be published, and was not put back" in finished.stderr
    assert reason in finished.stderr
    assert f"no other version of aws-data/{own} is fit to be published" in by_default.stderr
    assert version_ids(cloud, own) == before


def test_a_version_that_is_larger_than_the_stack_publishes_is_not_fit(
    cloud: EmbeddedCloud, deploy: Deploy, feed: Feed, own: str
) -> None:
    for body in (b"[1, 2, 3, 4]", b"[1]", b"[2]"):
        upload(cloud, own, body)
    _, small, large = version_ids(cloud, own)
    deploy("small", dict(cloud.stack.outputs), {"MaxObjectBytes": "5"})

    named = feed("rollback", own, large, "--stack-name", "small")
    by_default = json.loads(feed("rollback", own, "--stack-name", "small", "--json").stdout)

    assert "12 bytes, over MaxObjectBytes" in named.stderr
    assert by_default["wanted"]["versionId"] == small


def test_bytes_that_are_there_already_are_not_written_again(cloud: EmbeddedCloud, feed: Feed, own: str) -> None:
    upload(cloud, own, GOOD)
    (version,) = version_ids(cloud, own)

    finished = feed("rollback", own, version, "--yes")

    assert finished.exit_code == 0, finished.output
    assert "nothing to put back: the source has these bytes" in finished.stdout
    assert "the website has it" in finished.stdout
    assert version_ids(cloud, own) == [version]


def test_a_file_that_was_written_meanwhile_is_left_alone(
    cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    for body in (GOOD, BETTER):
        upload(cloud, own, body)
    conditions: list[str] = []
    client: Any = BaseClient
    call = client._make_api_call

    def overtaken(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation != "CopyObject":  # moto heeds no condition of it; SeaweedFS does, in test_versions.py
            return call(client, operation, parameters)
        conditions.append(parameters["IfMatch"])
        refusal: Any = {"Error": {"Code": "PreconditionFailed"}}
        raise ClientError(refusal, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", overtaken)
    finished = feed("rollback", own, "--yes")

    assert finished.exit_code == 2
    assert f"aws-data/{own} was written by others meanwhile" in finished.stderr
    assert conditions == [source(cloud, own)["ETag"]]


@pytest.mark.usefixtures("without_notification")
def test_an_event_that_does_not_come_is_made_up_for(cloud: EmbeddedCloud, feed: Feed, own: str) -> None:
    for body in (GOOD, BETTER):
        upload(cloud, own, body)

    finished = feed("rollback", own, "--yes", "--seconds", "0")

    assert finished.exit_code == 0, finished.output
    assert website(cloud, own) == GOOD


def test_a_distributor_that_is_paused_is_said_at_once(
    cloud: EmbeddedCloud, process_feed: ProcessFeed, own: str
) -> None:
    for body in (GOOD, BETTER):
        upload(cloud, own, body)
    lambda_ = cloud.client("lambda")
    lambda_.put_function_concurrency(FunctionName=DISTRIBUTOR, ReservedConcurrentExecutions=0)

    finished = process_feed("rollback", own, "--yes", "--seconds", "1000")
    lambda_.delete_function_concurrency(FunctionName=DISTRIBUTOR)

    assert finished.returncode == 1, finished.stderr
    assert f"not on the website: {DISTRIBUTOR} is paused" in finished.stdout
    assert source(cloud, own)["Body"].read() == GOOD
    assert website(cloud, own) == BETTER


def test_a_file_that_is_not_for_the_website_is_put_back_without_waiting(
    cloud: EmbeddedCloud, process_feed: ProcessFeed, own: str
) -> None:
    for body in (GOOD, BETTER):
        upload(cloud, f"folder/{own}", body)

    finished = process_feed("rollback", f"folder/{own}", "--yes")

    assert finished.returncode == 0, finished.stderr
    assert "not on the website: PublishPatterns does not name it" in finished.stdout
    assert source(cloud, f"folder/{own}")["Body"].read() == GOOD


def test_a_stack_without_a_website_puts_back_all_the_same(
    cloud: EmbeddedCloud, deploy: Deploy, process_feed: ProcessFeed, own: str
) -> None:
    for body in (GOOD, BETTER):
        upload(cloud, f"folder/{own}", body)
    deploy("source-only", source_outputs(cloud))

    finished = process_feed("rollback", f"folder/{own}", "--yes", "--stack-name", "source-only")

    assert finished.returncode == 0, finished.stderr
    assert "the stack distributes nothing" in finished.stdout
    assert source(cloud, f"folder/{own}")["Body"].read() == GOOD


@pytest.mark.parametrize("file", ["services/s3.json", "services/s3.feed.json", "index.json"])
def test_it_is_said_that_the_fetcher_writes_the_files_of_regions_and_services_anew(
    cloud: EmbeddedCloud, feed: Feed, file: str
) -> None:
    finished = feed("rollback", file, version_ids(cloud, file)[0])

    assert "the next run of the fetcher (daily at 02:00 UTC), or feed fetch, writes it anew" in finished.stdout


@pytest.mark.parametrize(
    ("expression", "state", "words"),
    [
        ("cron(5 14 * * ? *)", "ENABLED", "the next run of the fetcher (daily at 14:05 UTC), or feed fetch"),
        ("rate(6 hours)", "ENABLED", "the next run of the fetcher (rate(6 hours) in UTC), or feed fetch"),
        ("rate(6 hours)", "DISABLED", "feed fetch would write it anew; the schedule of the fetcher is paused"),
    ],
)
def test_it_is_said_when_the_fetcher_writes_a_file_anew(
    cloud: EmbeddedCloud, feed: Feed, expression: str, state: str, words: str
) -> None:
    scheduler, name = cloud.client("scheduler"), f"{STACK}-fetch"
    fields = ("Name", "FlexibleTimeWindow", "Target", "State", "ScheduleExpression")
    schedule = {field: scheduler.get_schedule(Name=name)[field] for field in fields}

    scheduler.update_schedule(**schedule | {"State": state, "ScheduleExpression": expression})
    finished = feed("rollback", "regions.json", version_ids(cloud, "regions.json")[0])
    scheduler.update_schedule(**schedule)

    assert words in finished.stdout


def test_a_file_of_an_earlier_run_is_no_trouble_once_it_is_put_back(
    cloud: EmbeddedCloud, feed: Feed, process_feed: ProcessFeed
) -> None:
    fetched = website(cloud, "regions.json")
    stamp = json.loads(fetched)["timestamp"]
    for body in (fetched.replace(stamp.encode(), b"2026-01-01T02:00:00Z"), fetched):
        upload(cloud, "regions.json", body)
    for _, versions in s3_backends[ACCOUNT][PARTITION].buckets[cloud.source_bucket()].keys.iterlists():
        for stored in versions:
            stored.last_modified -= timedelta(minutes=1)  # S3 tells times in whole seconds

    finished = process_feed("rollback", "regions.json", "--yes")
    verified = feed("verify")

    assert finished.returncode == 0, finished.stderr
    assert verified.exit_code == 0, verified.output
    assert "somebody put back an earlier version: regions.json at" in verified.stdout


@pytest.mark.parametrize("arguments", [["never.json"], ["regions.json", "no-such-version"]])
def test_what_is_not_there_is_said_by_its_name(feed: Feed, arguments: list[str]) -> None:
    finished = feed("rollback", *arguments, "--yes")

    assert finished.exit_code == 2
    assert f"aws-data/{arguments[0]}" in finished.stderr

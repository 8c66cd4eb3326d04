"""The versions of a file on SeaweedFS, a real S3 server that keeps versions and heeds conditions."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from ops.observation import Unavailable
from ops.stack import StackError
from ops.versions import Content, SourceFile, Version
from tests.reliability.seaweedfs import seaweedfs

BUCKET, numbers = "source", count()
Write = Callable[..., Version]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs"), {"admin": ["Admin", "Read", "Write", "List"]}) as server:
        client = server.client("admin")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def file(client: Any) -> SourceFile:
    return SourceFile(client, BUCKET, f"aws-data/{next(numbers)}.json")


@pytest.fixture
def write(file: SourceFile) -> Write:
    def put(body: bytes, run: str = "") -> Version:
        metadata = {"run-id": run} if run else {}
        file.client.put_object(Bucket=BUCKET, Key=file.key, Body=body, Metadata=metadata)
        return file.newest()

    return put


def delete(file: SourceFile) -> Version:
    time.sleep(1.1)  # the server orders versions and deletions by their times, in whole seconds
    file.client.delete_object(Bucket=BUCKET, Key=file.key)
    return file.newest()


def test_versions_are_the_file_s_own_newest_first_with_deletions(file: SourceFile, write: Write) -> None:
    file.client.put_object(Bucket=BUCKET, Key=f"{file.key}.old", Body=b"another file, whose name begins alike")
    first, second = write(b"[1]"), write(b"[22]")
    deletion = delete(file)

    found = list(file.versions())

    assert [version.id for version in found] == [deletion.id, second.id, first.id]
    assert [(version.deletion, version.current, version.size) for version in found] == [
        (True, True, 0),
        (False, False, 4),
        (False, False, 3),
    ]


def test_a_version_s_writer_is_the_run_in_its_metadata(file: SourceFile, write: Write) -> None:
    versions = [write(b"[1]", run="run-1"), write(b"[2]")]

    assert file.writers(versions) == ["run-1", ""]


def test_an_older_version_is_put_back_with_its_metadata(file: SourceFile, write: Write) -> None:
    old, present = write(b"[1]", run="run-1"), write(b"[2]", run="run-2")

    file.put_back(file.read(old.id), present)

    assert file.read_present().body == b"[1]"
    assert file.writers([file.newest()]) == ["run-1"]
    assert len(list(file.versions())) == 3


def test_a_deleted_file_is_put_back(file: SourceFile, write: Write) -> None:
    old = write(b"[1]")

    file.put_back(file.read(old.id), delete(file))

    assert file.read_present().body == b"[1]"


def test_nothing_is_put_back_over_what_was_written_since_it_was_looked_at(file: SourceFile, write: Write) -> None:
    old, present = write(b"[1]"), write(b"[2]")
    write(b"[3]")

    with pytest.raises(StackError, match="was written by others meanwhile"):
        file.put_back(file.read(old.id), present)

    assert file.read_present().body == b"[3]"


def test_nothing_is_put_back_over_what_was_written_after_a_deletion(file: SourceFile, write: Write) -> None:
    old, deletion = write(b"[1]"), delete(file)
    write(b"[3]")

    with pytest.raises(StackError, match="was written by others meanwhile"):
        file.put_back(file.read(old.id), deletion)

    assert file.read_present().body == b"[3]"


def test_a_second_try_of_the_sdk_finds_that_the_first_one_did_it(file: SourceFile, write: Write) -> None:
    old, present = write(b"[1]"), write(b"[2]")
    wanted = file.read(old.id)
    file.put_back(wanted, present)

    file.put_back(wanted, present)  # the same request once more: its condition is refused

    assert len(list(file.versions())) == 3


@pytest.mark.parametrize("present", [False, True])
def test_what_is_not_there_is_said_by_its_name(file: SourceFile, present: bool) -> None:
    with pytest.raises(StackError, match=f"source does not have {file.key}"):
        _ = file.read_present() if present else file.read("no-such-version")


def test_a_version_that_is_too_large_is_not_read(
    file: SourceFile, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.versions.MAX_BYTES", 3)
    fits, large = write(b"[1]"), write(b"[22]")

    assert file.read(fits.id).body == b"[1]"
    with pytest.raises(StackError, match="has 4 bytes; at most 3"):
        file.read(large.id)


@pytest.fixture
def failing(no_aws: None) -> Iterator[tuple[SourceFile, Stubber]]:
    client = boto3.client("s3", region_name="us-east-1")
    with Stubber(client) as stubber:
        yield SourceFile(client, BUCKET, "aws-data/x.json"), stubber


OLD = Content("old", datetime(2026, 11, 23, tzinfo=UTC), "1", b"[1]")
PRESENT = Version("new", datetime(2026, 11, 24, tzinfo=UTC), 3, "2", deletion=False, current=True)


def test_an_empty_answer_is_no_proof_that_a_version_was_put_back(failing: tuple[SourceFile, Stubber]) -> None:
    file, stubber = failing
    stubber.add_response("copy_object", {})

    with pytest.raises(StackError, match="S3 did not confirm"):
        file.put_back(OLD, PRESENT)


def test_a_refusal_of_another_kind_is_left_as_it_is(failing: tuple[SourceFile, Stubber]) -> None:
    file, stubber = failing
    stubber.add_client_error("copy_object", "AccessDenied")
    stubber.add_client_error("get_object", "AccessDenied")

    with pytest.raises(ClientError, match="AccessDenied"):
        file.put_back(OLD, PRESENT)
    with pytest.raises(ClientError, match="AccessDenied"):
        file.read("old")


def test_a_writer_that_may_not_be_read_is_not_taken_for_a_hand(failing: tuple[SourceFile, Stubber]) -> None:
    file, stubber = failing
    stubber.add_client_error("head_object", "AccessDenied", "no")

    assert file.writers([PRESENT]) == [Unavailable("AccessDenied: no")]

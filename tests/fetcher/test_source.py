import hashlib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fetcher.history import move_years, watch
from fetcher.source import (
    FILES_READ_WHOLE,
    MOST_PARTS,
    WRITES_AT_ONCE,
    ItemCounts,
    OvertakenError,
    SourceBucket,
    StoredFile,
    WrittenObject,
    read_previous_files,
    write_items,
)
from shared import contract
from shared.clients import FETCHING, connect
from tests.fetcher import memory_s3
from tests.fetcher.history.test_years import START, entry, history_of
from tests.fetcher.memory_s3 import MemoryS3
from tests.fetcher.states import state

KEY = "some/where/a.json"


@pytest.fixture(scope="module")
def moto_client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="my-source")
        yield client


@pytest.fixture(params=["moto", "memory"])
def client(request: pytest.FixtureRequest) -> Any:
    """Both pass the same tests, so that other tests may use the faster one."""
    if request.param == "memory":
        return MemoryS3("my-source")
    moto = request.getfixturevalue("moto_client")
    moto.delete_object(Bucket="my-source", Key=KEY)
    return moto


@pytest.fixture
def bucket(client: Any) -> SourceBucket:
    return SourceBucket(client, "my-source", "some/where")


def put(bucket: SourceBucket, body: bytes) -> str:
    """Another writer's upload; its ETag."""
    answer = bucket.client.put_object(Bucket="my-source", Key=KEY, Body=body)
    return answer["ETag"]


def test_a_file_is_read_with_its_etag(bucket: SourceBucket) -> None:
    etag = put(bucket, b"{}")

    assert bucket.read("a.json") == StoredFile(etag, b"{}")
    assert bucket.read_etag("a.json") == StoredFile(etag)


def test_a_missing_file_is_read_as_missing(bucket: SourceBucket) -> None:
    assert bucket.read("a.json") == bucket.read_etag("a.json") == StoredFile()


def test_a_file_is_written_over_the_one_that_was_read_with_type_and_metadata(bucket: SourceBucket) -> None:
    previous = StoredFile(put(bucket, b"{}"))

    written = bucket.write("a.json", b'{"a": 1}', {"run-id": "run-7"}, previous)

    answer = bucket.client.get_object(Bucket="my-source", Key=KEY)
    assert answer["Body"].read() == b'{"a": 1}'
    assert (answer["ContentType"], answer["Metadata"]) == ("application/json", {"run-id": "run-7"})
    assert written == WrittenObject(KEY, 8)


@pytest.mark.parametrize("previous", [StoredFile(), StoredFile('"0123456789"')], ids=["none", "another"])
def test_a_file_that_is_no_longer_the_one_that_was_read_stays(bucket: SourceBucket, previous: StoredFile) -> None:
    etag = put(bucket, b"[]")

    with pytest.raises(OvertakenError, match=r"some/where/a\.json was written by another run"):
        bucket.write("a.json", b"{}", {}, previous)

    assert bucket.read_etag("a.json") == StoredFile(etag)


def test_a_file_that_has_vanished_since_it_was_read_was_overtaken_too(bucket: SourceBucket) -> None:
    with pytest.raises(OvertakenError):
        bucket.write("a.json", b"{}", {}, StoredFile('"0123456789"'))


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_without_a_previous_one_is_written_over_anything(bucket: SourceBucket, is_there: bool) -> None:
    if is_there:
        put(bucket, b"[]")

    bucket.write("a.json", b"{}", {})

    assert bucket.read("a.json").body == b"{}"


def test_a_file_knows_the_bytes_that_it_holds() -> None:
    stored = StoredFile(f'"{hashlib.md5(b"{}").hexdigest()}"')

    assert stored.holds(b"{}")
    assert not stored.holds(b"[]")
    assert not StoredFile().holds(b"")


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict", "AccessDenied", "SlowDown"])
def test_only_a_conflict_means_overtaken(code: str) -> None:
    client = Mock()
    client.put_object.side_effect = ClientError({"Error": {"Code": code}}, "PutObject")
    expected = OvertakenError if code in {"PreconditionFailed", "ConditionalRequestConflict"} else ClientError

    with pytest.raises(expected):
        SourceBucket(client, "b", "p").write("a.json", b"{}", {}, StoredFile())


def test_a_refused_read_is_no_missing_file() -> None:
    client = Mock()
    client.get_object.side_effect = client.head_object.side_effect = ClientError({"Error": {"Code": "403"}}, "Get")

    for attempt in (SourceBucket(client, "b", "p").read, SourceBucket(client, "b", "p").read_etag):
        with pytest.raises(ClientError):
            attempt("a.json")


def test_a_missing_bucket_is_no_missing_file(client: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        SourceBucket(client, "no-such-bucket", "p").read("a.json")


def test_of_an_empty_bucket_every_file_of_the_contract_is_missing() -> None:
    previous = read_previous_files(SourceBucket(MemoryS3("my-source"), "my-source", "p"))  # type: ignore[arg-type]

    assert previous.files == dict.fromkeys(
        [*contract.FILES, *contract.schemas(), contract.ANNOUNCEMENTS_FILE], StoredFile()
    )
    assert (previous.state, previous.history, previous.unreadable, previous.years) == (None, None, {}, {})


# The names of files with a year of the history

LOG = [entry(START + timedelta(days=day), 330) for day in reversed(range(25))]
LARGE = history_of(LOG)
NAMES = ["change-history-2026.json", "change-history-2026-2.json"]


@pytest.fixture
def memory() -> SourceBucket:
    bucket = SourceBucket(MemoryS3("my-source"), "my-source", "p")  # type: ignore[arg-type]
    bucket.write("change-history.json", LARGE.to_bytes(), {})
    return bucket


def test_what_has_to_move_gets_a_name_that_is_free(memory: SourceBucket) -> None:
    previous = read_previous_files(memory)

    (year,) = previous.years.values()
    assert list(previous.years) == NAMES[:1]
    assert previous.files[NAMES[0]] == StoredFile()
    assert year.change_log == tuple(LOG[-len(year.change_log) :])


def test_a_small_history_asks_for_no_more_files(memory: SourceBucket) -> None:
    memory.write("change-history.json", history_of(LOG[:10]).to_bytes(), {})

    previous = read_previous_files(memory)

    assert previous.files.keys() == {*contract.FILES, *contract.schemas(), *FILES_READ_WHOLE}
    assert previous.years == {}


def test_a_file_that_a_run_has_left_before_it_died_is_used_by_the_next(memory: SourceBucket) -> None:
    ((name, year),) = read_previous_files(memory).years.items()
    memory.write(name, year.to_bytes(), {})

    previous = read_previous_files(memory)

    assert list(previous.years) == NAMES[:1]
    assert previous.files[name].holds(year.to_bytes())


def test_a_file_with_other_entries_is_never_overwritten(memory: SourceBucket) -> None:
    memory.write(NAMES[0], b"{}", {})

    previous = read_previous_files(memory)

    assert list(previous.years) == NAMES[1:]
    assert previous.files[NAMES[1]] == StoredFile()


def test_a_name_that_the_history_gives_already_is_not_given_again(memory: SourceBucket) -> None:
    named = contract.EarlierChanges(
        file=NAMES[0], oldest=START, newest=START, additions=LARGE.metadata.changes_since_inception
    )
    memory.write("change-history.json", LARGE.model_copy(update={"earlier": (named,)}).to_bytes(), {})

    assert list(read_previous_files(memory).years) == NAMES[1:]


def test_of_the_files_that_take_the_names_nothing_is_kept(memory: SourceBucket) -> None:
    for name in NAMES:
        memory.write(name, b"{}", {})

    previous = read_previous_files(memory)

    assert list(previous.years) == ["change-history-2026-3.json"]
    assert previous.files.keys() == {*contract.FILES, *contract.schemas(), *FILES_READ_WHOLE, *previous.years}


def test_a_year_without_a_free_name_stays_in_the_history(memory: SourceBucket) -> None:
    for part in range(1, MOST_PARTS + 1):
        memory.write(contract.year_file(2026, part), b"{}", {})

    assert read_previous_files(memory).years == {}


def test_a_year_of_long_ago_moves_like_any_other(memory: SourceBucket) -> None:
    log = [entry(date(999, 1, 1) + timedelta(days=day), 330) for day in reversed(range(25))]
    memory.write("change-history.json", history_of(log).to_bytes(), {})

    previous = read_previous_files(memory)

    assert previous.history
    moved = move_years(previous.history, previous.years, state({"us": ["a"]}))
    assert [earlier.file for earlier in moved.earlier] == ["change-history-0999.json"]


def named(*files: str) -> contract.ChangeHistory:
    """A history that names these files, newest first."""
    none = LARGE.metadata.changes_since_inception
    earlier = (contract.EarlierChanges(file=file, oldest=START, newest=START, additions=none) for file in files)
    return history_of([]).model_copy(update={"earlier": tuple(earlier)})


def test_the_years_that_have_left_the_history_are_read_oldest_first(memory: SourceBucket) -> None:
    log = [entry(START + timedelta(days=day), 1) for day in (2, 1)]
    for name, each in zip(NAMES, log, strict=False):
        memory.write(name, contract.ChangeHistoryYear(year=2026, change_log=(each,)).to_bytes(), {})
    memory.write("change-history.json", named(NAMES[0], NAMES[1]).to_bytes(), {})

    previous = read_previous_files(memory)

    assert previous.sights == watch({}, reversed(log), history_of([]).metadata.created)
    assert previous.unreadable == {}


@pytest.mark.parametrize("body", [None, b"{}"], ids=["missing", "broken"])
def test_without_one_of_its_years_nothing_is_known_of_them(memory: SourceBucket, body: bytes | None) -> None:
    year = contract.ChangeHistoryYear(year=2026, change_log=(entry(START, 1),))
    memory.write(NAMES[0], year.to_bytes(), {})
    if body:
        memory.write(NAMES[1], body, {})
    memory.write("change-history.json", named(NAMES[0], NAMES[1]).to_bytes(), {})

    previous = read_previous_files(memory)

    assert previous.sights is None
    assert previous.unreadable.keys() == {NAMES[1]}
    assert previous.history


def test_no_more_than_a_hundred_years_are_read(memory: SourceBucket) -> None:
    year = contract.ChangeHistoryYear(year=2026, change_log=(entry(START, 1),))
    names = [contract.year_file(2026, part) for part in range(1, 102)]
    for name in names:
        memory.write(name, year.to_bytes(), {})
    memory.write("change-history.json", named(*names).to_bytes(), {})

    previous = read_previous_files(memory)

    assert previous.sights is None
    assert previous.unreadable.keys() == {names[0]}


# Items: hundreds of files that are written only where their bytes differ, the index last

ITEMS = {f"{folder}/{name}.json": f'{{"a": "{name}"}}'.encode() for folder in ("regions", "services") for name in "ab"}
ITEMS["index.json"] = b"{}"
KEYS = [f"some/where/{name}" for name in ITEMS]


@pytest.fixture
def items_bucket(bucket: SourceBucket) -> SourceBucket:
    for key in KEYS:
        bucket.client.delete_object(Bucket="my-source", Key=key)
    return bucket


def write(bucket: SourceBucket, items: Mapping[str, bytes] = ITEMS, writes: int = 1000) -> ItemCounts:
    """Write items in a time that is enough for so many writes."""
    times = iter([True] * writes)
    return write_items(bucket, items, {"run-id": "run-7"}, lambda: next(times, False))


def bodies(bucket: SourceBucket) -> dict[str, bytes]:
    return {name: file.body for name in ITEMS if (file := bucket.read(name)).etag}


def test_the_first_time_every_item_is_written(items_bucket: SourceBucket) -> None:
    assert write(items_bucket) == ItemCounts(5, 0)

    assert bodies(items_bucket) == ITEMS
    assert items_bucket.client.head_object(Bucket="my-source", Key=KEYS[0])["Metadata"] == {"run-id": "run-7"}


def test_items_that_are_as_they_were_are_not_written(items_bucket: SourceBucket) -> None:
    write(items_bucket)

    assert write(items_bucket) == ItemCounts(0, 0)
    assert write(items_bucket, ITEMS | {"services/a.json": b"[]", "index.json": b"[]"}) == ItemCounts(2, 0)
    assert bodies(items_bucket) == ITEMS | {"services/a.json": b"[]", "index.json": b"[]"}


def test_an_item_that_somebody_has_edited_is_put_right(items_bucket: SourceBucket) -> None:
    write(items_bucket)
    items_bucket.write("regions/b.json", b"[]", {})

    assert write(items_bucket) == ItemCounts(1, 0)
    assert bodies(items_bucket) == ITEMS


def test_items_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_s3, "KEYS_A_PAGE", 1)
    bucket = SourceBucket(MemoryS3("my-source"), "my-source", "p")  # type: ignore[arg-type]
    write(bucket)

    assert write(bucket) == ItemCounts(0, 0)


@pytest.mark.parametrize("writes", range(5))
def test_what_there_is_no_time_for_is_left_and_the_index_with_it(items_bucket: SourceBucket, writes: int) -> None:
    assert write(items_bucket, writes=writes) == ItemCounts(writes, 5 - writes)

    assert len(bodies(items_bucket)) == writes
    assert "index.json" not in bodies(items_bucket)
    assert write(items_bucket) == ItemCounts(5 - writes, 0)
    assert bodies(items_bucket) == ITEMS


class OvertakingS3(MemoryS3):
    """S3 in which another run writes an item between a listing and the first write."""

    def __init__(self, body: bytes) -> None:
        super().__init__("my-source")
        self._body = body

    def put_object(self, **arguments: Any) -> Any:
        if not self.objects:
            super().put_object(Bucket="my-source", Key="p/services/b.json", Body=self._body)
        return super().put_object(**arguments)


def test_an_item_that_another_run_writes_meanwhile_is_not_overwritten_and_the_index_stays() -> None:
    s3 = OvertakingS3(b"[]")

    with pytest.raises(OvertakenError, match=r"p/services/b\.json"):
        write(SourceBucket(s3, "my-source", "p"))  # type: ignore[arg-type]

    assert s3.objects["p/services/b.json"].body == b"[]"
    assert "p/index.json" not in s3.objects


def test_the_same_bytes_from_another_run_are_no_reason_to_start_again() -> None:
    bucket = SourceBucket(OvertakingS3(ITEMS["services/b.json"]), "my-source", "p")  # type: ignore[arg-type]

    assert write(bucket) == ItemCounts(5, 0)
    assert bodies(bucket) == ITEMS


def test_an_etag_that_is_listed_without_quotes_is_a_condition_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = MemoryS3("my-source")
    bucket = SourceBucket(s3, "my-source", "p")  # type: ignore[arg-type]
    write(bucket)
    pages = [*s3.paginate(Bucket="my-source", Prefix="p/regions/")]
    unquoted = [
        {"Contents": [{**entry, "ETag": entry["ETag"].strip('"')} for entry in page["Contents"]]} for page in pages
    ]
    monkeypatch.setattr(s3, "paginate", lambda **_: unquoted)

    assert write(bucket, ITEMS | {"regions/a.json": b"[]"}).left == 0
    assert bodies(bucket)["regions/a.json"] == b"[]"


def test_an_error_of_one_write_is_raised() -> None:
    client = Mock(get_paginator=MemoryS3("my-source").get_paginator)
    client.head_object.return_value = {"ETag": '"x"'}
    client.put_object.side_effect = ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    with pytest.raises(ClientError, match="AccessDenied"):
        write(SourceBucket(client, "my-source", "p"))


def test_the_client_has_a_connection_for_each_write_at_once() -> None:
    assert connect("s3", FETCHING).meta.config.max_pool_connections >= WRITES_AT_ONCE


def test_a_file_that_is_no_longer_the_one_that_was_written_was_overtaken(bucket: SourceBucket) -> None:
    written = bucket.write("a.json", b"{}", {})
    bucket.require_unchanged("a.json", written.etag)
    put(bucket, b"[]")

    with pytest.raises(OvertakenError, match=r"some/where/a\.json"):
        bucket.require_unchanged("a.json", written.etag)

import hashlib
import json
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from distributor.outcomes import Copied, Failed, Gone, Outcome, Publish, Rejected, Skipped
from distributor.plan import RELEASE_RULES
from distributor.publish import NOT_TRIED, PUBLISH_MARGIN_MS, carry_out, publish
from distributor.release import Release
from distributor.settings import DistributorSettings, Location
from distributor.store import SourceObject, Store
from shared.contract import Manifest
from shared.settings import read_settings
from tests.distributor.fake_s3 import FakeS3, etag, refusal
from tests.distributor.test_publish import fail, once, store_on
from tests.distributor.world import ENVIRONMENT, SOURCE, WEBSITE, manifest_of, manifest_task

KEY = "aws-data/manifest.json"
FILES = {"a.json": b'{"v": 1}', "b.json": b"[1]", "c.schema.json": b'{"s": 1}'}
NEXT = {"a.json": b'{"v": 2}', "b.json": b"[1]", "c.schema.json": b'{"s": 1}'}
MANIFEST, NEXT_MANIFEST = manifest_of(FILES), manifest_of(NEXT, run=2)
CALLS = ["GET", *["GET", "COPY"] * len(FILES), "COPY", "COPY", "HEAD"]
FOLDER = "releases/20261124T020001Z-00000001"


def run_of(files: Mapping[str, bytes], manifest: bytes) -> dict[tuple[str, str], bytes]:
    """What the source holds after a run."""
    return {("my-source", f"aws-data/{name}"): body for name, body in {**files, "manifest.json": manifest}.items()}


def published(s3: FakeS3, place: Location = WEBSITE) -> dict[str, bytes]:
    """What a destination holds, by the name below its prefix."""
    prefix = f"{place.prefix}/"
    return {
        key.removeprefix(prefix): body
        for (bucket, key), body in s3.objects.items()
        if bucket == place.bucket and key.startswith(prefix)
    }


def require_whole(s3: FakeS3, place: Location = WEBSITE) -> None:
    """The promise: whoever reads the pointer finds every file of the release that it names, and these bytes."""
    prefix = f"{place.prefix}/"
    pointer = s3.objects.get((place.bucket, f"{prefix}manifest.json"))
    if pointer is None:
        return
    manifest = json.loads(pointer)
    folder = prefix + manifest["path"]
    assert s3.objects[place.bucket, f"{folder}manifest.json"] == pointer
    for file in manifest["files"]:
        assert hashlib.sha256(s3.objects[place.bucket, folder + file["name"]]).hexdigest() == file["sha256"]


class WatchedS3(FakeS3):
    """Looks at the promise at every moment: after each write to the website."""

    def keep(self, request: dict[str, Any], body: bytes) -> None:
        super().keep(request, body)
        require_whole(self)


def world(files: Mapping[str, bytes] = FILES, manifest: bytes = MANIFEST, **changes: Any) -> WatchedS3:
    return WatchedS3(run_of(files, manifest), **changes)


def nth(number: int, act: Callable[[], object]) -> Callable[[str], None]:
    """A hook that acts at this call, counted from 0."""
    calls = iter(range(1000))

    def hook(_: str) -> None:
        if next(calls) == number:
            act()

    return hook


def release(s3: FakeS3, task: Publish | None = None) -> Outcome:
    return publish(task or manifest_task(), store_on(s3, 10_000), clock=lambda: 0.0)


def test_a_release_takes_two_calls_for_each_file_one_for_its_manifest_and_the_ordinary_three() -> None:
    s3 = world()

    outcome = release(s3)

    manifest = Manifest.from_bytes(MANIFEST)
    assert outcome == Copied(manifest_task(), etag(MANIFEST), len(MANIFEST), passes=1, seconds=0, manifest=manifest)
    assert s3.calls == CALLS
    assert published(s3) == {
        **{f"{FOLDER}/{name}": body for name, body in FILES.items()},
        f"{FOLDER}/manifest.json": MANIFEST,
        "manifest.json": MANIFEST,
    }


def test_what_a_release_holds_is_immutable_and_the_manifest_that_names_it_is_polled() -> None:
    s3 = world()

    release(s3)

    headers = {key: sent for (bucket, key), sent in s3.headers.items() if bucket == "my-website"}
    assert headers.pop("data/manifest.json")["CacheControl"] == "public, max-age=60, stale-while-revalidate=600"
    assert {sent["CacheControl"] for sent in headers.values()} == {"public, max-age=31536000, immutable"}
    assert {sent["ContentType"] for sent in headers.values()} == {"application/json"}
    assert all(sent["Metadata"]["source-key"].startswith("aws-data/") for sent in headers.values())


def test_a_rule_of_the_settings_comes_before_those_of_releases() -> None:
    s3 = world()

    release(s3, manifest_task(CACHE_CONTROL_RULES="releases/*/a.json=no-store; manifest.json=no-cache"))

    assert s3.headers["my-website", f"data/{FOLDER}/a.json"]["CacheControl"] == "no-store"
    assert s3.headers["my-website", f"data/{FOLDER}/b.json"]["CacheControl"] == RELEASE_RULES[0].header
    assert s3.headers["my-website", "data/manifest.json"]["CacheControl"] == "no-cache"


def test_a_file_of_a_release_has_the_content_type_that_its_manifest_names() -> None:
    files = {"change-feed.json": b"{}", "regions.json": b"{}"}
    manifest = Manifest.from_bytes(manifest_of(files))
    parts = Release(manifest_task(), manifest, read_settings(DistributorSettings, ENVIRONMENT))

    assert {file.name: file.content_type for file in manifest.files} == {
        name: parts.part(name).headers.content_type for name in files
    }
    assert manifest.files[0].content_type == "application/feed+json"


def test_each_destination_gets_its_own_release() -> None:
    s3 = world(buckets={"my-source", "my-website", "my-mirror"})
    mirror = Location("my-mirror", "copies")

    release(s3, manifest_task(mirror, REPLICA_DESTINATIONS="my-mirror/copies"))

    assert published(s3, mirror).keys() == {
        "manifest.json",
        *(f"{FOLDER}/{name}" for name in (*FILES, "manifest.json")),
    }
    require_whole(s3, mirror)
    assert published(s3) == {}


def test_publishing_a_release_again_changes_nothing() -> None:
    s3 = world()
    release(s3)
    before = dict(s3.objects)

    assert isinstance(release(s3), Copied)
    assert s3.objects == before


def die() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(len(CALLS)))
def test_a_death_at_any_call_leaves_a_whole_release_and_the_next_delivery_publishes_this_one(
    call: int, when: str
) -> None:
    s3 = world()
    release(s3)
    s3.objects |= run_of(NEXT, NEXT_MANIFEST)
    setattr(s3, when, nth(call, die))

    with pytest.raises(KeyboardInterrupt):
        release(s3)
    require_whole(s3)
    s3.before = s3.after = lambda _: None

    assert isinstance(release(s3), Copied)
    assert published(s3)["manifest.json"] == NEXT_MANIFEST
    require_whole(s3)


LOST = ReadTimeoutError(endpoint_url="http://s3")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [index for index, name in enumerate(CALLS) if name == "COPY"][:-1])
def test_a_lost_answer_to_a_copy_into_the_release_is_made_good_at_once(call: int, when: str) -> None:
    s3 = world()
    setattr(s3, when, nth(call, fail(LOST)))

    assert isinstance(release(s3), Copied)
    assert published(s3)["manifest.json"] == MANIFEST


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("error", [LOST, refusal("OperationAborted", 409), refusal("AccessDenied")], ids=repr)
def test_a_file_whose_copy_is_never_confirmed_keeps_the_manifest_back_until_the_event_comes_again(
    name: str, error: Exception
) -> None:
    s3 = world()

    def refuse(operation: str) -> None:
        if operation == "COPY" and s3.request["Key"] == f"data/{FOLDER}/{name}":
            raise error

    s3.before = refuse

    outcome = release(s3)

    assert isinstance(outcome, Failed)
    assert outcome.landed is None
    assert "manifest.json" not in published(s3)


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_whenever_abandoned_copies_of_an_earlier_release_land_the_named_one_is_whole(call: int) -> None:
    s3 = world()
    sent: list[tuple[dict[str, Any], bytes]] = []

    def remember(operation: str) -> None:
        if operation == "COPY":
            sent.append((s3.request, s3.objects["my-website", s3.request["Key"]]))

    def all_land() -> None:
        for request, body in sent:
            s3.keep(request, body)

    s3.after = remember
    release(s3)
    s3.objects |= run_of(NEXT, NEXT_MANIFEST)
    s3.before, s3.after = nth(call, all_land), lambda _: None
    release(s3)
    release(s3)

    assert len(sent) == CALLS.count("COPY")
    assert published(s3)["manifest.json"] == NEXT_MANIFEST


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_a_run_that_ends_at_any_moment_of_a_publication_is_the_one_that_is_published(call: int) -> None:
    s3 = world()
    s3.before = nth(call, lambda: s3.objects.update(run_of(NEXT, NEXT_MANIFEST)))

    assert isinstance(release(s3), Copied)
    assert published(s3)["manifest.json"] == NEXT_MANIFEST


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_a_run_that_was_overtaken_is_skipped_and_the_last_release_stays_named(name: str, *, gone: bool) -> None:
    s3 = world()
    release(s3)
    s3.objects |= run_of(NEXT, NEXT_MANIFEST)
    s3.objects["my-source", f"aws-data/{name}"] = b'{"of": "a third run"}'
    if gone:
        del s3.objects["my-source", f"aws-data/{name}"]

    outcome = release(s3)

    reason = f"20261124T020002Z-00000002 was overtaken: {name} is no longer the file that it names"
    assert outcome == Skipped(KEY, reason)
    assert published(s3)["manifest.json"] == MANIFEST


def test_a_file_that_changes_between_its_check_and_its_copy_is_not_copied() -> None:
    s3 = world()
    s3.before = once("COPY", lambda: s3.objects.update({("my-source", "aws-data/a.json"): NEXT["a.json"]}))

    assert isinstance(release(s3), Skipped)
    assert published(s3) == {}


def test_a_run_that_is_overtaken_once_more_is_skipped_too() -> None:
    s3 = world()
    s3.before = once("HEAD", lambda: s3.objects.update(run_of(FILES, NEXT_MANIFEST)))

    outcome = release(s3)

    assert isinstance(outcome, Skipped)
    assert outcome.landed == manifest_task()
    assert published(s3)["manifest.json"] == MANIFEST


def test_a_manifest_that_goes_while_its_run_is_overtaken_leaves_what_is_published() -> None:
    s3 = world({**FILES, "b.json": b"[2]"})
    s3.before = once("COPY", lambda: s3.objects.pop(("my-source", KEY)))

    assert isinstance(release(s3), Skipped)
    assert isinstance(release(s3), Gone)


def test_a_lost_answer_to_an_earlier_manifest_is_not_hidden_by_a_run_that_was_overtaken() -> None:
    s3 = world()

    def overtake_and_lose_the_answer() -> None:
        s3.objects |= run_of(FILES, NEXT_MANIFEST)
        raise LOST

    s3.before = nth(len(CALLS) - 2, overtake_and_lose_the_answer)

    outcome = release(s3)

    assert isinstance(outcome, Failed)
    assert outcome.landed == manifest_task()


@pytest.mark.parametrize("when", ["before", "after"])
def test_files_that_are_written_again_with_the_same_bytes_overtake_nothing(when: str) -> None:
    s3 = world(encrypted=frozenset({"my-source"}))
    for name, body in {**FILES, "manifest.json": MANIFEST}.items():
        s3.put_object(Bucket="my-source", Key=f"aws-data/{name}", Body=body)
    again = lambda: s3.put_object(Bucket="my-source", Key="aws-data/a.json", Body=FILES["a.json"])  # noqa: E731
    setattr(s3, when, nth(1, again))

    assert isinstance(release(s3), Copied)


@pytest.mark.parametrize(
    ("name", "body", "limit", "reason"),
    [
        ("b.json", b"<html>", 10_000, "b.json: not JSON"),
        ("regions.json", b"{}", 10_000, "regions.json: breaks the contract"),
        ("b.json", b"[" + b" " * 10_000 + b"]", 10_000, "b.json: 10002 bytes, over the limit"),
    ],
)
def test_a_file_that_is_not_fit_is_named_and_keeps_the_whole_release_back(
    name: str, body: bytes, limit: int, reason: str
) -> None:
    files = {**FILES, name: body}
    s3 = world(files, manifest_of(files))

    outcome = publish(manifest_task(), store_on(s3, limit))

    assert isinstance(outcome, Rejected)
    assert outcome.reason.startswith(reason)
    assert "manifest.json" not in published(s3)


def test_a_manifest_that_states_a_wrong_size_is_rejected() -> None:
    manifest = json.loads(MANIFEST)
    manifest["files"][1]["bytes"] = 9
    s3 = world(manifest=json.dumps(manifest).encode())

    outcome = release(s3)

    assert outcome == Rejected(KEY, "b.json: it has 3 bytes, but the manifest says 9")
    assert "manifest.json" not in published(s3)


def test_a_file_that_the_settings_leave_out_is_in_no_release_either() -> None:
    s3 = world()

    outcome = release(s3, manifest_task(PUBLISH_PATTERNS="manifest.json,a.json"))

    assert outcome == Rejected(KEY, "b.json: matches no pattern of PUBLISH_PATTERNS (manifest.json, a.json)")
    assert published(s3) == {}


def test_another_kind_of_manifest_is_rejected_with_what_to_do() -> None:
    s3 = world(manifest=b'{"name": "My app", "icons": []}')

    outcome = release(s3)

    assert isinstance(outcome, Rejected)
    assert "if this is not the manifest of a release, deploy with Releases=false" in outcome.reason
    assert published(s3) == {}


@pytest.mark.parametrize("manifest", [MANIFEST, b'{"name": "My app", "icons": []}'])
def test_without_releases_a_manifest_is_a_file_like_any_other(manifest: bytes) -> None:
    s3 = FakeS3(run_of(FILES, manifest))

    release(s3, manifest_task(RELEASES="false"))

    assert s3.calls == ["GET", "COPY", "HEAD"]
    assert s3.headers["my-website", "data/manifest.json"]["CacheControl"] == "public, max-age=300"


def test_without_releases_a_manifest_must_be_json_all_the_same() -> None:
    assert isinstance(release(world(manifest=b"<html>"), manifest_task(RELEASES="false")), Rejected)


def test_a_release_for_which_there_is_no_time_is_left_to_the_retry() -> None:
    s3 = world()
    left = [PUBLISH_MARGIN_MS]
    s3.before = once("COPY", lambda: left.__setitem__(0, 0))

    (outcome,) = carry_out([manifest_task()], store_on(s3, 10_000), lambda: left[0])

    assert outcome == Failed(KEY, NOT_TRIED)
    assert published(s3).keys() == {f"{FOLDER}/a.json"}


def test_a_release_that_waits_for_s3_keeps_no_sibling_from_being_published() -> None:
    s3, sibling = world(), Publish(SOURCE, WEBSITE, "a.json", manifest_task().headers)
    sibling_is_published = Event()

    class WaitingStore(Store):
        def get(self, task: Publish) -> SourceObject | None:
            assert task.name != "b.json" or sibling_is_published.wait(60)
            return super().get(task)

        def head(self, task: Publish) -> str | None:
            if task == sibling:
                sibling_is_published.set()
            return super().head(task)

    client: Any = s3
    outcomes = carry_out([manifest_task(), sibling], WaitingStore(client, 10_000), lambda: 10**6)

    assert [type(outcome) for outcome in outcomes] == [Copied, Copied]

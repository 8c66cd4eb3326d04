"""`feed releases` and `feed rollback --release` against the embedded cloud: what is listed, and what comes back."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from cloud.embedded import EmbeddedCloud
from tests.fetcher.small_world import PARAMETERS
from tests.ops.commands.conftest import STACK, Deploy, Feed, ProcessFeed, source_outputs, version_ids

pytestmark = pytest.mark.prove

FUNCTION = f"{STACK}-fetcher"
NEW_SERVICE = {"services/newest": "newest", "services/newest/longName": "The Newest"}
ROOT = "/aws/service/global-infrastructure/"
SCHEDULE = f"{STACK}-fetch"


def read(cloud: EmbeddedCloud, bucket: str, key: str) -> bytes:
    body: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def manifest(cloud: EmbeddedCloud, *, source: bool = False) -> Any:
    place = (cloud.source_bucket(), "aws-data") if source else (cloud.website, "data")
    return json.loads(read(cloud, place[0], f"{place[1]}/manifest.json"))


def fetch(cloud: EmbeddedCloud) -> str:
    """Run the fetcher; the release that the website names then."""
    answer = cloud.lambdas.invoke(FUNCTION, "{}")
    assert not answer.is_error, answer.payload
    cloud.settle()
    return str(manifest(cloud)["release"])


def data(feed: Feed, *arguments: str) -> Any:
    return json.loads(feed(*arguments, "--json").stdout)


@pytest.fixture
def two(cloud: EmbeddedCloud) -> Iterator[tuple[str, str]]:
    """The release of the first run, and a newer one with another service, and the catalogue of that."""
    first = str(manifest(cloud)["release"])
    while f"{datetime.now(UTC):%Y%m%dT%H%M%S}" in first:
        time.sleep(0.05)  # the order of two releases of one second is that of their runs' ids
    more = {f"{ROOT}{path}": value for path, value in NEW_SERVICE.items()}
    cloud.parameters.replace(PARAMETERS | more)
    yield first, fetch(cloud)
    cloud.parameters.replace(PARAMETERS)


def states(found: Any) -> dict[str, tuple[bool, bool]]:
    return {release["release"]: (release["current"], release["complete"]) for release in found["releases"]}


# ---- the list


def test_releases_are_listed_the_newest_first_with_what_changed(
    cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str]
) -> None:
    older, newer = two

    finished, found = feed("releases"), data(feed, "releases")

    assert finished.exit_code == 0, finished.output
    assert [release["release"] for release in found["releases"]][:2] == [newer, older]
    assert (states(found)[newer], states(found)[older]) == ((True, True), (False, True))
    assert (found["current"], found["inSource"]) == (newer, newer)
    lines = finished.stdout.splitlines()
    assert lines[0] == f"{newer}  current, complete"
    assert "2 regions, 5 services, 4 pairs" in lines[1]
    assert "latest change" in finished.stdout
    assert "1 new service" in lines[3]
    assert f"{found['count']} release(s)" in finished.stdout


def test_only_the_manifests_of_what_is_shown_are_read(
    cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    client: Any = BaseClient
    call = client._make_api_call

    def watched(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        keys.append(parameters["Key"]) if operation == "GetObject" else None
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", watched)
    finished = feed("releases", "--last", "1")

    assert "the newest 1 shown" in finished.stdout
    assert sorted(keys) == sorted(
        ["aws-data/manifest.json", "data/manifest.json", f"data/releases/{two[1]}/manifest.json"]
    )


def test_a_release_that_lacks_a_file_is_not_complete_which_is_trouble_only_of_the_current_one(
    cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str]
) -> None:
    older, newer = two
    s3 = cloud.client("s3")
    s3.put_object(Bucket=cloud.website, Key="data/releases/30001124T020007Z-later/regions.json", Body=b"{}")
    s3.put_object(Bucket=cloud.website, Key="data/releases/notes/regions.json", Body=b"{}")
    s3.delete_object(Bucket=cloud.website, Key=f"data/releases/{older}/regions.json")
    s3.put_object(Bucket=cloud.website, Key=f"data/releases/{older}/services.json", Body=b"{}")

    of_others = feed("releases")
    found = {release["release"]: release for release in data(feed, "releases")["releases"]}
    s3.delete_object(Bucket=cloud.website, Key=f"data/releases/{newer}/regions.json")
    of_current = feed("releases")

    assert (of_others.exit_code, of_current.exit_code) == (0, 1)
    assert found[older]["faults"] == ["regions.json is missing", "services.json has another size"]
    assert "it has no manifest" in found["30001124T020007Z-later"]["faults"][0]
    assert "notes" not in found
    assert f"{newer}  current, not complete" in of_current.stdout


def test_a_manifest_in_the_wrong_folder_or_broken_makes_no_release(
    cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str]
) -> None:
    s3 = cloud.client("s3")
    other = read(cloud, cloud.website, "data/manifest.json")
    for name, body in (("30001124T020007Z-other", other), ("30001124T020007Z-bad", b"[" * 100_000)):
        s3.put_object(Bucket=cloud.website, Key=f"data/releases/{name}/manifest.json", Body=body)

    found = {release["release"]: release["faults"] for release in data(feed, "releases")["releases"]}

    assert found["30001124T020007Z-other"] == [f"its manifest is that of {two[1]}"]
    assert "is not the manifest of a release" in found["30001124T020007Z-bad"][0]


def test_a_stack_without_a_website_has_no_releases(cloud: EmbeddedCloud, deploy: Deploy, feed: Feed) -> None:
    deploy("source-only", source_outputs(cloud))

    finished = feed("releases", "--stack-name", "source-only")

    assert finished.exit_code == 2
    assert "it distributes nothing" in finished.stderr


# ---- the rollback


def files_of(cloud: EmbeddedCloud, release: str) -> dict[str, str]:
    found = json.loads(read(cloud, cloud.website, f"data/releases/{release}/manifest.json"))
    return {file["name"]: file["sha256"] for file in found["files"]}


def present(cloud: EmbeddedCloud, names: Any, bucket: str = "", prefix: str = "aws-data") -> dict[str, str]:
    bucket = bucket or cloud.source_bucket()
    return {name: hashlib.sha256(read(cloud, bucket, f"{prefix}/{name}")).hexdigest() for name in names}


def test_without_yes_it_is_shown_which_files_would_change_and_nothing_is_written(
    cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str]
) -> None:
    older, newer = two
    versions = version_ids(cloud, "regions.json")

    finished, found = feed("rollback", "--release", older, "--pause"), data(feed, "rollback", "--release", older)

    assert finished.exit_code == 0, finished.output
    origins = {file["name"]: file["origin"] for file in found["files"]}
    assert origins["services.json"] == origins["manifest.json"] == "version"
    assert origins["regions.schema.json"] == "present"
    assert [file["name"] for file in found["files"]][-3:] == [
        *("change-history.json", "change-feed.json", "manifest.json")
    ]
    assert "services.json from a version of the source, of 20" in finished.stdout
    assert f"feed rollback --release {older} --pause --yes puts it back" in finished.stdout
    assert version_ids(cloud, "regions.json") == versions
    assert manifest(cloud)["release"] == newer
    assert cloud.client("scheduler").get_schedule(Name=SCHEDULE)["State"] == "ENABLED"


def test_every_file_of_a_release_is_put_back_and_the_website_names_it(
    cloud: EmbeddedCloud, process_feed: ProcessFeed, feed: Feed, two: tuple[str, str]
) -> None:
    older, newer = two
    wanted = files_of(cloud, older)

    finished = process_feed("rollback", "--release", older, "--yes")

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert f"the website has every file, and manifest.json names {older}" in finished.stdout
    assert "the next run of the fetcher (daily at 02:00 UTC), or feed fetch, writes it anew" in finished.stdout
    assert "to keep this version, give --pause" in finished.stdout
    assert manifest(cloud)["release"] == manifest(cloud, source=True)["release"] == older
    assert present(cloud, wanted) == present(cloud, wanted, cloud.website, "data") == wanted
    head = cloud.client("s3").head_object(Bucket=cloud.source_bucket(), Key="aws-data/services.json")
    assert head["Metadata"]["run-id"].replace("-", "").startswith(older.partition("-")[2])
    assert states(data(feed, "releases"))[older] == (True, True)
    assert newer in states(data(feed, "releases"))


def test_the_run_after_a_rollback_logs_what_changed_once(
    cloud: EmbeddedCloud, process_feed: ProcessFeed, two: tuple[str, str]
) -> None:
    before = json.loads(read(cloud, cloud.website, "data/change-history.json"))

    finished = process_feed("rollback", "--release", two[0], "--yes")
    rolled_back = json.loads(read(cloud, cloud.website, "data/change-history.json"))
    fetch(cloud)
    after = json.loads(read(cloud, cloud.website, "data/change-history.json"))

    assert finished.returncode == 0, finished.stderr
    assert rolled_back != before
    assert after == before


def test_a_rollback_that_ended_before_the_log_of_changes_makes_the_next_run_log_nothing_twice(
    cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = json.loads(read(cloud, cloud.website, "data/change-history.json"))
    refuse_write(monkeypatch, "aws-data/change-history.json")

    finished = feed("rollback", "--release", two[0], "--yes")
    monkeypatch.undo()
    cloud.settle()

    assert finished.exit_code == 2
    assert "the same command again does the rest" in finished.stderr
    assert present(cloud, ["services.json"])["services.json"] == files_of(cloud, two[0])["services.json"]
    assert manifest(cloud)["release"] == two[1]
    answer = cloud.lambdas.invoke(FUNCTION, "{}")
    cloud.settle()
    assert not answer.is_error
    assert json.loads(read(cloud, cloud.website, "data/change-history.json"))["changeLog"] == before["changeLog"]


def refuse_write(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Let S3 say that this file was written meanwhile; moto heeds no condition of a copy."""
    client: Any = BaseClient
    call = client._make_api_call

    def watched(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in {"CopyObject", "PutObject"} and parameters["Key"] == key:
            refusal: Any = {"Error": {"Code": "PreconditionFailed"}}
            raise ClientError(refusal, operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", watched)


def test_what_an_interrupted_rollback_has_put_back_is_not_written_again(
    cloud: EmbeddedCloud, feed: Feed, process_feed: ProcessFeed, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        refuse_write(patched, "aws-data/manifest.json")
        interrupted = feed("rollback", "--release", two[0], "--yes")
    cloud.settle()
    versions = version_ids(cloud, "services.json")

    finished = process_feed("rollback", "--release", two[0], "--yes")
    again = process_feed("rollback", "--release", two[0], "--yes")

    assert interrupted.exit_code == 2
    assert finished.stdout.count("put back ") == 1
    assert manifest(cloud)["release"] == two[0]
    assert version_ids(cloud, "services.json") == versions
    assert (finished.returncode, again.returncode) == (0, 0)
    assert "0 of " in again.stdout


def forget_versions(cloud: EmbeddedCloud, name: str) -> None:
    """Let every version but the present one expire."""
    for version in version_ids(cloud, name)[1:]:
        cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", VersionId=version)


def test_bytes_that_the_source_no_longer_keeps_come_from_the_release_itself(
    cloud: EmbeddedCloud, process_feed: ProcessFeed, two: tuple[str, str]
) -> None:
    for name in ("services.json", "manifest.json"):
        forget_versions(cloud, name)

    finished = process_feed("rollback", "--release", two[0], "--yes")

    assert finished.returncode == 0, finished.stderr
    assert "services.json from the release itself: the source no longer keeps that version" in finished.stdout
    wanted = files_of(cloud, two[0])
    assert present(cloud, wanted) == wanted
    assert manifest(cloud)["release"] == two[0]


@pytest.mark.parametrize("damage", ["delete", "change"])
def test_a_release_of_which_a_file_is_nowhere_any_more_is_refused_before_anything_is_written(
    cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str], damage: str
) -> None:
    forget_versions(cloud, "services.json")
    place = {"Bucket": cloud.website, "Key": f"data/releases/{two[0]}/services.json"}
    cloud.client("s3").delete_object(**place)
    if damage == "change":
        cloud.client("s3").put_object(**place, Body=b"{}")
    versions = version_ids(cloud, "regions.json")

    finished = feed("rollback", "--release", two[0], "--yes")

    assert finished.exit_code == 2
    assert f"no version of services.json is left that {two[0]} names; nothing was put back" in finished.stderr
    assert version_ids(cloud, "regions.json") == versions


def test_with_pause_the_schedule_is_disabled_and_otherwise_as_it_was(
    cloud: EmbeddedCloud, process_feed: ProcessFeed, feed: Feed, two: tuple[str, str]
) -> None:
    scheduler = cloud.client("scheduler")
    before = scheduler.get_schedule(Name=SCHEDULE)

    finished = process_feed("rollback", "--release", two[0], "--pause", "--yes")
    after, single = scheduler.get_schedule(Name=SCHEDULE), feed("rollback", "--release", two[1])
    fields = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State", "ScheduleExpressionTimezone")
    scheduler.update_schedule(**{field: before[field] for field in fields})

    assert finished.returncode == 0, finished.stderr
    assert after["State"] == "DISABLED"
    assert {field: after[field] for field in fields[:4]} == {field: before[field] for field in fields[:4]}
    assert f"{SCHEDULE} is disabled" in finished.stdout
    assert "feed fetch would write it anew; the schedule of the fetcher is paused" in single.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["regions.json", "--release", "20261124T020007Z-9f3c2a1b"],
        ["regions.json", "--pause"],
        ["--release", "regions.json"],
        ["--release", "20261124T020007Z-unknown"],
    ],
)
def test_a_rollback_of_neither_a_file_nor_a_release_is_refused(feed: Feed, arguments: list[str]) -> None:
    assert feed("rollback", *arguments).exit_code == 2


def test_a_manifest_alone_is_not_put_back(cloud: EmbeddedCloud, feed: Feed, two: tuple[str, str]) -> None:
    finished = feed("rollback", "manifest.json", "--yes")

    assert finished.exit_code == 2
    assert "feed rollback --release ID" in finished.stderr
    assert manifest(cloud)["release"] == two[1]

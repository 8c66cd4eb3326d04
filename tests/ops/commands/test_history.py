"""`feed history` against the embedded cloud: every version of a file, and which of them the website has."""

import json
from typing import Any

from cloud.embedded import EmbeddedCloud
from tests.ops.commands.conftest import Deploy, Feed, source_outputs, take_from_website, upload


def listed(feed: Feed, name: str, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(feed("history", name, "--json", *options).stdout)["versions"]
    return found


def test_versions_are_shown_newest_first_with_who_wrote_them(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "regions.json", b"{}")  # not fit, so the website keeps the run's

    finished, found = feed("history", "regions.json"), listed(feed, "aws-data/regions.json")

    website = cloud.client("s3").get_object(Bucket=cloud.website, Key="data/complete-data.json")["Body"]
    run = json.loads(website.read())["metadata"]["runId"]
    by_hand, fetched = finished.stdout.split(found[0]["versionId"])[1].split(found[1]["versionId"])
    assert finished.exit_code == 0, finished.output
    assert "current, by hand" in by_hand
    assert f"on the website, by run {run}" in fetched
    assert [(one["bytes"], one["current"], one["onWebsite"]) for one in found[:1]] == [(2, True, False)]
    assert (found[0]["runId"], found[1]["runId"]) == (None, run)
    assert (found[1]["current"], found[1]["onWebsite"]) == (False, True)


def test_a_deletion_is_a_version_too(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "deleted.json")
    cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key="aws-data/deleted.json")

    finished, found = feed("history", "deleted.json"), listed(feed, "deleted.json")

    assert "deleted  " in finished.stdout
    assert "current, a deletion" in finished.stdout
    assert [(one["deletion"], one["current"], one["onWebsite"]) for one in found] == [
        (True, True, False),
        (False, False, True),
    ]


def test_of_many_versions_the_newest_are_looked_at(cloud: EmbeddedCloud, feed: Feed) -> None:
    for number in range(3):
        upload(cloud, "many.json", b"[%d]" % number)

    finished, found = feed("history", "many.json", "--last", "2"), listed(feed, "many.json", "--last", "2")

    assert finished.stdout.count("by hand") == len(found) == 2
    assert "and older ones; --last 4" in finished.stdout
    assert json.loads(feed("history", "many.json", "--last", "2", "--json").stdout)["older"] is True
    assert "older" not in feed("history", "many.json", "--last", "3").stdout


def test_a_file_that_the_website_lacks_is_on_it_in_no_version(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "lacking.json")
    take_from_website(cloud, "lacking.json")

    assert [version["onWebsite"] for version in listed(feed, "lacking.json")] == [False]


def test_the_website_s_version_is_known_whatever_etag_its_copy_has(cloud: EmbeddedCloud, feed: Feed) -> None:
    for body in (b"[1]", b"[2]"):
        upload(cloud, "encrypted.json", body)
    etag = listed(feed, "encrypted.json")[1]["etag"]
    copied = {"Bucket": cloud.website, "Key": "data/encrypted.json", "Body": b"with a KMS key the ETag is another"}
    cloud.client("s3").put_object(**copied, Metadata={"source-etag": etag})

    assert [version["onWebsite"] for version in listed(feed, "encrypted.json")[:2]] == [False, True]


def test_a_file_that_never_was_is_said_to_have_no_version(feed: Feed) -> None:
    finished = feed("history", "never.json")

    assert finished.exit_code == 2
    assert "the source bucket has no version of aws-data/never.json" in finished.stderr


def test_a_bucket_without_versions_is_refused(cloud: EmbeddedCloud, deploy: Deploy, feed: Feed) -> None:
    deploy("unversioned", {**source_outputs(cloud), "SourceBucketName": cloud.website})

    for command in (["history"], ["diff"], ["rollback"]):
        version = ["some-version"] if command == ["diff"] else []
        finished = feed(*command, "regions.json", *version, "--stack-name", "unversioned")

        assert finished.exit_code == 2
        assert "the source bucket keeps no versions (its versioning is off)" in finished.stderr


def test_a_stack_without_a_website_has_a_history_all_the_same(cloud: EmbeddedCloud, deploy: Deploy, feed: Feed) -> None:
    deploy("fetch-only", source_outputs(cloud))

    found = listed(feed, "regions.json", "--stack-name", "fetch-only")

    assert found[0]["current"]
    assert not any(version["onWebsite"] for version in found)

"""`feed diff` against the embedded cloud: source and website, or versions of the source, line by line."""

import json

import pytest

from cloud.embedded import EmbeddedCloud
from tests.ops.commands.conftest import Deploy, Feed, source_outputs, upload, version_ids

pytestmark = pytest.mark.prove


def put_on_website(cloud: EmbeddedCloud, name: str, body: bytes) -> None:
    cloud.client("s3").put_object(Bucket=cloud.website, Key=f"data/{name}", Body=body)


def test_a_file_that_is_published_is_equal(feed: Feed) -> None:
    finished = feed("diff", "regions.json")

    assert finished.exit_code == 0, finished.output
    assert "the bytes are equal" in finished.stdout


def test_the_website_is_compared_with_the_source(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "lines.json", b'[\n  "same",\n  "new"\n]\n')
    put_on_website(cloud, "lines.json", b'[\n  "same",\n  "old",\n  "older"\n]\n')

    finished = feed("diff", "aws-data/lines.json")

    first, old, new, place, *lines = finished.stdout.splitlines()
    assert finished.exit_code == 1
    assert first == "2 line(s) removed, 1 added"
    assert (old.startswith("--- website, "), new.startswith("+++ source, ")) == (True, True)
    assert old.endswith(" UTC, 33 bytes")
    assert [place, *lines] == ["@@ -1,6 +1,5 @@", " [", '   "same",', '-  "old",', '-  "older"', '+  "new"', " ]", " "]


def test_a_script_gets_the_changed_lines(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "script.json", b'{"a":1,"b":3}')
    put_on_website(cloud, "script.json", b'{"a":1,"b":2}')

    finished = feed("diff", "script.json", "--json")

    found = json.loads(finished.stdout)
    assert finished.exit_code == 1
    assert (found["equal"], found["removed"], found["added"], found["new"]["bytes"]) == (False, 1, 1, 13)
    assert found["changes"] == [{"oldLine": 3, "removed": ['  "b": 2'], "newLine": 3, "added": ['  "b": 3']}]
    assert json.loads(feed("diff", "regions.json", "--json").stdout)["equal"] is True


def test_a_version_is_compared_with_the_present_one_or_with_another(cloud: EmbeddedCloud, feed: Feed) -> None:
    for body in (b"[1]", b"[2]", b"[3]"):
        upload(cloud, "versions.json", body)
    _, second, first = version_ids(cloud, "versions.json")

    with_present, with_other = feed("diff", "versions.json", first), feed("diff", "versions.json", first, second)

    assert [line for line in with_present.stdout.splitlines() if line[1:].strip() in "123"] == ["-  1", "+  3"]
    assert [line for line in with_other.stdout.splitlines() if line[1:].strip() in "123"] == ["-  1", "+  2"]
    assert f"--- version {first}, " in with_other.stdout
    assert feed("diff", "versions.json", first, first).exit_code == 0


def test_a_long_diff_is_cut_until_all_of_it_is_asked_for(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "long.json", json.dumps(list(range(500)), indent=1).encode())
    put_on_website(cloud, "long.json", b"[]")

    cut, whole = feed("diff", "long.json"), feed("diff", "long.json", "--all")

    assert "+  499" not in cut.stdout
    assert "more lines; --all prints them" in cut.stdout
    assert "+  499" in whole.stdout
    assert "--all" not in whole.stdout


def test_the_same_json_in_other_bytes_is_different_without_a_line(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "spaces.json", b"[1, 2]")
    put_on_website(cloud, "spaces.json", b"[1,2]")

    finished = feed("diff", "spaces.json")

    assert finished.exit_code == 1
    assert "0 line(s) removed, 0 added" in finished.stdout
    assert "the JSON is the same, but written otherwise" in finished.stdout


@pytest.mark.parametrize(("body", "reason"), [(b"<html>", "not JSON"), (b"\xff\xfe", "not UTF-8 (byte 0)")])
def test_what_has_no_lines_is_said_so(cloud: EmbeddedCloud, feed: Feed, body: bytes, reason: str) -> None:
    upload(cloud, "broken.json")
    put_on_website(cloud, "broken.json", body)

    finished = feed("diff", "broken.json")

    assert finished.exit_code == 2
    assert "website, " in finished.stderr
    assert reason in finished.stderr


def test_what_is_too_large_is_not_compared(cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(cloud, "large.json", b"[1, 2]")
    monkeypatch.setattr("ops.versions.MAX_BYTES", 5)

    finished = feed("diff", "large.json")

    assert finished.exit_code == 2
    assert "data/large.json has 6 bytes; at most 5 are read" in finished.stderr


@pytest.mark.parametrize("arguments", [["never.json"], ["regions.json", "no-such-version"]])
def test_what_is_not_there_is_said_by_its_name(cloud: EmbeddedCloud, feed: Feed, arguments: list[str]) -> None:
    finished = feed("diff", *arguments)

    assert finished.exit_code == 2
    assert f"does not have {'data/never.json' if len(arguments) == 1 else 'aws-data/regions.json'}" in finished.stderr


def test_a_stack_without_a_website_has_versions_to_compare(cloud: EmbeddedCloud, deploy: Deploy, feed: Feed) -> None:
    deploy("fetch-only", source_outputs(cloud))
    (version, *_) = version_ids(cloud, "regions.json")

    assert feed("diff", "regions.json", version, "--stack-name", "fetch-only").exit_code == 0
    assert "it distributes nothing" in feed("diff", "regions.json", "--stack-name", "fetch-only").stderr

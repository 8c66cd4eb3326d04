"""`feed ls` against the embedded cloud: both buckets side by side, and what has no source any more."""

import json
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from ops.stack import DeployedStack
from shared.contract import FILES, schemas
from tests.ops.commands.conftest import ITEMS, Feed, distributed_at, take_from_website, upload
from tests.terminal import STYLE


def listed(feed: Feed, *arguments: str) -> dict[str, Any]:
    finished = feed("ls", "--json", *arguments)
    assert finished.exit_code == 0, finished.output
    return {file["name"]: file for file in json.loads(finished.stdout)["files"]}


def delete_source(cloud: EmbeddedCloud, name: str) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}")


def put_on_website(cloud: EmbeddedCloud, name: str, body: bytes = b"[]") -> None:
    cloud.client("s3").put_object(Bucket=cloud.website, Key=f"data/{name}", Body=body)


def test_every_published_file_is_listed_in_step_with_its_headers(cloud: EmbeddedCloud, feed: Feed) -> None:
    files = listed(feed)

    assert sorted(files) == sorted([*FILES, *schemas()])
    assert {file["state"] for file in files.values()} == {"in step"}
    assert files.pop("manifest.json")["cacheControl"] == "public, max-age=60, stale-while-revalidate=600"
    assert {file["cacheControl"] for file in files.values()} == {"public, max-age=300"}
    assert files["regions.json"]["distributedAt"] == distributed_at(cloud, "regions.json")
    assert files["regions.json"]["bytes"] == files["regions.json"]["publishedBytes"] > 0


def test_each_name_has_the_state_that_the_two_buckets_are_in(cloud: EmbeddedCloud, feed: Feed) -> None:
    for name in ("orphan.json", "reports/deep.json", ".hidden.json", "history/2026/x.json"):
        upload(cloud, name)
    delete_source(cloud, "orphan.json")
    take_from_website(cloud, "regions.json")
    put_on_website(cloud, "services.json", b"[1]")
    put_on_website(cloud, "page.html")

    files = listed(feed)

    states = {name: file["state"] for name, file in files.items() if file["state"] != "in step"}
    assert states == {
        "orphan.json": "orphan",
        "page.html": "not of the source",
        "regions.json": "not published",
        "reports/deep.json": "not for the website",
        "services.json": "drifted",
    }
    assert (files["orphan.json"]["bytes"], files["orphan.json"]["publishedBytes"]) == (None, 2)


def test_items_in_step_are_counted_and_listed_only_by_a_pattern(cloud: EmbeddedCloud, feed: Feed) -> None:
    well = feed("ls")
    take_from_website(cloud, "services/s3.json")

    files, named = listed(feed), listed(feed, "services/s3*")

    assert f"{ITEMS} files of single regions and services, in step" in well.stdout
    assert {name: file["state"] for name, file in files.items() if "/" in name} == {"services/s3.json": "not published"}
    assert json.loads(feed("ls", "--json").stdout)["itemsInStep"] == ITEMS - 1
    states = {name: file["state"] for name, file in named.items()}
    assert states == {"services/s3.feed.json": "in step", "services/s3.json": "not published"}


def test_an_item_of_another_etag_is_in_step_if_its_metadata_names_the_source(cloud: EmbeddedCloud, feed: Feed) -> None:
    encrypt(cloud, "services/s3.json")

    assert not [name for name in listed(feed) if "/" in name]
    assert json.loads(feed("ls", "--json").stdout)["itemsInStep"] == ITEMS


def test_a_person_gets_ages_counts_and_what_to_do(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "orphan.json")
    delete_source(cloud, "orphan.json")
    take_from_website(cloud, "regions.json")

    printed = feed("ls", "orphan.json", "reg*s.json").stdout

    assert "2 file(s), not published: 1, orphan: 1" in printed
    assert "feed sweep --yes publishes" in printed
    assert "feed unpublish NAME takes it down" in printed
    assert "1 with Cache-Control: public, max-age=300 (orphan.json)\n" in printed


def test_a_file_takes_one_line_of_a_narrow_terminal(
    cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_website(cloud, "services.json", b"[1]")
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")

    lines = STYLE.sub("", feed("ls").stdout).splitlines()

    for name in listed(feed):
        assert [line for line in lines if line.startswith(f"{name} ")], name
    assert len([line for line in lines if line.startswith("1 with Cache-Control: none (services.json)")]) == 1


def test_advice_of_the_list_acts_on_the_stack_that_was_looked_at(cloud: EmbeddedCloud, feed: Feed) -> None:
    take_from_website(cloud, "regions.json")

    assert "feed sweep --region us-east-1 --yes" in feed("ls", "--region", "us-east-1").stdout


def encrypt(cloud: EmbeddedCloud, name: str, body: bytes = b"") -> None:
    """Other bytes stand for those that an encrypting bucket gives another ETag; by default as many as the source's."""
    s3 = cloud.client("s3")
    source = s3.head_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}")
    metadata = {"source-etag": source["ETag"].strip('"')}
    body = body or b" " * source["ContentLength"]
    s3.put_object(Bucket=cloud.website, Key=f"data/{name}", Body=body, Metadata=metadata)


def test_copies_of_other_etags_are_in_step_if_their_metadata_names_the_source(cloud: EmbeddedCloud, feed: Feed) -> None:
    encrypt(cloud, "regions.json")

    assert listed(feed)["regions.json"]["state"] == "in step"
    encrypt(cloud, "regions.json", b"cut")
    assert listed(feed)["regions.json"]["state"] == "drifted"


@pytest.mark.parametrize("stamp", ["\x1b[2J", "yesterday", "2026-01-01T00:00:00", ""])
def test_a_copy_by_hand_has_no_known_age(cloud: EmbeddedCloud, feed: Feed, stamp: str) -> None:
    metadata = {"distributed-at": stamp.encode("unicode_escape").decode()} if stamp else {}
    cloud.client("s3").put_object(Bucket=cloud.website, Key="data/regions.json", Body=b"[]", Metadata=metadata)

    finished = feed("ls", "regions.json")

    assert finished.exit_code == 0, finished.output
    assert " ? " in finished.stdout


def test_releases_have_no_source_and_are_no_orphans(cloud: EmbeddedCloud, feed: Feed) -> None:
    put_on_website(cloud, "releases/2026-01-01/regions.json")

    assert "releases/2026-01-01/regions.json" not in listed(feed)


def test_a_cut_list_says_so(cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    some = feed("ls", "--limit", "3", "--json")
    exactly = feed("ls", "--limit", str(len(FILES) + len(schemas())), "--json")
    only = feed("ls", "complete-data.json", "--limit", "1", "--json")
    monkeypatch.setattr("ops.publication.MOST_COMPARED", 2)
    compared = feed("ls", "services.json", "--json")

    assert len(json.loads(some.stdout)["files"]) == 3
    assert "these are not all" in some.stderr
    assert [json.loads(finished.stdout)["complete"] for finished in (some, exactly, only, compared)] == [
        False,
        True,
        True,
        False,
    ]
    assert "these are not all" not in exactly.stderr
    assert json.loads(compared.stdout)["files"] == []


def test_the_list_runs_no_function(cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    invoked: list[object] = []
    monkeypatch.setattr(DeployedStack, "invoke", lambda *arguments: invoked.append(arguments))

    assert feed("ls").exit_code == 0
    assert invoked == []


def test_headers_that_may_not_be_read_are_told_file_by_file(cloud: EmbeddedCloud, feed: Feed) -> None:
    s3 = cloud.client("s3")
    # For AWS a HEAD is s3:GetObject, for moto's policies of buckets a thing of its own.
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:HeadObject",
        "Resource": f"arn:aws:s3:::{cloud.website}/*",
    }
    s3.put_bucket_policy(Bucket=cloud.website, Policy=json.dumps({"Version": "2012-10-17", "Statement": deny}))

    files = listed(feed, "regions.json")
    s3.delete_bucket_policy(Bucket=cloud.website)

    assert files["regions.json"]["state"] == "in step"
    assert "403" in files["regions.json"]["refusal"]


@pytest.mark.parametrize("action", ["s3:ListBucket", "lambda:GetFunctionConfiguration"])
def test_who_may_not_list_is_refused_in_one_line(cloud: EmbeddedCloud, feed: Feed, action: str) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
    policy = {"UserName": "operator", "PolicyName": "no-listing"}
    cloud.client("iam").put_user_policy(**policy, PolicyDocument=json.dumps(document))

    finished = feed("ls")
    cloud.client("iam").delete_user_policy(**policy)

    assert finished.exit_code == 2
    assert len(finished.stderr.splitlines()) == 1

"""`feed site` uploads the page beside the published files; each test looks at what the website bucket has then."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.edge import Edge, EdgeServer, bucket_origin
from tests.ops.commands.conftest import PAGE, Deploy, Feed


@pytest.fixture(autouse=True)
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("ops.commands.site.need_checkout", lambda: tmp_path)
    return shutil.copytree(PAGE, tmp_path / "website")


@pytest.fixture
def queue(cloud: EmbeddedCloud, deploy: Deploy) -> Iterator[str]:
    """The URL of the invalidation queue of the stack `invalidating`."""
    url: str = cloud.client("sqs").create_queue(QueueName="page-invalidations")["QueueUrl"]
    deploy("invalidating", cloud.stack.outputs | {"InvalidationsUrl": url})
    yield url
    cloud.client("sqs").delete_queue(QueueUrl=url)


def stored(cloud: EmbeddedCloud) -> dict[str, str]:
    """Each object of the website, with the time of its last write."""
    answer = cloud.client("s3").list_objects_v2(Bucket=cloud.website)
    return {entry["Key"]: entry["LastModified"].isoformat() for entry in answer["Contents"]}


def versions(cloud: EmbeddedCloud) -> dict[str, Any]:
    return {key: cloud.client("s3").head_object(Bucket=cloud.website, Key=key) for key in stored(cloud)}


def test_without_yes_it_only_shows_what_it_would_upload(cloud: EmbeddedCloud, feed: Feed) -> None:
    before = stored(cloud)

    finished = feed("site")

    assert finished.exit_code == 0, finished.output
    assert "--yes uploads 4" in finished.output
    assert stored(cloud) == before


def test_the_page_is_uploaded_beside_the_published_files_which_stay_as_they_are(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    before = versions(cloud)

    finished = feed("site", "--yes")

    assert finished.exit_code == 0, finished.output
    after = versions(cloud)
    added = sorted(after.keys() - before.keys())
    assert [key.rpartition("/")[2] for key in added] == ["app.js", "matrix.js", "site.css", "index.html"]
    assert (after["index.html"]["CacheControl"], after["index.html"]["ContentType"]) == (
        "public, max-age=60, stale-while-revalidate=600",
        "text/html; charset=utf-8",
    )
    assert "immutable" in after[added[0]]["CacheControl"]
    assert {key: after[key]["LastModified"] for key in before} == {
        key: head["LastModified"] for key, head in before.items()
    }


def test_only_what_has_changed_is_uploaded_and_nothing_is_deleted(cloud: EmbeddedCloud, feed: Feed, page: Path) -> None:
    feed("site", "--yes")
    first = stored(cloud)
    again = json.loads(feed("site", "--yes", "--json").stdout)

    (page / "index.html").write_text("<!doctype html>", encoding="utf-8")
    changed = json.loads(feed("site", "--yes", "--json").stdout)

    assert {page_object["state"] for page_object in again["objects"]} == {"unchanged"}
    assert [page_object["state"] for page_object in changed["objects"]] == [*["unchanged"] * 3, "changed"]
    assert stored(cloud).keys() == first.keys()
    body = cloud.client("s3").get_object(Bucket=cloud.website, Key="index.html")["Body"].read()
    assert body == b"<!doctype html>"


def test_what_keeps_its_address_is_invalidated_once_it_has_changed(
    cloud: EmbeddedCloud, feed: Feed, queue: str
) -> None:
    feed("site", "--yes", "--stack-name", "invalidating")
    feed("site", "--yes", "--stack-name", "invalidating")

    messages = cloud.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["key"] for message in messages] == ["index.html"]


def test_a_prefix_that_the_page_would_fall_below_is_refused(cloud: EmbeddedCloud, feed: Feed, deploy: Deploy) -> None:
    before = stored(cloud)
    deploy("among", cloud.stack.outputs | {"WebsiteKeyPrefix": "assets"})

    finished = feed("site", "--yes", "--stack-name", "among")

    assert finished.exit_code == 2
    assert "among the published files" in finished.output
    assert stored(cloud) == before


@pytest.fixture
def site(cloud: EmbeddedCloud) -> Iterator[str]:
    """The address of an edge over the website."""
    with EdgeServer() as server:
        server.edge = Edge(bucket_origin(cloud.client("s3"), cloud.website), cloud.edge.cloudfront)
        yield server.url


def test_readers_get_a_page_whose_every_file_is_there_and_files_that_pass_every_check(feed: Feed, site: str) -> None:
    feed("site", "--yes")

    page = requests.get(f"{site}/", timeout=5)
    assets = re.findall('"(assets/[^"]+)"', page.text)
    verified = json.loads(feed("verify", "--url", f"{site}/data/", "--json").stdout)

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert len(assets) == 2
    assert [requests.get(f"{site}/{asset}", timeout=5).status_code for asset in assets] == [200, 200]
    of_readers = [check for check in verified if check["group"] == f"{site}/data/"]
    assert len(of_readers) > 20
    assert [check for check in of_readers if not check["holds"]] == []

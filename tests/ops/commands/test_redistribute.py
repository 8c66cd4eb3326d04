"""`feed redistribute` against the embedded cloud, as it would run against a stack on AWS."""

import json

import pytest

from cloud.embedded import EmbeddedCloud
from tests.ops.commands.conftest import Feed, distributed_at, take_from_website


def test_named_files_are_published_again(cloud: EmbeddedCloud, feed: Feed) -> None:
    before = distributed_at(cloud, "regions.json")

    finished = feed("redistribute", "regions.json", "aws-data/services.json")

    assert finished.exit_code == 0, finished.output
    assert finished.output.count("copied") == 2
    assert distributed_at(cloud, "regions.json") > before


@pytest.mark.parametrize("name", ["none.json", "s3://x/y", "/regions.json", "data/regions.json", ""])
def test_a_name_that_the_source_does_not_have_is_refused_before_anything_is_published(
    cloud: EmbeddedCloud, feed: Feed, name: str
) -> None:
    before = len(cloud.lambdas.invocations)

    finished = feed("redistribute", "regions.json", name)

    assert finished.exit_code == 2
    assert f"the source bucket does not have aws-data/{name};" in finished.stderr
    assert len(cloud.lambdas.invocations) == before


def test_a_selection_is_only_shown_until_it_is_confirmed(cloud: EmbeddedCloud, feed: Feed) -> None:
    take_from_website(cloud, "services.json")

    shown = feed("redistribute", "--glob", "services.js*")
    missing = cloud.objects(cloud.website)
    done = feed("redistribute", "--glob", "services.js*", "--yes", "--json")

    assert (shown.exit_code, done.exit_code) == (0, 0)
    assert "aws-data/services.json" in shown.output
    assert "data/services.json" not in missing
    assert [outcome["outcome"] for outcome in json.loads(done.stdout)] == ["copied"]


def test_everything_is_what_the_website_may_have_and_is_shown_so(cloud: EmbeddedCloud, feed: Feed) -> None:
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key="aws-data/.draft.json", Body=b"{}")
    source = cloud.objects(cloud.source_bucket())
    assert any(key.startswith("aws-data/history/") for key in source)

    shown = json.loads(feed("redistribute", "--all", "--json").stdout)
    finished = feed("redistribute", "--all", "--yes", "--json")

    outcomes = {outcome["source"]: outcome["outcome"] for outcome in json.loads(finished.stdout)}
    assert finished.exit_code == 0
    assert set(outcomes) == set(shown) == {key for key in source if "/history/" not in key and "/." not in key}
    assert set(outcomes.values()) == {"copied"}


def test_naming_nothing_is_refused(feed: Feed) -> None:
    finished = feed("redistribute")

    assert finished.exit_code == 2
    assert "name keys" in finished.output

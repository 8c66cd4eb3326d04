"""`feed sweep` against the embedded cloud, and what every command says when there is no stack."""

import json
import re

import pytest

from cloud.embedded import EmbeddedCloud
from shared import contract
from tests.ops.commands.conftest import ITEMS, STACK, Feed, take_from_website, upload


def test_a_sweep_looks_and_only_mends_when_told_to(cloud: EmbeddedCloud, feed: Feed) -> None:
    assert feed("sweep").exit_code == 0
    take_from_website(cloud, "regions.json")

    looked = feed("sweep")
    mended = feed("sweep", "--yes")
    again = feed("sweep", "--json")

    assert (looked.exit_code, mended.exit_code, again.exit_code) == (1, 0, 0)
    assert "missing" in looked.output
    assert "copied" in mended.output
    assert json.loads(again.stdout)[0]["inStep"] == len(contract.FILES) + len(contract.schemas()) + ITEMS


def test_a_stack_that_is_not_there_is_said_in_one_line(feed: Feed) -> None:
    finished = feed("sweep", "--stack-name", "nowhere")

    assert finished.exit_code == 2
    assert finished.stderr.startswith("feed: cannot look up the stack nowhere")


@pytest.mark.parametrize(
    ("arguments", "variable"), [(["--stack-name", ""], None), (["--stack-name", " "], "x"), ([], "")]
)
def test_no_name_is_not_the_name_of_some_stack(
    arguments: list[str], variable: str | None, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("FEED_STACK", variable)

    finished = feed("sweep", *arguments)

    assert finished.exit_code == 2
    assert finished.stderr.startswith("feed: the stack's name is empty")


def test_a_stack_is_also_found_by_its_arn(cloud: EmbeddedCloud, feed: Feed) -> None:
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]

    finished = feed("status", "--stack-name", stack["StackId"])

    assert finished.exit_code == 0, finished.output


def test_a_profile_that_does_not_exist_is_said_in_one_line(feed: Feed) -> None:
    finished = feed("sweep", "--profile", "nobody")

    assert finished.exit_code == 2
    assert "nobody" in finished.stderr


def test_what_is_rejected_is_told_apart_from_what_has_drifted(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "broken.json", b"<html>")
    take_from_website(cloud, "regions.json")

    looked, mended, again = feed("sweep"), feed("sweep", "--yes"), feed("sweep")
    drift = json.loads(feed("status", "--drift", "--json").stdout)

    assert [finished.exit_code for finished in (looked, mended, again)] == [1, 1, 1]
    assert "1 drifted, 1 rejected (nothing was published)" in looked.stdout
    assert "not JSON" in looked.stdout
    assert "--yes publishes what has drifted" in looked.stdout
    assert "0 drifted, 1 rejected" in again.stdout
    for finished in (mended, again):
        assert "upload good files" in finished.stdout
        assert "--yes publishes" not in finished.stdout
        assert "not everything could be published" not in finished.stdout
    assert drift["drift"]["rejected"] == 1
    assert [check["name"] for check in drift["todo"] if check["name"].startswith(("source and", "what differs"))] == [
        "what differs is fit to be published"
    ]
    assert cloud.messages("DistributionFailures")[1:] == []


def test_what_has_drifted_comes_first_and_everything_is_grouped_by_reason(cloud: EmbeddedCloud, feed: Feed) -> None:
    for number in range(3):
        upload(cloud, f"broken-{number}.json", b"<html>" * (number + 1))
    take_from_website(cloud, "regions.json")

    looked, every, mended = feed("sweep"), feed("sweep", "--all"), feed("sweep", "--yes")

    assert re.fullmatch(
        r"\d+ compared, \d+ in step, 1 drifted, 3 rejected \(nothing was published\)\n"
        r"    1 missing: would be published\n"
        r"      aws-data/regions.json\n"
        r"    3 rejected: not JSON: [^\n]+\n"
        r"      aws-data/broken-0.json\n"
        r"      aws-data/broken-1.json\n"
        r"      and 1 more\n"
        r"--all prints a line for each file\n"
        r"--yes publishes what has drifted\n"
        r"what is rejected is not fit to be published, whatever sweeps: upload good files\n",
        looked.stdout,
    )
    assert "    1 missing: copied\n" in mended.stdout
    keys = [line.split()[0] for line in every.stdout.splitlines() if line.startswith("aws-data/")]
    assert keys == ["aws-data/regions.json", *(f"aws-data/broken-{number}.json" for number in range(3))]


def test_a_sweep_that_names_only_the_first_of_many_says_so(
    cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distributor.sweeper.sweep.MAX_EXAMPLES", 2)
    for name in ("one.json", "two.json", "three.json"):
        upload(cloud, name)
        take_from_website(cloud, name)

    looked, data = feed("sweep"), feed("sweep", "--json")

    assert "only 2 of them are named" in looked.stdout
    assert "only 2 of them are named" in data.stderr
    assert len(json.loads(data.stdout)[0]["objects"]) == 2

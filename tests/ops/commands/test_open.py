"""`feed open` prints an address, and opens it only where a person has a browser."""

import webbrowser
from urllib.parse import unquote

import pytest

from cloud.embedded import EmbeddedCloud
from ops.stack import DeployedStack, make_session
from tests.ops.commands.conftest import STACK, Deploy, Feed

CLOUDWATCH = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#"


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ([], f"{CLOUDWATCH}dashboards/dashboard/{STACK}"),
        (["alarm"], f"{CLOUDWATCH}alarmsV2:"),
        (["alarm", "data-stale"], f"{CLOUDWATCH}alarmsV2:alarm/{STACK}-data-stale"),
        (["alarm", f"{STACK}-data-stale"], f"{CLOUDWATCH}alarmsV2:alarm/{STACK}-data-stale"),
        (["logs"], f"{CLOUDWATCH}logsV2:log-groups$3FlogGroupNameFilter$3D$252Faws$252Flambda$252F{STACK}-"),
        (["logs", "sweeper"], f"{CLOUDWATCH}logsV2:log-groups/log-group/$252Faws$252Flambda$252F{STACK}-sweeper"),
    ],
)
def test_a_place_in_cloudwatch_has_an_address(words: list[str], address: str, feed: Feed) -> None:
    finished = feed("open", *words)

    assert (finished.exit_code, finished.stdout) == (0, f"{address}\n")


def test_a_queue_and_the_stack_are_named_as_aws_names_them(cloud: EmbeddedCloud, feed: Feed) -> None:
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]

    queues = [feed("open", "queue", *name).stdout for name in ([], ["FetchFailures"])]
    opened = feed("open", "stack").stdout

    assert [unquote(address.strip().partition("#/queues/")[2]) for address in queues] == [
        cloud.stack.outputs["DistributionFailuresUrl"],
        cloud.stack.outputs["FetchFailuresUrl"],
    ]
    assert unquote(opened.strip().partition("?stackId=")[2]) == stack["StackId"]


@pytest.mark.parametrize(
    ("partition", "region", "console"),
    [
        ("aws-us-gov", "us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/"),
        ("aws-cn", "cn-north-1", "https://cn-north-1.console.amazonaws.cn/"),
    ],
)
def test_another_partition_has_a_console_of_its_own(
    partition: str, region: str, console: str, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = f"arn:{partition}:cloudformation:{region}:123456789012:stack/{STACK}/1"
    found = DeployedStack(make_session(), arn, STACK, "CREATE_COMPLETE", {})
    monkeypatch.setattr("ops.terminal.find_stack", lambda *_: found)

    assert feed("open").stdout.startswith(f"{console}cloudwatch/home?region={region}#")


def test_a_partition_whose_console_is_not_known_is_refused(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    found = DeployedStack(make_session(), "arn:aws-iso:cloudformation:us-iso-east-1:1:stack/x/1", "x", "", {})
    monkeypatch.setattr("ops.terminal.find_stack", lambda *_: found)

    assert feed("open").exit_code == 2


@pytest.mark.parametrize(
    ("files", "page"),
    [
        ("https://your.site/data/", "https://your.site/"),
        ("https://your.site/data", "https://your.site/"),
        ("https://your.site/staging/data/", "https://your.site/staging/index.html"),
    ],
)
def test_the_page_beside_the_files_is_opened_if_the_stack_knows_their_address(
    files: str, page: str, feed: Feed, deploy: Deploy
) -> None:
    deploy("shown", {"SourceBucketName": "x", "SiteUrl": files})
    deploy("before", {"SourceBucketName": "x"}, {"SiteUrl": files})  # it was deployed before there was an output

    assert feed("open", "site", "--stack-name", "shown").stdout == f"{page}\n"
    assert feed("open", "site", "--stack-name", "before").stdout == f"{page}\n"


def test_without_an_address_it_is_said_how_to_set_it(feed: Feed) -> None:
    unknown = feed("open", "site")

    assert unknown.exit_code == 2
    assert "set SiteUrl in samconfig.toml" in unknown.stderr


@pytest.mark.parametrize("words", [["logs", "baker"], ["queue", "Baker"]])
def test_what_the_stack_does_not_have_is_refused(words: list[str], feed: Feed) -> None:
    finished = feed("open", *words)

    assert finished.exit_code == 2
    assert finished.stderr.startswith(f"feed: the stack {STACK} has no {words[1]}, but ")


def test_a_browser_opens_only_for_a_person_with_a_display(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr("ops.commands.open.sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    feed("open")
    assert opened == []

    monkeypatch.setattr("ops.commands.open.is_interactive", lambda: True)
    feed("open", "--print")
    monkeypatch.delenv("DISPLAY")
    feed("open")
    assert opened == []

    monkeypatch.setenv("DISPLAY", ":0")
    address = feed("open").stdout
    assert opened == [address.strip()]

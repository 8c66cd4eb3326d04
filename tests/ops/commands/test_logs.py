"""`feed logs` prints what a person pastes into a terminal, so it is checked as a shell would read it."""

import json
import shlex

from cloud.embedded import EmbeddedCloud
from ops.commands.logs import QUERIES
from tests.ops.commands.conftest import Feed


def test_each_function_s_log_can_be_followed(cloud: EmbeddedCloud, feed: Feed) -> None:
    finished = feed("logs")

    groups = {group.name for group in cloud.stack.of_type("AWS::Logs::LogGroup")}
    followed = [shlex.split(line) for line in finished.stdout.splitlines() if "aws logs tail" in line]
    assert finished.exit_code == 0
    assert "version 2 of the AWS CLI" in finished.stdout
    assert {words[3] for words in followed} == groups
    assert all(words[-2:] == ["--region", "us-east-1"] for words in followed)


def test_every_query_stands_as_it_is_to_be_pasted(feed: Feed) -> None:
    finished = feed("logs")

    for query in QUERIES.values():
        assert "\n".join(f"  {line}" for line in query.splitlines()) in finished.stdout


def test_a_script_gets_commands_that_a_shell_reads_right(cloud: EmbeddedCloud, feed: Feed) -> None:
    answer = json.loads(feed("logs", "--json").stdout)

    for entry in answer["queries"]:
        words = shlex.split(entry["start"])
        assert words[words.index("--query-string") + 1] == entry["query"] == QUERIES[entry["name"]]
        assert all(log["group"] in words for log in answer["logs"])

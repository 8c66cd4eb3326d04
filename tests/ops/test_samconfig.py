"""samconfig.toml is changed in the lines that are answered, and in no other."""

from dataclasses import replace

import pytest

from cloud.template import ROOT
from ops.samconfig import read_environment, write_environment
from ops.stack import StackError

TEXT = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
SMALL = """# kept
[default.global.parameters]
stack_name = "feed"  # kept too
[default.deploy.parameters]
parameter_overrides = [
    'AlarmEmail=""',
    # and this
    "LogLevel=INFO",
]
"""


def test_an_environment_that_is_written_as_it_was_read_leaves_the_file_as_it_is() -> None:
    assert write_environment(TEXT, "default", read_environment(TEXT, "default")) == TEXT


def test_only_what_differs_is_written_and_every_comment_stays() -> None:
    environment = read_environment(SMALL, "default")
    parameters = {**environment.parameters, "AlarmEmail": "you@example.com", "CacheControl": "public, max-age=60"}

    written = write_environment(SMALL, "default", replace(environment, region="eu-west-1", parameters=parameters))

    assert written == SMALL.replace("'AlarmEmail=\"\"'", '"AlarmEmail=you@example.com"').replace(
        '    "LogLevel=INFO",\n', '    "LogLevel=INFO",\n    \'CacheControl="public, max-age=60"\',\n'
    ).replace("# kept too\n", '# kept too\nregion = "eu-west-1"\n')
    assert read_environment(written, "default") == replace(environment, region="eu-west-1", parameters=parameters)


@pytest.mark.parametrize(
    "text",
    [
        "[default",
        "",
        "[default.global.parameters]\nstack_name = 'feed'",
        SMALL.replace("[\n", '"')
        .replace("'AlarmEmail=\"\"',", "")
        .replace("# and this", "")
        .replace('"LogLevel=INFO",\n]', '"'),
    ],
)
def test_a_file_that_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(StackError, match="samconfig.toml cannot be read"):
        read_environment(text, "default")

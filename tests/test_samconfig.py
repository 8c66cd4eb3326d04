import re
import tomllib
from typing import Any

import click
import pytest
from samcli.cli.types import CfnParameterOverridesType, CfnTags  # type: ignore[import-untyped]

from cloud.template import ROOT, WEBSITE_TEMPLATE, read_template, resolve, translate

CONFIG: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
WEBSITE = "website"
ENVIRONMENTS = [name for name in CONFIG if name not in {"version", WEBSITE}]


def read_by_sam(entries: list[str]) -> dict[str, str]:
    parameters: dict[str, str] = CfnParameterOverridesType().convert(
        entries, None, click.Context(click.Command("deploy"))
    )
    return parameters


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environments_parameters_are_what_sam_and_the_template_take(environment: str) -> None:
    entries = CONFIG[environment]["deploy"]["parameters"]["parameter_overrides"]
    written = {name: value.strip('"') for name, _, value in (entry.partition("=") for entry in entries)}

    parameters = read_by_sam(entries)

    assert parameters == written
    assert resolve(translate(read_template()), "feed", parameters).resources


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_names_every_parameter_since_sam_keeps_the_last_value_of_any_other(environment: str) -> None:
    entries = CONFIG[environment]["deploy"]["parameters"]["parameter_overrides"]

    assert [entry.partition("=")[0] for entry in entries] == list(read_template()["Parameters"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_s_values_are_allowed_whoever_has_edited_them(environment: str) -> None:
    values = read_by_sam(CONFIG[environment]["deploy"]["parameters"]["parameter_overrides"])

    for name, body in read_template()["Parameters"].items():
        assert re.fullmatch(body.get("AllowedPattern", ".*"), values[name]), name
        assert values[name] in [str(value) for value in body.get("AllowedValues", [values[name]])], name


def test_sam_reads_a_value_with_spaces_whole_only_in_double_quotes() -> None:
    rules = "change-feed.json=public, max-age=60; *.schema.json=no-cache"

    assert read_by_sam([f'CacheControlRules="{rules}"']) == {"CacheControlRules": rules}
    assert read_by_sam([f"CacheControlRules={rules}"]) == {"CacheControlRules": "change-feed.json=public,"}


def test_the_website_has_an_environment_that_names_its_template_and_every_parameter_of_it() -> None:
    deploy = CONFIG[WEBSITE]["deploy"]["parameters"]
    parameters = read_by_sam(deploy["parameter_overrides"])

    assert ROOT / deploy["template_file"] == WEBSITE_TEMPLATE
    assert list(parameters) == list(read_template(WEBSITE_TEMPLATE)["Parameters"])
    assert resolve(read_template(WEBSITE_TEMPLATE), "feed", parameters).resources


@pytest.mark.parametrize("environment", [*ENVIRONMENTS, WEBSITE])
def test_an_environments_stack_is_tagged_and_with_it_whatever_can_have_tags(environment: str) -> None:
    written = CONFIG[environment]["deploy"]["parameters"]["tags"]

    tags = CfnTags().convert(written, None, click.Context(click.Command("deploy")))

    assert tags == {"project": "aws-services-feed", "environment": environment}


def test_every_environment_is_a_stack_of_its_own_and_builds_without_copying_the_folder() -> None:
    assert ENVIRONMENTS == ["default", "staging", "prod"]
    assert len({CONFIG[name]["global"]["parameters"]["stack_name"] for name in [*ENVIRONMENTS, WEBSITE]}) == 4
    assert all(CONFIG[name]["build"]["parameters"]["build_in_source"] for name in ENVIRONMENTS)

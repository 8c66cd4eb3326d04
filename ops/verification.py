"""Runs every check of a deployment, also at the URLs that readers use."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from ops.checks.check import Check
from ops.checks.edge import READER_ORIGIN, EdgeResponse, Unreachable, check_edge
from ops.checks.machinery import check_alarms, check_listeners, check_machinery, check_parameters
from ops.checks.source import check_source
from ops.checks.website import cache_control, check_website
from ops.monitoring import observe_alarms, observe_listeners
from ops.observation import Observation, observe
from ops.stack import DeployedStack, StackError

TIMEOUT_SECONDS = 10
WITHOUT_SAM = Check(
    "Stack",
    "samconfig.toml is compared with what is deployed",
    holds=False,
    actual="the SAM CLI, which reads it, is not installed beside feed",
    advice="run feed verify of a checkout",
    trouble=False,
)
SAMCONFIG = Path("samconfig.toml")  # in the present folder, where sam looks for it too


def verify(stack: DeployedStack, bases: Iterable[str], now: datetime, max_age: timedelta) -> Iterator[Check]:
    """Yield the checks one by one; `bases` end with a slash. StackError if the stack lacks a needed output."""
    return (replace(check, advice=stack.advice(check.advice)) for check in _checks(stack, bases, now, max_age))


def _checks(stack: DeployedStack, bases: Iterable[str], now: datetime, max_age: timedelta) -> Iterator[Check]:
    observed = observe(stack)
    if find_spec("samcli"):
        yield from check_parameters(stack, configured_parameters(stack.name))
    elif SAMCONFIG.is_file():
        yield WITHOUT_SAM
    yield from check_machinery(observed)
    yield from check_alarms(stack, observe_alarms(stack), now)
    if "AlarmTopicArn" in stack.outputs:
        yield check_listeners(observe_listeners(stack))
    yield from check_source(observed, now, max_age)
    yield from check_website(observed, now)
    for base in bases:
        yield from check_readers(observed, base, now)


def configured_parameters(stack_name: str) -> dict[str, str]:
    """The parameters that samconfig.toml sets for a stack, as sam reads them; empty if it names no such stack.

    StackError if it is no TOML.
    """
    for environment in _environments():
        sections = [environment.get(command, {}).get("parameters", {}) for command in ("global", "deploy")]
        parameters = {name: value for section in sections for name, value in section.items()}
        if parameters.get("stack_name") == stack_name:
            from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped] # noqa: PLC0415

            overrides: dict[str, str] = CfnParameterOverridesType().convert(
                parameters.get("parameter_overrides", []), None, None
            )
            return overrides
    return {}


def _environments() -> list[dict[str, Any]]:
    try:
        config = tomllib.loads(SAMCONFIG.read_text(encoding="utf-8")) if SAMCONFIG.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{SAMCONFIG} cannot be read: {error}"
        raise StackError(msg) from error
    return [table for table in config.values() if isinstance(table, dict)]  # beside the version


def check_readers(observed: Observation, base: str, now: datetime) -> Iterator[Check]:
    """Check what readers get below a URL."""
    for name, stored in (observed.website or observed.source).items():
        yield from check_edge(name, request(base + quote(name)), stored, cache_control(name, observed), now)


def request(url: str) -> EdgeResponse | Unreachable:
    """Request a file as a browser does for a page of another origin. Redirects are not followed.

    gzip is requested first, since Python cannot decode Brotli. Without gzip, Brotli is requested for its header alone.
    """
    try:
        response = _get(url, "gzip")
        encoding = response.headers.get("Content-Encoding", "") or _get(url, "br").headers.get("Content-Encoding", "")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return EdgeResponse(url, response.status_code, headers, response.content, encoding)
    except (requests.RequestException, UnicodeError) as error:  # a Location header may not be UTF-8
        return Unreachable(url, f"{type(error).__name__}: {error}")


def _get(url: str, encoding: str) -> requests.Response:
    headers = {"Accept-Encoding": encoding, "Origin": READER_ORIGIN}
    return requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)

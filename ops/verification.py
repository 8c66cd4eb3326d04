"""Runs every check of a deployment, also at the URLs that readers use."""

import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from ops.checks.check import Check
from ops.checks.edge import READER_ORIGIN, EdgeResponse, Unreachable, check_edge
from ops.checks.machinery import check_alarms, check_listeners, check_machinery, check_parameters
from ops.checks.release import check_release, parse_manifest
from ops.checks.source import check_source
from ops.checks.website import GROUP as WEBSITE
from ops.checks.website import cache_control, check_website, header_settings
from ops.monitoring import observe_alarms, observe_listeners
from ops.observation import (
    Observation,
    StoredObject,
    Unavailable,
    observe,
    or_unavailable,
    publishing_settings,
)
from ops.publication import FileState, list_items
from ops.releases import READ_AT_ONCE, ReleaseObject, describe_object, observe_release
from ops.stack import DeployedStack, StackError
from shared.contract import MANIFEST_FILE
from shared.strict_json import MAX_BYTES

TIMEOUT_SECONDS = 10
EDGE_ADVICE = (
    "the distribution must serve the folder releases/ too, as it is: check the behaviour's path, its policies and "
    "functions; then feed invalidate --all --yes"
)
AGAIN = (
    "feed redistribute manifest.json publishes it anew; if a file is gone from the source, feed fetch makes a new one"
)
CHUNK_BYTES = 65_536
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
    yield from check_items(observed)
    yield from check_release_in_bucket(observed)
    for base in bases:
        yield from check_readers(observed, base, now)
        yield from check_release_at_edge(observed, base)


def check_items(observed: Observation) -> Iterator[Check]:
    """Check by the listings that the website has the source's items; no check if there are none.

    Those that are not for the website are left alone, and so are those that the source has no more.
    """
    stack = observed.stack
    if not (stack.fetches and stack.distributes):
        return
    try:
        found = or_unavailable(list_items, stack, publishing_settings(observed.functions["distributor"]))
    except StackError:
        return  # the check of the function tells
    if isinstance(found, Unavailable):
        advice = "ask for the right s3:ListBucket on both buckets"
        yield Check(WEBSITE, "it can be listed", holds=False, actual=found.reason, advice=advice)
        return
    wrong = [f"{file.pair.name} {file.state}" for file in found if file.state in {FileState.DRIFTED, FileState.MISSING}]
    actual = f"{len(wrong)} of {len(found)} are not: {', '.join(wrong[:3])}" if wrong else f"{len(found)}, by listings"
    if found:
        advice = "a first run takes minutes; then feed sweep --yes publishes them, or says why not"
        yield Check(WEBSITE, "files of single regions and services are the source's", not wrong, actual, advice)


def check_release_in_bucket(observed: Observation) -> Iterator[Check]:
    """Check the release that the website's manifest names; nothing if there is none, which other checks tell."""
    pointer, settings = observed.website.get(MANIFEST_FILE), header_settings(observed)
    if not (isinstance(pointer, StoredObject) and settings and settings.releases):
        return
    manifest = parse_manifest(pointer.body)
    if manifest:
        found = observe_release(observed.stack, manifest)
        yield from check_release(WEBSITE, manifest, pointer.body, found, settings=settings, advice=AGAIN)


def check_release_at_edge(observed: Observation, base: str) -> Iterator[Check]:
    """Check the release that readers are told of below a URL, which may be that of a minute ago."""
    settings = header_settings(observed)
    if not (settings and settings.releases):
        return
    pointer = request(base + MANIFEST_FILE)
    manifest = parse_manifest(pointer.body) if isinstance(pointer, EdgeResponse) else None
    if manifest is None or not isinstance(pointer, EdgeResponse):
        actual = "no answer" if isinstance(pointer, Unreachable) else f"{pointer.status}, {len(pointer.body):,} bytes"
        yield Check(base, f"{MANIFEST_FILE} names a release", holds=False, actual=actual, advice=EDGE_ADVICE)
        return
    names = [*(file.name for file in manifest.files), MANIFEST_FILE]
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        found = dict(
            zip(names, pool.map(lambda name: _at_edge(f"{base}{manifest.path}{quote(name)}"), names), strict=True)
        )
    yield from check_release(base, manifest, pointer.body, found, settings=settings, advice=EDGE_ADVICE)


def _at_edge(url: str) -> ReleaseObject | Unavailable:
    response = request(url)
    if isinstance(response, Unreachable):
        return Unavailable(response.reason)
    if response.status != HTTPStatus.OK:
        return Unavailable(f"answers {response.status}")
    headers = response.headers
    return describe_object(response.body, headers.get("content-type", ""), headers.get("cache-control", ""))


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
        body, encoding = _body(response), response.headers.get("Content-Encoding", "")
        if not encoding:
            with _get(url, "br") as other:
                encoding = other.headers.get("Content-Encoding", "")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return EdgeResponse(url, response.status_code, headers, body, encoding)
    except (requests.RequestException, UnicodeError) as error:  # a Location header may not be UTF-8
        return Unreachable(url, f"{type(error).__name__}: {error}")


def _get(url: str, encoding: str) -> requests.Response:
    headers = {"Accept-Encoding": encoding, "Origin": READER_ORIGIN}
    return requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True)


def _body(response: requests.Response) -> bytes:
    """The decoded body, as far as a published file may be long."""
    with response:
        return b"".join(islice(response.iter_content(CHUNK_BYTES), MAX_BYTES // CHUNK_BYTES + 1))

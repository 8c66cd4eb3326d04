import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.contract import FILES, SCHEMA_VERSION, schema_name, schemas
from tests.shared.example_files import FOLDER, ITEMS, YEAR, example_files
from tests.shared.test_contract import DOCUMENTS, changed, model_named

SCHEMAS = {name: json.loads(body) for name, body in schemas().items()}
FIXTURES = sorted(FOLDER.rglob("*.json"))
BROKEN: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a number as text": ("regions.json", lambda d: d.update(count="2")),
    "no regions": ("regions.json", lambda d: d.pop("regions")),
    "a link that runs code": ("regions.json", lambda d: d["regions"][0].update(blogUrl="javascript:alert(1)")),
    "an empty code": ("services.json", lambda d: d["services"][0].update(code="")),
    "a region twice": ("service-regions.json", lambda d: d["byService"]["s3"].update(regions=["a", "a"])),
    "a time in Paris": ("complete-data.json", lambda d: d["metadata"].update(timestamp="2026-11-23T02:00:00+01:00")),
    "services as objects": ("complete-data.json", lambda d: d["services"].update(services=[{"code": "ec2"}])),
    "a day with a time": ("change-history.json", lambda d: d["metadata"].update(created="2026-11-22T00:00:00Z")),
    "another kind of zone": (
        "change-history.json",
        lambda d: d["changeLog"][0]["changes"]["zoneChanges"][0].update(kind="lunar"),
    ),
    "no next run": ("manifest.json", lambda d: d.pop("nextExpected")),
    "a file in a folder": ("manifest.json", lambda d: d["files"][0].update(name="a/b.json")),
    "an address that is null": ("change-feed.json", lambda d: d.update(feed_url=None)),
}


def test_every_file_has_an_example_and_is_broken_on_purpose() -> None:
    assert DOCUMENTS.keys() == example_files().keys() == {*FILES, YEAR, *ITEMS}


def errors(name: str, body: bytes) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMAS[schema_name(name)]).iter_errors(json.loads(body))]


def label(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def name_of(path: Path) -> str:
    """The name below the prefix; the folder above it is the version."""
    return label(path).partition("/")[2]


def test_every_file_of_the_contract_has_a_valid_schema_under_a_name_of_its_own() -> None:
    assert SCHEMAS.keys() == {schema_name(name) for name in (*FILES, YEAR, *ITEMS)}
    assert SCHEMAS.keys() >= {f"{name.removesuffix('.json')}.schema.json" for name in FILES}
    assert len({schema["$id"] for schema in SCHEMAS.values()}) == len(SCHEMAS)
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert f":{SCHEMA_VERSION}:" in schema["$id"]


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    """The keywords of a schema and of all schemas in it."""
    yield from schema
    inner = [*schema.get("$defs", {}).values(), *schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    for each in (*inner, *(schema[keyword] for keyword in ("items", "additionalProperties") if keyword in schema)):
        yield from keywords(each)


# `format` is not among them: its values are not known to every validator.
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default"}
KNOWN = {*Draft202012Validator.VALIDATORS, *ANNOTATIONS} - {"format"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_validator_in_strict_mode_knows_every_keyword(name: str) -> None:
    assert set(keywords(SCHEMAS[name])) - KNOWN == set()


def test_schemas_have_the_same_bytes_each_time() -> None:
    assert schemas() == schemas()


@pytest.mark.parametrize("path", FIXTURES, ids=label)
def test_models_and_schemas_of_today_accept_the_files_of_every_minor_version(path: Path) -> None:
    body = path.read_bytes()

    model_named(name_of(path)).from_bytes(body)

    assert errors(name_of(path), body) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_file_of_a_later_minor_version_is_accepted(name: str) -> None:
    later = json.loads(json.dumps(DOCUMENTS[name]), object_hook=lambda found: {**found, "addedLater": {"codes": []}})
    later.get("byService", {}).pop("addedLater", None)
    offers = later.get("servicesByRegion", {})
    days = [by_kind for seen in ("firstSeen", "lastSeen") for by_kind in offers.get(seen, {}).values()]
    for codes in (offers.get("byRegion", {}), *days, *(inner for each in days for inner in each.values())):
        isinstance(codes, dict) and codes.pop("addedLater", None)
    for entry in later.get("changeLog", ()):
        entry.get("regionsAfter", {}).pop("addedLater", None)
    body = json.dumps(later).encode()

    model_named(name).from_bytes(body)

    assert errors(name, body) == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_by_its_schema(what: str) -> None:
    name, change = BROKEN[what]

    assert len(errors(name, changed(DOCUMENTS[name], change))) == 1


def test_every_file_of_the_present_version_is_kept_as_the_code_writes_it() -> None:
    kept = {name_of(path): path.read_bytes() for path in FIXTURES if label(path).startswith(f"{SCHEMA_VERSION}/")}

    assert kept == example_files()


def test_the_kept_history_shows_a_change_of_each_kind() -> None:
    newest = json.loads(example_files()["change-history.json"])["changeLog"][0]

    assert all(newest["changes"].values())


def described(schema: object) -> Iterator[str]:
    match schema:
        case dict():
            yield from re.findall(r"\w+", str(schema.get("description", "")))
            for inner in schema.values():
                yield from described(inner)
        case list():
            for inner in schema:
                yield from described(inner)


def test_descriptions_speak_of_the_names_in_the_json() -> None:
    words = {word for schema in SCHEMAS.values() for word in described(schema)}

    assert not {word for word in words if "_" in word}

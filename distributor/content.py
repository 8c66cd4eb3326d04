"""Checks the bytes of a file: returns the time that its data states, or raises UnfitError. Pure."""

import json
import math
from datetime import datetime
from functools import partial
from typing import NoReturn

from pydantic import ValidationError

from shared.contract import CompleteData, model_of
from shared.text import first_error

MAX_NAMES = 1000  # a hostile file with 100,000 regions would cause errors that fill the memory


class UnfitError(ValueError):
    """The bytes must not be published. No retry helps; the message is the reason."""


def check(name: str, body: bytes) -> datetime | None:
    """Require strict JSON with an object or array at the top; a file of the contract must also match its model.

    Strict: UTF-8 without a byte order mark, one document, no NaN or Infinity, no number beyond a double, no name
    twice in one object, nothing too deep or too long for the parser. Returns the time when the complete data was read
    from SSM, as these bytes state it; None for every other file.
    """
    model = model_of(name)
    document = _parse(body, MAX_NAMES if model else None)
    if not isinstance(document, dict | list):
        msg = f"the top of the document is {json.dumps(document)[:20]}, not an object or array"
        raise UnfitError(msg)
    if model is None:
        return None
    try:
        checked = model.from_bytes(body)
    except ValidationError as error:
        msg = f"breaks the contract of {name} in {error.error_count()} place(s); {first_error(error)}"
        raise UnfitError(msg) from error
    return checked.metadata.timestamp if isinstance(checked, CompleteData) else None


def _parse(body: bytes, max_names: int | None) -> object:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"not UTF-8 (byte {error.start})"
        raise UnfitError(msg) from error
    if text.startswith("\ufeff"):
        msg = "starts with a byte order mark"
        raise UnfitError(msg)
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_finite_integer,
            object_pairs_hook=partial(_without_duplicates, max_names),
        )
    except RecursionError as error:
        msg = "not JSON that a parser can bear: nested too deep"
        raise UnfitError(msg) from error
    except UnfitError:
        raise
    except ValueError as error:  # also Python's limit on the digits of an integer
        msg = f"not JSON: {error}" if text.strip() else "empty"
        raise UnfitError(msg) from error


def _refuse_constant(constant: str) -> NoReturn:
    msg = f"not JSON: {constant} is no JSON value"
    raise UnfitError(msg)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        msg = f"the number {number[:20]} is beyond a double"
        raise UnfitError(msg)
    return value


def _finite_integer(number: str) -> int:
    _finite(number)
    return int(number)


def _without_duplicates(max_names: int | None, pairs: list[tuple[str, object]]) -> dict[str, object]:
    if max_names and len(pairs) > max_names:
        msg = f"an object has {len(pairs)} names, over the {max_names} that a file of the contract may have"
        raise UnfitError(msg)
    names = dict(pairs)
    if len(names) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        msg = f"the name {json.dumps(twice)[:60]} stands twice in one object"
        raise UnfitError(msg)
    return names

"""Parses strict JSON; what would fill the memory is refused before it is parsed. Pure."""

import json
import math
import re
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

MAX_BYTES = 10_000_000  # CloudFront compresses no larger file; `make bench SUBJECTS=hostile` shows the memory for eight
MAX_DEPTH = 100

_STRING = rb'"[^"]*+"?'  # holds no escaped quotes; one that does not end is the rest of the document
_STRINGS = re.compile(_STRING)
# Possessive (++), so that no document sends them back. In pieces, so that they take no memory beside the document.
_PIECES = re.compile(rb'(?:[^"]*+' + _STRING + rb'){1,500}+|[^"]++')
_TEXT = bytes(set(range(256)).difference(b'"[]{},:'))
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_UP_TO_LONE_SURROGATE = re.compile(rb"(?:[^\\]++|" + _PAIR + rb"|\\(?!u[dD][89a-fA-F]).)*+", re.DOTALL)
_STEPS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_NO_BRACKETS = bytes(set(range(256)).difference(_STEPS))


class UnfitError(ValueError):
    """The bytes must not be published. No retry helps; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a document may have. `names`: of one object. `name`: the length of each, in characters.

    `nodes`: commas, colons and opening brackets, about one for each value or name. Parsed, one takes up to 120 bytes.
    """

    nodes: int = 1_000_000
    names: int = 1_000_000
    name: int = MAX_BYTES


ANY_DOCUMENT = Limits()


def parse(body: bytes, limits: Limits = ANY_DOCUMENT) -> object:
    """Parse a document, or raise UnfitError.

    Strict: UTF-8 without a byte order mark, one document, no NaN or Infinity, no number beyond a double, no name
    twice in one object, and no half of a surrogate pair (https://www.rfc-editor.org/rfc/rfc8259#section-8.2).
    Limited: by `MAX_BYTES`, `MAX_DEPTH` and `limits`.
    """
    text = _decode(body)
    _require_small(body, limits)
    try:
        document: object = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_finite_integer,
            object_pairs_hook=partial(_without_duplicates, limits),
        )
    except UnfitError:
        raise
    except ValueError as error:
        msg = f"not JSON: {error}" if text.strip() else "empty"
        raise UnfitError(msg) from error
    _require_pairs(body)
    return document


def _decode(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        msg = f"over {MAX_BYTES:,} bytes"
        raise UnfitError(msg)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"not UTF-8 (byte {error.start})"
        raise UnfitError(msg) from error
    if text.startswith("\ufeff"):
        msg = "starts with a byte order mark"
        raise UnfitError(msg)
    return text


def _require_small(body: bytes, limits: Limits) -> None:
    """Count brackets, commas and colons outside of strings.

    Escapes and text go first, and with them most strings, since regular expressions are slow. Nothing is parsed behind
    a backslash that stands outside of a string, so it does not matter what is counted there.
    """
    structure = body.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _TEXT).replace(b'""', b"")
    nodes = depth = 0
    for piece in _PIECES.finditer(structure):
        outline = _STRINGS.sub(b"", piece[0])
        nodes += sum(map(outline.count, (b"[", b"{", b",", b":")))
        if nodes > limits.nodes:
            msg = f"over {limits.nodes:,} values and names"
            raise UnfitError(msg)
        for bracket in outline.translate(None, _NO_BRACKETS):
            depth += _STEPS[bracket]
            if depth > MAX_DEPTH:
                msg = f"nested deeper than {MAX_DEPTH} levels"
                raise UnfitError(msg)


def _require_pairs(body: bytes) -> None:
    checked = _UP_TO_LONE_SURROGATE.match(body)
    if checked and checked.end() < len(body):
        msg = f"half of a surrogate pair (byte {checked.end()})"
        raise UnfitError(msg)


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


def _without_duplicates(limits: Limits, pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(pairs) > limits.names or any(len(name) > limits.name for name in names):
        msg = f"an object has over {limits.names:,} names, or a name of over {limits.name:,} characters"
        raise UnfitError(msg)
    if len(names) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        msg = f"the name {json.dumps(twice)[:60]} stands twice in one object"
        raise UnfitError(msg)
    return names

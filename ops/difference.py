"""Two contents of a JSON file in, the lines in which they differ out. Pure."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff

from shared.strict_json import UnfitError, parse


@dataclass(frozen=True, slots=True)
class Change:
    """Lines that are replaced, removed or added. The lines of each content count from 1."""

    old_line: int
    removed: list[str]
    new_line: int
    added: list[str]


def text_lines(old: bytes, new: bytes) -> tuple[list[str], list[str]]:
    """The lines of both: as they are if both have several, else of both indented anew.

    UnfitError if one is no text, or would have to be indented anew and is no JSON.
    """
    texts = _text(old), _text(new)
    if all("\n" in text.strip() for text in texts):
        old_text, new_text = texts
    else:
        old_text, new_text = _indented(old), _indented(new)
    return old_text.split("\n"), new_text.split("\n")


def unified(old: list[str], new: list[str], old_name: str, new_name: str) -> list[str]:
    """A unified diff, in lines; empty if there is no difference."""
    return list(unified_diff(old, new, old_name, new_name, lineterm=""))


def changes(old: list[str], new: list[str]) -> Iterator[Change]:
    """What differs, without the lines around it."""
    for kind, start, end, new_start, new_end in SequenceMatcher(None, old, new).get_opcodes():
        if kind != "equal":
            yield Change(start + 1, old[start:end], new_start + 1, new[new_start:new_end])


def count_lines(old: list[str], new: list[str]) -> tuple[int, int]:
    """How many lines are removed and added. Takes no longer for files that have little in common; ignores the order."""
    return (Counter(old) - Counter(new)).total(), (Counter(new) - Counter(old)).total()


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        msg = f"not UTF-8 (byte {error.start})"
        raise UnfitError(msg) from error


def _indented(body: bytes) -> str:
    return json.dumps(parse(body), indent=2, ensure_ascii=False)

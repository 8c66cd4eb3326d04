import pytest

from ops.difference import Change, changes, count_lines, text_lines, unified
from shared.strict_json import UnfitError


def test_files_of_several_lines_are_compared_as_they_are() -> None:
    assert text_lines(b'{\n "a": 1\n}\n', b"{\nno JSON\n") == (["{", ' "a": 1', "}", ""], ["{", "no JSON", ""])


@pytest.mark.parametrize(("old", "new"), [(b'{"a":[1,2]}', b'{\n"a": [1, 2]}'), (b'{\n"a": [1, 2]}', b'{"a":[1,2]}\n')])
def test_a_file_of_one_line_is_indented_and_so_is_the_other(old: bytes, new: bytes) -> None:
    indented = ["{", '  "a": [', "    1,", "    2", "  ]", "}"]

    assert text_lines(old, new) == (indented, indented)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"\xff", b"[]", "not UTF-8"),
        (b"[]", b"[\n\xff\n]", "not UTF-8"),
        (b"<html>", b"[\n]", "not JSON"),
        (b"[\n]", b"", "empty"),
    ],
)
def test_what_has_no_lines_to_compare_is_unfit(old: bytes, new: bytes, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        text_lines(old, new)


OLD, NEW = ["a", "b", "c", "d", "e", "f"], ["a", "B", "c", "d", "f", "g"]


def test_a_unified_diff_names_both_and_shows_what_stands_around() -> None:
    assert unified(OLD, NEW, "old", "new") == [
        *("--- old", "+++ new", "@@ -1,6 +1,6 @@"),
        *(" a", "-b", "+B", " c", " d", "-e", " f", "+g"),
    ]


def test_changes_are_lines_with_their_places_alone() -> None:
    assert list(changes(OLD, NEW)) == [Change(2, ["b"], 2, ["B"]), Change(5, ["e"], 5, []), Change(7, [], 6, ["g"])]


def test_lines_that_go_and_come_are_counted() -> None:
    assert count_lines(OLD, NEW) == (2, 2)
    assert count_lines(["a", "a"], ["a"]) == (1, 0)

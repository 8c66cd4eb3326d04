import gzip

import pytest

from shared.strict_json import MAX_BYTES, Limits, UnfitError, parse


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2.5e3, true, null, "\xe6\x97\xa5"]} \n', {"a": [1, -2500.0, True, None, "日"]}),
        (b'{"a": {"x": 1}, "b": {"x": 1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        (b'["\\u0000"]', ["\0"]),
        (b"[1e308, 123456789012345678901234567890]", [1e308, 123456789012345678901234567890]),
        (b'["\\ud83d\\ude00", "\\uD83D\\uDE00", "\\\\ud800", "\\ue000"]', ["😀", "😀", "\\ud800", "\ue000"]),
        (b'["[[[[", "\\"[[[[", "\\\\"]', ["[[[[", '"[[[[', "\\"]),
        (b"5", 5),
    ],
)
def test_strict_json_is_parsed(body: bytes, document: object) -> None:
    assert parse(body) == document


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b'{"a": [1, 2', "not JSON"),
        (b"{} {}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"]" * 1000, "not JSON"),
        (b'"', "not JSON"),
        (b'"\\', "not JSON"),
        (b"<!DOCTYPE html><html></html>", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "beyond a double"),
        (b"[" + b"9" * 400 + b"]", "beyond a double"),
        (b"[" + b"1" * 5000 + b"]", "beyond a double"),
        (b'{"a": 1, "b": 2, "a": 3}', '"a" stands twice'),
        (b'{"x": {"a": 1, "a": 1}}', '"a" stands twice'),
        (b'{"\\u0061": 1, "a": 1}', '"a" stands twice'),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "not UTF-8"),
        ('{"ä": 1}'.encode("latin-1"), "not UTF-8"),
        (b'["\xed\xa0\x80"]', "not UTF-8"),
        (gzip.compress(b"{}", mtime=0), "not UTF-8"),
        (b'["\\ud800"]', r"half of a surrogate pair \(byte 2\)"),
        (b'["\\uDFFF"]', "half of a surrogate pair"),
        (b'["\\ude00\\ud83d"]', "half of a surrogate pair"),
        (b'["\\ud83d\\ud83d\\ude00"]', "half of a surrogate pair"),
        (b'["\\\\\\ud83d \\ude00"]', "half of a surrogate pair"),
        (b'{"\\ud800": 1}', "half of a surrogate pair"),
    ],
)
def test_everything_else_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        parse(body)


@pytest.mark.parametrize("levels", [b"[]", b"{}"])
def test_a_hundred_levels_are_the_deepest(levels: bytes) -> None:
    start, end = (b'{"a":', b"1}") if levels == b"{}" else (b"[", b"]")
    deepest = start * 100 + end * 1 + end[-1:] * 99

    parse(deepest)
    with pytest.raises(UnfitError, match="deeper than 100 levels"):
        parse(start + deepest + end[-1:])


@pytest.mark.parametrize(
    ("body", "nodes"),
    [
        (b"[1, 2, 3]", 3),
        (b'["a", "b,c:[{", "\\",[["]', 3),
        (b'["\\\\", [1]]', 3),
        (b'["\\\\\\",[[", 1]', 2),
        (b'{"a": 1, "b": 2}', 4),
        (b"[[], [{}]]", 5),
        (b'{"a": [1, 2]}', 4),
    ],
)
def test_values_and_names_are_counted_and_what_stands_in_strings_is_not(body: bytes, nodes: int) -> None:
    parse(body, Limits(nodes=nodes))
    with pytest.raises(UnfitError, match=f"over {nodes - 1} values and names"):
        parse(body, Limits(nodes=nodes - 1))


def test_a_document_of_many_pieces_is_counted_whole() -> None:
    body = b"[" + b'"a", ' * 1999 + b'"a"' + b"]"

    parse(body, Limits(nodes=2000))
    with pytest.raises(UnfitError, match="over 1,999 values"):
        parse(body, Limits(nodes=1999))


def test_an_object_with_too_many_names_is_refused() -> None:
    parse(b'[{"a": 1, "b": 2}, {"c": 3}]', Limits(names=2))
    with pytest.raises(UnfitError, match="an object has over 2 names"):
        parse(b'[{"a": 1, "b": 2, "c": 3}]', Limits(names=2))


def test_a_name_that_is_too_long_is_refused() -> None:
    parse(b'{"ab": "abc"}', Limits(name=2))
    with pytest.raises(UnfitError, match="a name of over 2 characters"):
        parse(b'[{"abc": 1}]', Limits(name=2))


def test_a_document_over_ten_million_bytes_is_refused() -> None:
    largest = b"[]" + b" " * (MAX_BYTES - 2)

    assert parse(largest) == []
    with pytest.raises(UnfitError, match="over 10,000,000 bytes"):
        parse(largest + b" ")

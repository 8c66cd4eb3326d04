"""What the commands print their results with."""

import io
import sys

import pytest
import typer

from ops.terminal import print_in_any_encoding, print_rows, refuse, say, show


def test_a_table_hides_no_end_of_a_long_key(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("Keys", ["key", "reason"], [["k" * 300, "r" * 300]], data=None, as_json=False)

    printed = capsys.readouterr().out
    assert (printed.count("k"), printed.count("r")) == (301, 301)  # with those of the headings


def test_a_terminal_without_unicode_shows_each_character_that_it_lacks_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    print_in_any_encoding()

    print_rows("日", ["日"], [["é 日"]], data=None, as_json=False)
    show("日")
    say("日")
    with pytest.raises(typer.Exit):
        refuse("日")

    assert isinstance(stdout.buffer, io.BytesIO)
    assert isinstance(stderr.buffer, io.BytesIO)
    assert stdout.buffer.getvalue().count(rb"\u65e5") == 5
    assert "é".encode("latin-1") in stdout.buffer.getvalue()
    assert stderr.buffer.getvalue() == rb"feed: \u65e5" + b"\n"

"""What the commands print their results with."""

import io
import sys

import pytest
import typer

from ops.terminal import cut, print_in_any_encoding, print_rows, refuse, say, show


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


class AtTerminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> AtTerminal:
    """A terminal of 40 columns that is stdout from now on."""
    stream = AtTerminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")  # of a dumb one rich takes the width for 80
    monkeypatch.setenv("NO_COLOR", "1")
    return stream


def test_a_terminal_gets_lines_that_are_wrapped_between_words_and_indented(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)

    show(("✗", "red"), " the file that somebody uploaded is not fit to be published: ", "日" * 19, " end")

    show("✗ ", "k" * 60)

    assert stream.getvalue().splitlines() == [
        "✗ the file that somebody uploaded is not",
        "  fit to be published:",
        "  " + "日" * 19,
        "  end",
        "✗ " + "k" * 60,
    ]


def test_a_command_in_a_text_is_never_broken_so_that_it_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    aws = "aws lambda delete-function-concurrency --function-name aws-services-feed-distributor"

    say("Upload it, then `feed redrive --stack-name another-one --yes`. Or feed redistribute new.json; the feed is")
    say(f"paused: {aws}; then feed redrive --region us-east-1 --yes, and look")

    assert stream.getvalue().splitlines() == [
        "Upload it, then",
        "  `feed redrive --stack-name another-one --yes`.",
        "  Or feed redistribute new.json; the",
        "  feed is",
        "paused:",
        f"  {aws};",
        "  then",
        "  feed redrive --region us-east-1 --yes,",
        "  and look",
    ]


def test_what_is_to_be_copied_and_what_goes_into_a_pipe_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "one two three " * 20

    show(line)
    say(line)
    stream = terminal(monkeypatch)
    show(line, whole=True)

    assert capsys.readouterr().out == f"{line}\n" * 2
    assert stream.getvalue() == f"{line}\n"


def test_a_long_name_keeps_both_ends_and_wide_characters_count_twice() -> None:
    assert cut("a" * 70) == "a" * 70
    assert cut("a" * 50 + "b" * 50) == f"{'a' * 34}…{'b' * 35}"
    assert cut("日" * 36) == f"{'日' * 17}…{' ' + '日' * 17}"

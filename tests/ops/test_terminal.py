"""What the commands print their results with."""

import pytest

from ops.terminal import print_rows


def test_a_table_hides_no_end_of_a_long_key(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("Keys", ["key", "reason"], [["k" * 300, "r" * 300]], data=None, as_json=False)

    printed = capsys.readouterr().out
    assert (printed.count("k"), printed.count("r")) == (301, 301)  # with those of the headings

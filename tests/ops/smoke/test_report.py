from pathlib import Path

import pytest

from ops.smoke import Report, StoppedError
from ops.smoke.report import UnexpectedError

OTHER_BYTES = ("other | bytes", "what the command printed")


@pytest.fixture
def report() -> Report:
    return Report({"Region": "us-east-1"}, {"123456789012": "ACCOUNT"})


def text(report: Report, folder: Path) -> str:
    report.write(folder / "report.md")
    return (folder / "report.md").read_text(encoding="utf-8")


def test_a_step_that_fails_is_told_and_the_others_go_on(report: Report, tmp_path: Path) -> None:
    with report.step("the first"):
        raise UnexpectedError(*OTHER_BYTES)
    with report.step("the second") as step:
        step.seen = "after 1 s"

    assert not report.ok
    written = text(report, tmp_path)
    assert written.startswith("# NOT every step went well: 1 of 2\n\n- Region: us-east-1\n")
    assert "| ✗ | the first | 0.0 | other \\| bytes |" in written
    assert "| ✓ | the second | 0.0 | after 1 s |" in written
    assert "what the command printed" in written


def test_a_step_that_the_others_need_stops_them(report: Report) -> None:
    with pytest.raises(StoppedError), report.step("the first", needed=True):
        raise UnexpectedError(*OTHER_BYTES)

    assert not report.ok


def test_whatever_ends_a_step_it_did_not_go_well(report: Report, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), report.step("the first"):
        raise KeyboardInterrupt

    assert "| ✗ | the first | 0.0 | ended by KeyboardInterrupt |" in text(report, tmp_path)


def test_a_report_can_be_shown_to_others(report: Report, tmp_path: Path) -> None:
    with report.step("the first") as step:
        step.seen = "arn:aws:iam::123456789012:role/x"

    assert "arn:aws:iam::ACCOUNT:role/x" in text(report, tmp_path)

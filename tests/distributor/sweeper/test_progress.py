import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from distributor.store import SourceObject
from distributor.sweeper.progress import Interrupted, Position, Progress, Version
from shared.strict_json import UnfitError
from tests.distributor.world import task

SOURCE = SourceObject('"1"', b"{}")
BATCH = (Position(0, "a.json", "missing"), Position(1, "b.json", "stale"))
FATAL = Version("aws-data/b.json", '"1"')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sweep.jsonl"


@pytest.fixture
def death(monkeypatch: pytest.MonkeyPatch, file: Path, tmp_path: Path) -> Callable[[Progress], Path]:
    """What is left if the function dies while it checks b.json: the file as it is at that moment."""

    def left(progress: Progress) -> Path:
        copy = tmp_path / "left.jsonl"
        with monkeypatch.context() as patched:
            patched.setattr("distributor.sweeper.progress.check_source", lambda *_: shutil.copy(file, copy) and None)
            progress.check(task("b.json"), SOURCE)
        return copy

    return left


def test_an_event_that_was_never_tried_has_nothing_interrupted(file: Path) -> None:
    assert Progress(file, "event-1").interrupted == Interrupted()


def test_a_retry_knows_the_batch_and_the_object_whose_check_was_fatal(
    file: Path, death: Callable[[Progress], Path]
) -> None:
    progress = Progress(file, "event-1")
    progress.begin(BATCH)
    progress.check(task("a.json"), SOURCE)

    assert Progress(death(progress), "event-1").interrupted == Interrupted(BATCH, (FATAL,))


def test_a_death_between_two_checks_is_no_objects_fault(file: Path) -> None:
    progress = Progress(file, "event-1")
    progress.begin(BATCH)
    progress.check(task("a.json"), SOURCE)

    assert Progress(file, "event-1").interrupted == Interrupted(BATCH)


def test_another_event_begins_anew(file: Path, death: Callable[[Progress], Path]) -> None:
    progress = Progress(file, "event-1")
    progress.begin(BATCH)

    assert Progress(death(progress), "event-2").interrupted == Interrupted()


def test_a_fatal_object_is_refused_without_a_check_until_it_is_written_again(
    file: Path, death: Callable[[Progress], Path]
) -> None:
    progress = Progress(file, "event-1")
    progress.begin(BATCH)
    retry = Progress(death(progress), "event-1")

    with pytest.raises(UnfitError, match="died when it last checked this object"):
        retry.check(task("b.json"), SOURCE)
    retry.check(task("b.json"), SourceObject('"2"', b"{}"))


def test_a_third_try_knows_what_was_fatal_to_both_before(file: Path, death: Callable[[Progress], Path]) -> None:
    first = Progress(file, "event-1")
    first.begin(BATCH)
    death(first).rename(file)
    second = Progress(file, "event-1")
    second.begin(BATCH[:1])
    second._append(Version("aws-data/a.json", '"1"'))

    assert Progress(file, "event-1").interrupted == Interrupted(BATCH[:1], (FATAL, Version("aws-data/a.json", '"1"')))


def test_a_sweep_that_ends_leaves_nothing(file: Path) -> None:
    progress = Progress(file, "event-1")
    progress.begin(BATCH)
    progress.end()
    progress.end()

    assert not file.exists()


@pytest.mark.parametrize(
    "text", ["", "[", "\x00", "[1]", "null", "3", '"x"', "{}", '{"request": "event-1"}', '["aws-data/b.json", "1"]']
)
def test_a_file_that_cannot_be_understood_counts_as_none(file: Path, text: str) -> None:
    file.write_text(text + "\n")

    assert Progress(file, "event-1").interrupted == Interrupted()


def test_a_file_that_cannot_be_written_stops_no_sweep(file: Path) -> None:
    file.mkdir()

    progress = Progress(file, "event-1")
    progress.begin(BATCH)
    progress.check(task("a.json"), SOURCE)
    progress.end()

    assert Progress(file, "event-1").interrupted == Interrupted()

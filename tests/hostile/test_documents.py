"""No document ends the function, whatever its name, and none harms the seven that are published beside it."""

from collections.abc import Iterator

import pytest

from fetcher.source import FILES_READ_WHOLE
from tests.hostile.documents import ANY, CASES, FIT, MODELLED, Case, encoded
from tests.hostile.judge import Judge, limited_process


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with limited_process() as judge:
        yield judge


pytestmark = pytest.mark.prove


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_document_is_judged_like_any_other(judge: Judge, case: Case) -> None:
    assert case.outcome(judge) == case.promised


@pytest.mark.parametrize("title", ["names beyond the first plane, as many as allowed", "numbers, as many as allowed"])
def test_a_hostile_document_is_published_in_a_release_too(judge: Judge, title: str) -> None:
    assert judge.ask("release", ANY[title](), "x.json")["outcomes"] == ["copied"] * 8


@pytest.mark.parametrize("title", [title for title in ANY if title in FIT or "too many" in title])
def test_the_fetcher_reads_no_such_document_for_a_file_of_its_last_run(judge: Judge, title: str) -> None:
    answer = judge.ask("earlier files", ANY[title]())

    assert answer["unreadable"] == sorted(FILES_READ_WHOLE)


@pytest.mark.parametrize("title", MODELLED)
def test_the_fetcher_reads_the_largest_file_that_keeps_its_contract(judge: Judge, title: str) -> None:
    name, build = MODELLED[title]

    answer = judge.ask("earlier files", encoded(build()))

    assert answer["unreadable"] == sorted(set(FILES_READ_WHOLE) - {name})

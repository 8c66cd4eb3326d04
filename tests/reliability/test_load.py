import pytest

from benchmarks.load import load


@pytest.mark.parametrize("uploads", [20, pytest.param(500, marks=pytest.mark.prove)])
def test_re_uploads_under_faults_are_all_published_in_the_end(uploads: int) -> None:
    figures = load(uploads, seed=3)

    assert figures.lost == 0
    assert sum(figures.faults.values()) > 0
    assert figures.invocations > uploads + 3  # one for each upload and sweep, and then some retries

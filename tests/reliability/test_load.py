from benchmarks.load import load


def test_re_uploads_under_faults_are_all_published_in_the_end() -> None:
    figures = load(150, seed=3)

    assert figures.lost == 0
    assert sum(figures.faults.values()) > 0
    assert figures.invocations > 150 + 3  # one for each upload and sweep, and then some retries

"""The sweeper on buckets of many pages, which a stand-in lists as S3 does."""

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from benchmarks.crawl import ACCESS
from benchmarks.sweep import WEBSITE, Listings
from distributor.dependencies import build_dependencies
from distributor.sweeper import handler as sweeper

PAGE = 50
ENVIRONMENT = {"SOURCE_BUCKET": "source", "DISTRIBUTION_BUCKET": "website", "DISTRIBUTION_PREFIX": WEBSITE}


@pytest.fixture
def sweep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lambda_context: LambdaContext
) -> Callable[..., dict[str, Any]]:
    def run(s3: Listings, event: dict[str, Any] | None = None, pages: int = 10**6) -> dict[str, Any]:
        """The answer of an invocation whose time is over after so many pages."""
        for name, value in (*ENVIRONMENT.items(), *ACCESS.items(), ("TMPDIR", str(tmp_path))):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
        build_dependencies.cache_clear()
        last = s3.calls["LIST"] + pages
        lambda_context.get_remaining_time_in_millis = lambda: 0 if s3.calls["LIST"] >= last else 10**6  # type: ignore[method-assign]
        answer: dict[str, Any] = sweeper.lambda_handler(event or {}, lambda_context)
        return answer

    return run


def test_a_sweep_lists_each_page_of_both_sides_once_and_finds_what_is_missing(
    sweep: Callable[..., dict[str, Any]],
) -> None:
    with Listings(20 * PAGE, page=PAGE, each_missing=5 * PAGE) as s3:
        answer = sweep(s3)

    assert (answer["compared"], answer["drift"]["missing"], s3.calls["LIST"]) == (20 * PAGE, 4, 2 * 20)
    assert s3.copied == {249, 499, 749, 999}


def test_a_chain_of_invocations_compares_each_object_once(sweep: Callable[..., dict[str, Any]]) -> None:
    compared: list[int] = []
    with Listings(20 * PAGE, page=PAGE, each_missing=5 * PAGE) as s3:
        events: list[Any] = [{}]
        while events:
            compared.append(sweep(s3, events.pop(), pages=10)["compared"])
            events, s3.events = s3.events, []

    assert len(compared) > 3
    assert sum(compared) == 20 * PAGE
    assert s3.copied == {249, 499, 749, 999}


@pytest.mark.prove
def test_a_sweep_of_many_pages_takes_no_more_memory_than_one_of_few(
    sweep: Callable[..., dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    peaks: list[int] = []
    threshold = gc.get_threshold()
    request.addfinalizer(lambda: gc.set_threshold(*threshold))
    gc.set_threshold(700)  # otherwise garbage that waits is more than what is looked for
    for pages in (20, 20, 100):  # the first one fills caches
        with Listings(pages * PAGE, page=PAGE) as s3:
            tracemalloc.start()
            sweep(s3)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    assert peaks[2] - peaks[1] < 80 * PAGE * 75  # bytes: a third of what is kept of an object

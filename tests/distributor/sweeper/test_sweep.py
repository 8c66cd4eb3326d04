from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from distributor.dependencies import Dependencies
from distributor.outcomes import Copied, Failed, Outcome, Rejected
from distributor.queues import NoInvalidations
from distributor.settings import DistributorSettings
from distributor.sweeper.progress import Progress
from distributor.sweeper.sweep import SweepRequest, SweepResult, sweep
from shared.settings import read_settings
from tests.distributor.fake_s3 import FakeS3, refusal
from tests.distributor.test_publish import fail, once, store_on
from tests.distributor.test_release import FILES, FOLDER, MANIFEST, NEXT, NEXT_MANIFEST, published, release, run_of
from tests.distributor.world import ENVIRONMENT, manifest_of

PARTS = [*FILES, "manifest.json"]
OLD = {f"data/releases/20250101T0{number:05}Z-0/a.json": b"[]" for number in range(2500)}


@dataclass
class ListingS3(FakeS3):
    """Counts the pages that are listed, too."""

    pages: list[str] = field(default_factory=list)

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        self.pages.append(request["Prefix"])
        return super().list_objects_v2(**request)


@pytest.fixture
def s3() -> ListingS3:
    """Two buckets in step, with some ordinary files on both sides of the folder of releases."""
    fake = ListingS3(run_of({**FILES, "z.json": b"[]"}, MANIFEST))
    release(fake)
    fake.objects |= {("my-website", f"data/{name}"): body for name, body in {**FILES, "z.json": b"[]"}.items()}
    fake.calls.clear()
    return fake


@pytest.fixture
def swept(tmp_path: Path) -> Callable[..., SweepResult]:
    def run(
        s3: FakeS3,
        followed: Callable[[list[Outcome]], None] = lambda _: None,
        *,
        dry_run: bool = False,
        **environment: str,
    ) -> SweepResult:
        settings = read_settings(DistributorSettings, ENVIRONMENT | environment)
        dependencies = Dependencies(settings, store_on(s3, 10_000), Mock(), NoInvalidations(), None)
        progress = Progress(tmp_path / "sweep.jsonl", "sweep-1")
        return sweep(SweepRequest(dry_run=dry_run), dependencies, lambda: 10**6, followed, progress)

    return run


def outcomes(result: SweepResult) -> dict[type[Outcome], int]:
    return dict(result.outcomes)


def test_in_step_a_release_costs_one_get_and_one_listing(s3: ListingS3, swept: Callable[..., SweepResult]) -> None:
    result = swept(s3)

    assert (result.compared, result.drift.total()) == (5, 0)
    assert s3.calls == ["GET"]
    assert s3.pages.count(f"data/{FOLDER}/") == 1


@pytest.mark.parametrize("name", ["releases.json", "releases0.json", "releasesé.json"])
def test_files_on_both_sides_of_the_folder_of_releases_are_compared(
    name: str, s3: ListingS3, swept: Callable[..., SweepResult]
) -> None:
    key = f"data/{FOLDER}/é.json"
    s3.objects |= {("my-source", f"aws-data/{name}"): b"[]", ("my-website", f"data/{name}"): b"[]"}
    s3.objects["my-website", key] = b"[]"

    assert (swept(s3).drift.total(), s3.calls) == (0, ["GET"])


def test_the_cost_of_a_sweep_does_not_grow_with_old_releases(s3: ListingS3, swept: Callable[..., SweepResult]) -> None:
    swept(s3)
    pages, calls = len(s3.pages), len(s3.calls)
    s3.objects |= {("my-website", key): body for key, body in OLD.items()}

    result = swept(s3)

    assert (result.compared, result.drift.total()) == (5, 0)
    assert (len(s3.pages), len(s3.calls)) == (2 * pages, 2 * calls)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("body", [None, b"[3, 4, 5]"], ids=["missing", "another size"])
def test_a_newest_release_that_is_not_whole_is_drift_and_is_mended(
    name: str, body: bytes | None, s3: ListingS3, swept: Callable[..., SweepResult]
) -> None:
    whole = dict(s3.objects)
    s3.objects["my-website", f"data/{FOLDER}/{name}"] = body or b""
    if body is None:
        del s3.objects["my-website", f"data/{FOLDER}/{name}"]

    result = swept(s3)

    assert outcomes(result) == {Copied: 1}
    assert [(entry["source"], entry["drift"]) for entry in result.drifted] == [("aws-data/manifest.json", "missing")]
    assert s3.objects == whole


def test_a_release_whose_event_never_came_is_published(s3: ListingS3, swept: Callable[..., SweepResult]) -> None:
    s3.objects |= run_of(NEXT, NEXT_MANIFEST)

    result = swept(s3)

    assert outcomes(result) == {Copied: 2}
    assert published(s3)["manifest.json"] == NEXT_MANIFEST


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_that_was_overtaken_has_not_drifted_and_is_rejected_so_that_somebody_hears_of_it(
    dry_run: bool, s3: ListingS3, swept: Callable[..., SweepResult]
) -> None:
    s3.objects |= run_of(FILES, NEXT_MANIFEST)

    result = swept(s3, dry_run=dry_run)

    assert outcomes(result) == {Rejected: 1}
    assert (result.drift.total(), result.drifted) == (0, [])
    assert "was overtaken" in result.rejected[0]["reason"]
    assert published(s3)["manifest.json"] == MANIFEST


def test_a_copy_that_landed_before_its_run_was_overtaken_is_invalidated(
    s3: ListingS3, swept: Callable[..., SweepResult]
) -> None:
    s3.objects |= run_of(NEXT, NEXT_MANIFEST) | {("my-website", "data/a.json"): NEXT["a.json"]}

    def overtake(operation: str) -> None:
        if operation == "COPY" and s3.request["Key"] == "data/manifest.json":
            s3.objects.update(run_of(FILES, manifest_of({"a.json": b"{}"}, run=3)))

    s3.after = overtake
    followed: list[Outcome] = []

    swept(s3, followed.extend)

    (rejected,) = (outcome for outcome in followed if isinstance(outcome, Rejected))
    assert rejected.landed
    assert rejected.landed.name == "manifest.json"
    assert published(s3)["manifest.json"] == NEXT_MANIFEST


def test_a_dry_sweep_copies_nothing_of_a_release(s3: ListingS3, swept: Callable[..., SweepResult]) -> None:
    s3.objects |= run_of(NEXT, NEXT_MANIFEST)
    before = dict(s3.objects)

    result = swept(s3, dry_run=True)

    assert result.drift.total() == 2
    assert s3.objects == before


def test_without_releases_their_folder_is_compared_like_any_other(
    s3: ListingS3, swept: Callable[..., SweepResult]
) -> None:
    key = f"aws-data/{FOLDER}/a.json"
    s3.objects["my-source", key] = FILES["a.json"]
    settings = {"RELEASES": "false", "PUBLISH_PATTERNS": "**"}

    assert swept(s3, **settings).drift.total() == 0
    assert s3.calls == []
    assert swept(s3, PUBLISH_PATTERNS="**").compared == 5


def test_a_manifest_that_is_too_large_stops_no_sweep(s3: ListingS3, swept: Callable[..., SweepResult]) -> None:
    for key in (("my-source", "aws-data/manifest.json"), ("my-website", "data/manifest.json")):
        s3.objects[key] = b" " * 10_001

    assert outcomes(swept(s3)) == {Rejected: 1}


@pytest.mark.parametrize("error", [refusal("AccessDenied"), refusal("SlowDown", 503)], ids=["forbidden", "slow"])
def test_a_manifest_that_cannot_be_read_is_left_to_the_publication(
    error: Exception, s3: ListingS3, swept: Callable[..., SweepResult]
) -> None:
    s3.before = once("GET", fail(error))

    assert outcomes(swept(s3)) == {Copied: 1}

    def always(operation: str) -> None:
        if operation == "GET":
            raise error

    s3.before = always

    assert outcomes(swept(s3)) == {Failed: 1}


def test_another_kind_of_manifest_on_both_sides_is_rejected(s3: ListingS3, swept: Callable[..., SweepResult]) -> None:
    for key in (("my-source", "aws-data/manifest.json"), ("my-website", "data/manifest.json")):
        s3.objects[key] = b'{"name": "My app"}'

    result = swept(s3)

    assert outcomes(result) == {Rejected: 1}
    assert "deploy with Releases=false" in result.rejected[0]["reason"]


def test_a_manifest_that_goes_during_a_sweep_is_no_drift(s3: ListingS3, swept: Callable[..., SweepResult]) -> None:
    s3.before = once("GET", lambda: s3.objects.pop(("my-source", "aws-data/manifest.json")))

    assert outcomes(swept(s3)) == {}

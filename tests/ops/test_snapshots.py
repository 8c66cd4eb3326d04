"""Snapshots from a file and from a clone of moto, and what is refused of them."""

import gzip
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.snapshots import SnapshotError, build_states, read_file, read_moto
from tests.fetcher.small_world import PARAMETERS, ROOT, read_catalogue

WORLD = {
    "regions/us-east-1": "us-east-1",
    "regions/us-east-1/longName": "US East (N. Virginia)",
    "regions/us-east-1/availability-zones/use1-az1": "use1-az1",
    "regions/us-east-1/local-zones/use1-bos1-az1": "use1-bos1-az1",
    "regions/us-east-1/services/s3": "s3",
    "regions/us-east-1/services/s3/endpoint": "s3.us-east-1.amazonaws.com",
    "services/s3": "s3",
    "services/s3/longName": "Amazon S3",
    "services/s3/marketingHomeURL": "https://aws.amazon.com/s3/",
}
EC2 = {"regions/us-east-1/services/ec2": "ec2"}
DATE = "2022-02-12T12:59:15-01:00"


def line(came: Mapping[str, str], gone: list[str] | None = None, date: str = DATE, **more: str) -> bytes:
    return json.dumps({"date": date, "set": came, "gone": gone or [], **more}).encode() + b"\n"


def saved(folder: Path, *lines: bytes, name: str = "snapshots.jsonl") -> Path:
    file, body = folder / name, b"".join(lines)
    file.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return file


@pytest.mark.parametrize("name", ["snapshots.jsonl", "snapshots.jsonl.gz"])
def test_each_line_is_the_whole_state_of_its_time(tmp_path: Path, name: str) -> None:
    lines = line(WORLD, moto="155f9f20eb92"), line(EC2, ["services/s3/longName"] * 2, "2022-02-13T00:00:00Z")

    first, second = read_file(saved(tmp_path, *lines, name=name))

    assert (first.place, first.time.isoformat(), first.parameters) == ("line 1", "2022-02-12T13:59:15+00:00", WORLD)
    assert second.parameters == {path: value for path, value in (WORLD | EC2).items() if path != "services/s3/longName"}


def test_a_state_is_what_a_run_would_have_published(tmp_path: Path) -> None:
    ((snapshot, documents),) = build_states(read_file(saved(tmp_path, line(WORLD))), 2)

    (region,) = documents.regions.regions
    (service,) = documents.services.services
    assert documents.complete_data.metadata.timestamp == snapshot.time
    assert (region.name, region.zones.availability, region.zones.local) == (
        *("US East (N. Virginia)", ("use1-az1",), ("use1-bos1-az1",)),
    )
    assert (service.name, service.home_url, service.regions) == ("Amazon S3", "https://aws.amazon.com/s3/", 1)


def test_what_ssm_has_is_read_as_a_crawl_reads_it(tmp_path: Path) -> None:
    """But for zones without a region, which lie below none."""
    paths = {name.removeprefix(f"{ROOT}/"): value for name, value in PARAMETERS.items()}
    zones = {path: value for path, value in paths.items() if "-zones/" in path and path.endswith("/parent-region")}
    by_region = {
        f"regions/{region}/{path.removesuffix('/parent-region')}": path.split("/")[1] for path, region in zones.items()
    }
    placed = {path: value for path, value in by_region.items() if "/mars-1/" not in path}

    ((snapshot, documents),) = build_states(read_file(saved(tmp_path, line(paths | placed))), 2)

    regions = read_catalogue(PARAMETERS, snapshot.time).regions
    assert [region.code for region in documents.regions.regions] == sorted(regions)
    assert {region.code: set(region.zones.local + region.zones.wavelength) for region in documents.regions.regions} == {
        code: set(facts.local_zones + facts.wavelength_zones) for code, facts in regions.items()
    }


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([b"\n"], "line 1 of .*snapshots.jsonl: .*EOF"),
        ([line(WORLD), b"{'set': {}}\n"], "line 2 of .*: .*Invalid JSON"),
        ([line(WORLD), b'{"set": {}, "gone": []}\n'], "line 2 of .*: date: Field required"),
        ([line(WORLD, date="2022-02-12")], "line 1 of .*: date: "),
        ([line(WORLD), line({}, ["services/ec2"])], "line 2 of .*: services/ec2 is gone, but was not there"),
        ([line(WORLD), line(EC2, date="2021-12-31T00:00:00Z")], "line 2 of .* is earlier than the line before"),
        ([line(WORLD, date="9999-12-31T23:00:00-02:00")], "line 1 of .*: date value out of range"),
        ([b'{"date": "2022-02-12T00:00:00Z", "set": {"\xff": "x"}, "gone": []}'], "line 1 of "),
    ],
)
def test_a_line_that_is_odd_is_named(tmp_path: Path, lines: list[bytes], words: str) -> None:
    with pytest.raises(SnapshotError, match=words):
        list(read_file(saved(tmp_path, *lines)))


def test_a_file_that_is_cut_off_or_missing_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, line(WORLD), name="cut.jsonl.gz")
    file.write_bytes(file.read_bytes()[:-12])

    with pytest.raises(SnapshotError, match="cut.jsonl.gz cannot be read after line"):
        list(read_file(file))
    with pytest.raises(SnapshotError, match="nowhere.jsonl cannot be read after line 0: .*No such file"):
        list(read_file(tmp_path / "nowhere.jsonl"))


MANY = {f"services/s{number:02}": "x" for number in range(99)}


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (
            [*MANY][:3],
            "line 2 is not credible: 3 of 100 services have vanished, more than 2 %, such as s00, s01, s02; ",
        ),
        (
            ["regions/us-east-1/services/s3"],
            "line 2 is not credible: .* regions/us-east-1/services: SSM listed 0 codes ",
        ),
    ],
)
def test_a_snapshot_that_has_lost_too_much_is_refused_unless_it_is_accepted(
    tmp_path: Path, gone: list[str], words: str
) -> None:
    file = saved(tmp_path, line(WORLD | MANY), line({}, gone))

    with pytest.raises(SnapshotError, match=f"{words}.*give --accept-shrink"):
        list(build_states(read_file(file), 2))

    assert len(list(build_states(read_file(file), 2, accept_shrink=True))) == 2


def test_a_snapshot_without_regions_is_refused_in_any_case(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="line 1 is no catalogue: regions: "):
        list(build_states(read_file(saved(tmp_path, line({"services/s3": "s3"}))), 2, accept_shrink=True))


class Clone:
    """A repository that keeps the tree as moto does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")

    def git(self, *arguments: str, date: str = DATE) -> None:
        own = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **own, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_COMMITTER_DATE": date}
        subprocess.run(["git", *arguments], cwd=self.folder, env=environment, check=True, capture_output=True)  # noqa: S607

    def commit(self, files: Mapping[str, bytes | None], date: str = DATE) -> None:
        for name, body in files.items():
            path = self.folder / "moto" / "ssm" / "resources" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if body is None:
                path.unlink()
            else:
                path.write_bytes(body)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Update", date=date)


def tree(parameters: Mapping[str, str], kind: str) -> bytes:
    """The parameters below `regions` or `services` as moto keeps them."""
    root: dict[str, Any] = {}
    for path, value in parameters.items():
        node = root
        for name in path.split("/"):
            node = node.setdefault(name, {})
        node["Value"] = value
    return json.dumps({"aws": {"service": {"global-infrastructure": {kind: root[kind]}}}}).encode()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_a_clone_of_moto_has_a_snapshot_for_each_commit_that_changed_the_catalogue(clone: Clone) -> None:
    more = WORLD | EC2
    clone.commit({"default_baselines.json": b"{}"})
    clone.commit({"regions.json": tree(WORLD, "regions")})  # not whole yet
    clone.commit({"services.json": tree(WORLD, "services")}, "2022-03-12T18:01:42-01:00")
    clone.commit({"default_baselines.json": b"{ }"})
    packed = {f"{kind}.json.gz": gzip.compress(tree(more, kind)) for kind in ("regions", "services")}
    clone.commit(packed | {"regions.json": None, "services.json": None}, "2022-03-11T00:00:00Z")

    first, second = read_moto(clone.folder)

    assert (first.parameters, first.time.isoformat()) == (WORLD, "2022-03-12T19:01:42+00:00")
    assert (second.parameters, second.time) == (more, first.time)  # that committer's clock was behind
    assert second.place.startswith("commit ")


@pytest.mark.parametrize("body", [b"[]", b"[" * 100_000, b"{", b"{}", b"\x1f\x8bcut", b'{"aws": {"service": null}}'])
def test_a_form_that_is_not_known_is_refused_with_its_commit(clone: Clone, body: bytes) -> None:
    clone.commit({"regions.json": body, "services.json": tree(WORLD, "services")})

    with pytest.raises(SnapshotError, match=r"commit \w+ has moto/ssm/resources in a form that is not known"):
        list(read_moto(clone.folder))


def test_what_is_no_clone_of_moto_is_refused(clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.commit({"default_baselines.json": b"{}"})

    with pytest.raises(SnapshotError, match="no commit in .* has moto/ssm/resources/regions.json or "):
        list(read_moto(clone.folder))
    with pytest.raises(SnapshotError, match="git cannot read .*nowhere"):
        list(read_moto(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SnapshotError, match="git cannot be run: "):
        list(read_moto(clone.folder))

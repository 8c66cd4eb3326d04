"""Snapshots of SSM's catalogue that others have kept: reads them from a file or a clone of moto, as a run would have.

Each line of the file is the difference from the line before (docs/operations.md has the form). The repository of moto,
https://github.com/getmoto/moto, keeps all parameters in two files below moto/ssm/resources.
"""

import gzip
import json
import subprocess
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from fetcher.catalogue import assemble
from fetcher.documents import Documents, build_documents
from fetcher.last_good import IncompleteCatalogueError, LastGood, last_good
from fetcher.next_state import describe_shrink
from fetcher.ssm import ROOT, Readings, crawl
from shared.text import first_error

MOTO_FOLDER: Final = "moto/ssm/resources"
MOTO_FILES: Final = {f"{MOTO_FOLDER}/{kind}.json{end}": kind for kind in ("regions", "services") for end in ("", ".gz")}
GZIP: Final = b"\x1f\x8b"
MOST_STEPS = 3  # of a path that is read; endpoints and protocols lie deeper


class SnapshotError(Exception):
    """The snapshots cannot be read, or are not credible; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All parameters at a time, by path below SSM's root. `place`: the line or the commit that it is from."""

    place: str
    time: datetime
    parameters: Mapping[str, str]

    def readings(self) -> Readings:
        """What a run would have read."""
        return crawl(_ParameterStore(self.all_parameters()), clock=lambda: self.time)

    def all_parameters(self) -> dict[str, str]:
        """The parameters with the zones' own roots, which follow from the zones below the regions."""
        return {**self.parameters, **dict(_zones(self.parameters))}


class _Line(BaseModel):
    """The parameters that are new or have another value since the line before, and those that are gone."""

    date: AwareDatetime
    came: dict[str, str] = Field(alias="set")
    gone: list[str]


class _ParameterStore:
    """The parameters in SSM's place."""

    connections = 1

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._values = {path: value for path, value in parameters.items() if path.count("/") <= MOST_STEPS}
        self._codes = defaultdict[str, list[str]](list)
        for path in self._values:
            parent, _, code = path.rpartition("/")
            self._codes[parent].append(code)

    def codes_under(self, path: str) -> tuple[str, ...]:
        return tuple(self._codes[path.removeprefix(f"{ROOT}/")])

    def values(self, names: Sequence[str]) -> Mapping[str, str]:
        paths = {name: name.removeprefix(f"{ROOT}/") for name in names}
        return {name: self._values[path] for name, path in paths.items() if path in self._values}


def _zones(parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path in parameters:
        _, _, below = path.partition("/")
        region, _, zone = below.partition("/")
        if zone.startswith(("local-zones/", "wavelength-zones/")):
            yield zone, zone.partition("/")[2]
            yield f"{zone}/parent-region", region


def build_states(
    snapshots: Iterable[Snapshot], max_shrink_percent: float, *, accept_shrink: bool = False
) -> Iterator[tuple[Snapshot, Documents]]:
    """The files that runs would have published; SnapshotError if a snapshot has lost too much since the one before."""
    before: Documents | None = None
    for snapshot in snapshots:
        try:
            documents = _build(snapshot, None if accept_shrink else before)
        except ValidationError as error:
            msg = f"{snapshot.place} is no catalogue: {first_error(error)}"
            raise SnapshotError(msg) from error
        except IncompleteCatalogueError as error:
            raise _incredible(snapshot, error) from error
        if before and not accept_shrink:
            shrink = describe_shrink(before.complete_data, documents.complete_data, max_shrink_percent)
            if shrink:
                raise _incredible(snapshot, shrink)
        yield snapshot, documents
        before = documents


def _build(snapshot: Snapshot, before: Documents | None) -> Documents:
    """With `before`, IncompleteCatalogueError if a list has lost more than half, which a run would not believe."""
    last = last_good(before.complete_data, before.services, snapshot.time) if before else LastGood()
    return build_documents(assemble(snapshot.readings(), last, max_stale_percent=0), snapshot.place, snapshot.time)


def _incredible(snapshot: Snapshot, reason: object) -> SnapshotError:
    return SnapshotError(f"{snapshot.place} is not credible: {reason}; if that is right, give --accept-shrink")


def read_file(file: Path) -> Iterator[Snapshot]:
    """The snapshots of a file, oldest first; gzipped if its name says so. SnapshotError names the line that is odd."""
    parameters: dict[str, str] = {}
    number, time = 0, datetime.min.replace(tzinfo=UTC)
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            for number, text in enumerate(lines, 1):
                line = _Line.model_validate_json(text)
                _require_next(line, parameters, time)
                for path in set(line.gone):
                    del parameters[path]
                parameters |= line.came
                time = line.date
                yield Snapshot(f"line {number}", time.astimezone(UTC), dict(parameters))
    except (OSError, EOFError, zlib.error) as error:
        msg = f"{file} cannot be read after line {number}: {error}"
        raise SnapshotError(msg) from error
    except (ValueError, OverflowError) as error:  # the second of a time that has another year in UTC
        reason = first_error(error) if isinstance(error, ValidationError) else error
        msg = f"line {number} of {file}: {reason}"
        raise SnapshotError(msg) from error


def _require_next(line: _Line, parameters: Mapping[str, str], time: datetime) -> None:
    """ValueError if the line cannot follow the one before."""
    missing = next((path for path in line.gone if path not in parameters), None)
    if missing is not None:
        msg = f"{missing} is gone, but was not there; is a line missing before it?"
        raise ValueError(msg)
    if line.date < time:
        msg = f"{line.date} is earlier than the line before"
        raise ValueError(msg)


def read_moto(clone: Path) -> Iterator[Snapshot]:
    """The snapshots that the history of a clone of moto has, oldest first: one for each commit that changed them.

    SnapshotError if git can't read them.
    """
    log = _git(clone, "log", "--first-parent", "--reverse", "--format=%h %cI", "--", *MOTO_FILES).decode().splitlines()
    if not log:
        msg = f"no commit in {clone} has {' or '.join(MOTO_FILES)}"
        raise SnapshotError(msg)
    time = datetime.min.replace(tzinfo=UTC)
    for commit, date in (line.split(" ") for line in log):
        time = max(time, datetime.fromisoformat(date).astimezone(UTC))  # the clocks of committers differ
        trees = {MOTO_FILES[path]: _git(clone, "cat-file", "blob", blob) for path, blob in _blobs(clone, commit)}
        if len(trees) == len(set(MOTO_FILES.values())):  # a commit may have had only one
            yield Snapshot(f"commit {commit}", time, dict(_moto_parameters(commit, trees)))


def _blobs(clone: Path, commit: str) -> Iterator[tuple[str, str]]:
    """The files of MOTO_FILES that a commit has, with the ids of their bytes."""
    for line in _git(clone, "ls-tree", "--full-tree", commit, "--", *MOTO_FILES).decode().splitlines():
        details, _, path = line.partition("\t")
        yield path, details.split()[2]


def _moto_parameters(commit: str, trees: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    try:
        for kind, body in trees.items():
            tree = json.loads(gzip.decompress(body) if body.startswith(GZIP) else body)
            yield from _flatten(tree["aws"]["service"]["global-infrastructure"][kind], kind)
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        msg = f"commit {commit} has {MOTO_FOLDER} in a form that is not known: {type(error).__name__}: {error}"
        raise SnapshotError(msg) from error


def _flatten(tree: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    """The parameters of a tree, in which each has its value under `Value` and what lies below it beside that."""
    for name, below in tree.items():
        if name == "Value":
            yield path, below
        else:
            yield from _flatten(below, f"{path}/{name}")


def _git(clone: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", clone, *arguments], capture_output=True, check=True).stdout  # noqa: S603, S607
    except OSError as error:
        msg = f"git cannot be run: {error}"
        raise SnapshotError(msg) from error
    except subprocess.CalledProcessError as error:
        msg = f"git cannot read {clone}: {error.stderr.decode(errors='replace').strip()}"
        raise SnapshotError(msg) from error

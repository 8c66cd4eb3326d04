"""Keeps in a file which batch a sweep is publishing and which object it is checking.

If the function dies, Lambda's retry of the event goes on from there. It repeats the batch, so that copies without
an invalidation get one, and does not check the object again. Lambda keeps /tmp when it resets an environment, and the
retry has the same request id and mostly the same environment:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html

A file that can't be read or written stops no sweep: a retry then begins anew.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from distributor.content import Facts
from distributor.outcomes import Publish
from distributor.publish import check_source
from distributor.store import SourceObject
from shared.strict_json import UnfitError


class Position(NamedTuple):
    """An object of a batch: the number of its destination, its name and its drift."""

    destination: int
    name: str
    drift: str


class Version(NamedTuple):
    """An object's key and ETag."""

    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What an earlier try of the event left: its batch, and the objects whose check it did not survive."""

    batch: tuple[Position, ...] = ()
    fatal: tuple[Version, ...] = ()


class Progress:
    """The progress of one event. `interrupted`: that of an earlier try, empty if there was none."""

    def __init__(self, file: Path, request_id: str) -> None:
        """Read the file, if it exists and is of this event."""
        self._file, self._request_id = file, request_id
        self.interrupted = Interrupted()
        with suppress(OSError, ValueError, TypeError, LookupError):
            lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            if lines and lines[0]["request"] == request_id:
                fatal = [*lines[0]["fatal"], *(line for line in lines[-1:] if isinstance(line, list))]
                self.interrupted = Interrupted(
                    tuple(Position(*each) for each in lines[0]["batch"]), tuple(Version(*each) for each in fatal)
                )

    def begin(self, batch: Iterable[Position]) -> None:
        """Keep the batch that is published next, in place of the last one."""
        record = {"request": self._request_id, "batch": list(batch), "fatal": self.interrupted.fatal}
        with suppress(OSError):
            self._file.write_text(json.dumps(record) + "\n", encoding="utf-8")

    def check(self, task: Publish, source: SourceObject) -> Facts:
        """Check the source's bytes, and keep that this is under way. UnfitError also if it was fatal before."""
        version = Version(task.source_key, source.etag)
        if version in self.interrupted.fatal:
            msg = "the function died when it last checked this object; the next sweep tries it again"
            raise UnfitError(msg)
        self._append(version)
        try:
            return check_source(task, source)
        finally:
            self._append(None)

    def end(self) -> None:
        """Forget everything: what now fails is found anew by a retry."""
        with suppress(OSError):
            self._file.unlink()

    def _append(self, line: Version | None) -> None:
        with suppress(OSError), self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

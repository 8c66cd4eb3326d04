"""Whatever happens, the website names only releases that are whole; the search finds what breaks weaker orders."""

import json

import pytest

from distributor.outcomes import Publish
from distributor.store import CopyAnswer, SourceObject, Store
from tests.reliability.release_search import MANIFEST, World, Write, run, search

A, B = run(1, f=b"[1]"), run(2, f=b"[2]")
A_TWO, B_TWO, B_PARTLY = run(1, f=b"[1]", g=b"[1]"), run(2, f=b"[2]", g=b"[2]"), run(2, f=b"[1]", g=b"[2]")

HISTORIES = {
    "a crash": World((A,), crashes=1),
    "two crashes": World((A,), crashes=2),
    "a lost answer": World((A,), timeouts=1),
    "two runs, one after the other": World((A + B,)),
    "two runs, and the event of a manifest is lost": World((A + B,), drops=1),
    "two runs that overlap": World((A, B)),
    "two runs of two files that overlap": World((A_TWO, B_TWO)),
    "a run that leaves a file as it is": World((A_TWO + B_PARTLY,)),
    "a run that dies before its manifest": World((A_TWO, B_TWO[:1])),
    "a file is uploaded by hand": World((A_TWO, (Write("f.json", b"[9]"),)), crashes=1),
    "a file is uploaded by hand and put back": World((A, (Write("f.json", b"[9]"), A[0]))),
    "a file is uploaded that is not fit": World((A, (Write("f.json", b"<html>"),)), crashes=1),
    "a manifest is uploaded again by hand": World((A + A[-1:],), crashes=1),
    "a file is deleted": World((A, (Write("f.json", None),)), crashes=1),
    "a manifest is deleted": World((A, (Write(MANIFEST, None),)), timeouts=1),
    "a file is deleted, and the next run writes it": World((A, (Write("f.json", None), *B))),
}
LARGER_HISTORIES = {
    "the SDK repeats a copy": World((A + B,), repeats=1),
    "two runs, a crash": World((A + B,), crashes=1),
    "two runs, a duplicate": World((A + B,), duplicates=1),
    "two runs that overlap, a crash": World((A, B), crashes=1),
    "two runs that overlap, a lost answer": World((A, B), timeouts=1),
    "two runs of two files that overlap, a crash": World((A_TWO, B_TWO), crashes=1),
    "an earlier run's files and manifest are put back": World((A + B + A,)),
}
ALL = HISTORIES | LARGER_HISTORIES
LARGER = [pytest.param(name, marks=pytest.mark.prove) for name in LARGER_HISTORIES]


@pytest.mark.parametrize("name", [*HISTORIES, *LARGER])
def test_the_release_that_is_named_is_whole_at_every_moment_and_the_newest_at_rest(name: str) -> None:
    result = search(ALL[name])

    assert result.violation == ()
    assert result.rests > 0
    assert result.named >= {json.loads(writes[-1].body or b"")["path"] for writes in ALL[name].runs[:1]}


class Weakened:
    """The real store with one of its virtues taken away."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, task: Publish) -> SourceObject | None:
        return self.store.get(task)

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        return self.store.copy(task, etag)

    def head(self, task: Publish) -> str | None:
        return self.store.head(task)


def in_release(task: Publish) -> bool:
    return "releases/" in task.destination.prefix


class ThePointerFirst(Weakened):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.put_off: list[tuple[Publish, str]] = []

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        if in_release(task):
            self.put_off.append((task, etag))
            return CopyAnswer(copied=True, certain=True)
        answer = super().copy(task, etag)
        for part in self.put_off:
            super().copy(*part)
        return answer


class WithoutTheManifestBesideTheFiles(Weakened):
    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        if in_release(task) and task.name == MANIFEST:
            return CopyAnswer(copied=True, certain=True)
        return super().copy(task, etag)


class WithoutACondition(Weakened):
    """`of_release`: on the files of a release, else on the pointer."""

    of_release = True

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        if in_release(task) != self.of_release:
            return super().copy(task, etag)
        answer = self.store.client.copy_object(
            Bucket="my-website",
            Key=task.destination_key,
            CopySource={"Bucket": task.source.bucket, "Key": task.source_key},
        )
        return CopyAnswer(copied="CopyObjectResult" in answer, certain=True)


class WithoutAConditionOnThePointer(WithoutACondition):
    of_release = False


class BelievingALostAnswer(Weakened):
    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        answer = super().copy(task, etag)
        return CopyAnswer(copied=answer.copied or (in_release(task) and not answer.certain), certain=answer.certain)


class BelievingARepeatedAnswer(Weakened):
    """Takes the answer to the SDK's second request for the end of its first."""

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        answer = super().copy(task, etag)
        return CopyAnswer(copied=answer.copied, certain=answer.copied)


class BelievingTheManifest(Weakened):
    """Copies what is there as if it had the hash that the manifest gives."""

    def get(self, task: Publish) -> SourceObject | None:
        source = super().get(task)
        if task.name == MANIFEST and source:
            self.expected = (A if source.body == A[-1].body else B)[0].body or b""
        return SourceObject(source.etag, self.expected) if source and task.name != MANIFEST else source


class WithoutLookingAgain(Weakened):
    def get(self, task: Publish) -> SourceObject | None:
        source = super().get(task)
        if task.name == MANIFEST and source:
            self.seen = source.etag
        return source

    def head(self, _task: Publish) -> str | None:
        return self.seen


@pytest.mark.parametrize(
    ("variant", "history"),
    [
        (ThePointerFirst, World((A,))),
        (WithoutTheManifestBesideTheFiles, World((A,))),
        (WithoutACondition, World((A, B))),
        (WithoutAConditionOnThePointer, World((A, B))),
        (BelievingALostAnswer, World((A,), timeouts=1)),
        (BelievingARepeatedAnswer, World((A + B,), repeats=1)),
        (BelievingTheManifest, World((A, B))),
        (WithoutLookingAgain, World((A, B))),
    ],
)
def test_the_search_refutes_weaker_orders(variant: type[Weakened], history: World) -> None:
    assert search(history, variant).violation != ()

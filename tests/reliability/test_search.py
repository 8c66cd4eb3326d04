"""Nothing that can happen to a key breaks the promise; and the search finds what breaks weaker protocols."""

import pytest

from distributor.outcomes import Publish
from distributor.store import CopyAnswer, SourceObject, Store
from tests.reliability.search import History, search

A, B, C, UNFIT = b"[1]", b"[2]", b"[3]", b"<html>"

HISTORIES = {
    "two versions, a duplicate": History((A, B), duplicates=1),
    "two versions, a crash": History((A, B), crashes=1),
    "two versions, a lost answer": History((A, B), timeouts=1),
    "two versions, a crash and a lost answer": History((A, B), crashes=1, timeouts=1),
    "deleted": History((A, None), duplicates=1, crashes=1),
    "deleted and written again": History((A, None, B), crashes=1),
    "an unfit version": History((A, UNFIT, B), crashes=1),
    "an event is lost": History((A, B), drops=1, crashes=1),
    "unfit after a copy": History((A, UNFIT), duplicates=1),
    "deleted after a copy": History((A, B, None)),
}
LARGER_HISTORIES = {
    "unfit at the end": History((A, B, UNFIT), timeouts=1),
    "a version returns": History((A, B, A), crashes=1),
    "three versions": History((A, B, C)),
    "three versions, a crash": History((A, B, C), crashes=1),
    "a version returns, a lost answer": History((A, B, A), timeouts=1),
    "two versions, two crashes, a lost answer, a duplicate": History((A, B), crashes=2, timeouts=1, duplicates=1),
}
ALL = HISTORIES | LARGER_HISTORIES
LARGER = [pytest.param(name, marks=pytest.mark.prove) for name in LARGER_HISTORIES]


@pytest.mark.parametrize("name", [*HISTORIES, *LARGER])
def test_at_rest_the_website_equals_the_source_holds_nothing_unfit_and_readers_see_it(name: str) -> None:
    result = search(ALL[name])

    assert result.violation == ()
    assert result.rests > 0


class Weakened:
    """The real store with one of its virtues taken away."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.copied = ""

    def get(self, task: Publish) -> SourceObject | None:
        return self.store.get(task)

    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        self.copied = etag
        return self.store.copy(task, etag)

    def head(self, task: Publish) -> str | None:
        return self.store.head(task)


class WithoutLookingAgain(Weakened):
    def head(self, task: Publish) -> str | None:
        return self.copied


class SkippingOnAChange(Weakened):
    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        answer = super().copy(task, etag)
        self.refused = not answer.copied and answer.certain
        return CopyAnswer(copied=answer.copied or self.refused, certain=answer.certain)

    def head(self, task: Publish) -> str | None:
        return self.copied if self.refused else super().head(task)


class WithoutACondition(Weakened):
    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        answer = self.store.client.copy_object(Bucket="w", Key="k", CopySource={"Bucket": "s", "Key": "k"})
        return CopyAnswer(copied="CopyObjectResult" in answer, certain=True)


class BelievingALostAnswer(Weakened):
    def copy(self, task: Publish, etag: str) -> CopyAnswer:
        answer = super().copy(task, etag)
        return CopyAnswer(copied=answer.copied, certain=True)


@pytest.mark.parametrize(
    ("variant", "history"),
    [
        (WithoutLookingAgain, History((A, B))),
        (SkippingOnAChange, History((A, B), drops=1)),
        (WithoutACondition, History((A, UNFIT))),
        (BelievingALostAnswer, History((A, B), timeouts=1)),
    ],
)
def test_the_search_refutes_weaker_protocols(variant: type[Weakened], history: History) -> None:
    assert search(history, variant).violation != ()

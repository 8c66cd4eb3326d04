"""The publishing protocol: tasks in, their outcomes out.

An event means that a key may have changed. The source's present state is then copied to the destination:
GET the source, check the bytes, COPY on condition that the source still has that ETag, HEAD the source. If the HEAD
shows another ETag, another pass follows: if two invocations overlap, the one whose copy lands last sees the new ETag
and copies again. The copied bytes are the checked bytes, since the copy requires the ETag of the GET.

Before a manifest is copied, the release that it names is published. So the published manifest, whichever copy of it
lands last, names a release that is whole.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from distributor import content
from distributor.content import Facts
from distributor.outcomes import Copied, Decision, Failed, Gone, Outcome, Publish, Rejected, Skipped
from distributor.release import Check, Release, publish_release
from distributor.store import ObjectStore, SourceObject, StoreError, TooLargeError
from shared.strict_json import UnfitError

MAX_PASSES = 5
MAX_UNANSWERED_COPIES = 2
CONCURRENCY = 8
PUBLISH_MARGIN_MS = 20_000  # the longest check takes 1.5 s of a core (`make bench`), so 5 s of 512 MB's 0.29
NOT_TRIED = "not tried: too little time was left"
_check_lock = threading.Lock()  # one at a time: a parsed document needs many times the memory of its bytes


class OutOfTimeError(Exception):
    """Too little time is left to check the object. A retry may help."""


def check_source(task: Publish, source: SourceObject) -> Facts:
    """Check the source's bytes; see `distributor.content.check`."""
    return content.check(task.name, source.body, releases=task.releases is not None)


def carry_out(
    decisions: Sequence[Decision], store: ObjectStore, remaining_ms: Callable[[], int], check: Check = check_source
) -> list[Outcome]:
    """Carry out every decision, `CONCURRENCY` at once; an error in one does not affect the others.

    When less than `PUBLISH_MARGIN_MS` is left, the rest becomes `Failed` without a try, so that a retry publishes it.
    The first object is always tried: otherwise, under a short time-out, no retry would get further.
    """
    first = next((decision for decision in decisions if isinstance(decision, Publish)), None)

    def has_time() -> bool:
        return remaining_ms() >= PUBLISH_MARGIN_MS

    def check_in_time(task: Publish, source: SourceObject) -> Facts:
        with _check_lock:
            if task is not first and not has_time():  # it has waited until the others were checked
                raise OutOfTimeError(NOT_TRIED)
            return check(task, source)

    def outcome_of(decision: Decision) -> Outcome:
        if not isinstance(decision, Publish):
            return decision
        if decision is not first and not has_time():
            return Failed(decision.source_key, NOT_TRIED)
        try:
            return publish(decision, store, has_time, check=check_in_time)
        except Exception as error:  # noqa: BLE001 - no error of this object may stop the others
            return Failed(decision.source_key, f"unexpected {type(error).__name__}: {error}", landed=decision)

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return list(pool.map(outcome_of, decisions))


def publish(
    task: Publish,
    store: ObjectStore,
    has_time: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.monotonic,
    check: Check = check_source,
) -> Outcome:
    """Publish one object. After `Failed` the event must come again; every other outcome is final.

    If the answer to a copy was lost, the outcome is `Failed`, even if the next pass succeeded: the lost request may
    still take effect, so the event must come again later. After a second lost answer there are no further passes.
    """
    started, copied, unanswered, correlation_id = clock(), False, 0, task.request_id
    outcome: Outcome = Failed(task.source_key, f"the source changed during each of {MAX_PASSES} passes")
    try:
        for passes in range(1, MAX_PASSES + 1):
            source = store.get(task)
            if source is None:
                outcome = Gone(task)
                break
            correlation_id = source.run_id or correlation_id
            facts = check(task, source)
            settled: Copied | Skipped | Failed | None = _publish_release(task, source, facts, store, check)
            if settled is None:
                answer = store.copy(task, source.etag)
                copied |= answer.copied
                unanswered += not answer.certain
                if answer.copied:
                    settled = _copied(task, source, passes, facts)
            if settled and store.head(task) in {source.etag, None}:
                outcome = settled
                break
            if unanswered == MAX_UNANSWERED_COPIES or not has_time():
                outcome = Failed(task.source_key, f"not settled after {passes} pass(es)")
                break
    except (TooLargeError, UnfitError) as error:
        outcome = Rejected(task.source_key, str(error))
    except (StoreError, OutOfTimeError) as error:
        outcome = Failed(task.source_key, str(error))
    outcome = replace(_as_failed(outcome) if unanswered else outcome, correlation_id=correlation_id)
    if isinstance(outcome, Copied):
        return replace(outcome, seconds=clock() - started)
    return replace(outcome, landed=task if copied or unanswered else None)


def _publish_release(
    task: Publish, source: SourceObject, facts: Facts, store: ObjectStore, check: Check
) -> Skipped | Failed | None:
    """Publish the release if this is a manifest; see `distributor.release.publish_release`."""
    if not (facts.manifest and task.releases):
        return None
    return publish_release(Release(task, facts.manifest, task.releases), source.etag, store, check)


def _copied(task: Publish, source: SourceObject, passes: int, facts: Facts) -> Copied:
    return Copied(
        task,
        source.etag,
        len(source.body),
        passes,
        seconds=0,
        data_time=facts.data_time,
        release=source.release,
        manifest=facts.manifest,
    )


def _as_failed(outcome: Outcome) -> Failed:
    if isinstance(outcome, Failed):
        return Failed(outcome.key, f"{outcome.error}; S3 gave no answer to a copy")
    if isinstance(outcome, Rejected):
        return Failed(outcome.key, f"S3 gave no answer to a copy, and now the source is unfit: {outcome.reason}")
    return Failed(outcome.key, "S3 gave no answer to a copy, which may land late")

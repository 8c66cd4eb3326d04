from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from distributor.content import Facts
from distributor.outcomes import Copied, Decision, Failed, Gone, Outcome, Publish, Rejected, Skipped
from distributor.publish import CONCURRENCY, MAX_PASSES, NOT_TRIED, PUBLISH_MARGIN_MS, carry_out, publish
from distributor.store import SourceObject, Store
from tests.distributor.fake_s3 import FakeS3, etag, refusal
from tests.distributor.world import task

HERE = ("my-source", "aws-data/x.json")
THERE = ("my-website", "data/x.json")
OLD, NEW, NEWER = b'{"v": 1}', b'{"v": 2}', b'{"v": 3}'


def store_on(s3: FakeS3, limit: int = 1000) -> Store:
    return Store(s3, limit)  # type: ignore[arg-type]


def once(operation: str, act: Callable[[], object]) -> Callable[[str], None]:
    """A hook that acts on the first call of the operation."""
    pending = [operation]

    def hook(called: str) -> None:
        if pending and called == pending[0]:
            pending.pop()
            act()

    return hook


def fail(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def test_on_the_calm_path_one_get_one_copy_and_one_head_publish_the_object() -> None:
    s3 = FakeS3({HERE: NEW, THERE: OLD})
    ticks = iter([10.0, 10.5])

    outcome = publish(task(), store_on(s3), clock=lambda: next(ticks))

    assert outcome == Copied(task(), etag(NEW), len(NEW), passes=1, seconds=0.5)
    assert s3.objects[THERE] == NEW
    assert s3.calls == ["GET", "COPY", "HEAD"]


def test_an_object_that_is_gone_leaves_what_is_published() -> None:
    s3 = FakeS3({THERE: OLD})

    assert publish(task(), store_on(s3)) == Gone(task())
    assert s3.objects == {THERE: OLD}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1'])
def test_unfit_bytes_never_replace_what_is_published(body: bytes) -> None:
    s3 = FakeS3({HERE: body, THERE: OLD})

    assert isinstance(publish(task(), store_on(s3)), Rejected)
    assert s3.objects[THERE] == OLD
    assert s3.calls == ["GET"]


def test_an_object_over_the_limit_is_rejected_before_its_bytes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = FakeS3({HERE: NEW})
    monkeypatch.setattr("botocore.response.StreamingBody.read", fail(AssertionError("read")))

    outcome = publish(task(), store_on(s3, limit=len(NEW) - 1))

    assert outcome == Rejected("aws-data/x.json", "8 bytes, over the limit of 7 (MAX_OBJECT_BYTES)")


def test_an_object_at_the_limit_is_published() -> None:
    assert isinstance(publish(task(), store_on(FakeS3({HERE: NEW}), limit=len(NEW))), Copied)


def test_a_source_that_changes_before_the_copy_is_read_and_checked_again() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("COPY", lambda: s3.objects.update({HERE: NEWER}))

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Copied)
    assert (outcome.passes, s3.objects[THERE]) == (2, NEWER)
    assert s3.calls == ["GET", "COPY", "GET", "COPY", "HEAD"]


def test_a_source_that_turns_unfit_before_the_copy_is_not_copied() -> None:
    s3 = FakeS3({HERE: NEW, THERE: OLD})
    s3.before = once("COPY", lambda: s3.objects.update({HERE: b"<html>"}))

    assert isinstance(publish(task(), store_on(s3)), Rejected)
    assert s3.objects[THERE] == OLD


def test_a_source_that_changes_after_the_copy_is_published_again() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("HEAD", lambda: s3.objects.update({HERE: NEWER}))

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Copied)
    assert (outcome.passes, s3.objects[THERE]) == (2, NEWER)


def test_whoever_lands_last_repairs_what_an_overlapping_invocation_overwrote() -> None:
    s3 = FakeS3({HERE: OLD})

    def a_newer_version_is_written_and_published_before_our_copy_lands() -> None:
        s3.objects |= {HERE: NEW, THERE: OLD}  # our copy of the old version has just overwritten the new one

    s3.after = once("COPY", a_newer_version_is_written_and_published_before_our_copy_lands)

    publish(task(), store_on(s3))

    assert s3.objects[THERE] == NEW


@pytest.mark.parametrize("when", ["GET", "COPY"])
def test_an_object_deleted_before_the_copy_is_gone(when: str) -> None:
    s3 = FakeS3({HERE: NEW, THERE: OLD})
    s3.before = once(when, lambda: s3.objects.pop(HERE))

    assert publish(task(), store_on(s3)) == Gone(task())
    assert s3.objects[THERE] == OLD


def test_an_object_deleted_after_the_copy_stays_published() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("HEAD", lambda: s3.objects.pop(HERE))

    assert isinstance(publish(task(), store_on(s3)), Copied)
    assert s3.objects[THERE] == NEW


def change_and_delete(s3: FakeS3) -> None:
    s3.objects[HERE] = NEWER
    s3.before = once("GET", lambda: s3.objects.pop(HERE))


@pytest.mark.parametrize(
    ("at_the_head", "kind"),
    [
        (change_and_delete, Gone),
        (lambda s3: s3.objects.update({HERE: b"<html>"}), Rejected),
        (lambda _: fail(refusal("AccessDenied"))(), Failed),
    ],
    ids=["gone", "unfit", "forbidden"],
)
def test_a_copy_of_an_earlier_pass_is_told_whatever_becomes_of_the_object(
    at_the_head: Callable[[FakeS3], None], kind: type
) -> None:
    s3 = FakeS3({HERE: NEW, THERE: OLD})
    s3.before = once("HEAD", lambda: at_the_head(s3))

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, kind)
    assert s3.objects[THERE] == NEW
    assert outcome.landed == task()


def test_where_no_copy_can_have_landed_none_is_told() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("COPY", fail(refusal("AccessDenied")))

    assert publish(task(), store_on(s3)).landed is None
    assert publish(task(), store_on(FakeS3())).landed is None
    assert publish(task(), store_on(FakeS3({HERE: b"<html>"}))).landed is None


def test_a_source_that_never_settles_fails_after_five_passes() -> None:
    s3 = FakeS3({HERE: NEW})
    versions: Iterator[bytes] = (b"[%d]" % number for number in range(100))

    def change(operation: str) -> None:
        if operation == "HEAD":
            s3.objects[HERE] = next(versions)

    s3.before = change

    assert publish(task(), store_on(s3)) == Failed(
        "aws-data/x.json", f"the source changed during each of {MAX_PASSES} passes", landed=task()
    )
    assert s3.calls == ["GET", "COPY", "HEAD"] * MAX_PASSES


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket"])
@pytest.mark.parametrize("operation", ["GET", "COPY", "HEAD"])
def test_a_refusal_is_a_failure_and_never_taken_for_gone(operation: str, code: str) -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once(operation, fail(refusal(code)))

    if (operation, code) == ("HEAD", "NoSuchBucket"):
        assert isinstance(publish(task(), store_on(s3)), Copied)  # a HEAD's 404 has no body to tell the two apart
    else:
        outcome = publish(task(), store_on(s3))
        assert isinstance(outcome, Failed)
        assert code in outcome.error


@pytest.mark.parametrize("operation", ["GET", "HEAD"])
def test_a_read_that_gets_no_answer_is_a_failure(operation: str) -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once(operation, fail(EndpointConnectionError(endpoint_url="http://s3")))

    assert isinstance(publish(task(), store_on(s3)), Failed)


LOST_ANSWERS = [
    refusal("SlowDown", 503),
    refusal("InternalError", 500),
    ReadTimeoutError(endpoint_url="http://s3"),
    ConnectionClosedError(endpoint_url="http://s3"),
    EndpointConnectionError(endpoint_url="http://s3"),  # the last of three requests; an earlier one may have landed
    ResponseParserError("truncated"),
]


@pytest.mark.parametrize("lost", LOST_ANSWERS, ids=lambda error: f"{type(error).__name__}-{error}"[:40])
@pytest.mark.parametrize("took_effect", [False, True])
def test_a_copy_whose_answer_is_lost_is_made_again_and_still_asks_for_a_later_look(
    lost: Exception, *, took_effect: bool
) -> None:
    s3 = FakeS3({HERE: NEW})
    hook = once("COPY", fail(lost))
    if took_effect:
        s3.after = hook
    else:
        s3.before = hook

    outcome = publish(task(), store_on(s3))

    assert s3.objects[THERE] == NEW
    assert isinstance(outcome, Failed)
    assert "may land late" in outcome.error
    assert outcome.landed == task()


def test_a_refusal_after_a_retry_inside_the_sdk_does_not_hide_what_the_first_request_may_have_done() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("COPY", fail(refusal("AccessDenied", retries=1)))

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Failed)
    assert "may land late" in outcome.error


def test_an_answer_that_needed_a_retry_inside_the_sdk_asks_for_a_later_look() -> None:
    s3 = FakeS3({HERE: NEW}, retries=1)

    assert isinstance(publish(task(), store_on(s3)), Failed)
    assert s3.objects[THERE] == NEW


def test_an_empty_answer_with_status_200_is_no_success() -> None:
    s3 = FakeS3({HERE: NEW})
    copy, answers = s3.copy_object, iter([True])
    s3.copy_object = lambda **request: s3._answer() if next(answers, False) else copy(**request)  # type: ignore[method-assign]

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Failed)
    assert s3.objects[THERE] == NEW


def test_a_lost_answer_followed_by_a_change_keeps_the_doubt() -> None:
    s3 = FakeS3({HERE: NEW})

    def lose_the_answer_and_change_the_source() -> None:
        s3.objects[HERE] = b"<html>"
        raise refusal("SlowDown", 503)

    s3.before = once("COPY", lose_the_answer_and_change_the_source)

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Failed)
    assert "now the source is unfit" in outcome.error


def test_a_lost_answer_followed_by_a_refusal_keeps_both_reasons() -> None:
    s3 = FakeS3({HERE: NEW})
    errors = iter([refusal("SlowDown", 503), refusal("AccessDenied")])

    def refuse(operation: str) -> None:
        if operation == "COPY":
            raise next(errors)

    s3.before = refuse

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Failed)
    assert "AccessDenied" in outcome.error
    assert "S3 gave no answer to a copy" in outcome.error


def test_after_a_second_copy_without_an_answer_no_further_pass_is_made() -> None:
    s3 = FakeS3({HERE: NEW})

    def never_answer(operation: str) -> None:
        if operation == "COPY":
            raise refusal("SlowDown", 503)

    s3.before = never_answer

    outcome = publish(task(), store_on(s3))

    error = "not settled after 2 pass(es); S3 gave no answer to a copy"
    assert outcome == Failed("aws-data/x.json", error, landed=task())
    assert s3.calls == ["GET", "COPY"] * 2


def test_without_time_no_further_pass_is_made() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("COPY", lambda: s3.objects.update({HERE: NEWER}))

    outcome = publish(task(), store_on(s3), lambda: False)

    assert outcome == Failed("aws-data/x.json", "not settled after 1 pass(es)")


def test_a_copy_that_s3_does_not_implement_is_a_failure_without_a_further_pass() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("COPY", fail(refusal("NotImplemented", 501)))

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Failed)
    assert "demands conditional writes" in outcome.error
    assert (outcome.landed, s3.calls) == (None, ["GET", "COPY"])


def test_a_conflict_is_tried_again() -> None:
    s3 = FakeS3({HERE: NEW})
    s3.before = once("COPY", fail(refusal("OperationAborted", 409)))

    assert isinstance(publish(task(), store_on(s3)), Copied)


def test_decisions_that_need_no_publishing_are_outcomes_already() -> None:
    settled: list[Decision] = [Skipped("a", "x"), Rejected("b", "y"), Failed("c", "z")]

    assert carry_out(settled, store_on(FakeS3()), lambda: 60_000) == settled


def test_an_object_that_breaks_in_an_unforeseen_way_keeps_no_sibling_back() -> None:
    s3 = FakeS3({("my-source", f"aws-data/{name}.json"): NEW for name in "abc"})
    s3.before = once("GET", fail(ValueError("a bug")))

    first, *others = carry_out([task(f"{name}.json") for name in "abc"], store_on(s3), lambda: 60_000)

    assert first == Failed("aws-data/a.json", "unexpected ValueError: a bug", landed=task("a.json"))
    assert [type(other) for other in others] == [Copied, Copied]


@pytest.mark.parametrize(("left", "expected"), [(PUBLISH_MARGIN_MS, Copied), (PUBLISH_MARGIN_MS - 1, Failed)])
def test_what_there_is_no_time_for_is_left_to_the_retry(left: int, expected: type[Outcome]) -> None:
    s3 = FakeS3({("my-source", f"aws-data/{name}.json"): NEW for name in "abc"})

    first, *others = carry_out([task(f"{name}.json") for name in "abc"], store_on(s3), lambda: left)

    assert isinstance(first, Copied)
    assert [type(other) for other in others] == [expected] * 2


def test_what_waits_for_its_check_until_no_time_is_left_is_left_to_the_retry() -> None:
    tasks = [task(f"{number}.json") for number in range(CONCURRENCY)]
    all_are_read, left, checked = Barrier(CONCURRENCY), [PUBLISH_MARGIN_MS], list[Publish]()

    class SlowStore(Store):
        def get(self, task: Publish) -> SourceObject | None:
            all_are_read.wait(60)
            return super().get(task)

    def check(task: Publish, _source: SourceObject) -> Facts:
        left[0] = 0
        checked.append(task)
        return Facts()

    s3: Any = FakeS3({("my-source", each.source_key): NEW for each in tasks})
    outcomes = carry_out(tasks, SlowStore(s3, 1000), lambda: left[0], check)

    assert len(checked) <= 2  # the one that came first, and the first of the event
    assert [outcome for outcome in outcomes if not isinstance(outcome, Copied)] == [
        Failed(each.source_key, NOT_TRIED) for each in tasks if each not in checked
    ]


def test_the_first_object_is_tried_however_little_time_is_left() -> None:
    first, second = carry_out([task(), task("y.json")], store_on(FakeS3({HERE: NEW})), lambda: 0)

    assert isinstance(first, Copied)
    assert isinstance(second, Failed)


@pytest.mark.parametrize(
    ("metadata", "correlation_id"),
    [({"run-id": "run-1"}, "run-1"), ({"run-id": "not an id"}, "request-1"), ({}, "request-1")],
)
@pytest.mark.parametrize("body", [NEW, b"<html>"])
def test_an_outcome_names_the_run_that_made_the_source_or_else_the_request_that_wrote_it(
    metadata: dict[str, str], correlation_id: str, body: bytes
) -> None:
    s3 = FakeS3({HERE: body}, {HERE: {"Metadata": metadata}})

    outcome = publish(replace(task(), request_id="request-1"), store_on(s3))

    assert isinstance(outcome, Copied | Rejected)
    assert outcome.correlation_id == correlation_id


@pytest.mark.parametrize("release", ["20261124T020000Z-7b5cf1f1", ""])
def test_a_copy_names_the_release_of_the_run_that_made_the_source(release: str) -> None:
    s3 = FakeS3({HERE: NEW}, {HERE: {"Metadata": {"release": release}}})

    outcome = publish(task(), store_on(s3))

    assert isinstance(outcome, Copied)
    assert (outcome.release, outcome.manifest) == (release, None)


def test_what_is_gone_names_the_request_that_wrote_it() -> None:
    assert publish(replace(task(), request_id="request-1"), store_on(FakeS3())) == Gone(task(), "request-1")

import pytest

from distributor.invalidator.messages import Batch, Delivery, PublishedKey, Refusal
from distributor.invalidator.requests import (
    Answer,
    Created,
    Deferred,
    InvalidationRequest,
    Refused,
    Unfinished,
    paths_for,
    requests_for,
    unfinished_messages,
)
from distributor.settings import InvalidatorSettings
from shared.settings import read_settings
from tests.distributor.messages import SENT

QUEUES = {"INVALIDATION_QUEUE_URL": "http://queue", "FAILURE_QUEUE_URL": "http://failures"}


def settings(**changes: str) -> InvalidatorSettings:
    return read_settings(InvalidatorSettings, {"CLOUDFRONT_DISTRIBUTION_ID": "E1EXAMPLE", **QUEUES, **changes})


def published(key: str = "data/x.json", message: str = "m1") -> PublishedKey:
    return PublishedKey(Delivery(message, f"receipt of {message}", "{}", 1, SENT), key, "run-1")


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        (["data/x.json"], ["/data/x.json"]),
        (["data/b.json", "data/a.json", "data/b.json"], ["/data/a.json", "/data/b.json"]),
        (["data/A-b_c.1=2/X.json"], ["/data/A-b_c.1=2/X.json"]),
        (["data/space plus+.json"], ["/data/*"]),
        (["data/~.json"], ["/data/*"]),
        (["data/*"], ["/data/*"]),
        (["data/日.json", "data/x.json"], ["/data/*"]),
        (["data/日.json", "other/x.json"], ["/data/*", "/other/x.json"]),
        (["data/日.json", "database/x.json"], ["/data/*", "/database/x.json"]),
        (["data/a/日.json", "data/a/b/é.json", "data/x.json"], ["/data/a/*", "/data/x.json"]),
        (["data/a/日.json", "data/b/é.json"], ["/data/*"]),
        (["data/日本/x.json"], ["/data/*"]),
        (["日.json"], ["/*"]),
        (["日本/x.json"], ["/*"]),
        (["data/" + "a" * 4000], ["/data/*"]),
        (["data/" + "a" * 4000 + "/x.json", "data/y.json"], ["/data/*"]),
        (["data/" + "a/" * 2000 + "x.json", "b.json"], ["/b.json", "/data" + "/a" * 1996 + "/*"]),
        ([], []),
    ],
)
def test_keys_become_sorted_distinct_paths_and_odd_ones_a_wildcard_over_their_folder(
    keys: list[str], paths: list[str]
) -> None:
    assert paths_for(keys, "", 50) == tuple(paths)


def test_no_path_is_longer_than_cloudfront_takes() -> None:
    paths = {path for length in range(3990, 4010) for path in paths_for([f"data/{'a' * length}"], "", 50)}

    assert max(map(len, paths)) <= 4000
    assert len(paths) > 1


@pytest.mark.parametrize(
    ("count", "paths"), [(3, ["/data/0.json", "/data/1.json", "/data/2.json"]), (4, ["/data/*"]), (10_000, ["/data/*"])]
)
def test_more_paths_than_the_most_become_one_wildcard(count: int, paths: list[str]) -> None:
    assert paths_for([f"data/{number}.json" for number in range(count)], "", 3) == tuple(paths)


def test_a_wildcard_counts_as_a_path() -> None:
    assert paths_for(["data/a/日.json", "data/x.json"], "", 1) == ("/data/*",)


@pytest.mark.parametrize(
    ("key", "origin_path", "paths"),
    [
        ("site/data/x.json", "/site", ["/data/x.json"]),
        ("a/b/data/x.json", "/a/b", ["/data/x.json"]),
        ("site/日.json", "/site", ["/*"]),
        ("data/x.json", "/site", []),
        ("siteb/x.json", "/site", []),
        ("site/site/x.json", "/site", ["/site/x.json"]),
    ],
)
def test_paths_are_relative_to_the_origin_path_and_what_is_outside_needs_none(
    key: str, origin_path: str, paths: list[str]
) -> None:
    assert paths_for([key], origin_path, 50) == tuple(paths)


def test_every_distribution_gets_one_request_with_all_paths() -> None:
    requests = requests_for(
        [published("data/b.json", "m2"), published("data/a.json")], settings(CLOUDFRONT_DISTRIBUTION_ID="E1, E2,E1")
    )

    assert [(request.distribution, request.paths) for request in requests] == [
        ("E1", ("/data/a.json", "/data/b.json")),
        ("E2", ("/data/a.json", "/data/b.json")),
    ]
    assert requests[0].reference != requests[1].reference


@pytest.mark.parametrize("batch", [[], [published("elsewhere/x.json")]])
def test_where_nothing_can_be_reached_nothing_is_requested(batch: list[PublishedKey]) -> None:
    assert requests_for(batch, settings(DISTRIBUTION_ORIGIN_PATH="/site")) == []


def reference(*batch: PublishedKey, **changes: str) -> str:
    (request,) = requests_for(batch, settings(**changes))
    return request.reference


def test_the_same_messages_give_the_same_reference_in_any_order_and_number() -> None:
    first, second = published("data/a.json", "m1"), published("data/b.json", "m2")

    assert reference(first, second) == reference(second, first, first)


def test_other_messages_paths_or_distributions_give_another_reference() -> None:
    first, second = published("data/a.json", "m1"), published("data/b.json", "m2")

    references = [
        reference(first, second),
        reference(first),
        reference(published("data/a.json", "m3")),
        reference(first, second, MAX_INVALIDATION_PATHS="1"),
        reference(first, second, CLOUDFRONT_DISTRIBUTION_ID="E2"),
    ]
    assert len(set(references)) == len(references)
    assert all(len(text) <= 128 for text in references)


REQUEST = InvalidationRequest("E1", ("/x",), "reference")
OTHER = InvalidationRequest("E2", ("/x",), "reference")
MALFORMED = Refusal(Delivery("m0", "r", "?", 1, SENT), "odd")
BATCH = Batch((published(),), (MALFORMED,))
DELIVERY = BATCH.published[0].delivery


@pytest.mark.parametrize(
    ("answers", "unfinished"),
    [
        ([], Unfinished((), (MALFORMED,))),
        ([Created(REQUEST, "I1", "InProgress")], Unfinished((), (MALFORMED,))),
        ([Deferred(REQUEST, "busy")], Unfinished((DELIVERY,), (MALFORMED,))),
        ([Refused(REQUEST, "no")], Unfinished((), (MALFORMED, Refusal(DELIVERY, "E1: no")))),
        ([Created(REQUEST, "I1", "InProgress"), Deferred(OTHER, "busy")], Unfinished((DELIVERY,), (MALFORMED,))),
        ([Refused(REQUEST, "no"), Deferred(OTHER, "busy")], Unfinished((DELIVERY,), (MALFORMED,))),
        (
            [Created(REQUEST, "I1", "InProgress"), Refused(OTHER, "no")],
            Unfinished((), (MALFORMED, Refusal(DELIVERY, "E2: no"))),
        ),
        (
            [Refused(REQUEST, "no"), Refused(OTHER, "nor")],
            Unfinished((), (MALFORMED, Refusal(DELIVERY, "E1: no; E2: nor"))),
        ),
    ],
)
def test_messages_come_again_if_any_answer_is_due_and_are_for_a_person_if_one_is_a_refusal(
    answers: list[Answer], unfinished: Unfinished
) -> None:
    assert unfinished_messages(BATCH, answers) == unfinished

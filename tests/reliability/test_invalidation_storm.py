"""Ten thousand published keys against a CloudFront that is slow and fails, in virtual time."""

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from cloud.stand_ins.cloudfront import Accepted, CloudFront, CloudFrontServer, EdgeQuirks
from cloud.template import read_template, resolve, translate
from distributor.invalidator import handler as invalidator
from distributor.invalidator.handler import InvalidatorDependencies
from distributor.invalidator.redelivery import Redelivery
from distributor.outcomes import Copied
from distributor.queues import InvalidationQueue
from distributor.settings import InvalidatorSettings
from shared.clients import INVALIDATING, connect
from shared.settings import read_settings
from tests.distributor.fake_sqs import Clock, FakeSqs
from tests.distributor.world import WEBSITE, task

QUEUE, FAILURES = "http://invalidations", "http://failures"
ENVIRONMENT = {"INVALIDATION_QUEUE_URL": QUEUE, "FAILURE_QUEUE_URL": FAILURES, "CLOUDFRONT_DISTRIBUTION_ID": "E1"}
KEYS, AT_ONCE, EVERY = 10_000, 1000, 6.0  # a thousand keys every six seconds
RUN = 3.0  # seconds that an invocation takes


@pytest.fixture(scope="module")
def mapping() -> dict[str, Any]:
    given = {"DistributionBucketName": "my-website", "CloudFrontDistributionId": "E1"}
    (found,) = resolve(translate(read_template()), "feed", given).of_type("AWS::Lambda::EventSourceMapping")
    return found.properties


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[1, *(pytest.param(seed, marks=pytest.mark.prove) for seed in (2, 3))])
def edge(request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    chance = random.Random(request.param)  # noqa: S311 - repeatable on purpose
    monkeypatch.setattr(random, "random", chance.random)
    quirks = EdgeQuirks(pace=2, errors=0.1, lost=0.1, takes=60, seed=request.param)
    with CloudFrontServer(CloudFront({"E1"}, quirks, clock)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", server.url)
        yield server.cloudfront


def publish(sqs: FakeSqs, first: int) -> dict[str, float]:
    """Keys and when their copies had been made."""
    names = [f"{number:05}.json" for number in range(first, first + AT_ONCE)]
    client: Any = sqs
    assert (
        InvalidationQueue(client, QUEUE, WEBSITE.bucket).send(Copied(task(name), '"e"', 2, 1, 0.1) for name in names)
        == []
    )
    return {f"/data/{name}": sqs.clock() for name in names}


def covers(invalidation: Accepted, path: str) -> bool:
    return any(path == one or (one.endswith("*") and path.startswith(one[:-1])) for one in invalidation.paths)


def test_a_cloudfront_that_refuses_for_hours_delays_and_loses_nothing(
    clock: Clock, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs: Any = FakeSqs(clock)
    with CloudFrontServer(CloudFront({"E1"}, EdgeQuirks(throttle_next=30), clock)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", server.url)
        settings = read_settings(InvalidatorSettings, ENVIRONMENT)
        made = InvalidatorDependencies(settings, connect("cloudfront", INVALIDATING), Redelivery(sqs, QUEUE, FAILURES))
        monkeypatch.setattr(invalidator, "build_invalidator_dependencies", lambda: made)
        publish(sqs, 0)
        tries: list[float] = []

        while sqs.queues[QUEUE]:
            tries.append(clock.now)
            sqs.poll(QUEUE, lambda event: invalidator.lambda_handler(event, lambda_context), 10_000, 1)
            clock.now = min((message.visible_at for message in sqs.queues[QUEUE].values()), default=clock.now)

    assert len(tries) == 31
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert all(10 <= gap <= 900 for gap in gaps)
    assert min(gaps[7:]) >= 450
    assert [one.paths for one in server.cloudfront.accepted] == [("/data/*",)]
    assert server.cloudfront.traffic.answers == {"Throttling": 30, "Created": 1}


def test_a_storm_of_keys_is_covered_by_few_invalidations_and_none_is_lost_or_stuck(
    edge: CloudFront,
    clock: Clock,
    mapping: dict[str, Any],
    lambda_context: LambdaContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sqs: Any = FakeSqs(clock)
    made = InvalidatorDependencies(
        read_settings(InvalidatorSettings, ENVIRONMENT),
        connect("cloudfront", INVALIDATING),
        Redelivery(sqs, QUEUE, FAILURES),
    )
    monkeypatch.setattr(invalidator, "build_invalidator_dependencies", lambda: made)
    most, side_by_side = mapping["BatchSize"], mapping["ScalingConfig"]["MaximumConcurrency"]
    copied: dict[str, float] = {}

    next_poll = float(mapping["MaximumBatchingWindowInSeconds"])
    while len(copied) < KEYS or sqs.queues[QUEUE]:
        assert clock.now < 6 * 3600, "messages are stuck"
        if len(copied) < KEYS and clock.now >= len(copied) / AT_ONCE * EVERY:
            copied |= publish(sqs, len(copied))
        if clock.now >= next_poll:
            sqs.poll(QUEUE, lambda event: invalidator.lambda_handler(event, lambda_context), most, side_by_side)
            next_poll = clock.now + RUN
            hidden = [message.visible_at for message in sqs.queues[QUEUE].values()]
            if hidden and min(hidden) > clock.now:  # the window opens with the first message that is seen
                next_poll = min(hidden) + mapping["MaximumBatchingWindowInSeconds"]
        clock.now += 1

    uncovered = [
        path for path, when in copied.items() if not any(one.at >= when and covers(one, path) for one in edge.accepted)
    ]
    assert uncovered == []
    assert FAILURES not in sqs.queues
    assert edge.traffic.requests <= 20
    assert len(sqs.sizes) == KEYS / 10
    assert sum(edge.traffic.answers.get(code, 0) for code in ("ServiceUnavailable", "Throttling")) > 0

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloud.stand_ins.cloudfront import CloudFront, CloudFrontServer, EdgeError, EdgeQuirks


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_invalidation_is_in_progress_and_then_completed() -> None:
    clock = Clock()
    cloudfront = CloudFront({"E1"}, EdgeQuirks(takes=60), clock)

    accepted = cloudfront.create("E1", ["/a", "/b/*"], "one")

    assert cloudfront.status(accepted) == "InProgress"
    clock.now = 60
    assert cloudfront.status(accepted) == "Completed"


def test_a_known_reference_gets_the_earlier_invalidation_with_the_same_paths_and_an_error_with_others() -> None:
    cloudfront = CloudFront({"E1", "E2"})
    first = cloudfront.create("E1", ["/a", "/b"], "one")

    assert cloudfront.create("E1", ["/b", "/a"], "one") == first
    assert cloudfront.create("E2", ["/c"], "one") != first
    with pytest.raises(EdgeError, match="InvalidationBatchAlreadyExists"):
        cloudfront.create("E1", ["/a"], "one")


def test_the_pace_is_kept_by_throttling() -> None:
    clock = Clock()
    cloudfront = CloudFront({"E1"}, EdgeQuirks(pace=2), clock)

    cloudfront.create("E1", ["/a"], "one")
    clock.now = 1.9
    with pytest.raises(EdgeError, match="Throttling"):
        cloudfront.create("E1", ["/a"], "two")
    clock.now = 2
    cloudfront.create("E1", ["/a"], "three")

    assert cloudfront.traffic.answers == {"Created": 2, "Throttling": 1}


@pytest.mark.parametrize("path", ["/{}/*", "/{}"])
def test_a_distribution_bears_fifteen_wildcards_and_three_thousand_paths_in_progress(path: str) -> None:
    clock, most = Clock(), 15 if path.endswith("*") else 3000
    cloudfront = CloudFront({"E1", "E2"}, EdgeQuirks(takes=60), clock)
    cloudfront.create("E1", [path.format(number) for number in range(most)], "one")

    with pytest.raises(EdgeError, match="TooManyInvalidationsInProgress"):
        cloudfront.create("E1", [path.format("x")], "two")
    cloudfront.create("E2", [path.format("x")], "two")
    clock.now = 60
    cloudfront.create("E1", [path.format("x")], "two")


@pytest.mark.parametrize(
    ("distribution", "paths", "code"),
    [
        ("E1", [], "InvalidArgument"),
        ("E1", ["a"], "InvalidArgument"),
        ("E1", ["/*/a"], "InvalidArgument"),
        ("E1", ["/日"], "InvalidArgument"),
        ("E1", ["/a b"], "InvalidArgument"),
        ("E1", ["/~a"], "InvalidArgument"),
        ("E1", ["/100%"], "InvalidArgument"),
        ("E1", ["/fine", "/" + "a" * 4000], "InvalidArgument"),
        ("E1", ["/fine", "/odd/a"], "InvalidArgument"),
        ("E1", ["/a"] * 3001, "BatchTooLarge"),
        ("E3", ["/a"], "NoSuchDistribution"),
    ],
)
def test_what_cloudfront_would_refuse_is_refused(distribution: str, paths: list[str], code: str) -> None:
    with pytest.raises(EdgeError, match=code):
        CloudFront({"E1"}, EdgeQuirks(odd="odd")).create(distribution, paths, "one")


@pytest.mark.parametrize("path", ["/", "/*", "/a/b.json?c=d&e=f*", "/%E6%97%A5", "/" + "a" * 3999])
def test_a_path_that_is_encoded_and_not_too_long_is_taken(path: str) -> None:
    assert CloudFront({"E1"}).create("E1", [path], "one").paths == (path,)


def test_a_lost_answer_has_taken_effect_and_an_error_has_not() -> None:
    for quirks, accepted in ((EdgeQuirks(errors=1), 0), (EdgeQuirks(lost=1), 1)):
        cloudfront = CloudFront({"E1"}, quirks)
        with pytest.raises(EdgeError, match="ServiceUnavailable"):
            cloudfront.create("E1", ["/a"], "one")
        assert len(cloudfront.accepted) == accepted


def client_of(server: CloudFrontServer) -> Any:
    return boto3.client("cloudfront", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))


def test_it_speaks_cloudfronts_protocol() -> None:
    batch = {"Paths": {"Quantity": 1, "Items": ["/a&b'c"]}, "CallerReference": "one"}
    with CloudFrontServer(CloudFront({"E1"})) as server:
        client = client_of(server)
        created = client.create_invalidation(DistributionId="E1", InvalidationBatch=batch)["Invalidation"]
        with pytest.raises(ClientError, match="NoSuchDistribution"):
            client.create_invalidation(DistributionId="E2", InvalidationBatch=batch)
        with pytest.raises(ClientError, match="UnknownOperation"):
            client.list_distributions()

    assert created["InvalidationBatch"] == batch
    assert created["Id"] == server.cloudfront.accepted[0].id
    assert created["Status"] == "InProgress"


def test_iam_is_asked_with_the_distributions_arn() -> None:
    asked: list[tuple[str, str, str]] = []

    def authorize(key: str, _headers: object, action: str, arn: str) -> bool:
        asked.append((key, action, arn))
        return False

    batch = {"Paths": {"Quantity": 1, "Items": ["/a"]}, "CallerReference": "one"}
    with (
        CloudFrontServer(CloudFront({"E1"}), authorize) as server,
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        client_of(server).create_invalidation(DistributionId="E1", InvalidationBatch=batch)

    assert asked == [("test", "cloudfront:CreateInvalidation", "arn:aws:cloudfront::123456789012:distribution/E1")]

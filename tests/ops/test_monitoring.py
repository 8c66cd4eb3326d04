from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from ops.monitoring import observe_oldest_messages
from ops.stack import DeployedStack


@pytest.mark.parametrize(("by_sqs", "by_the_invalidator", "shown"), [(60, 3000, 3000), (3000, 0, 3000)])
def test_a_key_that_sqs_no_longer_counts_shows_how_long_it_has_waited_all_the_same(
    by_sqs: int, by_the_invalidator: int, shown: int
) -> None:
    with mock_aws():
        stack = DeployedStack(
            boto3.Session(region_name="us-east-1"),
            "arn:aws:cloudformation:us-east-1:123456789012:stack/feed/1",
            "feed",
            "CREATE_COMPLETE",
            {"InvalidationsUrl": "https://sqs/1/waiting"},
        )
        for namespace, name, dimension, value in (
            ("AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName", "waiting"), by_sqs),
            ("AwsServicesFeed/feed", "InvalidationWait", ("service", "invalidator"), by_the_invalidator),
        ):
            datum = {"MetricName": name, "Dimensions": [dict(zip(("Name", "Value"), dimension, strict=True))]}
            time = datetime.now(UTC) - timedelta(minutes=1)
            stack.client("cloudwatch").put_metric_data(
                Namespace=namespace, MetricData=[datum | {"Value": value, "Timestamp": time}]
            )

        assert observe_oldest_messages(stack) == {"Invalidations": shown}

"""The names that the distributor's tests share, and events like S3's."""

from typing import Any

from distributor.outcomes import Copied, Failed, Gone, Headers, Outcome, Publish, Rejected, Skipped
from distributor.settings import Location

ENVIRONMENT = {"SOURCE_BUCKET": "my-source", "DISTRIBUTION_BUCKET": "my-website"}
SOURCE = Location("my-source", "aws-data")
WEBSITE = Location("my-website", "data")
HEADERS = Headers("application/json", "public, max-age=300")


def task(name: str = "x.json") -> Publish:
    return Publish(SOURCE, WEBSITE, name, HEADERS)


EVERY_KIND: list[Outcome] = [
    Copied(task(), '"e"', 12, 1, 0.0371),
    Gone(task()),
    Skipped("s", "why"),
    Rejected("r", "why"),
    Failed("f", "why"),
]


def record(key: object = "aws-data/x.json", bucket: object = "my-source", **changes: object) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-23T02:00:31.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": key, "size": 2, "eTag": "99914b932bd37a50b983c5e7c90ae93b", "sequencer": "0A1B2C"},
        },
        **changes,
    }


def event(*records: object) -> dict[str, Any]:
    return {"Records": list(records)}

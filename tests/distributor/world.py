"""The names that the distributor's tests share, and events like S3's."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from distributor.outcomes import Copied, Failed, Gone, Headers, Outcome, Publish, Rejected, Skipped
from distributor.plan import decide
from distributor.settings import DistributorSettings, Location
from shared.contract import Counts, Manifest, ReleaseFile, content_type, name_release
from shared.settings import read_settings

ENVIRONMENT = {"SOURCE_BUCKET": "my-source", "DISTRIBUTION_BUCKET": "my-website"}
SOURCE = Location("my-source", "aws-data")
WEBSITE = Location("my-website", "data")
HEADERS = Headers("application/json", "public, max-age=300")


def task(name: str = "x.json") -> Publish:
    return Publish(SOURCE, WEBSITE, name, HEADERS)


def manifest_task(destination: Location = WEBSITE, **environment: str) -> Publish:
    """The task that publishes a release at the destination, as the plan makes it."""
    publish = decide("manifest.json", destination, read_settings(DistributorSettings, ENVIRONMENT | environment))
    assert isinstance(publish, Publish)
    return publish


def manifest_of(files: Mapping[str, bytes], run: int = 1) -> bytes:
    """A run's manifest of these files; each run has a second of its own."""
    time = datetime(2026, 11, 24, 2, tzinfo=UTC) + timedelta(seconds=run)
    release = name_release(f"{time:%Y%m%dT%H%M%SZ}", f"{run:08x}-4c5d")
    return Manifest(
        version="1.3.0",
        release=release,
        time=time,
        path=f"releases/{release}/",
        files=tuple(
            ReleaseFile(
                name=name, size=len(body), sha256=hashlib.sha256(body).hexdigest(), content_type=content_type(name)
            )
            for name, body in sorted(files.items())
        ),
        counts=Counts(regions=1, services=1, region_services=1),
        latest_change=None,
        next_expected=None,
    ).to_bytes()


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

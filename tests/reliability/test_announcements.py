"""The announcements on the whole stack: from the schedule to the website, and what becomes of readings that fail."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.ssm import ParameterServer
from shared import contract
from tests.fetcher.small_world import PARAMETERS

NAME = "aws-whats-new.json"


@pytest.fixture
def cloud() -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(ssm=ParameterServer(PARAMETERS), in_process=True) as cloud:
        cloud.lambdas._retry_delay = 0
        yield cloud


def read(cloud: EmbeddedCloud) -> None:
    cloud.fire("AnnouncementsSchedule")
    cloud.settle()


def published(cloud: EmbeddedCloud) -> bytes:
    body: bytes = cloud.client("s3").get_object(Bucket=cloud.website, Key=f"data/{NAME}")["Body"].read()
    return body


def test_the_schedule_brings_the_announcements_to_the_website_and_into_no_release(cloud: EmbeddedCloud) -> None:
    read(cloud)

    file = contract.Announcements.from_bytes(published(cloud))
    assert file.metadata.count == 3
    assert file.metadata.source == cloud.announcements.url
    assert cloud.objects(cloud.source_bucket()) == [f"aws-data/{NAME}"]

    cloud.fire("FetchSchedule")
    cloud.settle()

    assert [key for key in cloud.objects(cloud.website) if key.endswith(f"/{NAME}")] == [f"data/{NAME}"]


def test_a_reading_that_fails_reaches_nobody_and_a_day_of_them_somebody(cloud: EmbeddedCloud) -> None:
    read(cloud)
    before = published(cloud)
    cloud.announcements.body = b"<html>Sorry</html>"

    read(cloud)

    assert published(cloud) == before
    after = [cloud.evaluate_alarms(datetime.now(UTC) + timedelta(hours=hours)) for hours in (0, 25, 28)]
    assert [states["AnnouncementsStale"] for states in after] == ["OK", "OK", "ALARM"]

import subprocess
import sys
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from benchmarks.crawl import ACCESS
from benchmarks.sweep import Listings
from shared import clients
from shared.clients import Patience, connect

TABLE = {name: value for name, value in vars(clients).items() if isinstance(value, Patience)}


@pytest.mark.parametrize("patience", TABLE.values(), ids=TABLE)
def test_a_client_waits_as_the_table_says(patience: Patience) -> None:
    config = connect("s3", patience).meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": patience.attempts}
    assert (config.connect_timeout, config.read_timeout) == (patience.connect, patience.read)


def test_a_request_of_the_publishing_protocol_is_over_well_within_a_minute() -> None:
    patience = clients.PUBLISHING

    assert patience.attempts * (patience.connect + patience.read) <= 30


def test_the_times_of_a_listing_are_read_without_the_slow_parser_and_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Listings(1) as s3:
        for name, value in (*ACCESS.items(), ("AWS_ENDPOINT_URL", s3.url)):
            monkeypatch.setenv(name, value)
        client = connect("s3", clients.PUBLISHING)

        with patch("dateutil.parser.parse", side_effect=AssertionError):
            (listed,) = client.list_objects_v2(Bucket="source", Prefix="aws-data/")["Contents"]

        head = client.head_object(Bucket="source", Key=listed["Key"])
    assert listed["LastModified"] == head["LastModified"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "module", ["fetcher", "distributor", "distributor.sweeper", "distributor.invalidator"], ids=str
)
def test_no_start_pays_for_boto3_and_its_transfers_of_files(module: str) -> None:
    start = (
        f"import sys, {module}.handler; from shared.clients import *; connect('s3', PUBLISHING); "
        "print({'boto3', 's3transfer'} & {*sys.modules})"
    )

    assert subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True).stdout == "set()\n"

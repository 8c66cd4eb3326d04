import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from benchmarks.crawl import ACCESS
from benchmarks.sweep import MODIFIED, Listings
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


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listings]:
    with Listings(1) as server:
        for name, value in (*ACCESS.items(), ("AWS_ENDPOINT_URL", server.url)):
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.usefixtures("s3")
def test_the_times_of_listings_and_headers_are_read_without_the_slow_parser_and_are_the_same() -> None:
    client = connect("s3", clients.PUBLISHING)

    with patch("dateutil.parser.parse", side_effect=AssertionError):
        (listed,) = client.list_objects_v2(Bucket="source", Prefix="aws-data/")["Contents"]
        head = client.head_object(Bucket="source", Key=listed["Key"])

    assert listed["LastModified"] == head["LastModified"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("text", ["2 Jan 2026 03:04:05Z", "2026-01-02 03:04:05 GMT", "Fri, 02 Jan 2026 03:04:05 +0000"])
def test_a_time_that_a_person_has_written_into_a_header_is_read_all_the_same(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODIFIED, "Expires", text)

    answer = connect("s3", clients.PUBLISHING).get_object(Bucket="source", Key="aws-data/0.json")

    assert answer["Expires"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_user_agent_is_put_together_once_for_all_requests_of_a_client(s3: Listings) -> None:
    client = connect("s3", clients.PUBLISHING)

    with (
        patch.object(s3, "reply", wraps=s3.reply) as reply,
        patch("botocore.useragent.UserAgentComponent.to_string", side_effect=AssertionError),
    ):
        client.head_object(Bucket="source", Key="aws-data/0.json")

    (request,) = reply.call_args.args
    assert re.match(r"Botocore/\S+ Python/\S+ ", request.headers["User-Agent"])


@pytest.mark.parametrize(
    "module", ["fetcher", "distributor", "distributor.sweeper", "distributor.invalidator"], ids=str
)
def test_no_start_pays_for_boto3_and_its_transfers_of_files(module: str) -> None:
    start = (
        f"import sys, {module}.handler; from shared.clients import *; connect('s3', PUBLISHING); "
        "print({'boto3', 's3transfer'} & {*sys.modules})"
    )

    assert subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True).stdout == "set()\n"

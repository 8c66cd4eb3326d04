import pytest

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

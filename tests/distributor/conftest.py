import boto3
import pytest

from distributor.settings import DistributorSettings
from shared.settings import read_settings
from tests.distributor.world import ENVIRONMENT


@pytest.fixture(scope="module", autouse=True)
def boto3_session() -> None:
    """One for each module: a session keeps what it has read of botocore's data, and also the credentials it found."""
    boto3.setup_default_session()


@pytest.fixture
def settings() -> DistributorSettings:
    return read_settings(DistributorSettings, ENVIRONMENT)

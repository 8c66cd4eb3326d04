import pytest

from distributor.settings import DistributorSettings
from shared.settings import read_settings
from tests.distributor.world import ENVIRONMENT


@pytest.fixture
def settings() -> DistributorSettings:
    return read_settings(DistributorSettings, ENVIRONMENT)

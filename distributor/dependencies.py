"""What an invocation of the distributor or the sweeper works with, made once for each execution environment."""

import os
from dataclasses import dataclass
from functools import cache

from distributor import failures, invalidations, store
from distributor.settings import DistributorSettings
from shared.settings import read_settings


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Settings and clients."""

    settings: DistributorSettings
    store: store.Store
    failures: failures.FailureQueue
    invalidations: invalidations.Invalidations


@cache
def dependencies() -> Dependencies:
    """ConfigurationError, each time anew, if the environment is not right."""
    settings = read_settings(DistributorSettings, os.environ)
    return Dependencies(
        settings,
        store.connect(settings.cache_control, settings.max_object_bytes),
        failures.connect(settings.failure_queue_url),
        invalidations.connect(settings.invalidation_queue_url, settings.website),
    )

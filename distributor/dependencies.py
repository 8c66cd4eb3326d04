"""Settings and clients of the distributor and the sweeper, built once for each execution environment."""

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from distributor.queues import FailureQueue, InvalidationQueue, Invalidations, NoInvalidations
from distributor.settings import DistributorSettings
from distributor.store import Store
from shared.clients import KEEPING_FAILURES, PUBLISHING, PUTTING_EVENTS, QUEUEING_INVALIDATIONS, connect, open_session
from shared.settings import read_settings

if TYPE_CHECKING:
    from botocore.session import Session

    from distributor.event_bus import EventBus


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Settings and clients; `event_bus` is None if no bus is named."""

    settings: DistributorSettings
    store: Store
    failures: FailureQueue
    invalidations: Invalidations
    event_bus: "EventBus | None"


@cache
def build_dependencies() -> Dependencies:
    """ConfigurationError, on each call, if the environment is not right."""
    settings, session = read_settings(DistributorSettings, os.environ), open_session()
    return Dependencies(
        settings,
        Store(connect("s3", PUBLISHING, session), settings.max_object_bytes),
        FailureQueue(connect("sqs", KEEPING_FAILURES, session), settings.failure_queue_url),
        _invalidations(settings, session),
        _event_bus(settings, session),
    )


def _invalidations(settings: DistributorSettings, session: "Session") -> Invalidations:
    if not settings.invalidation_queue_url:
        return NoInvalidations()
    client = connect("sqs", QUEUEING_INVALIDATIONS, session)
    return InvalidationQueue(client, settings.invalidation_queue_url, settings.distribution_bucket)


def _event_bus(settings: DistributorSettings, session: "Session") -> "EventBus | None":
    if not settings.event_bus_name:
        return None
    from distributor.event_bus import EventBus  # noqa: PLC0415 - its models would slow each start where no bus is named

    client = connect("events", PUTTING_EVENTS, session)
    return EventBus(client, settings.event_bus_name, settings.website, settings.site_url)

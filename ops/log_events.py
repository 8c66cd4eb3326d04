"""Log groups in, their events out, each once, for as long as somebody listens.

CloudWatch's own live tail leaves events out above 500 a second, ends after three hours and costs money by the minute.
FilterLogEvents does not. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

FIRST_SECONDS = 600  # what was logged before, and is shown first; the AWS CLI takes as much
OVERLAP_SECONDS = 120  # an event can be found some seconds after it was logged, behind later ones
POLL_SECONDS = 5
BUSY = {"LimitExceededException", "ServiceUnavailableException", "ThrottlingException"}


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line that a function has logged, `milliseconds` after 1970."""

    group: str
    milliseconds: int
    message: str


class Tail:
    """Reads one log group, each event once. The events' own times count, so the clock here may be off."""

    def __init__(self, logs: Any, group: str, since_seconds: float) -> None:  # noqa: ANN401 - one type for each service
        self._pages, self._group = logs.get_paginator("filter_log_events"), group
        self._since = int(since_seconds * 1000)
        self._seen: dict[str, int] = {}  # when each event was logged, by CloudWatch's id

    def new_events(self) -> Iterator[LogEvent]:
        """The events that were not there before; while CloudWatch is too busy, the next call has the rest."""
        try:
            for page in self._pages.paginate(logGroupName=self._group, startTime=self._since):
                for entry in page["events"]:
                    if entry["eventId"] not in self._seen:
                        self._seen[entry["eventId"]] = entry["timestamp"]
                        yield LogEvent(self._group, entry["timestamp"], entry["message"].rstrip())
        except ClientError as error:
            if error.response["Error"]["Code"] not in BUSY:
                raise
            return
        self._since = max(self._since, max(self._seen.values(), default=0) - OVERLAP_SECONDS * 1000)
        self._seen = {id_: logged for id_, logged in self._seen.items() if logged >= self._since}


def follow(logs: Any, groups: Iterable[str]) -> Iterator[LogEvent]:  # noqa: ANN401
    """The events of the last minutes, then new ones without end; those of one look by the time they were logged."""
    tails = [Tail(logs, group, time.time() - FIRST_SECONDS) for group in groups]
    while True:
        events = [event for tail in tails for event in tail.new_events()]
        yield from sorted(events, key=lambda event: event.milliseconds)
        time.sleep(POLL_SECONDS)

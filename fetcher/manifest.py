"""The files of a run in, the manifest that names them out. Pure: no clock, no bucket."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from fetcher.documents import Documents
from shared import contract

TIMEOUT = timedelta(minutes=5)  # the function's in template.yaml: no run takes longer

_DAILY = re.compile(r"cron\(([0-5]?[0-9]) ([01]?[0-9]|2[0-3]) \* \* \? \*\)")
_RATE = re.compile(r"rate\(([0-9]{1,5}) (minute|hour|day)s?\)")


def build_manifest(
    documents: Documents, bodies: Mapping[str, bytes], history: contract.ChangeHistory | None, schedule: str
) -> contract.Manifest:
    """The manifest of these files, by name. `schedule`: the schedule's expression, empty if there is none."""
    metadata = documents.complete_data.metadata
    release = contract.name_release(f"{metadata.timestamp:%Y%m%dT%H%M%SZ}", metadata.run_id)
    latest = history.change_log[0] if history and history.change_log else None
    return contract.Manifest(
        version=metadata.version,
        release=release,
        time=metadata.timestamp,
        path=f"{contract.RELEASES_FOLDER}/{release}/",
        files=tuple(_file(name, bodies[name]) for name in sorted(bodies)),
        counts=metadata.counts,
        stale_regions=metadata.stale_regions,
        latest_change=contract.LatestChange(date=latest.date, summary=latest.summary) if latest else None,
        next_expected=next_expected(schedule, metadata.timestamp),
    )


def _file(name: str, body: bytes) -> contract.ReleaseFile:
    return contract.ReleaseFile(
        name=name,
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        content_type=contract.content_type(name),
    )


def next_expected(schedule: str, now: datetime) -> datetime | None:
    """When the next run by the schedule will have ended: its start and the longest that a run may take.

    Known for `cron(M H * * ? *)`, and for `rate(N minutes)`, `hours` or `days` at the latest, since the expression does
    not tell when these begin. None for any other expression.
    """
    if daily := _DAILY.fullmatch(schedule):
        today = now.replace(hour=int(daily[2]), minute=int(daily[1]), second=0, microsecond=0)
        return today + timedelta(days=today <= now) + TIMEOUT
    if rate := _RATE.fullmatch(schedule):
        return now + timedelta(**{f"{rate[2]}s": int(rate[1])}) + TIMEOUT
    return None

"""A source, a website and everything that can go wrong between them, driven by whoever decides what happens next.

The distributor's own steps are run: decode, plan, carry out, and the sweep. S3 is the fake, whose behaviour the
contract suite compares with real servers.
"""

import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote_plus

from botocore.exceptions import ReadTimeoutError

from distributor.content import check
from distributor.dependencies import Dependencies
from distributor.events import decode
from distributor.outcomes import Copied, Failed, Outcome, Skipped
from distributor.plan import plan
from distributor.publish import carry_out
from distributor.queues import NoInvalidations
from distributor.settings import DistributorSettings
from distributor.store import Store
from distributor.sweeper.progress import Progress
from distributor.sweeper.sweep import SweepRequest, sweep
from shared.settings import read_settings
from shared.strict_json import UnfitError
from tests.distributor.fake_s3 import FakeS3, etag, refusal
from tests.distributor.world import ENVIRONMENT, event, record

ENOUGH = 10**6


class CrashError(BaseException):
    """The function is killed; nothing in it may catch this."""


@dataclass(frozen=True)
class Fault:
    """What happens at the nth call of a delivery, before or after the call takes effect."""

    call: int
    kind: str


BEFORE = ("crash", "lost", "lost, lands late", "lost, reads and lands late", "503", "403", "409", "empty 200")
AFTER = ("crash after", "lost after")
KINDS = BEFORE + AFTER


@dataclass
class World:
    """All state, and what was ever written and is fit, by name."""

    s3: FakeS3 = field(default_factory=FakeS3)
    events: list[dict[str, Any]] = field(default_factory=list)
    retries: list[dict[str, Any]] = field(default_factory=list)
    abandoned: list[dict[str, Any]] = field(default_factory=list)
    written: dict[str, set[bytes]] = field(default_factory=dict)
    unheard: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.settings = read_settings(DistributorSettings, ENVIRONMENT)
        self.store = Store(self.s3, 10_000)  # type: ignore[arg-type]
        self.made = Dependencies(self.settings, self.store, Mock(), NoInvalidations(), None)

    def put(self, name: str, body: bytes, *, heard: bool = True) -> None:
        """Write to the source; S3 sends an event, which may be lost."""
        self.s3.put_object(Bucket="my-source", Key=f"aws-data/{name}", Body=body)
        self.counts["writes"] += 1
        if is_fit(body):
            self.written.setdefault(name, set()).add(body)
        if heard:
            self.events.append(event(record(quote_plus(f"aws-data/{name}"))))
        else:
            self.counts["events lost"] += 1
            self.unheard.add(name)

    def delete(self, name: str) -> None:
        """Delete from the source."""
        self.s3.delete_object(Bucket="my-source", Key=f"aws-data/{name}")

    def deliver(self, one: dict[str, Any], faults: tuple[Fault, ...] = (), meanwhile: Any = None) -> None:
        """Deliver an event; if it fails in any way it is due again. `meanwhile` happens in the midst of it."""
        self.counts["deliveries"] += 1
        calls = iter(range(1, ENOUGH))
        pending = {fault.call: fault.kind for fault in faults}
        at: list[int] = [0]

        def before(operation: str) -> None:
            at[0] = next(calls)
            if meanwhile and at[0] == meanwhile[0]:
                hooks = self.s3.before, self.s3.after
                meanwhile[1]()
                self.s3.before, self.s3.after = hooks
            if pending.get(at[0]) in BEFORE:
                self._strike(pending.pop(at[0]), operation)

        def after(operation: str) -> None:
            if pending.get(at[0]) in AFTER:
                kind = pending.pop(at[0])
                self.counts[f"fault: {kind}"] += 1
                raise CrashError if kind == "crash after" else _lost()

        self.s3.before, self.s3.after = before, after
        try:
            outcomes = carry_out(plan(decode(one).notices, self.settings), self.store, lambda: ENOUGH)
            failed = any(isinstance(outcome, Failed) for outcome in outcomes)
            self.counts["published"] += sum(isinstance(outcome, Copied) for outcome in outcomes)
            self.counts["overtaken"] += sum(isinstance(outcome, Skipped) for outcome in outcomes)
            self.follow_up(outcomes)
        except CrashError:
            failed = True
        finally:
            self.s3.before = self.s3.after = lambda operation: None
        if failed:
            self.counts["delivered again"] += 1
            self.retries.append(one)

    def follow_up(self, outcomes: list[Outcome]) -> None:
        """What the function does after it has published; CrashError if it then fails."""

    def land(self) -> None:
        """Let every abandoned copy end: a minute passes."""
        while self.abandoned:
            late = self.abandoned.pop(0)
            body = late["read"] or self.s3.objects.get((late["CopySource"]["Bucket"], late["CopySource"]["Key"]))
            if body is not None and late["CopySourceIfMatch"] == etag(body):
                self.s3.keep(late, body)
                self.counts["landed late"] += 1

    def sweep(self) -> int:
        """Let the sweeper run to its end; how many files it has published."""
        self.counts["sweeps"] += 1
        progress = Progress(Path(tempfile.gettempdir()) / f"sweep-{os.getpid()}.jsonl", str(self.counts["sweeps"]))
        result = sweep(SweepRequest(), self.made, lambda: ENOUGH, self.follow_up, progress)
        self.unheard.clear()
        return result.outcomes[Copied]

    def come_to_rest(self) -> None:
        """Writing stops; every event that is due arrives, and what failed is delivered again."""
        self.land()
        while self.events or self.retries:
            due, self.events, self.retries = self.events + self.retries, [], []
            for one in due:
                self.deliver(one)

    def malformed(self) -> list[str]:
        """Names on the website that hold what was never written, or is unfit."""
        return [name for name, body in self._held("my-website", "data/") if body not in self.written.get(name, set())]

    def stale(self) -> list[str]:
        """Names whose source is fit and not what the website holds."""
        website = dict(self._held("my-website", "data/"))
        source = self._held("my-source", "aws-data/")
        return [name for name, body in source if is_fit(body) and website.get(name) != body]

    def lost(self) -> list[str]:
        """Names with a fit source of which the website holds nothing."""
        website = dict(self._held("my-website", "data/"))
        return [name for name in self.stale() if name not in website]

    def _held(self, bucket: str, prefix: str) -> list[tuple[str, bytes]]:
        return [
            (key.removeprefix(prefix), body)
            for (in_bucket, key), body in self.s3.objects.items()
            if in_bucket == bucket and key.startswith(prefix)
        ]

    def _strike(self, kind: str, operation: str) -> None:
        self.counts[f"fault: {kind}"] += 1
        if kind == "crash":
            raise CrashError
        if kind.startswith("lost") and operation == "COPY" and "late" in kind:
            source = self.s3.request["CopySource"]
            read = self.s3.objects.get((source["Bucket"], source["Key"])) if "reads" in kind else None
            self.abandoned.append({**self.s3.request, "read": read})
        if kind == "409":
            raise refusal("OperationAborted", 409)
        if kind == "403":
            raise refusal("AccessDenied")
        if kind == "503":
            raise refusal("SlowDown", 503)
        raise _lost()  # an empty 200 says as little


def _lost() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="http://s3")


def is_fit(body: bytes) -> bool:
    """Whether a body may be published."""
    try:
        check("x.json", body)
    except UnfitError:
        return False
    return True


def body_of(number: int) -> bytes:
    """Another fit body for each number."""
    return json.dumps({"v": number}).encode()

"""A stand-in for CloudFront's invalidations: accepts them as AWS does, and refuses, throttles and fails as AWS does.

moto accepts everything: any reference twice, paths without a slash, any number of them, at any rate.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer
from cloud.template import ACCOUNT, PARTITION

NAMESPACE = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
MOST_PATHS, MOST_WILDCARDS = 3000, 15  # in progress, of one distribution
LONGEST_PATH = 4000
# Characters that are not ASCII, or unsafe by RFC 1738, must be encoded; * stands last or nowhere.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
_VALID_PATH = re.compile(r"/(?:[A-Za-z0-9$_.+!'(),;/?:@=&-]|%[0-9A-Fa-f]{2})*\*?")

Authorize = Callable[[str, Mapping[str, str], str, str], bool]


@dataclass
class EdgeQuirks:
    """How the stand-in misbehaves; shares are of all requests, times in seconds.

    `pace` is the least time between two requests that are let in, 0 for no limit. `errors` are answered 503 without
    effect, `lost` after it. `takes` is how long an invalidation is in progress. `throttle_next` and `too_many_next`
    requests are refused whatever the limits. `odd` is a text that no path may hold, for a reason that nobody told.
    """

    pace: float = 0
    errors: float = 0
    lost: float = 0
    takes: float = 0
    throttle_next: int = 0
    too_many_next: int = 0
    odd: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """An invalidation as CloudFront keeps it; `at` by the stand-in's clock."""

    id: str
    distribution: str
    paths: tuple[str, ...]
    caller_reference: str
    at: float


class EdgeError(Exception):
    """An answer that is an error: the HTTP status and CloudFront's code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class CloudFrontCounts:
    """Requests to the stand-in, and its answers by code, `Created` and `Known` among them."""

    requests: int = 0
    answers: dict[str, int] = field(default_factory=dict)


class CloudFront:
    """The state and the rules, without a network; `clock` in seconds."""

    def __init__(
        self,
        distributions: Collection[str],
        quirks: EdgeQuirks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.quirks = quirks or EdgeQuirks()
        self.accepted: list[Accepted] = []
        self.traffic = CloudFrontCounts()
        self._distributions = set(distributions)
        self._clock = clock
        self._random = random.Random(self.quirks.seed)  # noqa: S311 - a repeatable stand-in
        self._let_in_again = float("-inf")
        self._lock = threading.Lock()

    def status(self, invalidation: Accepted) -> str:
        """As CloudFront words it."""
        return "Completed" if self._clock() >= invalidation.at + self.quirks.takes else "InProgress"

    def create(self, distribution: str, paths: Sequence[str], reference: str) -> Accepted:
        """A new invalidation, or the one that had this reference and these paths before; EdgeError otherwise."""
        with self._lock:
            self.traffic.requests += 1
            try:
                accepted = self._create(distribution, tuple(paths), reference)
            except EdgeError as error:
                self._count(error.code)
                raise
            return accepted

    def _create(self, distribution: str, paths: tuple[str, ...], reference: str) -> Accepted:
        self._let_in()
        if self._random.random() < self.quirks.errors:
            raise EdgeError(503, "ServiceUnavailable")
        if distribution not in self._distributions:
            raise EdgeError(404, "NoSuchDistribution")
        self._require_valid(paths)
        known = [
            invalidation
            for invalidation in self.accepted
            if (invalidation.distribution, invalidation.caller_reference) == (distribution, reference)
        ]
        if known and set(known[0].paths) != set(paths):
            raise EdgeError(400, "InvalidationBatchAlreadyExists")
        if not known:
            self._require_room(distribution, paths)
            id_ = f"I{len(self.accepted) + 1:013}"
            self.accepted.append(Accepted(id_, distribution, paths, reference, self._clock()))
        if self._random.random() < self.quirks.lost:
            raise EdgeError(503, "ServiceUnavailable")
        self._count("Known" if known else "Created")
        return known[0] if known else self.accepted[-1]

    def _let_in(self) -> None:
        if self.quirks.throttle_next or self._clock() < self._let_in_again:
            self.quirks.throttle_next = max(0, self.quirks.throttle_next - 1)
            raise EdgeError(400, "Throttling")
        self._let_in_again = self._clock() + self.quirks.pace

    def _require_room(self, distribution: str, paths: tuple[str, ...]) -> None:
        running = [
            path
            for invalidation in self.accepted
            if invalidation.distribution == distribution and self.status(invalidation) == "InProgress"
            for path in invalidation.paths
        ]
        together = [*running, *paths]
        full = len(together) > MOST_PATHS or sum(path.endswith("*") for path in together) > MOST_WILDCARDS
        if self.quirks.too_many_next or full:
            self.quirks.too_many_next = max(0, self.quirks.too_many_next - 1)
            raise EdgeError(400, "TooManyInvalidationsInProgress")

    def _require_valid(self, paths: tuple[str, ...]) -> None:
        odd = [
            path
            for path in paths
            if len(path) > LONGEST_PATH
            or not _VALID_PATH.fullmatch(path)
            or (self.quirks.odd and self.quirks.odd in path)
        ]
        if odd or not paths:
            raise EdgeError(400, "InvalidArgument")
        if len(paths) > MOST_PATHS:
            raise EdgeError(413, "BatchTooLarge")

    def _count(self, code: str) -> None:
        self.traffic.answers[code] = self.traffic.answers.get(code, 0) + 1


class CloudFrontServer(LoopbackServer):
    """CloudFront's XML protocol on a loopback port that the system chooses; `with` starts and stops it at `url`."""

    def __init__(self, cloudfront: CloudFront, authorize: Authorize | None = None) -> None:
        """Answer for `cloudfront`; without `authorize` everyone may create."""
        self.cloudfront = cloudfront
        self.authorize = authorize

    def reply(self, request: HttpRequest) -> HttpReply:
        """CloudFront's answer in XML."""
        status, body = self._answer(request)
        return HttpReply(status, "text/xml", body)

    def _answer(self, request: HttpRequest) -> tuple[int, bytes]:
        match request.method, request.path.split("/"):
            case "POST", ["", "2020-05-31", "distribution", distribution, "invalidation"]:
                try:
                    self._require_right(distribution, request.headers)
                    batch = ET.fromstring(request.body)  # noqa: S314 - of our own function
                    paths = [item.text or "" for item in batch.iter(f"{{{NAMESPACE}}}Path")]
                    reference = batch.findtext(f"{{{NAMESPACE}}}CallerReference", "")
                    return 201, _described(self.cloudfront.create(distribution, paths, reference))
                except EdgeError as error:
                    return error.status, _error(error.code)
            case _:
                return 400, _error("UnknownOperation")

    def _require_right(self, distribution: str, headers: Mapping[str, str]) -> None:
        key = headers.get("Authorization", "").partition("Credential=")[2].split("/")[0]
        arn = f"arn:{PARTITION}:cloudfront::{ACCOUNT}:distribution/{distribution}"
        if self.authorize and not self.authorize(key, headers, "cloudfront:CreateInvalidation", arn):
            raise EdgeError(403, "AccessDenied")


def _described(invalidation: Accepted) -> bytes:
    root = ET.Element("Invalidation", xmlns=NAMESPACE)
    ET.SubElement(root, "Id").text = invalidation.id
    ET.SubElement(root, "Status").text = "InProgress"
    ET.SubElement(root, "CreateTime").text = datetime.now(UTC).isoformat()
    batch = ET.SubElement(root, "InvalidationBatch")
    paths = ET.SubElement(batch, "Paths")
    ET.SubElement(paths, "Quantity").text = str(len(invalidation.paths))
    items = ET.SubElement(paths, "Items")
    for path in invalidation.paths:
        ET.SubElement(items, "Path").text = path
    ET.SubElement(batch, "CallerReference").text = invalidation.caller_reference
    return ET.tostring(root)


def _error(code: str) -> bytes:
    root = ET.Element("ErrorResponse", xmlns=NAMESPACE)
    error = ET.SubElement(root, "Error")
    for name, text in (("Type", "Sender"), ("Code", code), ("Message", "of the stand-in")):
        ET.SubElement(error, name).text = text
    ET.SubElement(root, "RequestId").text = "0"
    return ET.tostring(root)

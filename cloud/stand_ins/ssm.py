"""A fast stand-in for SSM's public parameters, over the catalogue that moto ships.

moto itself scans every name for every page, 10 to 15 seconds for a crawl. Like AWS this one gives at most ten names
a page, may give fewer or none together with a token, lists in no useful order, throttles, and asks IAM.
"""

import gzip
import importlib.resources
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer

ROOT = "/aws/service/global-infrastructure"
PAGE = 10

Authorize = Callable[[str, Mapping[str, str], str, str], bool]


def catalogue() -> dict[str, str]:
    """Every public parameter by its full name, the zones' roots included, which moto's data holds by region only."""
    parameters = {
        name: value for file in ("regions", "services") for name, value in _flatten("", _resource(f"{file}.json.gz"))
    }
    for name in list(parameters):
        path = name.removeprefix(f"{ROOT}/regions/").split("/")
        if len(path) == 3 and path[1] in {"availability-zones", "local-zones", "wavelength-zones"}:  # noqa: PLR2004
            region, kind, zone = path
            parameters[f"{ROOT}/{kind}/{zone}"] = zone
            parameters[f"{ROOT}/{kind}/{zone}/parent-region"] = region
    return parameters


def _resource(name: str) -> dict[str, Any]:
    packed = (importlib.resources.files("moto") / "ssm" / "resources" / name).read_bytes()
    tree: dict[str, Any] = json.loads(gzip.decompress(packed))
    return tree


def _flatten(path: str, node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, child in node.items():
        if name == "Value":
            yield path, child
        else:
            yield from _flatten(f"{path}/{name}", child)


@dataclass
class Quirks:
    """How the stand-in misbehaves; `per_second` of 0 is no limit, shares are of all requests, latency in seconds.

    A client that was idle may make up for `burst` seconds of the quota. `hangs` are answered after `hang` seconds,
    `throttle_next` requests are throttled whatever the quota, and paths that contain one of `failing` are never
    answered well.
    """

    per_second: float = 0
    burst: float = 1
    latency: float = 0
    short_pages: float = 0
    empty_pages: float = 0
    errors: float = 0
    hangs: float = 0
    hang: float = 30
    failing: tuple[str, ...] = ()
    throttle_next: int = 0
    seed: int = 0


@dataclass
class SsmCounts:
    """Answers so far."""

    calls: int = 0
    throttled: int = 0
    failed: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)


class ParameterServer(LoopbackServer):
    """SSM's JSON protocol on a loopback port that the system chooses; `with` starts and stops it at `url`."""

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        quirks: Quirks | None = None,
        authorize: Authorize | None = None,
    ) -> None:
        """Serve these parameters (moto's catalogue by default); without `authorize` everyone may read."""
        self.traffic = SsmCounts()
        self.quirks = quirks or Quirks()
        self.authorize = authorize
        self._random = random.Random(self.quirks.seed)  # noqa: S311 - a repeatable stand-in
        self._lock = threading.Lock()
        self._allowance, self._refilled = self._most_allowed, time.monotonic()
        self.replace(catalogue() if parameters is None else parameters)

    def replace(self, parameters: Mapping[str, str]) -> None:
        """Let the world change: serve other parameters from now on."""
        children: dict[str, list[str]] = {}
        for name in sorted(parameters, key=lambda name: name[::-1]):
            children.setdefault(name.rpartition("/")[0], []).append(name)
        self._parameters, self._children = dict(parameters), children

    def reply(self, request: HttpRequest) -> HttpReply:
        """SSM's answer in JSON; an error of its own to whatever is not SSM's protocol."""
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        status, content = self.answer(operation, json.loads(request.body or b"{}"), request.headers)
        return HttpReply(status, "application/x-amz-json-1.1", json.dumps(content).encode())

    def answer(self, operation: str, request: dict[str, Any], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body for one request."""
        if self.quirks.latency:
            time.sleep(self.quirks.latency)
        with self._lock:
            self.traffic.calls += 1
            self.traffic.by_operation[operation] = self.traffic.by_operation.get(operation, 0) + 1
            if not self._within_quota():
                self.traffic.throttled += 1
                return 400, _error("ThrottlingException", "Rate exceeded")
            names = request.get("Names") or [request.get("Path", "")]
            if self._random.random() < self.quirks.errors or any(
                part in name for part in self.quirks.failing for name in names
            ):
                self.traffic.failed += 1
                return 500, _error("InternalServerError", "the stand-in was told to fail")
            hangs = self._random.random() < self.quirks.hangs
            size = self._page_size()
        if hangs:
            time.sleep(self.quirks.hang)
        if not self._may(headers, operation, names):
            return 400, _error("AccessDeniedException", f"not authorized to perform: ssm:{operation} on {names[0]}")
        if operation == "GetParameters":
            too_many = len(names) > PAGE
            return (400, _error("ValidationException", "at most 10 names")) if too_many else (200, self._values(names))
        if operation == "GetParametersByPath":
            return 200, self._page(request, size)
        return 400, _error("UnknownOperationException", operation)

    def _values(self, names: list[str]) -> dict[str, Any]:
        return {
            "Parameters": [
                {"Name": name, "Value": self._parameters[name]} for name in names if name in self._parameters
            ],
            "InvalidParameters": [name for name in names if name not in self._parameters],
        }

    def _page(self, request: dict[str, Any], size: int) -> dict[str, Any]:
        names = self._children.get(request["Path"].rstrip("/"), [])
        start = int(request.get("NextToken", 0))
        page: dict[str, Any] = {
            "Parameters": [
                {"Name": name, "Value": self._parameters[name]} for name in sorted(names[start : start + size])
            ]
        }
        return page | ({"NextToken": str(start + size)} if start + size < len(names) else {})

    def _page_size(self) -> int:
        chance = self._random.random()
        if chance < self.quirks.empty_pages:
            return 0
        return self._random.randint(1, PAGE - 1) if chance < self.quirks.empty_pages + self.quirks.short_pages else PAGE

    @property
    def _most_allowed(self) -> float:
        return max(1, self.quirks.per_second * self.quirks.burst)

    def _within_quota(self) -> bool:
        if self.quirks.throttle_next:
            self.quirks.throttle_next -= 1
            return False
        if not self.quirks.per_second:
            return True
        now = time.monotonic()
        earned = (now - self._refilled) * self.quirks.per_second
        self._allowance, self._refilled = min(self._most_allowed, self._allowance + earned), now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _may(self, headers: Mapping[str, str], operation: str, names: list[str]) -> bool:
        if self.authorize is None:
            return True
        credential = headers.get("Authorization", "").partition("Credential=")[2].split("/")
        key, region = (credential[0], credential[2]) if len(credential) > 2 else ("", "")  # noqa: PLR2004
        return all(
            self.authorize(key, headers, f"ssm:{operation}", f"arn:aws:ssm:{region}::parameter{name}") for name in names
        )


def _error(code: str, message: str) -> dict[str, str]:
    return {"__type": code, "message": message}

"""SSM's public parameters: paths and names in, codes and values out, from one endpoint or several."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
from botocore.auth import SigV4Auth
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import URLLib3Session

from fetcher.ssm.endpoint import CONNECTIONS, TIMEOUT_SECONDS, Endpoint, EndpointError, Traffic
from fetcher.ssm.pacer import Pacer

NAMES_PER_CALL = 10  # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html

T = TypeVar("T")
Call = Callable[[str, dict[str, Any]], Any]


class ParameterStoreError(Exception):
    """No endpoint gave an answer, also after retries. A later run may succeed; the message names path and reason."""


class ParameterStore:
    """The public parameters, read from whichever endpoint has the least to do; safe to share between threads.

    An endpoint that is down is left aside, and its work goes to the others.
    """

    def __init__(self, endpoints: Sequence[Endpoint], deadline: float) -> None:
        """Nothing is asked past the deadline, a time of `time.monotonic`."""
        self._endpoints = endpoints
        self._deadline = deadline
        self._jobs = Counter[Endpoint]()
        self._lock = threading.Lock()

    @property
    def connections(self) -> int:
        """How many requests may be under way at once."""
        return CONNECTIONS * len(self._endpoints)

    @property
    def traffic(self) -> Traffic:
        """Of all endpoints together, so far."""
        return sum((endpoint.traffic for endpoint in self._endpoints), Traffic())

    def codes_under(self, path: str) -> tuple[str, ...]:
        """The last segments of the names directly under the path, in SSM's order; empty if there are none.

        A page may be short or empty and still carry a token: only a missing token ends the listing. A token belongs to
        the endpoint that gave it, so another endpoint begins anew.
        """
        names = self._ask(path, lambda call: list(_names_under(path, call)))
        return tuple(name.rpartition("/")[2] for name in names)

    def values(self, names: Sequence[str]) -> dict[str, str]:
        """The values of at most ten full names. A name that SSM calls invalid is left out: it does not exist."""
        answer = self._ask(names[0], lambda call: call("GetParameters", {"Names": list(names)}))
        values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
        unanswered = set(names) - set(values) - set(answer.get("InvalidParameters", ()))
        if unanswered:
            msg = f"SSM neither gave nor refused {', '.join(sorted(unanswered))}"
            raise ParameterStoreError(msg)
        return values

    def _ask(self, path: str, job: Callable[[Call], T]) -> T:
        """Do the job at one endpoint after another until it is done."""
        untried, reasons = list(self._endpoints), []
        while untried:
            with self._least_busy(untried) as endpoint:
                untried.remove(endpoint)
                try:
                    return job(self._caller(endpoint, untried))
                except EndpointError as error:
                    reasons.append(str(error))
        msg = f"{path}: {'; '.join(reasons)}"
        raise ParameterStoreError(msg)

    @contextmanager
    def _least_busy(self, untried: Sequence[Endpoint]) -> Iterator[Endpoint]:
        """The endpoint with the fewest jobs for each request a second that it allows, those that are down last."""
        with self._lock:
            endpoint = min(untried, key=lambda one: (one.is_down, self._jobs[one] / one.pacer.per_second))
            self._jobs[endpoint] += 1
        try:
            yield endpoint
        finally:
            with self._lock:
                self._jobs[endpoint] -= 1

    def _caller(self, endpoint: Endpoint, others: Sequence[Endpoint]) -> Call:
        def give_up() -> bool:
            return endpoint.is_down and any(not other.is_down for other in others)

        return lambda operation, request: endpoint.call(operation, request, self._deadline, give_up)


def _names_under(path: str, call: Call) -> Iterator[str]:
    page: dict[str, Any] = {}
    while True:
        token = {"NextToken": page["NextToken"]} if page else {}
        page = call("GetParametersByPath", {"Path": path, **token})
        yield from (parameter["Name"] for parameter in page["Parameters"])
        if not page.get("NextToken"):
            return


@contextmanager
def connect(places: Sequence[tuple[str, str]], per_second: float, seconds: float) -> Iterator[ParameterStore]:
    """A store for at most `seconds` over these regions, each with its endpoint's URL; `per_second` is for each.

    An empty region is the Lambda's own, an empty URL what boto3 makes of the region, of AWS_ENDPOINT_URL_SSM and the
    like.
    """
    deadline = time.monotonic() + seconds
    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    no_delay: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # else each body waits 40 ms for its headers' ACK
    http = URLLib3Session(
        timeout=TIMEOUT_SECONDS,
        max_pool_connections=CONNECTIONS,
        socket_options=no_delay,
    )

    def endpoint(region: str, url: str) -> Endpoint:
        meta = session.client("ssm", region_name=region or None).meta
        return Endpoint(
            url or meta.endpoint_url, SigV4Auth(credentials, "ssm", meta.region_name), Pacer(per_second), http
        )

    endpoints = [endpoint(region, url) for region, url in places]
    try:
        yield ParameterStore(endpoints, deadline)
    finally:
        http.close()

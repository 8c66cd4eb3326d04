"""Reads SSM's public parameters, codes by path and values by name, from one endpoint or several."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from botocore.auth import SigV4Auth
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import URLLib3Session

from fetcher.ssm.endpoint import CONNECTIONS, TIMEOUT_SECONDS, CallCounts, Endpoint, EndpointError
from fetcher.ssm.pacer import Pacer
from shared.clients import open_session

NAMES_PER_CALL = 10  # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html

T = TypeVar("T")
Call = Callable[[str, dict[str, Any]], Any]


class ParameterStoreError(Exception):
    """No endpoint answered, even after retries. A later run may succeed; the message has the path and the reason."""


class ParameterStore:
    """The public parameters, read from the least busy endpoint; safe to share between threads.

    If an endpoint is down, the others do its work.
    """

    def __init__(self, endpoints: Sequence[Endpoint], deadline: float) -> None:
        """No request is sent after the deadline, a time of `time.monotonic`."""
        self._endpoints = endpoints
        self._deadline = deadline
        self._tasks = Counter[Endpoint]()
        self._lock = threading.Lock()

    @property
    def connections(self) -> int:
        """How many requests may run at once."""
        return CONNECTIONS * len(self._endpoints)

    @property
    def counts(self) -> CallCounts:
        """The counts of all endpoints together, so far."""
        return sum((endpoint.counts for endpoint in self._endpoints), CallCounts())

    def codes_under(self, path: str) -> tuple[str, ...]:
        """The last segments of the names directly under the path, in SSM's order; empty if there are none.

        A page may be short or empty and still have a token: only a missing token ends the listing. A token is valid
        only at the endpoint that issued it, so another endpoint starts from the first page.
        """
        names = self._try_endpoints(path, lambda call: list(_names_under(path, call)))
        return tuple(name.rpartition("/")[2] for name in names)

    def values(self, names: Sequence[str]) -> dict[str, str]:
        """The values of at most ten full names; names that SSM calls invalid do not exist and are left out."""
        answer = self._try_endpoints(names[0], lambda call: call("GetParameters", {"Names": list(names)}))
        values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
        unanswered = set(names) - set(values) - set(answer.get("InvalidParameters", ()))
        if unanswered:
            msg = f"SSM neither gave nor refused {', '.join(sorted(unanswered))}"
            raise ParameterStoreError(msg)
        return values

    def _try_endpoints(self, path: str, task: Callable[[Call], T]) -> T:
        """The task's result from the first endpoint where it succeeds."""
        untried, reasons = list(self._endpoints), []
        while untried:
            with self._least_busy(untried) as endpoint:
                untried.remove(endpoint)
                try:
                    return task(self._caller(endpoint, untried))
                except EndpointError as error:
                    reasons.append(str(error))
        msg = f"{path}: {'; '.join(reasons)}"
        raise ParameterStoreError(msg)

    @contextmanager
    def _least_busy(self, untried: Sequence[Endpoint]) -> Iterator[Endpoint]:
        """The endpoint with the fewest tasks in proportion to its rate; endpoints that are down come last."""
        with self._lock:
            endpoint = min(
                untried, key=lambda candidate: (candidate.is_down, self._tasks[candidate] / candidate.pacer.per_second)
            )
            self._tasks[endpoint] += 1
        try:
            yield endpoint
        finally:
            with self._lock:
                self._tasks[endpoint] -= 1

    def _caller(self, endpoint: Endpoint, others: Sequence[Endpoint]) -> Call:
        def should_give_up() -> bool:
            return endpoint.is_down and any(not other.is_down for other in others)

        return lambda operation, request: endpoint.call(operation, request, self._deadline, should_give_up)


def _names_under(path: str, call: Call) -> Iterator[str]:
    page: dict[str, Any] = {}
    while True:
        token = {"NextToken": page["NextToken"]} if page else {}
        page = call("GetParametersByPath", {"Path": path, **token})
        yield from (parameter["Name"] for parameter in page["Parameters"])
        if not page.get("NextToken"):
            return


@contextmanager
def open_parameter_store(
    places: Sequence[tuple[str, str]], per_second: float, seconds: float
) -> Iterator[ParameterStore]:
    """A store that reads for at most `seconds` from these regions, each with its endpoint's URL.

    `per_second` is the initial rate at each endpoint. An empty region means the Lambda's own. For an empty URL botocore
    chooses one by the region and settings such as AWS_ENDPOINT_URL_SSM.
    """
    deadline = time.monotonic() + seconds
    session = open_session()
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
        meta = session.create_client("ssm", region_name=region or None).meta
        return Endpoint(
            url or meta.endpoint_url, SigV4Auth(credentials, "ssm", meta.region_name), Pacer(per_second), http
        )

    endpoints = [endpoint(region, url) for region, url in places]
    try:
        yield ParameterStore(endpoints, deadline)
    finally:
        http.close()

"""SSM's public parameters: paths and names in, codes and values out. The only module that calls SSM."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

NAMES_PER_CALL = 10  # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
CONNECTIONS = 16


class ParameterStoreError(Exception):
    """SSM did not answer, also after the SDK's retries. A later run may succeed; the message names the path."""


class Pacer:
    """Hands out one slot every 1/per_second seconds, to any number of threads."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_slot = 0.0
        self.slots = 0

    def wait(self, **_event: object) -> None:
        """Return when the caller's slot has come."""
        with self._lock:
            now = self._clock()
            slot = max(now, self._next_slot)
            self._next_slot = slot + self._interval
            self.slots += 1
        if slot > now:
            self._sleep(slot - now)


class ParameterStore:
    """Reads public parameters; safe to share between threads."""

    def __init__(self, client: "SSMClient", pacer: Pacer) -> None:
        self._client = client
        self._pacer = pacer
        # Emitted for every attempt, so the SDK's own retries are paced and counted too.
        client.meta.events.register("before-send.ssm", pacer.wait)

    @property
    def calls(self) -> int:
        """How many requests have been sent, retries included."""
        return self._pacer.slots

    def codes_under(self, path: str) -> tuple[str, ...]:
        """The last segments of the names directly under the path, in SSM's order; empty if there are none.

        A page may be short or empty and still carry a token: only a missing token ends the listing.
        """
        return tuple(name.rpartition("/")[2] for name in self._names_under(path))

    def values(self, names: Sequence[str]) -> dict[str, str]:
        """The values of at most ten full names. A name that SSM calls invalid is left out: it does not exist."""
        answer = self._call(names[0], self._client.get_parameters, Names=list(names))
        values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
        unanswered = set(names) - set(values) - set(answer["InvalidParameters"])
        if unanswered:
            msg = f"SSM neither gave nor refused {', '.join(sorted(unanswered))}"
            raise ParameterStoreError(msg)
        return values

    def _names_under(self, path: str) -> Iterator[str]:
        page: dict[str, Any] = {}
        while True:
            page = self._call(path, self._client.get_parameters_by_path, Path=path, **_continue_after(page))
            yield from (parameter["Name"] for parameter in page["Parameters"])
            if not page.get("NextToken"):
                return

    def _call(self, path: str, operation: Callable[..., Any], **arguments: object) -> Any:  # noqa: ANN401
        try:
            return operation(**arguments)
        except (BotoCoreError, ClientError) as error:
            msg = f"{path}: {error}"
            raise ParameterStoreError(msg) from error


def _continue_after(page: dict[str, Any]) -> dict[str, str]:
    return {"NextToken": page["NextToken"]} if page else {}


def connect(per_second: float, attempts: int = 8) -> ParameterStore:
    """A store on the Lambda's own region, or on AWS_ENDPOINT_URL_SSM; each request is tried `attempts` times."""
    retries = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=5,
        read_timeout=10,
        max_pool_connections=CONNECTIONS,
    )
    return ParameterStore(boto3.client("ssm", config=retries), Pacer(per_second))

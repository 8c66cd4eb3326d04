"""Clients of AWS. Only this module sets retries and time-outs.

botocore makes them without boto3: importing that, and its transfers of files, which nothing here uses, would
lengthen each start by a twelfth.
"""

from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session
from botocore.utils import parse_timestamp


class Patience(NamedTuple):
    """The maximum number of requests, and the seconds that each waits for a connection and for an answer."""

    attempts: int
    connect: int
    read: int


FETCHING: Final = Patience(4, 2, 8)  # a request with all its tries ends within fetcher.run.LONGEST_REQUEST
# A request may still take effect after its time-out, but within the minute that the publishing protocol allows.
PUBLISHING: Final = Patience(3, 2, 8)
KEEPING_FAILURES: Final = Patience(3, 2, 8)
# The copy is complete. If the queue does not answer within ten seconds, the failure queue keeps the key.
QUEUEING_INVALIDATIONS: Final = Patience(2, 1, 3)
PUTTING_EVENTS: Final = QUEUEING_INVALIDATIONS
# One attempt: after a failure the message returns to the queue, which retries for longer than the SDK.
INVALIDATING: Final = Patience(1, 2, 10)
CONTINUING_SWEEP: Final = Patience(3, 5, 30)

_loader = Loader()  # keeps what it has read, so that each of botocore's data files is parsed once


def open_session() -> Session:
    """A session of the environment's credentials and region."""
    session = Session()
    session.register_component("data_loader", _loader)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
    return session


def connect(service: str, patience: Patience, session: Session | None = None) -> Any:  # noqa: ANN401 - no common type
    """A client for one task. Threads may share it. Each session takes 10 ms, so several clients may share one too.

    An answer's `RetryAttempts` counts the requests that were sent again because an answer was lost or an error.
    """
    session = session or open_session()
    config = Config(
        user_agent=session.user_agent(),  # otherwise botocore puts it together twice for each request
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        tcp_keepalive=True,
    )
    client = session.create_client(service, config=config)
    client.meta.events.register("after-call.s3", _discount_redirect)
    return client


def _parse_time(text: Any) -> Any:  # noqa: ANN401 - botocore's
    """A time of an answer. botocore's own parser takes two thirds of the processor time of a listing.

    That parser reads what is left: numbers, and what somebody has written into the header `Expires` of a file.
    """
    with suppress(ValueError):
        if isinstance(text, str) and text.endswith("Z"):
            return datetime.fromisoformat(text)
        if isinstance(text, str) and text.endswith("GMT"):
            return parsedate_to_datetime(text)
    return parse_timestamp(text)


def _discount_redirect(parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    """Take a redirect out of `RetryAttempts`: S3 refuses the first request to a bucket in another Region with 301.

    A client for each Region would need the Region as a setting, or a request to ask for it. Should botocore one day
    mark redirects otherwise, they count again, which costs a needless retry and no more.
    """
    if context.get("s3_redirect", {}).get("redirected"):
        parsed["ResponseMetadata"]["RetryAttempts"] -= 1

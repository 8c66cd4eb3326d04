"""Shows the messages of the distributor's failure queue, puts them back, or tries them again."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from distributor.events import Changed, EnvelopeError, decode
from distributor.queues import MESSAGES_PER_REQUEST
from ops.stack import DeployedStack, InvocationError

SUCCESSFUL = {"copied", "skipped", "gone"}
LISTING_SECONDS = 300  # how long a message is hidden from others after it was only shown; time to read MOST_MESSAGES
REDRIVE_SECONDS = 900
WAIT_SECONDS = 1  # any wait makes SQS ask all its servers, so that no message is missed
MOST_MESSAGES = 20_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A message of the failure queue. `keys` are decoded keys, empty if the record itself cannot be understood."""

    receipt: str
    kind: str
    keys: tuple[str, ...]
    reason: str
    sent: datetime
    function: str
    event: Any


@dataclass(frozen=True, slots=True)
class Received:
    """The messages that were read, oldest first; `complete` if the queue showed no more."""

    failures: list[Failure]
    complete: bool


def receive_failures(stack: DeployedStack, hidden_seconds: int = LISTING_SECONDS) -> Received:
    """The visible messages of the queue, at most MOST_MESSAGES. Each stays there, hidden for `hidden_seconds`.

    Messages come back if reading takes longer than that, so an answer with nothing new is the last one.
    """
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    failures: dict[str, Failure] = {}
    known, messages = -1, []
    while known < len(failures) < MOST_MESSAGES:
        known = len(failures)
        messages = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=MESSAGES_PER_REQUEST,
            VisibilityTimeout=hidden_seconds,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        failures |= {message["MessageId"]: _failure(stack, message) for message in messages}
    return Received(sorted(failures.values(), key=lambda failure: failure.sent), complete=not messages)


def put_back(stack: DeployedStack, failures: Sequence[Failure]) -> None:
    """Make messages visible again at once."""
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    for start in range(0, len(failures), MESSAGES_PER_REQUEST):
        batch = enumerate(failures[start : start + MESSAGES_PER_REQUEST])
        entries = [{"Id": str(id_), "ReceiptHandle": failure.receipt, "VisibilityTimeout": 0} for id_, failure in batch]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


@dataclass(frozen=True, slots=True)
class Redriven:
    """The result of another try. If the failure is `done`, it was deleted from the queue."""

    failure: Failure
    done: bool
    detail: str


def redrive(stack: DeployedStack, failures: Iterable[Failure]) -> Iterator[Redriven]:
    """Try each failure again through its function; only successful ones are deleted from the queue."""
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    for failure in failures:
        redriven = _redrive(stack, failure)
        if redriven.done:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=failure.receipt)
        else:
            put_back(stack, [failure])
        yield redriven


def _redrive(stack: DeployedStack, failure: Failure) -> Redriven:
    if failure.event is None:
        return Redriven(
            failure, done=False, detail="cannot be tried again: it names no key; purge the queue to drop it"
        )
    try:
        answer = stack.invoke(failure.function, failure.event)
    except InvocationError as error:
        return Redriven(failure, done=False, detail=str(error))
    if "compared" in answer:  # a sweep, which itself reports objects that cannot be published
        return Redriven(failure, done=True, detail=f"swept: {answer['outcomes']}")
    outcomes = answer.get("objects", [])
    bad = [outcome for outcome in outcomes if outcome.get("outcome") not in SUCCESSFUL | {None}]
    reasons = "; ".join(f"{outcome['outcome']}: {outcome.get('reason', '')}" for outcome in bad)
    went_well = ", ".join(str(outcome.get("outcome")) for outcome in outcomes)
    return Redriven(failure, done=not bad, detail=reasons or went_well or "done")


def _failure(stack: DeployedStack, message: dict[str, Any]) -> Failure:
    distributor = stack.output("DistributorFunctionName")
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    receipt = message["ReceiptHandle"]
    body: Any = None
    with suppress(ValueError):
        body = json.loads(message["Body"])
    match body:
        case {"requestPayload": event, "requestContext": {"functionArn": str(arn)} as context}:
            # arn:aws:lambda:<region>:<account>:function:<name>[:<version>]
            function = arn.split(":")[6] if arn.count(":") > 5 else arn  # noqa: PLR2004
            # Without a response Lambda never ran the function, and the condition has the reason.
            reason = str((body.get("responsePayload") or context).get("errorMessage", context.get("condition", "?")))
            keys = _keys(event)
            again = {"keys": list(keys)} if keys else event
            return Failure(receipt, "failed event", keys, reason, sent, function, again)
        case {"outcome": "rejected" | "not invalidated" as kind, "keys": list(keys), "reason": reason}:
            event = {"keys": keys} if keys else None
            return Failure(receipt, kind, tuple(keys), str(reason), sent, distributor, event)
        case dict() if not body:
            sweeper = stack.output("SweeperFunctionName")
            return Failure(receipt, "schedule", (), "the schedule could not invoke the sweeper", sent, sweeper, {})
        case _:
            return Failure(receipt, "unknown", (), message["Body"][:200], sent, distributor, None)


def _keys(event: object) -> tuple[str, ...]:
    """The keys of an event if each of its records names one; else none, and the event itself is tried again."""
    try:
        notices = decode(event).notices
    except EnvelopeError:
        return ()
    changed = [notice for notice in notices if isinstance(notice, Changed)]
    return tuple(dict.fromkeys(notice.key for notice in changed)) if len(changed) == len(notices) else ()

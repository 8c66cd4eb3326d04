"""Shows the messages of the distributor's failure queue, puts them back, or tries them again.

Not only the functions may write to the queue, and a redrive has the operator's rights. So a message never decides what
is invoked. Only the stack's own distributor and sweeper are, with keys of the source bucket or with a valid request to
sweep. At worst a message has the source's present state published again.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from distributor.events import Changed, EnvelopeError, decode
from distributor.queues import MESSAGES_PER_REQUEST
from distributor.sweeper.sweep import read_request
from ops.observation import observe_queue
from ops.stack import DeployedStack, InvocationError

SUCCESSFUL = {"copied", "skipped", "gone"}
LISTING_SECONDS = 300  # how long a message is hidden from others after it was only shown; time to read MOST_MESSAGES
REDRIVE_SECONDS = 900
WAIT_SECONDS = 1  # any wait makes SQS ask all its servers, so that no message is missed
MOST_MESSAGES, MOST_CHARACTERS = 20_000, 50_000_000  # keys take up to twelve times the memory of their text


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a redrive invokes for a message."""

    function: str
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a redrive invokes nothing for a message."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A message of the failure queue. `keys` are decoded keys of the source bucket, empty if it names anything else."""

    receipt: str
    sent: datetime
    body: str
    kind: str
    keys: tuple[str, ...]
    reason: str
    attempt: Attempt | Refusal


@dataclass(frozen=True, slots=True)
class Received:
    """The messages that were read, oldest first; `complete` if the queue showed no more.

    `hidden`: how many the queue has besides, received by others and not shown again yet. SQS counts approximately, and
    up to a minute late.
    """

    failures: list[Failure]
    complete: bool
    hidden: int


@contextmanager
def receive_failures(stack: DeployedStack, hidden_seconds: int = LISTING_SECONDS) -> Iterator[Received]:
    """The visible messages of the queue, hidden from others for `hidden_seconds` or to the end of the block.

    Whatever ends the block, also an interruption, makes those that were not deleted visible again at once.
    """
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    counted = observe_queue(sqs, url)
    failures: dict[str, Failure] = {}
    try:
        complete = _read(stack, failures, hidden_seconds)
        hidden = max(0, counted.visible + counted.hidden - len(failures)) if complete else 0
        yield Received(sorted(failures.values(), key=lambda failure: failure.sent), complete, hidden)
    finally:
        with suppress(ClientError, BotoCoreError):  # then they are visible again after `hidden_seconds`
            _put_back(stack, list(failures.values()))


def _read(stack: DeployedStack, failures: dict[str, Failure], hidden_seconds: int) -> bool:
    """Add the queue's messages to `failures` by their ids; whether the queue then showed no more.

    If reading takes longer than `hidden_seconds`, messages come back: an answer with nothing new is the last one.
    Reading also ends after MOST_MESSAGES or MOST_CHARACTERS.
    """
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    known, characters, messages = -1, 0, []
    while known < len(failures) < MOST_MESSAGES and characters < MOST_CHARACTERS:
        known = len(failures)
        messages = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=MESSAGES_PER_REQUEST,
            VisibilityTimeout=hidden_seconds,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        characters += sum(len(message["Body"]) for message in messages)
        failures |= {message["MessageId"]: _failure(stack, message) for message in messages}
    return not messages


def _put_back(stack: DeployedStack, failures: Sequence[Failure]) -> None:
    """Make messages visible again at once; those that were deleted since are passed over by SQS."""
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
    """Try each failure again; only successful ones are deleted from the queue. An error does not end the others."""
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    for failure in failures:
        try:
            redriven = _redrive(stack, failure)
            if redriven.done:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=failure.receipt)
        except (InvocationError, ClientError, BotoCoreError) as error:
            redriven = Redriven(failure, done=False, detail=str(error))
        yield redriven


def _redrive(stack: DeployedStack, failure: Failure) -> Redriven:
    if isinstance(failure.attempt, Refusal):
        return Redriven(failure, done=False, detail=f"refused: {failure.attempt.reason}")
    answer = stack.invoke(failure.attempt.function, failure.attempt.event)
    if "compared" in answer:  # a sweep, which itself reports objects that cannot be published
        return Redriven(failure, done=True, detail=f"swept: {answer['outcomes']}")
    outcomes = answer.get("objects", [])
    bad = [outcome for outcome in outcomes if outcome.get("outcome") not in SUCCESSFUL | {None}]
    reasons = "; ".join(f"{outcome['outcome']}: {outcome.get('reason', '')}" for outcome in bad)
    went_well = ", ".join(str(outcome.get("outcome")) for outcome in outcomes)
    return Redriven(failure, done=not bad, detail=reasons or went_well or "done")


def _failure(stack: DeployedStack, message: dict[str, Any]) -> Failure:
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    receipt, text = message["ReceiptHandle"], message["Body"]
    body: Any = None
    with suppress(ValueError, RecursionError):
        body = json.loads(text)
    match body:
        case {"requestPayload": event, "requestContext": {"functionArn": str(arn)}}:
            keys = _keys(stack, event)
            attempt = _attempt(stack, arn, event, keys)
            return Failure(receipt, sent, text, "failed event", keys, _reason(body), attempt)
        case {
            "outcome": "rejected" | "not invalidated" | "not announced" as kind,
            "keys": list(),
            "reason": str(reason),
        }:
            keys = _keys(stack, {"keys": body["keys"]})
            return Failure(receipt, sent, text, kind, keys, reason, _publication(stack, keys))
        case dict() if not body:
            reason, attempt = "the schedule could not invoke the sweeper", _sweep(stack, body)
            return Failure(receipt, sent, text, "schedule", (), reason, attempt)
        case _:
            return Failure(receipt, sent, text, "unknown", (), text[:200], Refusal("no function writes such a message"))


def _reason(record: dict[str, Any]) -> str:
    """Why Lambda gave up: the function's own error; if the function never ran, there is only a condition."""
    match record:
        case {"responsePayload": {"errorMessage": str(message)}}:
            return message
        case {"requestContext": {"condition": str(condition)}}:
            return condition
        case _:
            return "?"


def _keys(stack: DeployedStack, event: object) -> tuple[str, ...]:
    """The keys of an event if each of its records names one of the source bucket; else none."""
    try:
        notices = decode(event).notices
    except (EnvelopeError, RecursionError):
        return ()
    ours = {None, stack.output("SourceBucketName")}
    changed = [notice for notice in notices if isinstance(notice, Changed) and notice.bucket in ours]
    return tuple(dict.fromkeys(notice.key for notice in changed)) if len(changed) == len(notices) else ()


def _attempt(stack: DeployedStack, arn: str, event: object, keys: Sequence[str]) -> Attempt | Refusal:
    """What to invoke for a function's event; the whole ARN says whether the function is one of the stack's."""
    function = arn.removesuffix(":$LATEST")
    if function == stack.function_arn("DistributorFunctionName"):
        return _publication(stack, keys)
    if function == stack.function_arn("SweeperFunctionName"):
        return _sweep(stack, event)
    return Refusal(f"{arn} is neither the distributor nor the sweeper of this stack")


def _publication(stack: DeployedStack, keys: Sequence[str]) -> Attempt | Refusal:
    if not keys:
        return Refusal("it does not name keys of the source bucket alone")
    return Attempt(stack.output("DistributorFunctionName"), {"keys": list(keys)})


def _sweep(stack: DeployedStack, event: Any) -> Attempt | Refusal:  # noqa: ANN401 - what a message holds
    """Wherever a sweep begins or ends, it only publishes what the source holds."""
    try:
        read_request(event)
    except EnvelopeError as error:
        return Refusal(f"no request to the sweeper: {error}")
    return Attempt(stack.output("SweeperFunctionName"), event)

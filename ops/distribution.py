"""What an operator does with the distributor: publish again, sweep, and look after what failed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from distributor.events import Changed, EnvelopeError, decode
from distributor.plan import compile_glob
from ops.stack import DeployedStack, InvocationError

BATCH = 50
WELL = {"copied", "skipped", "gone"}
LISTING_SECONDS = 60  # how long a message that is only looked at stays out of other eyes
REDRIVE_SECONDS = 900


def select(stack: DeployedStack, keys: Sequence[str], globs: Sequence[str], *, everything: bool) -> list[str]:
    """The keys that are named, and those below the prefix that match a glob; a name is taken with or without prefix."""
    prefix = f"{stack.output('SourceKeyPrefix')}/"
    named = [key if key.startswith(prefix) else f"{prefix}{key}" for key in keys]
    if not globs and not everything:
        return named
    patterns = [compile_glob(glob) for glob in globs]
    matching = [
        key
        for key in stack.source_keys()
        if everything or any(pattern.fullmatch(key.removeprefix(prefix)) for pattern in patterns)
    ]
    return list(dict.fromkeys([*named, *matching]))


def redistribute(stack: DeployedStack, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Publish the keys through the distributor, a batch at a time; an outcome for each as it comes in."""
    remaining = iter(keys)
    while batch := list(islice(remaining, BATCH)):
        try:
            yield from stack.invoke(stack.output("DistributorFunctionName"), {"keys": batch})["objects"]
        except InvocationError as error:
            yield from ({"outcome": "failed", "source": key, "reason": str(error)} for key in batch)


def sweep(stack: DeployedStack, *, dry_run: bool) -> Iterator[dict[str, Any]]:
    """Run the sweeper to its end; the answer of each of its invocations as it comes in."""
    asked: dict[str, Any] | None = {"dry_run": dry_run, "follow": False}
    while asked is not None:
        answer = stack.invoke(stack.output("SweeperFunctionName"), asked)
        yield answer
        asked = answer["next"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One message of the failure queue. `keys` are real keys, empty if the record itself could not be understood."""

    receipt: str
    kind: str
    keys: tuple[str, ...]
    reason: str
    sent: datetime
    function: str
    event: Any


def failures(stack: DeployedStack, hidden_seconds: int = LISTING_SECONDS) -> list[Failure]:
    """Every message that the queue shows, oldest first; each stays in the queue, out of sight for that long."""
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    found: dict[str, Failure] = {}
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=hidden_seconds,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["SentTimestamp"],
    ).get("Messages", []):
        found |= {message["MessageId"]: _failure(stack, message) for message in messages}
    return sorted(found.values(), key=lambda failure: failure.sent)


def put_back(stack: DeployedStack, seen: Iterable[Failure]) -> None:
    """Let messages that were only looked at be seen again at once."""
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    for failure in seen:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=failure.receipt, VisibilityTimeout=0)


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of a failure that was tried again; `done`: it has left the queue."""

    failure: Failure
    done: bool
    words: str


def redrive(stack: DeployedStack, seen: Iterable[Failure]) -> Iterator[Redriven]:
    """Try each failure again through its function; only what went well leaves the queue."""
    sqs, url = stack.client("sqs"), stack.output("DistributionFailuresUrl")
    for failure in seen:
        tried = _try_again(stack, failure)
        if tried.done:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=failure.receipt)
        else:
            put_back(stack, [failure])
        yield tried


def _try_again(stack: DeployedStack, failure: Failure) -> Redriven:
    if failure.event is None:
        return Redriven(failure, done=False, words="cannot be tried again: it names no key; purge the queue to drop it")
    try:
        answer = stack.invoke(failure.function, failure.event)
    except InvocationError as error:
        return Redriven(failure, done=False, words=str(error))
    if "compared" in answer:  # a sweep, which has its own ways to tell of an object that cannot be published
        return Redriven(failure, done=True, words=f"swept: {answer['outcomes']}")
    objects = answer.get("objects", [])
    bad = [one for one in objects if one.get("outcome") not in WELL | {None}]
    words = "; ".join(f"{one['outcome']}: {one.get('reason', '')}" for one in bad)
    went_well = ", ".join(str(one.get("outcome")) for one in objects)
    return Redriven(failure, done=not bad, words=words or went_well or "done")


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
            # Without an answer Lambda never ran the function, and its condition says why.
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
    """The keys of an event if each of its records names one; else none, and it is tried again as it is."""
    try:
        notices = decode(event).notices
    except EnvelopeError:
        return ()
    changed = [notice for notice in notices if isinstance(notice, Changed)]
    return tuple(dict.fromkeys(notice.key for notice in changed)) if len(changed) == len(notices) else ()

"""Published keys in, one request for each distribution out; the answers to these in, what is left to do out. Pure."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from os.path import commonprefix

from distributor.invalidator.messages import Batch, Delivery, PublishedKey, Refusal
from distributor.settings import InvalidatorSettings

# How other characters must be encoded in a path is disputed; a wildcard covers them whatever is right.
_PLAIN = re.compile(r"[A-Za-z0-9._=/-]*")


@dataclass(frozen=True, slots=True)
class InvalidationRequest:
    """One request to CloudFront: sorted paths, and the reference by which a repetition is known."""

    distribution: str
    paths: tuple[str, ...]
    reference: str


def requests_for(published: Sequence[PublishedKey], settings: InvalidatorSettings) -> list[InvalidationRequest]:
    """One request for each distribution; none if no key can be reached through them.

    The reference is made of the messages' ids, so that a batch that is delivered again gets the invalidation that it
    had, which began after the messages were sent. ETags would not do: content that goes A, B, A would get that of the
    first A. Nor would the clock: every repetition would be another invalidation.
    """
    keys = {message.key for message in published}
    paths = paths_for(keys, settings.distribution_origin_path, settings.max_invalidation_paths)
    if not paths:
        return []
    ids = sorted({message.delivery.message_id for message in published})
    return [
        InvalidationRequest(distribution, paths, _reference(distribution, paths, ids))
        for distribution in settings.cloudfront_distribution_id
    ]


def _reference(distribution: str, paths: Sequence[str], ids: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([distribution, paths, ids]).encode()).hexdigest()


def paths_for(keys: Iterable[str], origin_path: str, most: int) -> tuple[str, ...]:
    """The sorted paths that cover every key below the origin path; the others can't be reached and need none.

    Keys with characters beyond `A-Za-z0-9._=/-` are covered by one wildcard over their common folder, and so is
    everything when there are more than `most` paths. A wildcard costs as one path; a distribution bears 15 in progress.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
    """
    paths = {f"/{key}".removeprefix(origin_path) for key in keys if is_reachable(key, origin_path)}
    odd = {path for path in paths if not _PLAIN.fullmatch(path)}
    covering = {_wildcard(odd)} if odd else set()
    wanted = covering | {path for path in paths if not any(path.startswith(wildcard[:-1]) for wildcard in covering)}
    return tuple(sorted(wanted)) if len(wanted) <= most else (_wildcard(paths),)


def is_reachable(key: str, origin_path: str) -> bool:
    """Whether the distribution, whose origin path is empty or like `/site`, shows this key of the bucket."""
    return f"/{key}".startswith(f"{origin_path}/")


def _wildcard(paths: Collection[str]) -> str:
    folders = commonprefix([path.split("/")[:-1] for path in paths])  # noqa: RUF071 - of lists: by segments
    return "/".join([*takewhile(_PLAIN.fullmatch, folders), "*"])


@dataclass(frozen=True, slots=True)
class Created:
    """CloudFront accepted the invalidation under this id, or knew it already."""

    request: InvalidationRequest
    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """CloudFront can't at present, or did not answer; a later try may go well."""

    request: InvalidationRequest
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """CloudFront will not; no retry helps until a person changes something."""

    request: InvalidationRequest
    reason: str


Answer = Created | Deferred | Refused


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The messages that are not done: some are tried again, some are for a person."""

    again: tuple[Delivery, ...]
    refused: tuple[Refusal, ...]


def unfinished_messages(batch: Batch, answers: Iterable[Answer]) -> Unfinished:
    """If one distribution deferred its request, all messages come again; else, if one refused, they are for a person.

    A distribution that accepted its request then gets it again: under the same reference if the same messages come
    again together, else as one more invalidation. That is rare and harmless; to leave a distribution out is not.
    """
    answered = list(answers)
    deliveries = tuple(published.delivery for published in batch.published)
    if any(isinstance(answer, Deferred) for answer in answered):
        return Unfinished(deliveries, batch.malformed)
    refusing = [answer for answer in answered if isinstance(answer, Refused)]
    reasons = "; ".join(f"{answer.request.distribution}: {answer.reason}" for answer in refusing)
    refused = tuple(Refusal(delivery, reasons) for delivery in deliveries if reasons)
    return Unfinished((), (*batch.malformed, *refused))

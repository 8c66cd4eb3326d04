"""Published keys in, one request for each distribution out; the answers to these in, what is left to do out. Pure."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from os.path import commonprefix

from distributor.invalidator.messages import Batch, Delivery, Published, Refusal
from distributor.settings import InvalidatorSettings

# How other characters must be encoded in a path is disputed; a wildcard covers them whatever is right.
_PLAIN = re.compile(r"[A-Za-z0-9._=/-]*")


@dataclass(frozen=True, slots=True)
class Invalidation:
    """One request to CloudFront: sorted paths, and the reference by which a repetition is known."""

    distribution: str
    paths: tuple[str, ...]
    reference: str


def invalidations(published: Sequence[Published], settings: InvalidatorSettings) -> list[Invalidation]:
    """One request for each distribution; none if no key can be reached through them.

    The reference is made of the messages' ids, so that a batch that is delivered again gets the invalidation that it
    had, which began after the messages were sent. ETags would not do: content that goes A, B, A would get that of the
    first A. Nor would the clock: every repetition would be another invalidation.
    """
    paths = paths_for(
        {one.key for one in published}, settings.distribution_origin_path, settings.max_invalidation_paths
    )
    if not paths:
        return []
    ids = sorted({one.delivery.message_id for one in published})
    return [Invalidation(one, paths, _reference(one, paths, ids)) for one in settings.cloudfront_distribution_id]


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
    wanted = covering | {path for path in paths if not any(path.startswith(one[:-1]) for one in covering)}
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

    invalidation: Invalidation
    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """CloudFront can't at present, or did not answer; a later try may go well."""

    invalidation: Invalidation
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """CloudFront will not; no retry helps until a person changes something."""

    invalidation: Invalidation
    reason: str


Answer = Created | Deferred | Refused


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of the messages that are not done: some are tried again, some are for a person."""

    again: tuple[Delivery, ...]
    refused: tuple[Refusal, ...]


def decide(batch: Batch, answers: Iterable[Answer]) -> Fate:
    """If one distribution is deferred, all messages come again; else, if one refused, they are for a person.

    A distribution that was done is then done once more for nothing if the messages come in another company, with the
    same reference otherwise. That is harmless and seldom; a distribution left out would be neither.
    """
    answered = list(answers)
    deliveries = tuple(one.delivery for one in batch.published)
    if any(isinstance(answer, Deferred) for answer in answered):
        return Fate(deliveries, batch.malformed)
    reasons = "; ".join(
        f"{one.invalidation.distribution}: {one.reason}" for one in answered if isinstance(one, Refused)
    )
    refused = tuple(Refusal(delivery, reasons) for delivery in deliveries if reasons)
    return Fate((), (*batch.malformed, *refused))

"""Published keys in, one request for each distribution out; CloudFront's answers in, unfinished messages out. Pure."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from os.path import commonprefix

from distributor.invalidator.messages import Batch, Delivery, PublishedKey, Refusal
from distributor.settings import InvalidatorSettings

# It is unclear how other characters must be encoded in a path; a wildcard covers every encoding. A path has at most
# 4,000 characters, /* among them.
_PLAIN = re.compile(r"[A-Za-z0-9._=/-]{0,3998}")


@dataclass(frozen=True, slots=True)
class InvalidationRequest:
    """One request to CloudFront: sorted paths, and the reference by which CloudFront recognizes a repetition.

    `refusal`: why CloudFront refused the request that this one replaces; empty if it replaces none.
    """

    distribution: str
    paths: tuple[str, ...]
    reference: str
    refusal: str = ""


def requests_for(published: Sequence[PublishedKey], settings: InvalidatorSettings) -> list[InvalidationRequest]:
    """One request for each distribution; none if no key can be reached through them.

    The reference is built from the messages' ids, so a repeated batch reuses its invalidation, which began after the
    messages were sent. ETags would not work: for content A, B, A the second A would reuse the first's. Nor would the
    time: every repetition would be another invalidation.
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
    """The sorted paths that cover every key below the origin path; other keys can't be reached and need none.

    One wildcard over their common folder covers all keys with characters other than `A-Za-z0-9._=/-` or whose path is
    too long, or all keys if there are more than `most` paths. CloudFront refuses a whole request with `InvalidArgument`
    for one path of over 4,000 characters or with characters that must be encoded. A wildcard costs as much as one path;
    a distribution allows 15 in progress.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
    """
    paths = {f"/{key}".removeprefix(origin_path) for key in keys if is_reachable(key, origin_path)}
    odd = {path for path in paths if not _PLAIN.fullmatch(path)}
    covering = {_wildcard(odd)} if odd else set()
    wanted = covering | {path for path in paths if not any(path.startswith(wildcard[:-1]) for wildcard in covering)}
    return tuple(sorted(wanted)) if len(wanted) <= most else (_wildcard(paths),)


def is_reachable(key: str, origin_path: str) -> bool:
    """Whether readers can reach this key of the bucket; `origin_path` is empty or like `/site`."""
    return f"/{key}".startswith(f"{origin_path}/")


def _wildcard(paths: Collection[str]) -> str:
    folders = commonprefix([path.split("/")[:-1] for path in paths])  # noqa: RUF071 - of lists: by segments
    *_, folder = ["", *takewhile(_PLAIN.fullmatch, accumulate(folders, "{}/{}".format))]
    return f"{folder}/*"


def widen(request: InvalidationRequest, refusal: str) -> InvalidationRequest:
    """The request that covers the same keys with one wildcard, since CloudFront refused a path and did not say which.

    If that is refused too, all the keys are in a folder that CloudFront does not take.
    """
    paths = (_wildcard(request.paths),)
    reference = _reference(request.distribution, paths, [request.reference])
    return InvalidationRequest(request.distribution, paths, reference, refusal)


@dataclass(frozen=True, slots=True)
class Created:
    """CloudFront accepted the invalidation with this id, or had done so before."""

    request: InvalidationRequest
    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """CloudFront can't do it now, or did not answer; a later try may succeed."""

    request: InvalidationRequest
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """CloudFront refused; no retry helps until someone changes something. `of_path`: one of the paths may be why."""

    request: InvalidationRequest
    reason: str
    of_path: bool = False


Answer = Created | Deferred | Refused


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The unfinished messages: `again` are tried again, `refused` need an operator."""

    again: tuple[Delivery, ...]
    refused: tuple[Refusal, ...]


def unfinished_messages(batch: Batch, answers: Iterable[Answer]) -> Unfinished:
    """If CloudFront deferred any request, all messages come again; else, if it refused any, they need an operator.

    A distribution whose request was accepted then gets it again: with the same reference if the same messages come
    together again, else as one more invalidation. That is rare and harmless; leaving out a distribution is not.
    """
    answered = list(answers)
    deliveries = tuple(published.delivery for published in batch.published)
    if any(isinstance(answer, Deferred) for answer in answered):
        return Unfinished(deliveries, batch.malformed)
    refusing = [answer for answer in answered if isinstance(answer, Refused)]
    reasons = "; ".join(f"{answer.request.distribution}: {answer.reason}" for answer in refusing)
    refused = tuple(Refusal(delivery, reasons) for delivery in deliveries if reasons)
    return Unfinished((), (*batch.malformed, *refused))

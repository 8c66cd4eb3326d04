"""Checks the files of the website bucket: present, same bytes as the source, headers that readers need. Pure."""

import re
from collections.abc import Iterator
from datetime import datetime

from distributor.plan import headers_for
from distributor.settings import HeaderSettings
from distributor.store import key_in_metadata
from ops.checks.check import CLOCK_SKEW, Check, equals, exists
from ops.checks.release import overtaken, parse_manifest
from ops.checks.source import breach
from ops.observation import FunctionState, Observation, StoredObject, Unavailable, is_published
from shared.contract import MANIFEST_FILE, content_type
from shared.settings import ConfigurationError, read_settings

GROUP = "Website bucket"


def check_website(observed: Observation, now: datetime) -> Iterator[Check]:
    """Check that each published file is on the website, with the source's bytes and the headers that readers need.

    The bucket must own the copies: in another account's bucket they could belong to the writer's account.
    """
    yield from _check_ownership(observed)
    yield from _check_policy(observed)
    if observed.is_before_first_run(now):
        return
    for name, stored in observed.website.items():
        if not is_published(name, observed.functions.get("distributor")):
            yield Check(GROUP, f"{name} is left out", holds=True, actual="PublishPatterns does not name it")
            continue
        if _is_unfit(name, observed):
            continue  # no command publishes it, and the check of the source says what to do
        again = f"feed redistribute {name}; if that does not help, feed failures shows why"
        yield exists(GROUP, name, stored, again)
        if isinstance(stored, StoredObject):
            yield from _check_published(name, stored, observed, now, again)


def _is_unfit(name: str, observed: Observation) -> bool:
    source = observed.source[name]
    return isinstance(source, StoredObject) and bool(breach(name, source.body, releases=observed.stack.releases))


def _check_policy(observed: Observation) -> Iterator[Check]:
    policy = observed.website_policy
    if isinstance(policy, str) and re.search("s3:if-(none-)?match", policy, re.IGNORECASE):
        yield Check(
            GROUP,
            "the bucket's policy lets copies in",
            holds=False,
            actual="it demands conditional writes (s3:if-match, s3:if-none-match), which S3 does not allow copies",
            advice="leave the published prefix out of this statement of the policy",
        )


def _check_ownership(observed: Observation) -> Iterator[Check]:
    distributor = observed.functions.get("distributor")
    variables = distributor.environment if isinstance(distributor, FunctionState) else {}
    owner = variables.get("DISTRIBUTION_BUCKET_OWNER", "")
    if owner and owner != variables.get("SOURCE_BUCKET_OWNER"):
        found = observed.ownership
        yield Check(
            GROUP,
            f"copies belong to the account {owner}",
            found == "BucketOwnerEnforced",
            found.reason if isinstance(found, Unavailable) else found,
            f"{owner} must set the bucket's Object Ownership to BucketOwnerEnforced, or CloudFront may not read the "
            "copies; then feed redistribute --all --yes. If it is so, let yourself s3:GetBucketOwnershipControls",
        )


def _check_published(
    name: str, stored: StoredObject, observed: Observation, now: datetime, again: str
) -> Iterator[Check]:
    source = observed.source[name]
    if isinstance(source, StoredObject):
        same = source.body == stored.body
        actual = (
            f"{len(stored.body):,} bytes" if same else f"{len(stored.body):,} bytes, the source {len(source.body):,}"
        )
        if not same and len(source.body) == len(stored.body):
            actual += ", but others"
        manifest = parse_manifest(source.body) if name == MANIFEST_FILE and observed.stack.releases else None
        others = overtaken(manifest, observed) if manifest and not same else []
        if manifest and others:
            actual = f"{manifest.release} cannot be published: the source has another {', '.join(others)}"
            again = "feed fetch makes a new release, feed rollback --release ID brings back an earlier one"
        yield Check(GROUP, f"{name} has the source's bytes", same, actual, again, trouble=not others)
        if not same:
            return  # the same command sets the headers
    by_hand = f"feed redistribute {name} sets it; it was put there by hand, or before a setting was changed"
    yield equals(GROUP, f"{name}: Content-Type", stored.content_type, content_type(name), by_hand)
    yield equals(GROUP, f"{name}: Cache-Control", stored.cache_control, cache_control(name, observed), by_hand)
    wrong = _wrong_provenance(stored, name, observed, now)
    yield Check(GROUP, f"{name}: provenance", not wrong, wrong or _provenance(stored), by_hand)


def cache_control(name: str, observed: Observation) -> str | None:
    """The header that the distributor sets on the file; None if its configuration cannot be read."""
    settings = header_settings(observed)
    return headers_for(name, settings).cache_control if settings else None


def header_settings(observed: Observation) -> HeaderSettings | None:
    """What the distributor's configuration says of headers and releases; None if it cannot be read."""
    distributor = observed.functions.get("distributor")
    if not isinstance(distributor, FunctionState):
        return None
    try:
        return read_settings(HeaderSettings, distributor.environment)
    except ConfigurationError:
        return None


def _provenance(stored: StoredObject) -> str:
    return f"distributed at {stored.metadata.get('distributed-at', 'no known time')}"


def _wrong_provenance(stored: StoredObject, name: str, observed: Observation, now: datetime) -> str:
    stack = observed.stack
    wanted = {
        "source-bucket": stack.output("SourceBucketName"),
        "source-key": key_in_metadata(f"{stack.output('SourceKeyPrefix')}/{name}"),
    }
    for field, value in wanted.items():
        if stored.metadata.get(field) != value:
            return f"{field} is {stored.metadata.get(field, 'missing')}, not {value}"
    text = stored.metadata.get("distributed-at", "")
    try:
        in_future = datetime.fromisoformat(text) > now + CLOCK_SKEW
    except (ValueError, TypeError):  # no time, or no time zone
        return f"distributed-at is {text or 'missing'}"
    return f"distributed-at is in the future: {text}" if in_future else ""

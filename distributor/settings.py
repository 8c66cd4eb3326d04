"""The environment of the distributor, the sweeper and the invalidator."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from shared.settings import (
    Settings,
    bucket_name,
    flag,
    key_prefix,
    matching,
    not_blank,
    number,
    several,
    url_of_site,
    variable,
)
from shared.strict_json import MAX_BYTES


class Location(NamedTuple):
    """A bucket, the prefix of the objects in it, and the account that must own it, if known."""

    bucket: str
    prefix: str
    owner: str = ""


class CacheControlRule(NamedTuple):
    """The `Cache-Control` header of names below the prefix that match the glob, as in `PUBLISH_PATTERNS`."""

    glob: str
    header: str


_header = matching(r"[ -~]*[!-~][ -~]*", "a header in ASCII, such as no-cache")  # no other characters are allowed
_queue_url = matching(r"(https?://\S+)?", "the URL of a queue, or empty")
_account_id = matching(r"([0-9]{12})?", "the twelve digits of an account, or empty")


def _location(place: str) -> Location:
    bucket, _, prefix = place.partition("/")
    return Location(bucket_name(bucket), key_prefix(prefix))


def _cache_control_rules(value: str) -> tuple[CacheControlRule, ...]:
    return tuple(_cache_control_rule(text.strip()) for text in value.split(";") if text.strip())


def _cache_control_rule(text: str) -> CacheControlRule:
    glob, _, header = (part.strip() for part in text.partition("="))  # headers hold further = signs
    if not glob or not re.fullmatch(r"[ -~]+", header):
        msg = f"a rule is glob=header, such as releases/**=public, max-age=31536000, immutable; this one is {text!r}"
        raise ValueError(msg)
    return CacheControlRule(glob, header)


@dataclass(frozen=True, kw_only=True)
class HeaderSettings(Settings):
    """The `Cache-Control` header of published objects: from the first rule that matches, else `cache_control`.

    Rules have the form `glob=header` and are separated by semicolons. `releases`: a manifest publishes its release, and
    both have rules of their own behind these.
    """

    cache_control: str = variable(_header, "public, max-age=300")
    cache_control_rules: tuple[CacheControlRule, ...] = variable(_cache_control_rules, ())
    releases: bool = variable(flag, default=True)


@dataclass(frozen=True, kw_only=True)
class DistributorSettings(HeaderSettings):
    """Which files are published, from where and to where.

    The owners are account ids: a bucket that belongs to another account is refused. If empty, the owner is not checked.
    `replica_destinations`: further destinations of every file, in the form `bucket/prefix`, separated by commas.
    `event_bus_name`: the bus that gets events; none if empty.
    """

    source_bucket: str = variable(bucket_name)
    source_prefix: str = variable(key_prefix, "aws-data")
    distribution_bucket: str = variable(bucket_name)
    distribution_prefix: str = variable(key_prefix, "data")
    publish_patterns: tuple[str, ...] = variable(several(str, least=1), ("*.json", "regions/*.json", "services/*.json"))
    max_object_bytes: int = variable(number(int, 1, MAX_BYTES), MAX_BYTES)
    replica_destinations: tuple[Location, ...] = variable(several(_location), ())
    invalidation_queue_url: str = variable(_queue_url, "")
    failure_queue_url: str = variable(_queue_url, "")
    event_bus_name: str = variable(matching(r"[A-Za-z0-9._/-]*", "the name of an event bus, or empty"), "")
    site_url: str = variable(url_of_site, "")
    source_bucket_owner: str = variable(_account_id, "")
    distribution_bucket_owner: str = variable(_account_id, "")

    @property
    def source(self) -> Location:
        """Where files are copied from."""
        return Location(self.source_bucket, self.source_prefix, self.source_bucket_owner)

    @property
    def website(self) -> Location:
        """Where readers, or their CDN, get files from."""
        return Location(self.distribution_bucket, self.distribution_prefix, self.distribution_bucket_owner)

    @property
    def destinations(self) -> tuple[Location, ...]:
        """Where each file goes, the website first."""
        return (self.website, *self.replica_destinations)

    def conflicts(self) -> Iterator[str]:
        """Destinations that overlap the source, or are given twice."""
        places = [f"{destination.bucket}/{destination.prefix}" for destination in self.destinations]
        for index, destination in enumerate(self.destinations):
            if destination.bucket == self.source_bucket and _nested(destination.prefix, self.source_prefix):
                variables = "REPLICA_DESTINATIONS" if index else "DISTRIBUTION_BUCKET, DISTRIBUTION_PREFIX"
                source = f"{self.source_bucket}/{self.source_prefix}"
                yield f"{variables}: {places[index]} overlaps the source {source}: every copy would trigger the next"
            if places[index] in places[:index]:
                yield f"REPLICA_DESTINATIONS: {places[index]} is given twice, or is the website itself"


_distributions = several(matching(r"[A-Z0-9]+", "the id of a distribution, such as E1EXAMPLE"), least=1)


def _distinct(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_distributions(value)))


@dataclass(frozen=True, kw_only=True)
class InvalidatorSettings(Settings):
    """Which distributions serve the website bucket, and how its keys become their paths.

    `cloudfront_distribution_id`: one id, or several, separated by commas. With the origin path `/site` the key
    `site/data/x.json` has the path `/data/x.json`. More paths than `max_invalidation_paths` become one wildcard.
    """

    cloudfront_distribution_id: tuple[str, ...] = variable(_distinct)
    distribution_origin_path: str = variable(matching(r"(/[^/\s]+)*", "a path such as /site, or empty"), "")
    max_invalidation_paths: int = variable(number(int, 1, 3000), 50)  # CloudFront allows 3,000 paths in progress
    invalidation_queue_url: str = variable(not_blank)
    failure_queue_url: str = variable(not_blank)


def _nested(prefix: str, other: str) -> bool:
    return f"{prefix}/".startswith(f"{other}/") or f"{other}/".startswith(f"{prefix}/")

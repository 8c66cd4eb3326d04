"""The environment of the distributor, the sweeper and the invalidator."""

import re
from typing import Annotated, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.settings import BucketName, CommaSeparated, KeyPrefix, NonBlank, Settings, SiteUrl, comma_separated
from shared.strict_json import MAX_BYTES


class Location(NamedTuple):
    """A bucket, the prefix of the objects in it, and the account that must own it, if known."""

    bucket: BucketName
    prefix: KeyPrefix
    owner: str = ""


class CacheControlRule(NamedTuple):
    """The `Cache-Control` header of names below the prefix that match the glob, as in `PUBLISH_PATTERNS`."""

    glob: str
    header: str


_PRINTABLE_ASCII = r"^[ -~]+$"  # other characters are not allowed in a header

HeaderValue = Annotated[NonBlank, Field(pattern=_PRINTABLE_ASCII)]
QueueUrl = Annotated[str, Field(pattern=r"^(https?://\S+)?$")]
BusName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]*$")]
AccountId = Annotated[str, Field(pattern=r"^(\d{12})?$")]
Globs = Annotated[tuple[str, ...], CommaSeparated, Field(min_length=1)]


def _locations(places: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(place.split("/", 1)) for place in places)


def _cache_control_rules(value: str) -> tuple[CacheControlRule, ...]:
    return tuple(_cache_control_rule(text.strip()) for text in value.split(";") if text.strip())


def _cache_control_rule(text: str) -> CacheControlRule:
    glob, _, header = (part.strip() for part in text.partition("="))  # headers hold further = signs
    if not glob or not re.fullmatch(_PRINTABLE_ASCII, header):
        msg = f"a rule is glob=header, such as releases/**=public, max-age=31536000, immutable; this one is {text!r}"
        raise ValueError(msg)
    return CacheControlRule(glob, header)


class HeaderSettings(Settings):
    """The `Cache-Control` header of published objects: from the first rule that matches, else `cache_control`.

    Rules have the form `glob=header` and are separated by semicolons. `releases`: a manifest publishes its release, and
    both have rules of their own behind these.
    """

    cache_control: HeaderValue = "public, max-age=300"
    cache_control_rules: Annotated[tuple[CacheControlRule, ...], BeforeValidator(_cache_control_rules)] = ()
    releases: bool = True


class DistributorSettings(HeaderSettings):
    """Which files are published, from where and to where.

    The owners are account ids: a bucket that belongs to another account is refused. If empty, the owner is not checked.
    `replica_destinations`: further destinations of every file, in the form `bucket/prefix`, separated by commas.
    `event_bus_name`: the bus that gets events; none if empty.
    """

    source_bucket: BucketName
    source_prefix: KeyPrefix = "aws-data"
    distribution_bucket: BucketName
    distribution_prefix: KeyPrefix = "data"
    publish_patterns: Globs = ("*.json", "regions/*.json", "services/*.json")
    max_object_bytes: int = Field(default=MAX_BYTES, gt=0, le=MAX_BYTES)
    replica_destinations: Annotated[tuple[Location, ...], BeforeValidator(_locations), CommaSeparated] = ()
    invalidation_queue_url: QueueUrl = ""
    failure_queue_url: QueueUrl = ""
    event_bus_name: BusName = ""
    site_url: SiteUrl = ""
    source_bucket_owner: AccountId = ""
    distribution_bucket_owner: AccountId = ""

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

    @model_validator(mode="after")
    def _source_and_destinations_are_apart(self) -> Self:
        for index, destination in enumerate(self.destinations):
            if destination.bucket == self.source_bucket and _nested(destination.prefix, self.source_prefix):
                variables = "REPLICA_DESTINATIONS" if index else "DISTRIBUTION_BUCKET, DISTRIBUTION_PREFIX"
                msg = (
                    f"{variables}: {destination.bucket}/{destination.prefix} overlaps the source "
                    f"{self.source_bucket}/{self.source_prefix}: every copy would trigger the next"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _destinations_differ(self) -> Self:
        places = [f"{destination.bucket}/{destination.prefix}" for destination in self.destinations]
        for index, place in enumerate(places):
            if place in places[:index]:
                msg = f"REPLICA_DESTINATIONS: {place} is given twice, or is the website itself"
                raise ValueError(msg)
        return self


DistributionId = Annotated[str, Field(pattern=r"^[A-Z0-9]+$")]


def _distinct(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(comma_separated(value)))


class InvalidatorSettings(Settings):
    """Which distributions serve the website bucket, and how its keys become their paths.

    `cloudfront_distribution_id`: one id, or several, separated by commas. With the origin path `/site` the key
    `site/data/x.json` has the path `/data/x.json`. More paths than `max_invalidation_paths` become one wildcard.
    """

    cloudfront_distribution_id: Annotated[tuple[DistributionId, ...], BeforeValidator(_distinct), Field(min_length=1)]
    distribution_origin_path: str = Field(default="", pattern=r"^(/[^/\s]+)*$")
    max_invalidation_paths: int = Field(default=50, ge=1, le=3000)  # CloudFront allows 3,000 paths in progress
    invalidation_queue_url: NonBlank
    failure_queue_url: NonBlank


def _nested(prefix: str, other: str) -> bool:
    return f"{prefix}/".startswith(f"{other}/") or f"{other}/".startswith(f"{prefix}/")

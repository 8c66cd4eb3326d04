"""The facts of one crawl, as SSM states them: plain data, before any document is made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """One region. Attributes that SSM does not state are None; codes are as SSM spells them, in any order.

    `fetched_at` is when the last page of the region's services was read.
    """

    code: str
    name: str | None
    partition: str | None
    domain: str | None
    country: str | None
    geography: str | None
    availability_zones: tuple[str, ...]
    local_zones: tuple[str, ...]
    wavelength_zones: tuple[str, ...]
    services: tuple[str, ...]
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service. A service may have no name of its own and may be offered nowhere."""

    code: str
    name: str | None
    home_url: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that one crawl learned, by code. `unplaced_zones` have no known parent region."""

    regions: Mapping[str, RegionFacts]
    services: Mapping[str, ServiceFacts]
    unplaced_zones: tuple[str, ...] = ()

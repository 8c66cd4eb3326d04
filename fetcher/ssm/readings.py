"""What was read of the catalogue, by path below SSM's root, whether by this run or an earlier one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

REGION_ATTRIBUTES = ("longName", "partition", "domain", "geolocationCountry", "geolocationRegion")
LAUNCH_ATTRIBUTES = ("launchDate", "launchUrl")  # not in SSM: they come from the feed of launches
SERVICE_ATTRIBUTES = ("longName", "marketingHomeURL")
ZONE_ROOTS = ("local-zones", "wavelength-zones")


@dataclass(frozen=True, slots=True)
class Listing:
    """The codes directly under a path, in any order, and when its last page was read."""

    codes: tuple[str, ...]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Readings:
    """Listings by path; values by name, None where SSM has no such parameter; errors by what could not be read."""

    listings: Mapping[str, Listing] = field(default_factory=dict)
    values: Mapping[str, str | None] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

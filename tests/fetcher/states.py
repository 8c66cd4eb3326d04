"""Published states in a line each: which region has which services, and what they are called."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from fetcher.catalogue import Catalogue, RegionFacts, ServiceFacts
from fetcher.documents import Documents, build_documents

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def state(  # noqa: PLR0913 - a whole state in one expression; all but the first by name
    offers: Mapping[str, Sequence[str]],
    *,
    nowhere: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    zones: Mapping[str, Sequence[str]] | None = None,
    local_zones: Mapping[str, Sequence[str]] | None = None,
    stale: Sequence[str] = (),
) -> Documents:
    """A state. `nowhere` are services that no region offers; what has no name in `names` is shown by its code.

    Zones are given by region; every state has a service called always, since no catalogue is without any.
    """
    names, services = names or {}, {"always", *nowhere, *(code for codes in offers.values() for code in codes)}
    catalogue = Catalogue(
        regions={
            code: RegionFacts(
                code=code,
                name=names.get(code),
                partition=None,
                domain=None,
                country=None,
                geography=None,
                launch_date=None,
                launch_url=None,
                availability_zones=tuple((zones or {}).get(code, ())),
                local_zones=tuple((local_zones or {}).get(code, ())),
                wavelength_zones=(),
                services=tuple(codes),
                fetched_at=NOW,
                is_carried_over=code in stale,
            )
            for code, codes in offers.items()
        },
        services={code: ServiceFacts(code, names.get(code), None) for code in services},
        stale_regions=tuple(stale),
    )
    return build_documents(catalogue, "run", NOW)

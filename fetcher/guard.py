"""The last complete data and the next in; nothing out, or an error if too much has vanished. Pure."""

from shared.contract import CompleteData


class ShrunkCatalogueError(Exception):
    """Too much has vanished to be believed; nothing is written, but for an event with `{"accept_shrink": true}`."""


def require_no_shrink(last: CompleteData, new: CompleteData, most_percent: float) -> None:
    """Refuse what lost more than this share of the last regions, services or pairs of both."""
    before, now = _parts(last), _parts(new)
    for what, codes in before.items():
        lost = sorted(codes - now[what])
        if len(lost) * 100 > len(codes) * most_percent:
            named = ", ".join(str(code) for code in lost[:3])
            msg = (
                f"nothing is written: {len(lost)} of {len(codes)} {what} have vanished, more than {most_percent:g} %, "
                f'such as {named}; if that is right, invoke the fetcher with {{"accept_shrink": true}}'
            )
            raise ShrunkCatalogueError(msg)


def _parts(data: CompleteData) -> dict[str, set[str]]:
    by_region = data.services_by_region.by_region
    return {
        "regions": set(by_region),
        "services": set(data.services.services),
        "pairs": {f"{service} in {code}" for code, entry in by_region.items() for service in entry.services},
    }

"""Measurements of what the documents claim; `make bench` writes them into docs/performance.md."""

from collections.abc import Sequence
from statistics import median

DOCUMENT = {
    "pairs": [
        {"region": "eu-central-1", "service": f"service-{number:04}", "available": "2026-01-02"}
        for number in range(220)
    ]
}
"""18 kB, with as many names and values to the kB as the catalogue has."""


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and the smallest and the largest."""
    middle, least, most = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def times(values: Sequence[float], base: Sequence[float]) -> str:
    """The ratio of two medians."""
    ratio = median(values) / median(base)
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"  # noqa: PLR2004 - decimals would tell no more

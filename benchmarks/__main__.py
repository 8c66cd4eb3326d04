"""Run subjects, print each table, and put it into its place in docs/performance.md, which has the prose.

Times depend on the machine; counts and sizes do not.
"""

import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bulk import bulk_table
from benchmarks.costs import growth_table, million_table, month_table
from benchmarks.crawl import client_table, crawl_table
from benchmarks.job import job_table, zips_table
from benchmarks.page import page_table
from benchmarks.reliability import events_table, hostile_table, load_table, search_table, storm_table
from benchmarks.starts import starts_table
from benchmarks.sweep import sweep_table
from benchmarks.sync import RIVALS, sync_table
from cloud import isolate
from cloud.template import ROOT

DOCUMENT = ROOT / "docs/performance.md"
SHORT: dict[str, Callable[[], Table]] = {
    "zips": zips_table,
    "job": job_table,
    "sync": sync_table,
    "bulk": bulk_table,
    "client": client_table,
    "page": page_table,
    "million": million_table,
    "month": month_table,
    "growth": growth_table,
}
LONG: dict[str, Callable[[], Table]] = {
    "starts": starts_table,
    "sweep": sweep_table,
    "crawl": crawl_table,
    "storm": storm_table,
    "search": search_table,
    "load": load_table,
    "hostile": hostile_table,
    "events": events_table,
}
"""Only by their names: each takes minutes."""
COMPUTED = {"month", "growth"}
"""Of counts alone: they have no date and no machine."""


def main() -> None:
    """Measure the subjects that the arguments name, by default the short ones."""
    isolate()
    subjects = SHORT | LONG
    names = sys.argv[1:] or [name for name in SHORT if name != "sync" or RIVALS.exists()]
    if unknown := set(names) - subjects.keys():
        sys.exit(f"benchmarks: no subject {', '.join(unknown)}; there are {', '.join(subjects)}")
    console = Console(width=None if sys.stdout.isatty() else 120)
    for number, name in enumerate(names, 1):
        started = time.monotonic()
        with console.status(f"{number} of {len(names)}: {name}"):
            table = subjects[name]()
        console.print(table, f"{name}: {time.monotonic() - started:.0f} s", "")
        if name == "sync" and not RIVALS.exists():
            console.print("sync: not written into the document, since it has no other tool; make bench RIVALS=1 has")
        else:
            write(DOCUMENT, name, table)


def write(document: Path, name: str, table: Table) -> None:
    """Put the table between the marks of its subject; ValueError if the document has none."""
    text = document.read_text(encoding="utf-8")
    taken = "" if name in COMPUTED else f"*{table.title}. {_circumstances()}*\n\n"
    before, begin, rest = text.partition(f"<!-- bench: {name} -->\n")
    _, end, after = rest.partition(f"<!-- end: {name} -->")
    if not end:
        raise ValueError(name)
    document.write_text(f"{before}{begin}{taken}{markdown(table)}{end}{after}", encoding="utf-8")


def markdown(table: Table) -> str:
    """The table as it stands in the document."""
    columns = ([f" {column.header} ", "---", *(f" {cell} " for cell in column.cells)] for column in table.columns)
    return "".join(f"|{'|'.join(row)}|\n" for row in zip(*columns, strict=True))


def tables(text: str) -> Iterator[tuple[str, str]]:
    """Each subject of the document with what stands between its marks."""
    yield from re.findall(r"<!-- bench: (\w+) -->\n(.*?)<!-- end: \1 -->", text, re.DOTALL)


def _circumstances() -> str:
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    return f"{datetime.now(UTC):%Y-%m-%d}, {cores}, {platform.system()}, Python {platform.python_version()}."


if __name__ == "__main__":
    main()

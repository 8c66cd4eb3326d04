"""What can be told of the page's files without a browser: what they are, what they weigh, what they never do."""

import gzip
import re
from pathlib import Path

import pytest

from tests.website.edge import WEBSITE

MOST_BYTES = 60_000
INDEX = (WEBSITE / "index.html").read_text()
ASSETS = sorted((WEBSITE / "assets").iterdir())
SCRIPTS = [path for path in ASSETS if path.suffix == ".js"]


def test_the_page_is_light() -> None:
    files = [WEBSITE / "index.html", *ASSETS]

    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < MOST_BYTES


def test_every_module_is_asked_for_at_once() -> None:
    loaded = re.findall(r'(?:href|src)="assets/([^"]+)"', INDEX)

    assert sorted(loaded) == [path.name for path in ASSETS]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_text_never_becomes_html_or_code(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
    )


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", INDEX)
    assert not re.search(r'(?:href|src)="(?:https?:)?//', INDEX)
    assert not re.search(r"url\(|@import", (WEBSITE / "assets" / "site.css").read_text())

"""One browser and one site for all tests of the page."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.website.published_files import Site, publish_weeks
from tests.website.reader import chromium, launch


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without one the tests are skipped, but never in CI."""
    if not chromium():
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("no browser to show the page in: `make browser` installs Debian's chromium")
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="session")
def site() -> Site:
    """Some weeks of published files; tests change copies of them."""
    return publish_weeks()

"""Somebody who reads the page in a real browser: the system's Chromium, since Playwright's wheel brings none."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

from tests.website.edge import SiteServer
from tests.website.published_files import NOW

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PAGES = {
    "start": "",
    "matrix": "#/matrix",
    "region": "#/region/ap-southeast-6",
    "service": "#/service/bedrock-agentcore",
    "compare": "#/compare?regions=eu-central-1,eu-central-2,us-east-1",
    "where": "#/where?services=bedrock,nova-act",
    "changes": "#/changes",
    "developers": "#/developers",
}
READY = "main h1:not(.plain h1)"


@dataclass
class Reader:
    """Somebody with a browser. `said`: the console's messages and the errors of scripts."""

    page: Page
    edge: SiteServer
    said: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> Page:
        self.page.goto(f"{self.edge.url}/{address}")
        self.page.wait_for_selector(READY)
        return self.page

    def go(self, address: str) -> None:
        """Follow a link within the page."""
        self.page.evaluate(
            """async (address) => {
              const arrived = new Promise((done) => addEventListener("hashchange", done, { once: true }));
              location.hash = address;
              await arrived;
            }""",
            address or "#/",
        )

    def file(self, name: str) -> Any:
        return json.loads(self.edge.files[name])

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()


@contextmanager
def reading(browser: Browser, edge: SiteServer, **options: Any) -> Iterator[Reader]:
    """A reader in Zurich, at the time of the newest files; whatever the test is about, nothing leaves the site."""
    defaults = {"locale": "en-GB", "timezone_id": "Europe/Zurich", "viewport": {"width": 1280, "height": 800}}
    context = browser.new_context(**{**defaults, **options})
    page = context.new_page()
    reader = Reader(page, edge)
    page.on("console", lambda message: reader.said.append(message.text))
    page.on("pageerror", lambda error: reader.said.append(str(error)))
    page.on("request", lambda request: reader.requested.append(request.url))
    page.clock.install(time=NOW)
    yield reader
    context.close()
    assert [url for url in reader.requested if not url.startswith(edge.url)] == []


def chromium() -> str | None:
    """Where the system has it."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=chromium())

"""Takes pictures of every page, light and dark, for a phone and a desk: `make screenshots`."""

import sys
from itertools import product
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.website.edge import SiteServer
from tests.website.published_files import publish_weeks
from tests.website.reader import PAGES, launch, reading

SIZES = {390: 844, 1440: 900}
SCHEMES = ("light", "dark")


def take(folder: Path) -> None:
    """One picture for each page, scheme and width."""
    folder.mkdir(parents=True, exist_ok=True)
    with SiteServer(publish_weeks().files) as edge, sync_playwright() as playwright, launch(playwright) as browser:
        for scheme, width in product(SCHEMES, SIZES):
            size = {"width": width, "height": SIZES[width]}
            with reading(browser, edge, color_scheme=scheme, viewport=size) as reader:
                for name, address in PAGES.items():
                    page = reader.open(address)
                    page.reload()
                    page.wait_for_selector("main h1:not(.plain h1)")
                    page.screenshot(path=folder / f"{name}-{scheme}-{width}.png")


if __name__ == "__main__":
    take(Path(sys.argv[1]))

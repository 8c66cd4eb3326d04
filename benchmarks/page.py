"""How soon the page shows its tables, beside a page of one cell on the same server and in the same browser."""

import json

from playwright.sync_api import Browser, sync_playwright
from rich.table import Table

from benchmarks import spread, times
from tests.website.edge import SiteServer
from tests.website.published_files import publish_weeks
from tests.website.reader import launch

VISITS, SLOWER = 5, (1, 4)
BARE = "data/bare.html", "table"
FIRST_TABLES = {
    "regions on the first page": ("", ".bars li"),
    "a region": ("#/region/us-east-1", ".list table"),
    "the matrix": ("#/matrix", ".matrix td"),
}
# The frame after the one that has it: then it was painted.
WATCH = """
const watch = () => requestAnimationFrame(() => {
  if (!document.querySelector(SELECTOR)) return watch();
  requestAnimationFrame(() => { window.seen = performance.now(); });
});
watch();
"""


def page_table() -> Table:
    """With an empty cache at each visit; the second pair of columns is for a processor of a quarter of the speed."""
    table = Table(
        *("first rows of", "times the bare page", "seconds", "times, on a phone", "seconds, on a phone"),
        title=f"Medians of {VISITS} visits in turn (least to most)",
    )
    server = SiteServer({**publish_weeks().files, "bare.html": b"<!doctype html><table><tr><td>1</table>"})
    views = {"a bare page": BARE, **FIRST_TABLES}
    taken: dict[tuple[str, int], list[float]] = {(name, slower): [] for slower in SLOWER for name in views}
    with server, sync_playwright() as playwright, launch(playwright) as browser:
        for _ in range(VISITS):
            for (name, slower), seconds in taken.items():
                seconds.append(_visit(browser, server.url, views[name], slower))
    bare = next(iter(views))
    for name in views:
        pairs = [(taken[name, slower], taken[bare, slower]) for slower in SLOWER]
        table.add_row(name, *(cell for spent, least in pairs for cell in (times(spent, least), spread(spent))))
    return table


def _visit(browser: Browser, url: str, view: tuple[str, str], slower: int) -> float:
    address, selector = view
    page = browser.new_page()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.add_init_script(WATCH.replace("SELECTOR", json.dumps(selector)))
    page.goto(f"{url}/{address}", wait_until="commit")
    seconds: float = page.wait_for_function("() => window.seen").json_value() / 1000
    page.close()
    return seconds

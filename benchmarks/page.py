"""How soon the page shows its tables, beside a page of one cell on the same server and in the same browser."""

import json

from playwright.sync_api import Browser, sync_playwright
from rich.table import Table

from benchmarks import spread, times
from tests.website.edge import SiteServer
from tests.website.published_files import publish_weeks
from tests.website.reader import launch

VISITS = 5
# A processor of a quarter of the speed, on a mobile network; bytes and milliseconds.
PHONE = {"offline": False, "latency": 80, "downloadThroughput": 1_250_000, "uploadThroughput": 375_000}
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
    """With an empty cache at each visit; the second pair of columns is for a phone."""
    table = Table(
        *("first rows of", "times the bare page", "seconds", "times, on a phone", "seconds, on a phone"),
        title=f"Medians of {VISITS} visits in turn (least to most)",
    )
    server = SiteServer({**publish_weeks().files, "bare.html": b"<!doctype html><table><tr><td>1</table>"})
    views = {"a bare page": BARE, **FIRST_TABLES}
    taken: dict[tuple[str, bool], list[float]] = {(name, on_phone): [] for on_phone in (False, True) for name in views}
    with server, sync_playwright() as playwright, launch(playwright) as browser:
        for _ in range(VISITS):
            for (name, on_phone), seconds in taken.items():
                seconds.append(_visit(browser, server.url, views[name], on_phone=on_phone))
    bare = next(iter(views))
    for name in views:
        pairs = [(taken[name, on_phone], taken[bare, on_phone]) for on_phone in (False, True)]
        table.add_row(name, *(cell for spent, least in pairs for cell in (times(spent, least), spread(spent))))
    return table


def _visit(browser: Browser, url: str, view: tuple[str, str], *, on_phone: bool) -> float:
    address, selector = view
    page = browser.new_page()
    if on_phone:
        devtools = page.context.new_cdp_session(page)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", PHONE)
    page.add_init_script(WATCH.replace("SELECTOR", json.dumps(selector)))
    page.goto(f"{url}/{address}", wait_until="commit")
    seconds: float = page.wait_for_function("() => window.seen").json_value() / 1000
    page.close()
    return seconds

"""How soon the page shows its tables, beside a page of one cell on the same server and in the same browser."""

import json
from statistics import median

from playwright.sync_api import Browser, sync_playwright
from rich.table import Table

from tests.website.edge import SiteServer
from tests.website.published_files import publish_weeks
from tests.website.reader import launch

VISITS = 7
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
    """Medians, with an empty cache at each visit."""
    table = Table("first table of", "seconds", "of the bare page's", "seconds on a phone", "of the bare page's")
    server = SiteServer({**publish_weeks().files, "bare.html": b"<!doctype html><table><tr><td>1</table>"})
    with server, sync_playwright() as playwright, launch(playwright) as browser:
        bare = [_seconds(browser, server.url, BARE, on_phone=on_phone) for on_phone in (False, True)]
        table.add_row("a bare page", f"{bare[0]:.2f}", "1.0", f"{bare[1]:.2f}", "1.0")
        for name, view in FIRST_TABLES.items():
            times = [_seconds(browser, server.url, view, on_phone=on_phone) for on_phone in (False, True)]
            cells = [(f"{spent:.2f}", f"{spent / least:.1f}") for spent, least in zip(times, bare, strict=True)]
            table.add_row(name, *cells[0], *cells[1])
    return table


def _seconds(browser: Browser, url: str, view: tuple[str, str], *, on_phone: bool) -> float:
    address, selector = view
    times: list[float] = []
    for _ in range(VISITS):
        page = browser.new_page()
        if on_phone:
            devtools = page.context.new_cdp_session(page)
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
            devtools.send("Network.enable")
            devtools.send("Network.emulateNetworkConditions", PHONE)
        page.add_init_script(WATCH.replace("SELECTOR", json.dumps(selector)))
        page.goto(f"{url}/{address}", wait_until="commit")
        times.append(page.wait_for_function("() => window.seen").json_value() / 1000)
        page.close()
    return median(times)

"""The page in a real browser, over the published files of some weeks with the real catalogue."""

import csv
import importlib.resources
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, expect

from cloud.stand_ins.ssm import ROOT, catalogue
from shared import contract
from tests.website.edge import SiteServer
from tests.website.published_files import NOW, RUNS, Site
from tests.website.reader import PAGES, READY, Reader, reading

pytestmark = pytest.mark.prove

AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text()
# Of each table leaves eight rows, and each with a kind of cell that no row before it has. A kind is all that a rule
# could look at but names, days and addresses.
SHORTEN = """() => {
  const attribute = ({ name, value }) => (["datetime", "href", "title"].includes(name) ? name : `${name}=${value}`);
  const names = (element) => `${element.tagName} ${[...element.attributes].map(attribute)}`;
  const kind = (cell) => [cell.parentElement, cell, ...cell.children].map(names).join(" / ") + !cell.textContent;
  for (const { rows } of document.querySelectorAll("table")) {
    const seen = new Set();
    for (const [index, row] of [...rows].entries()) {
      const kinds = new Set([...row.cells].map(kind)).difference(seen);
      for (const other of kinds) seen.add(other);
      if (index > 8 && !kinds.size) row.remove();
    }
  }
  for (const body of document.querySelectorAll("tbody:empty")) body.remove();
}"""


@pytest.fixture
def edge(site: Site) -> Iterator[SiteServer]:
    with SiteServer(dict(site.files)) as edge:
        yield edge


@pytest.fixture
def reader(browser: Browser, edge: SiteServer) -> Iterator[Reader]:
    """A reader whom nothing is amiss for: the console stays empty."""
    with reading(browser, edge) as reader:
        yield reader
        assert reader.said == []


@pytest.fixture
def troubled(browser: Browser, edge: SiteServer) -> Iterator[Reader]:
    """A reader whose browser says that a request failed, but never that a script did."""
    with reading(browser, edge) as reader:
        yield reader
        assert [text for text in reader.said if not text.startswith("Failed to load resource")] == []


def pairs(files: dict[str, bytes]) -> set[tuple[str, str]]:
    by_region = json.loads(files["complete-data.json"])["servicesByRegion"]["byRegion"]
    return {(region, service) for region, entry in by_region.items() for service in entry["services"]}


def days_of_pairs(files: dict[str, bytes]) -> dict[tuple[str, str], str]:
    """Since when each new pair is there, as the log has it: the looks before and after it came, all in one month."""
    days: dict[tuple[str, str], str] = {}
    for entry in reversed(json.loads(files["change-history.json"])["changeLog"]):
        for pair in entry["changes"]["newRegionalServices"]:
            days.setdefault((pair["region"], pair["service"]), range_of(entry["after"], entry["date"]))
        for pair in entry["changes"]["removedRegionalServices"]:
            days.setdefault((pair["region"], pair["service"]), "")
    return {pair: days[pair] for pair in days.keys() & pairs(files) if days[pair]}


def range_of(after: str, before: str) -> str:
    return f"{date.fromisoformat(after):%-d} – {date.fromisoformat(before):%-d %b %Y}"  # noqa: RUF001 - as Intl has it


class TestNumbers:
    def test_the_first_page_counts_what_the_files_have(self, reader: Reader) -> None:
        reader.open()

        counts = reader.file("manifest.json")["counts"]
        assert reader.texts(".figures strong") == [
            f"{counts[name]:,}" for name in ("regions", "services", "regionServices")
        ]
        assert reader.page.locator(".hero").inner_text().count("24 Nov 2026, 03:00 CET") == 1
        assert len(reader.texts(".bars li")) == counts["regions"]

    def test_every_cell_of_the_matrix_is_what_the_files_say(self, reader: Reader) -> None:
        page = reader.open("#/matrix")
        expect(page.locator(".matrix tbody tr")).to_have_count(405)

        regions = page.locator(".matrix thead a").all_text_contents()
        rows = page.evaluate(
            """[...document.querySelectorAll(".matrix tbody tr")].map((row) => [
              decodeURIComponent(row.querySelector("a").hash.split("/")[2]),
              [...row.querySelectorAll("td")].map((cell) => [cell.textContent, cell.className])])"""
        )
        cells = {(region, code): cell for code, row in rows for region, cell in zip(regions, row, strict=True)}
        assert len(cells) == 39 * 405
        assert {pair for pair, (text, _) in cells.items() if text.startswith("yes")} == pairs(reader.edge.files)
        assert {text for text, _ in cells.values() if not text.startswith("yes")} == {""}
        new = {pair: text for pair, (text, name) in cells.items() if "new" in name.split()}
        assert new == {pair: f"yes, since {days}" for pair, days in days_of_pairs(reader.edge.files).items()}
        assert ("sa-east-1", "sqs") not in new

    @pytest.mark.parametrize("kind", ["region", "service"])
    def test_every_page_of_a_region_or_service_lists_what_the_files_say(self, kind: str, reader: Reader) -> None:
        file = reader.file(f"{kind}s.json")

        # The pages are made and not shown, since laying out 444 of them takes long.
        shown = reader.open().evaluate(
            """async ([kind, codes]) => {
              const here = (name) => new URL(name, document.querySelector("script[src]").src).href;
              const { [kind]: view } = await import(here("details.js"));
              const catalogue = await (await import(here("catalogue.js"))).first;
              const pages = codes.map((code) => view(catalogue, new URLSearchParams(), code));
              await new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)));
              const text = (node) => node.textContent;
              return pages.map((nodes) => [nodes[1].textContent, ...nodes.filter((node) => node.className === "list")
                .map((list) => [...list.querySelectorAll("td code")].map(text).sort())]);
            }""",
            [kind, [item["code"] for item in file[f"{kind}s"]]],
        )

        all_pairs = pairs(reader.edge.files)
        others = (
            {region for region, _ in all_pairs}
            if kind == "service"
            else set(reader.file("complete-data.json")["services"]["services"])
        )
        assert len(shown) == len(file[f"{kind}s"])
        for item, page in zip(file[f"{kind}s"], shown, strict=True):
            code = item["code"]
            having = {b if kind == "region" else a for a, b in all_pairs if (a if kind == "region" else b) == code}
            assert page == [item["name"], sorted(having), sorted(others - having)]

    def test_a_region_tells_all_facts_and_since_when(self, reader: Reader) -> None:
        page = reader.open("#/region/ap-southeast-6")

        facts = dict(zip(reader.texts(".facts dt"), reader.texts(".facts dd"), strict=True))
        assert facts == {
            "Code": "ap-southeast-6",
            "Services": "147 of 405",
            "Country": "New Zealand, NZ-AUK",
            "Partition": "aws",
            "Domain": "amazonaws.com",
            "Availability zones": "3: apse6-az1, apse6-az2, apse6-az3",
            "First seen": range_of("2026-11-12", "2026-11-17"),
            "Last read": "24 Nov 2026, 03:00 CET",
        }
        assert set(reader.texts(".list:nth-of-type(1) td:nth-child(3)")) == {range_of("2026-11-12", "2026-11-17")}
        assert "New region: Asia Pacific (New Zealand)" in page.locator(".days").inner_text()

    def test_a_launch_is_dated_and_links_to_its_announcement(self, reader: Reader) -> None:
        page = reader.open("#/region/il-central-1")

        expect(page.get_by_text("1 Aug 2023")).to_be_visible()
        announcement = page.get_by_role("link", name="announcement").get_attribute("href") or ""
        assert announcement.startswith("https://aws.amazon.com/blogs/")

    def test_files_for_developers_are_all_there(self, reader: Reader) -> None:
        page = reader.open("#/developers")

        links = page.evaluate("[...document.querySelectorAll('main a')].map((link) => link.href)")
        commands = re.findall(r"curl .*(http://\S+)", page.locator("main").inner_text())
        assert len(links) == 25
        assert len(commands) == 15
        for url in {*links, *commands}:
            assert page.request.get(url).ok, url


class TestSince:
    KNOWN = "2022-02-12"

    @staticmethod
    def set_days(reader: Reader, **days: object) -> None:
        data = reader.file("complete-data.json")
        for name in ("knownSince", "firstSeen", "lastSeen"):
            del data["servicesByRegion"][name]
        data["servicesByRegion"] |= days
        path = reader.file("manifest.json")["path"]
        reader.edge.files[f"{path}complete-data.json"] = json.dumps(data).encode()

    @pytest.mark.parametrize(
        ("seen", "text", "is_new"),
        [
            ("2025-03-04", "4 Mar 2025", False),
            ("2026-11-01", "1 Nov 2026", True),
            ({"after": "2025-03-03", "before": "2025-04-07"}, "3 Mar – 7 Apr 2025", False),  # noqa: RUF001
            ({"after": "2026-06-01", "before": "2026-11-24"}, "1 Jun – 24 Nov 2026", False),  # noqa: RUF001
            ({"before": "2022-02-12"}, "12 Feb 2022 or earlier", False),
            (None, "12 Feb 2022 or earlier", False),
        ],
    )
    def test_a_day_is_told_as_well_as_it_is_known(self, seen: object, text: str, is_new: bool, reader: Reader) -> None:
        named = {"s3": seen} if seen else {}
        first = {"regions": {}, "services": named, "pairs": {"eu-central-2": named}}
        self.set_days(reader, knownSince=self.KNOWN, firstSeen=first, lastSeen=first | {"services": {}, "pairs": {}})
        page = reader.open("#/service/s3")

        assert dict(zip(reader.texts(".facts dt"), reader.texts(".facts dd"), strict=True))["First seen"] == text
        cell = page.locator("tr", has_text="eu-central-2").locator("td").nth(1)
        expect(cell).to_have_text(text)
        assert (cell.get_attribute("class") == "fresh") == is_new
        page = reader.open("#/matrix?service=s3&region=eu-central-2")
        page.locator(".matrix tr", has=page.locator("a[title=s3]")).locator("td").click()
        expect(page.locator(".cell")).to_contain_text(f"is offered in Europe (Zurich), since {text}.")

    def test_what_went_is_shown_with_the_day_when_it_was_last_seen(self, reader: Reader) -> None:
        went = {"after": "2025-03-03", "before": "2025-04-07"}
        offers = {"eu-central-2": {"bedrock-agentcore": "2025-01-02"}}
        last = {"regions": {"mars-1": "2024-05-06"}, "services": {"oracle": went}, "pairs": offers}
        first: dict[str, object] = {"regions": {}, "services": {}, "pairs": {}}
        self.set_days(reader, knownSince=self.KNOWN, firstSeen=first, lastSeen=last)

        page = reader.open("#/region/eu-central-2")
        row = page.locator("tr", has=page.locator("code", has_text=re.compile("^bedrock-agentcore$")))
        expect(row.locator("td").nth(1)).to_have_text("2 Jan 2025")
        page = reader.open("#/service/bedrock-agentcore")
        expect(page.locator("tr", has_text="eu-central-2").locator("td").nth(1)).to_have_text("2 Jan 2025")
        page = reader.open("#/region/mars-1")
        expect(page.locator("main")).to_contain_text("It was last seen 6 May 2024: the changes tell more.")
        page = reader.open("#/service/oracle")
        expect(page.locator("main")).to_contain_text("It was last seen 3 Mar – 7 Apr 2025")  # noqa: RUF001

    def test_in_files_of_older_versions_the_log_tells(self, reader: Reader) -> None:
        self.set_days(reader)
        page = reader.open("#/region/ap-southeast-6")

        assert set(reader.texts(".list:nth-of-type(1) td:nth-child(3)")) == {"17 Nov 2026"}
        expect(page.locator(".facts dt", has_text="First seen")).to_have_count(0)
        page = reader.open("#/region/eu-central-2")
        expect(page.get_by_text("What has no date came before the log tells: it begins on 2 Nov 2026.")).to_be_visible()


class TestFilesOfOne:
    @pytest.mark.parametrize("address", [PAGES["region"], PAGES["service"]])
    def test_a_page_links_its_own_file_and_feed(self, address: str, reader: Reader) -> None:
        page = reader.open(address)
        code = address.rpartition("/")[2]

        links = [page.get_by_role("link", name=name) for name in (f"{code}.json", "Feed of its changes")]
        own, feed = [page.request.get(link.get_attribute("href") or "").json() for link in links]
        assert own["code"] == code
        assert feed["feed_url"].endswith(f"/{code}.feed.json")

    def test_names_are_made_as_the_contract_says(self, reader: Reader) -> None:
        codes = ["s3", "AmazonGameLiftStreams", "a.b_c d", "naïve/日本", "🙂", "\ufeff\x01~", "x" * 128]
        too_long = ["x" * 129, "日" * 20]

        paths = reader.open().evaluate(
            """async (codes) => {
              const here = (name) => new URL(name, document.querySelector("script[src]").src).href;
              const catalogue = await (await import(here("catalogue.js"))).first;
              return codes.map((code) => catalogue.itemPath("services", code));
            }""",
            [*codes, *too_long],
        )

        assert paths == [*(f"services/{contract.item_name(code)}" for code in codes), "", ""]

    def test_older_files_have_none_beside_them(self, reader: Reader) -> None:
        TestSince.set_days(reader)
        page = reader.open(PAGES["service"])
        expect(page.locator(".links")).not_to_contain_text("Feed of its changes")

        page.get_by_role("link", name="Developers").click()

        expect(page.get_by_role("heading", name="change-history.json")).to_be_visible()
        expect(page.get_by_role("heading", name="index.json")).to_have_count(0)


class TestAnnouncements:
    TITLE = "What AWS announced lately"

    def test_a_service_lists_what_aws_announced_of_it(self, reader: Reader) -> None:
        page = reader.open("#/service/s3")

        section = page.locator("section", has=page.get_by_role("heading", name=self.TITLE))
        expect(section.locator("li")).to_have_text(["23 Nov 2026Amazon S3 lists more objects at once"])
        link = section.get_by_role("link")
        expect(link).to_have_attribute("href", "https://aws.amazon.com/about-aws/whats-new/")
        expect(link).to_have_attribute("rel", "noreferrer")  # which implies noopener

    @pytest.mark.parametrize("body", [None, b"<!doctype html>", b"{}", b'{"announcements": 1}', b"null"])
    def test_without_any_nothing_is_said(self, body: bytes | None, troubled: Reader) -> None:
        own = "services/s3.json"
        del troubled.edge.files[own]
        if body is not None:
            troubled.edge.files[own] = body
        with troubled.page.expect_response(f"**/{own}") as answer:
            page = troubled.open("#/service/s3")
        answer.value.finished()

        expect(page.get_by_role("heading", name="Regions that have it not")).to_be_visible()
        expect(page.get_by_role("heading", name=self.TITLE)).to_have_count(0)
        expect(page.locator(".notice")).to_have_count(0)

    def test_what_they_say_never_becomes_code(self, reader: Reader) -> None:
        item = reader.file("services/s3.json")
        hostile = "<img src=x onerror=alert(1)>"
        item["announcements"] = [{"id": "1", "title": hostile, "link": "javascript:alert(1)", "pubDate": hostile}]
        reader.edge.files["services/s3.json"] = json.dumps(item).encode()
        page = reader.open("#/service/s3")

        expect(page.locator("main").get_by_text(hostile)).to_be_visible()
        assert page.locator("main img, main a[href^=javascript]").count() == 0


class TestSearch:
    def test_the_slash_key_searches_and_enter_opens(self, reader: Reader) -> None:
        page = reader.open()

        page.keyboard.press("/")
        page.keyboard.type("zurich")
        expect(page.get_by_role("option")).to_have_count(1)
        page.keyboard.press("Enter")

        expect(page.get_by_role("heading", level=1)).to_have_text("Europe (Zurich)")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        expect(page).to_have_title("Europe (Zurich) · AWS regions and services")

    def test_arrows_move_and_escape_clears(self, reader: Reader) -> None:
        page = reader.open()
        box = page.get_by_role("combobox")

        page.keyboard.press("/")
        page.keyboard.type("s3")
        expect(page.get_by_role("option").first).to_contain_text("Simple Storage Service")
        page.keyboard.press("ArrowDown")
        assert box.get_attribute("aria-activedescendant") == page.locator(
            "[role=option][aria-selected=true]"
        ).get_attribute("id")
        second = page.get_by_role("option").nth(1).locator("code").inner_text()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")

        expect(page.locator(".facts code").first).to_have_text(second)
        page.keyboard.press("/")
        page.keyboard.type("nothing is called so")
        expect(page.get_by_role("option")).to_have_text("Nothing is called that")
        page.keyboard.press("Escape")
        expect(box).to_have_value("")

    def test_every_region_and_service_is_found_by_its_code(self, reader: Reader) -> None:
        page = reader.open()

        lost = page.evaluate(
            """async () => {
              const here = (name) => new URL(name, document.querySelector("script[src]").src).href;
              const { find, allRegions, allServices } = await import(here("search.js"));
              const { load } = await import(here("catalogue.js"));
              const catalogue = await load();
              const all = [...allRegions(catalogue), ...allServices(catalogue)];
              return [all.length, all.filter((one) => find(all, one.code)[0].code !== one.code)];
            }"""
        )

        assert lost == [39 + 405, []]


class TestFilters:
    def test_the_matrix_is_narrowed_and_its_address_survives_reload_and_back(self, reader: Reader) -> None:
        page = reader.open("#/matrix")
        page.get_by_label("Geography").select_option("Europe")
        page.get_by_label("Service", exact=True).fill("bedrock")
        european = {
            region["code"]
            for region in reader.file("regions.json")["regions"]
            if region["name"].startswith(("Europe", "AWS European"))
        }

        def shows() -> None:
            assert set(page.locator(".matrix thead a").all_text_contents()) == european
            assert page.locator(".matrix tbody th").all_text_contents() == [
                "Amazon Bedrock",
                "Amazon Bedrock AgentCore",
                "Amazon Bedrock Runtime",
                "Data Automation for Amazon Bedrock",
            ]

        shows()
        page.reload()
        page.wait_for_selector(READY)
        shows()
        page.get_by_role("link", name="Changes", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Changes")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Matrix")
        shows()

    def test_back_returns_to_where_one_was_on_the_page(self, reader: Reader) -> None:
        page = reader.open("#/region/us-east-1")
        link = page.get_by_role("link", name="AWS Lambda", exact=True)
        link.scroll_into_view_if_needed()
        before = page.evaluate("scrollY")
        assert before > 1000

        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("AWS Lambda")
        assert page.evaluate("scrollY") == 0
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("US East (N. Virginia)")

        page.wait_for_function("(before) => scrollY === before", arg=before)

    def test_a_partition_and_what_is_new_narrow_the_matrix(self, reader: Reader) -> None:
        page = reader.open("#/matrix?partition=aws-us-gov")
        assert page.locator(".matrix thead a").all_text_contents() == ["us-gov-east-1", "us-gov-west-1"]

        page.get_by_label("Partition").select_option("")
        page.get_by_label("Only what is new").check()

        new = set(days_of_pairs(reader.edge.files))
        assert set(page.locator(".matrix thead a").all_text_contents()) == {region for region, _ in new}
        expect(page.locator(".matrix tbody tr")).to_have_count(len({service for _, service in new}))
        assert page.locator(".matrix td.new").count() == len(new)

    def test_changes_are_narrowed_by_kind_and_text(self, reader: Reader) -> None:
        page = reader.open("#/changes")
        entries = [entry for entry in reader.file("change-history.json")["changeLog"] if any(entry["changes"].values())]
        assert page.locator(".timeline > li").count() == len(entries) == 6

        page.get_by_label("Names").check()
        assert reader.texts(".timeline > li") == [
            range_of("2026-11-09", "2026-11-12") + "\nRenamed:\nAmazon QuickSight is now called Amazon Quick"
        ]
        page.get_by_label("Names").uncheck()
        page.get_by_label("Region or service").fill("forecastquery")
        assert page.locator(".timeline .went").count() == 1
        page.reload()
        page.wait_for_selector(READY)
        assert page.locator(".timeline > li").count() == 1

    def test_years_that_left_the_log_are_shown_on_demand(self, reader: Reader) -> None:
        history = reader.file("change-history.json")
        entry = {**history["changeLog"][0], "date": "2025-03-01"}
        history["earlier"] = [{"file": "change-history-2025.json", "oldest": "2025-03-01", "newest": "2025-03-01"}]
        reader.edge.files["change-history-2025.json"] = json.dumps({"year": 2025, "changeLog": [entry]}).encode()
        reader.edge.files[f"{reader.file('manifest.json')['path']}change-history.json"] = json.dumps(history).encode()
        page = reader.open("#/changes")

        page.get_by_role("button", name="Show 1 Mar 2025 to 1 Mar 2025").click()

        expect(page.locator(".timeline > li")).to_have_count(7)
        expect(page.get_by_role("button", name="Show")).to_have_count(0)


class TestCompare:
    CHOSEN = ("eu-central-1", "eu-central-2", "us-east-1")

    def test_it_counts_and_lists_what_differs(self, reader: Reader) -> None:
        page = reader.open("#/compare?regions=eu-central-1,eu-central-2")
        page.get_by_label("Region 3").select_option("us-east-1")

        offers = [{service for region, service in pairs(reader.edge.files) if region == code} for code in self.CHOSEN]
        common, union = set.intersection(*offers), set.union(*offers)
        sums = [int(text) for text in reader.texts(".sums strong")]
        only = [len(offer - set().union(*(other for other in offers if other is not offer))) for offer in offers]
        assert sums == [len(common), *only]
        expect(page.locator(".compared tbody tr")).to_have_count(len(union - common))
        page.get_by_label("Show").select_option("What all have")
        expect(page.locator(".compared tbody tr")).to_have_count(len(common))
        assert page.url.endswith("#/compare?regions=eu-central-1,eu-central-2,us-east-1&rows=same")

    def test_it_is_copied_as_csv_json_and_markdown(self, reader: Reader) -> None:
        reader.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = reader.open(PAGES["compare"])
        head = ["service", "name", *self.CHOSEN]

        def copied(name: str) -> str:
            page.get_by_role("button", name=name).click()
            expect(page.get_by_text(f"Copied as {name}.")).to_be_visible()
            text: str = page.evaluate("navigator.clipboard.readText()")
            return text

        rows = json.loads(copied("JSON"))
        has = pairs(reader.edge.files)
        assert all(
            (row[region] == "yes") == ((region, row["service"]) in has) for row in rows for region in self.CHOSEN
        )
        assert len(rows) == page.locator(".compared tbody tr").count()
        assert list(csv.DictReader(io.StringIO(copied("CSV")))) == rows
        lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in copied("Markdown").splitlines()]
        assert lines == [head, ["---"] * 5, *([row[name] for name in head] for row in rows)]

    def test_where_copying_is_refused_the_text_is_shown(self, reader: Reader) -> None:
        reader.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
        page = reader.open(PAGES["compare"])

        page.get_by_role("button", name="CSV").click()

        expect(page.get_by_label("As CSV")).to_have_value(re.compile("^service,name,eu-central-1"))

    def test_it_finds_the_regions_that_have_all_chosen_services(self, reader: Reader) -> None:
        page = reader.open("#/where?services=bedrock")
        page.get_by_role("combobox", name="Add a service").fill("textract")
        page.keyboard.press("Enter")

        has = pairs(reader.edge.files)
        regions = {region for region, _ in has}
        both = {region for region in regions if {(region, "bedrock"), (region, "textract")} <= has}
        assert set(reader.texts(".list:nth-of-type(3) code, .list:has(+ p) code")) == both
        assert page.url.endswith("#/where?services=bedrock,textract")
        page.get_by_role("button", name="Remove Amazon Bedrock").click()
        expect(page.locator(".chips li")).to_have_count(1)


class TestFreshness:
    def test_a_newer_release_is_offered_and_not_forced(self, browser: Browser) -> None:
        site = Site()
        older = {path: value for path, value in catalogue().items() if not path.startswith(f"{ROOT}/regions/ca-west-1")}
        site.publish(RUNS[-1], older)
        with SiteServer(dict(site.files)) as edge, reading(browser, edge) as reader:
            page = reader.open()

            with page.expect_response(f"{edge.url}/data/manifest.json"):
                page.clock.fast_forward("05:00")
            assert [(status, size) for path, status, size in edge.received if path == "data/manifest.json"][1:] == [
                (304, 0)
            ]
            expect(page.get_by_role("button", name="Show it")).to_have_count(0)

            site.publish(RUNS[-1] + timedelta(hours=7), catalogue())
            edge.files = dict(site.files)
            page.clock.fast_forward("05:00")
            offer = page.get_by_role("button", name="Show it")
            expect(offer).to_be_visible()
            assert reader.texts(".figures strong")[0] == "38"

            offer.click()
            expect(page.locator(".figures strong").first).to_have_text("39")
            expect(offer).to_have_count(0)
            assert reader.said == []

    def test_without_releases_a_newer_catalogue_is_offered_too(self, troubled: Reader) -> None:
        del troubled.edge.files["manifest.json"]
        page = troubled.open()
        complete = f"{troubled.edge.url}/data/complete-data.json"

        with page.expect_response(complete) as same:
            page.clock.fast_forward("05:00")
        assert same.value.request.method == "HEAD"
        expect(page.get_by_role("button", name="Show it")).to_have_count(0)

        troubled.edge.files["complete-data.json"] += b"\n"
        page.clock.fast_forward("05:00")
        page.get_by_role("button", name="Show it").click()
        expect(page.get_by_role("button", name="Show it")).to_have_count(0)

    def test_old_data_is_said_to_be_old(self, reader: Reader) -> None:
        reader.page.clock.set_fixed_time(NOW + timedelta(days=3))
        page = reader.open("#/region/eu-central-2")

        expect(page.locator(".notice")).to_contain_text(
            "This data is old: it was made 3 days ago, on 24 Nov 2026, 03:00 CET"
        )

    def test_data_of_this_morning_are_not(self, reader: Reader) -> None:
        page = reader.open()

        expect(page.locator(".notice")).to_have_count(0)

    def test_regions_that_were_carried_over_are_named(self, reader: Reader) -> None:
        manifest, data = reader.file("manifest.json"), reader.file("complete-data.json")
        data["metadata"]["staleRegions"] = ["eu-central-2"]
        reader.edge.files[f"{manifest['path']}complete-data.json"] = json.dumps(data).encode()
        page = reader.open()

        expect(page.locator(".notice")).to_have_text(re.compile("1 region could not be read .*: eu-central-2"))


class TestTrouble:
    @staticmethod
    def replace(reader: Reader, name: str, body: bytes | None) -> None:
        """Everywhere: in the release too."""
        for path in [path for path in reader.edge.files if path.rpartition("/")[2] == name]:
            if body is None:
                del reader.edge.files[path]
            else:
                reader.edge.files[path] = body

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (None, "is missing"),
            (b'{"metadata": {', "is not JSON"),
            (b"<!doctype html><h1>Not here</h1>", "is not JSON"),
            (b"[]", "is not what it should be"),
            (b'{"regions": 1}', "is not what it should be"),
        ],
    )
    @pytest.mark.parametrize(
        ("name", "works"),
        [
            ("complete-data.json", "changes and files still work"),
            ("services.json", "services are shown by their codes"),
            ("change-history.json", "what came and went is not told"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_a_sentence_with_what_still_works(
        self, name: str, works: str, body: bytes | None, reason: str, troubled: Reader
    ) -> None:
        self.replace(troubled, name, body)

        page = troubled.open(PAGES["compare"])
        for address in [address for address in PAGES.values() if body is None and address != PAGES["compare"]]:
            troubled.go(address)
            assert len(page.locator("main").inner_text()) > 60
        expect(page.locator(".notice")).to_have_text(f"{name} {reason}: {works}.")

    def test_without_a_manifest_the_newest_files_are_shown(self, troubled: Reader) -> None:
        self.replace(troubled, "manifest.json", None)
        page = troubled.open()

        assert troubled.texts(".figures strong") == ["39", "405", "9,289"]
        expect(page.locator(".notice")).to_have_count(0)
        page.get_by_role("link", name="Developers").click()
        expect(page.get_by_text("This site names no release")).to_be_visible()

    def test_a_release_that_has_expired_gives_way_to_the_newest_files(self, troubled: Reader) -> None:
        for path in [path for path in troubled.edge.files if path.startswith("releases/")]:
            del troubled.edge.files[path]
        page = troubled.open()

        assert troubled.texts(".figures strong") == ["39", "405", "9,289"]
        expect(page.locator(".notice")).to_have_count(0)

    def test_nothing_at_all_is_no_blank_page(self, troubled: Reader) -> None:
        complete = troubled.edge.files.copy()
        troubled.edge.files.clear()
        page = troubled.open("#/matrix")

        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^The catalogue can.t be read now$"))
        expect(page.locator(".notice")).to_have_count(3)
        troubled.edge.files.update(complete)
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Matrix")
        expect(page.locator(".notice")).to_have_count(0)

    def test_a_slow_network_shows_what_there_is_meanwhile(self, reader: Reader) -> None:
        reader.edge.held = ("data/",)
        page = reader.page
        page.goto(reader.edge.url)

        expect(page.get_by_role("link", name="complete-data.json")).to_be_visible()
        expect(page.get_by_role("link", name="Matrix")).to_be_visible()
        reader.edge.release.set()
        expect(page.locator(".figures strong").first).to_have_text("39")
        expect(page.locator(".plain")).to_have_count(0)

    @pytest.mark.parametrize(
        "address",
        [
            "#/nowhere",
            "#/region/mars-1",
            "#/service/%E0%A4%A",
            "#/__proto__",
            "#/constructor/x",
            "#/compare?regions=mars-1,a,b,c,d",
            "#/where?services=,,x",
        ],
    )
    def test_an_address_that_names_nothing_is_still_a_page(self, address: str, reader: Reader) -> None:
        page = reader.open(address)

        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("link", name="Matrix", exact=True)).to_be_visible()

    def test_names_and_addresses_from_the_files_never_become_code(self, reader: Reader) -> None:
        path = reader.file("manifest.json")["path"]
        data, services = reader.file("complete-data.json"), reader.file("services.json")
        hostile = "<img src=x onerror=alert(1)>"
        services["services"][0] |= {"name": hostile, "homeUrl": "javascript:alert(1)"}
        data["regions"]["regions"][0] |= {
            "name": hostile,
            "blogUrl": "javascript:alert(1)",
            "launchDate": "Tue, 01 Aug 2023 12:00:00 GMT",
        }
        reader.edge.files[f"{path}complete-data.json"] = json.dumps(data).encode()
        reader.edge.files[f"{path}services.json"] = json.dumps(services).encode()

        for address in (
            f"#/service/{services['services'][0]['code']}",
            f"#/region/{data['regions']['regions'][0]['code']}",
        ):
            page = reader.open(address)
            expect(page.get_by_role("heading", level=1)).to_have_text(hostile)
            assert page.locator("main img, main a[href^=javascript]").count() == 0

    def test_without_javascript_there_is_a_list_of_links(self, browser: Browser, edge: SiteServer) -> None:
        with reading(browser, edge, java_script_enabled=False) as reader:
            reader.page.goto(edge.url)

            links = reader.page.locator(".plain a")
            expect(reader.page.get_by_text("The data do not")).to_be_visible()
            expect(links).to_have_count(7)
            assert all(reader.page.request.get(f"{edge.url}/{link.get_attribute('href')}").ok for link in links.all())


class TestEverybody:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("name", PAGES)
    def test_axe_finds_nothing(self, name: str, scheme: str, browser: Browser, edge: SiteServer) -> None:
        with reading(browser, edge, color_scheme=scheme) as reader:
            page = reader.open(PAGES[name])
            if name == "matrix":
                expect(page.locator(".matrix tbody tr")).to_have_count(405)

            page.evaluate(SHORTEN)  # axe needs half a minute for all rows of the matrix
            page.evaluate(AXE)
            result = page.evaluate("axe.run()")

            assert [
                (rule["id"], rule["nodes"][0]["html"]) for rule in result["violations"] + result["incomplete"]
            ] == []
            assert len(result["passes"]) > 20

    @pytest.mark.parametrize(("width", "text"), [(320, "100%"), (640, "200%")])
    def test_nothing_is_cut_off_on_a_phone_or_with_large_text(
        self, width: int, text: str, browser: Browser, edge: SiteServer
    ) -> None:
        with reading(browser, edge, viewport={"width": width, "height": 640}) as reader:
            page = reader.open("#/nowhere")
            page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", text)

            for name, address in PAGES.items():
                reader.go(address)
                assert page.evaluate("document.documentElement.scrollWidth") == width, name

    def test_the_keyboard_alone_goes_everywhere(self, reader: Reader) -> None:
        page = reader.open()

        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")
        page.get_by_role("link", name="Matrix", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Matrix")

    def test_arrow_keys_move_in_the_matrix_and_say_since_when(self, reader: Reader) -> None:
        page = reader.open("#/matrix?service=bedrock-agentcore&area=Europe")
        while not page.evaluate("document.activeElement.matches('.matrix')"):
            page.keyboard.press("Tab")

        page.keyboard.press("ArrowRight")

        expect(page.locator(".cell")).to_have_text(
            "Amazon Bedrock AgentCore is offered in Europe (Frankfurt), since "
            + range_of("2026-11-20", "2026-11-24")
            + "."
        )
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".cell")).to_have_text("Amazon Bedrock AgentCore is not offered in Europe (Zurich).")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Amazon Bedrock AgentCore")

    def test_the_matrix_is_a_table_whose_cells_have_their_headers(self, reader: Reader) -> None:
        page = reader.open("#/matrix")
        expect(page.locator(".matrix tbody tr")).to_have_count(405)

        tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
        roles = Counter(node["role"]["value"] for node in tree if not node["ignored"])
        names = {node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "table"}
        assert names == {"Which service is offered in which region"}
        assert (roles["columnheader"], roles["rowheader"], roles["cell"]) == (1 + 39, 405, 39 * 405)

    def test_the_matrix_is_made_in_short_steps_that_leave_the_rows_before_as_they_are(self, reader: Reader) -> None:
        reader.page.add_init_script(
            """window.steps = [];
            new MutationObserver((records) => {
              const added = records.flatMap((record) => [...record.addedNodes]).filter((node) => node.querySelectorAll);
              const cells = added.reduce((sum, node) => sum + node.querySelectorAll("td").length, 0);
              if (cells) window.steps.push(cells);
            }).observe(document, { childList: true, subtree: true });"""
        )
        page = reader.open("#/matrix")
        expect(page.locator(".matrix tbody tr")).to_have_count(405)

        steps = page.evaluate("window.steps")
        assert sum(steps) == 39 * 405
        assert max(steps) == 39 * 32
        assert max(steps[1:]) == 39 * 16
        contained = (
            "[...new Set([...document.querySelectorAll('tbody')].map((body) => getComputedStyle(body).contain))]"
        )
        assert page.evaluate(contained) == ["strict"]

    def test_print_shows_the_table_and_no_controls(self, reader: Reader) -> None:
        page = reader.open(PAGES["compare"])

        page.emulate_media(media="print")

        expect(page.locator(".compared")).to_be_visible()
        expect(page.locator("nav, .search, .filters, .copy").filter(visible=True)).to_have_count(0)

    def test_the_printed_matrix_has_its_head_on_each_sheet(self, reader: Reader) -> None:
        page = reader.open("#/matrix")
        expect(page.locator(".matrix tbody tr")).to_have_count(405)

        page.emulate_media(media="print")

        assert (
            page.locator(".matrix thead").evaluate("(head) => getComputedStyle(head).display") == "table-header-group"
        )


class TestWeight:
    def test_a_visit_is_one_request_for_each_file_and_little_on_the_wire(self, reader: Reader) -> None:
        reader.open()
        reader.page.wait_for_load_state("networkidle")

        received = {path: size for path, _, size in reader.edge.received}
        release = reader.file("manifest.json")["path"]
        data = {
            f"data/{path}"
            for path in (
                "manifest.json",
                *(f"{release}{name}" for name in ("complete-data.json", "services.json", "change-history.json")),
            )
        }
        assert len(reader.edge.received) == len(received)
        assert {path for path in received if path.startswith("data/")} == data
        assert len(set(received) - data) == 13
        assert sum(size for path, size in received.items() if path not in data) < 60_000

    def test_the_files_are_asked_for_before_all_modules_are_there(self, reader: Reader) -> None:
        reader.edge.held = ("/app.js",)
        release = reader.file("manifest.json")["path"]

        with reader.page.expect_response(f"**/data/{release}complete-data.json"):
            reader.page.goto(reader.edge.url, wait_until="commit")

        assert [path for path, _, _ in reader.edge.received if path.endswith("/app.js")] == []
        reader.edge.release.set()
        reader.page.wait_for_selector(READY)

    def test_only_the_page_of_a_service_requests_more_which_is_its_own_file(self, reader: Reader) -> None:
        page = reader.open()
        page.wait_for_load_state("networkidle")
        before = len(reader.edge.received)

        with page.expect_response("**/data/services/bedrock-agentcore.json"):
            reader.go(PAGES["service"])
        for name in PAGES.keys() - {"start", "service"}:
            reader.go(PAGES[name])
            expect(page.locator("main h1")).to_be_visible()
        page.wait_for_load_state("networkidle")

        assert [path for path, _, _ in reader.edge.received[before:]] == ["data/services/bedrock-agentcore.json"]

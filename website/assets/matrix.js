/** Every service in every region, as one table. */

import { Catalogue } from "./catalogue.js";
import { address, afterFrame, amount, byName, checkbox, h, keep, seenText, select, textField } from "./dom.js";

const ROWS = 16; // of a group, which is laid out by itself
const SCREEN = 2; // groups that fill a screen, and are seen while the others are made
const [NOT_HAD, HAD] = [h("td", { role: "cell" }), h("td", { role: "cell", class: "has" }, "yes")]; // copied, as there are 15,795 cells

/** @param {Catalogue} catalogue @param {URLSearchParams} params */
export function matrix(catalogue, params) {
  const filters = Object.fromEntries(["area", "partition", "region", "service", "new"].map((name) => [name, params.get(name) ?? ""]));
  const place = h("div", {});
  const count = h("p", { class: "quiet", role: "status" });
  const render = () => {
    const [regions, services] = filtered(catalogue, filters);
    const cells = services.reduce((sum, { code }) => sum + regions.filter((region) => region.services.has(code)).length, 0);
    count.textContent = `${amount(services.length, "service")} in ${amount(regions.length, "region")}: ${amount(cells, "pair")}.`;
    place.replaceChildren(table(catalogue, regions, services));
  };
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => {
    filters[name] = value;
    keep("matrix", filters);
    render();
  };
  render();
  const values = (/** @type {"area" | "partition"} */ name) => [...new Set([...catalogue.regions.values()].map((region) => region[name]).filter(Boolean))].sort(byName);
  const options = (/** @type {"area" | "partition"} */ name) => /** @type {[string, string][]} */ ([["", "All"], ...values(name).map((value) => [value, value])]);
  return [
    h("h1", {}, "Matrix"),
    h(
      "form",
      { class: "filters", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
      select("Geography", options("area"), filters.area, set("area")),
      select("Partition", options("partition"), filters.partition, set("partition")),
      textField("Region", filters.region, set("region")),
      textField("Service", filters.service, set("service")),
      checkbox("Only what is new", Boolean(filters.new), (checked) => set("new")(checked ? "1" : "")),
    ),
    h("div", { class: "legend" }, count, h("p", { class: "quiet" }, h("span", { class: "key has" }), " offered ", h("span", { class: "key new" }), " came in the last 30 days")),
    place,
  ];
}

/** @param {Catalogue} catalogue @param {Record<string, string>} filters */
function filtered(catalogue, filters) {
  const named = (/** @type {string} */ text) => (/** @type {{code: string, name: string}} */ { code, name }) => `${code} ${name}`.toLowerCase().includes(text.trim().toLowerCase());
  let regions = [...catalogue.regions.values()]
    .filter(({ area, partition }) => (!filters.area || area === filters.area) && (!filters.partition || partition === filters.partition))
    .filter(named(filters.region));
  let services = [...catalogue.services.values()].filter(named(filters.service)).sort((a, b) => byName(a.name, b.name));
  if (filters.new) {
    services = services.filter((service) => regions.some((region) => catalogue.isNew(region.code, service.code)));
    regions = regions.filter((region) => services.some((service) => catalogue.isNew(region.code, service.code)));
  }
  return /** @type {const} */ ([regions, services]);
}

/**
 * @param {Catalogue} catalogue
 * @param {import("./catalogue.js").Region[]} regions
 * @param {import("./catalogue.js").Service[]} services
 */
function table(catalogue, regions, services) {
  if (!regions.length || !services.length) return h("p", {}, "Nothing fits all of these filters.");
  const said = h("p", { class: "cell quiet", role: "status" }, "Point at a cell, or move with the arrow keys, and it says since when.");
  // The roles say what a table is to those who don't see it, whatever the style sheet makes of it.
  const table = h(
    "table",
    { role: "table" },
    h("caption", { class: "unseen" }, "Which service is offered in which region"),
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        h("th", { scope: "col", role: "columnheader", class: "corner" }, "Service"),
        regions.map(({ code, name }) => h("th", { scope: "col", role: "columnheader" }, h("a", { href: address("region", code), title: name, tabindex: "-1" }, code))),
      ),
    ),
  );
  table.style.setProperty("--columns", String(regions.length));
  const scroller = h("div", { class: "matrix", tabindex: "0", role: "region", "aria-label": "Services by region; arrow keys move from cell to cell, Enter opens the service" }, table);
  const fill = (/** @type {number} */ groups) => {
    const made = table.rows.length - 1;
    const end = Math.min(made + groups * ROWS, services.length);
    for (let first = made; first < end; first += ROWS) table.append(group(catalogue, regions, services.slice(first, first + ROWS)));
    if (end < services.length) afterFrame(() => table.isConnected && fill(1));
  };
  fill(SCREEN);
  /** @type {HTMLTableCellElement | null} */
  let at = null;
  const tell = (/** @type {HTMLTableCellElement} */ next) => {
    at?.classList.remove("at");
    at = next;
    at.classList.add("at");
    const service = services[rowOf(at) - 1];
    const region = regions[at.cellIndex - 1];
    const since = catalogue.since(region.code, service.code);
    said.replaceChildren(
      h("a", { href: address("service", service.code) }, service.name),
      region.services.has(service.code) ? " is offered in " : " is not offered in ",
      h("a", { href: address("region", region.code) }, region.name),
      since ? `, since ${seenText(since)}.` : ".",
    );
  };
  table.addEventListener("mouseover", ({ target }) => {
    if (target instanceof HTMLTableCellElement && target.tagName === "TD" && target !== at) tell(target);
  });
  table.addEventListener("click", ({ target }) => {
    if (target instanceof HTMLTableCellElement && target.tagName === "TD") tell(target);
  });
  scroller.addEventListener("keydown", (event) => {
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
    if (event.key === "Enter" && at) location.hash = address("service", services[rowOf(at) - 1].code);
    if (!down && !right) return;
    event.preventDefault();
    const [row, column] = at ? [rowOf(at) + down, at.cellIndex + right] : [1, 1];
    const next = table.rows[Math.max(1, Math.min(row, table.rows.length - 1))].cells[Math.max(1, Math.min(column, regions.length))];
    tell(next);
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  return h("div", {}, said, scroller);
}

/** @param {HTMLTableCellElement} cell */
const rowOf = (cell) => /** @type {HTMLTableRowElement} */ (cell.parentElement).rowIndex;

/** @param {Catalogue} catalogue @param {import("./catalogue.js").Region[]} regions @param {import("./catalogue.js").Service[]} services */
function group(catalogue, regions, services) {
  const link = (/** @type {import("./catalogue.js").Service} */ { code, name }) => h("a", { href: address("service", code), title: code, tabindex: "-1" }, name);
  const row = (/** @type {import("./catalogue.js").Service} */ service) =>
    h("tr", { role: "row" }, h("th", { scope: "row", role: "rowheader" }, link(service)), regions.map((region) => cell(catalogue, region, service.code)));
  const body = h("tbody", { role: "rowgroup" }, services.map(row));
  body.style.setProperty("--rows", String(services.length));
  return body;
}

/** @param {Catalogue} catalogue @param {import("./catalogue.js").Region} region @param {string} service */
function cell(catalogue, region, service) {
  if (!region.services.has(service)) return NOT_HAD.cloneNode();
  const since = catalogue.isNew(region.code, service) && catalogue.since(region.code, service);
  return since ? h("td", { role: "cell", class: "has new" }, `yes, since ${seenText(since)}`) : HAD.cloneNode(true);
}

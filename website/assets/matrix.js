/** Every service in every region, as one table. */

import { Catalogue } from "./catalogue.js";
import { address, amount, byName, checkbox, day, dayText, h, keep, select, textField } from "./dom.js";

const FIRST_ROWS = 30; // fill a screen, and are seen while the others are made

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
  const body = h("tbody");
  const fill = () => {
    const next = services.slice(body.rows.length, 2 * body.rows.length || FIRST_ROWS);
    body.append(...next.map((service) => row(catalogue, regions, service)));
    // Each time as many again, since the whole table is laid out anew; after a frame, so that the last are seen.
    if (body.rows.length < services.length) requestAnimationFrame(() => setTimeout(() => body.isConnected && fill()));
  };
  fill();
  const scroller = h(
    "div",
    { class: "matrix", tabindex: "0", role: "region", "aria-label": "Services by region; arrow keys move from cell to cell, Enter opens the service" },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, "Which service is offered in which region"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "corner" }, "Service"), regions.map(({ code, name }) => h("th", { scope: "col" }, h("a", { href: address("region", code), title: name, tabindex: "-1" }, code))))),
      body,
    ),
  );
  /** @type {HTMLTableCellElement | null} */
  let at = null;
  const tell = (/** @type {HTMLTableCellElement} */ next) => {
    at?.classList.remove("at");
    at = next;
    at.classList.add("at");
    const service = services[/** @type {HTMLTableRowElement} */ (at.parentElement).sectionRowIndex];
    const region = regions[at.cellIndex - 1];
    const since = catalogue.since(region.code, service.code);
    const offered = region.services.has(service.code);
    said.replaceChildren(
      h("a", { href: address("service", service.code) }, service.name),
      offered ? " is offered in " : " is not offered in ",
      h("a", { href: address("region", region.code) }, region.name),
      ...(offered && since ? [", since ", day(since)] : []),
      ".",
    );
  };
  body.addEventListener("mouseover", ({ target }) => {
    if (target instanceof HTMLTableCellElement && target.tagName === "TD" && target !== at) tell(target);
  });
  body.addEventListener("click", ({ target }) => {
    if (target instanceof HTMLTableCellElement && target.tagName === "TD") tell(target);
  });
  scroller.addEventListener("keydown", (event) => {
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
    if (event.key === "Enter" && at) location.hash = address("service", services[/** @type {HTMLTableRowElement} */ (at.parentElement).sectionRowIndex].code);
    if (!down && !right) return;
    event.preventDefault();
    const row = at ? /** @type {HTMLTableRowElement} */ (at.parentElement).sectionRowIndex + down : 0;
    const column = at ? at.cellIndex + right : 1;
    const next = body.rows[Math.max(0, Math.min(row, body.rows.length - 1))].cells[Math.max(1, Math.min(column, regions.length))];
    tell(next);
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  /** @type {HTMLElement} */ (scroller.firstElementChild).style.setProperty("--columns", String(regions.length));
  return h("div", {}, said, scroller);
}

/** @param {Catalogue} catalogue @param {import("./catalogue.js").Region[]} regions @param {import("./catalogue.js").Service} service */
function row(catalogue, regions, { code, name }) {
  const link = h("a", { href: address("service", code), title: code, tabindex: "-1" }, name);
  return h("tr", {}, h("th", { scope: "row" }, link), regions.map((region) => cell(catalogue, region, code)));
}

/** @param {Catalogue} catalogue @param {import("./catalogue.js").Region} region @param {string} service */
function cell(catalogue, region, service) {
  const element = document.createElement("td"); // not h: there are 15,795 of them
  if (!region.services.has(service)) return element;
  const isNew = catalogue.isNew(region.code, service);
  element.className = isNew ? "has new" : "has";
  element.textContent = isNew ? `yes, since ${dayText(catalogue.since(region.code, service) ?? "")}` : "yes";
  return element;
}

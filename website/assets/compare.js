/** What one region has and another has not; and which regions have all of some services. */

import { Catalogue } from "./catalogue.js";
import { address, addressOf, amount, byName, copyButtons, formats, h, keep, number, select, tableBody } from "./dom.js";
import { allServices, combobox } from "./search.js";

const MOST = 4;
const LEAST = 2;
/** @type {[string, string][]} */
const ROWS = [
  ["", "What differs"],
  ["same", "What all have"],
  ["all", "Everything"],
];

/** @param {Catalogue} catalogue @param {URLSearchParams} params */
export function compare(catalogue, params) {
  const chosen = codes(params, "regions").filter((code) => catalogue.regions.has(code)).slice(0, MOST);
  let rows = params.get("rows") ?? "";
  const [choices, result] = [h("div", { class: "filters choices" }), h("div", {})];
  const all = [...catalogue.regions.values()].sort((a, b) => byName(a.name, b.name)).map(({ code, name }) => /** @type {[string, string]} */ ([code, `${name} · ${code}`]));
  const render = () => {
    keep("compare", { regions: chosen.join(","), rows });
    const focused = [...choices.querySelectorAll("select")].indexOf(/** @type {HTMLSelectElement} */ (document.activeElement));
    choices.replaceChildren(
      ...Array.from({ length: Math.min(MOST, Math.max(LEAST, chosen.length + 1)) }, (_, index) =>
        select(`Region ${index + 1}`, [["", "Choose"], ...all.filter(([code]) => code === chosen[index] || !chosen.includes(code))], chosen[index] ?? "", (code) => {
          chosen.splice(index, 1, ...(code ? [code] : []));
          render();
        }),
      ),
      select("Show", ROWS, rows, (value) => {
        rows = value;
        render();
      }),
    );
    if (focused >= 0) choices.querySelectorAll("select")[focused]?.focus();
    result.replaceChildren(...(chosen.length < LEAST ? [h("p", { class: "quiet" }, "Choose two regions or more.")] : comparison(catalogue, chosen, rows)));
  };
  render();
  return [h("h1", {}, "Compare regions"), h("p", { class: "lead" }, "What one has and another has not, for two to four of them."), choices, result];
}

/** @param {Catalogue} catalogue @param {string[]} chosen @param {string} rows */
function comparison(catalogue, chosen, rows) {
  const offers = chosen.map((code) => catalogue.regions.get(code)?.services ?? new Set());
  const services = [...catalogue.services.values()].sort((a, b) => byName(a.name, b.name)).map((service) => ({ ...service, has: offers.map((offer) => offer.has(service.code)) }));
  const same = services.filter(({ has }) => has.every(Boolean));
  const differing = services.filter(({ has }) => has.some(Boolean) && !has.every(Boolean));
  const shown = { same, all: services }[rows] ?? differing;
  const texts = () => formats(["service", "name", ...chosen], shown.map(({ code, name, has }) => [code, name, ...has.map((offered) => (offered ? "yes" : "no"))]));
  return [
    h(
      "ul",
      { class: "sums" },
      h("li", {}, h("strong", {}, number(same.length)), chosen.length === 2 ? " in both" : ` in all ${chosen.length}`),
      chosen.map((code, index) => h("li", {}, h("strong", {}, number(differing.filter(({ has }) => has[index] && has.filter(Boolean).length === 1).length)), ` only in ${catalogue.regionName(code)}`)),
    ),
    copyButtons(texts),
    h("p", { class: "quiet", role: "status" }, `${amount(shown.length, "service")} shown.`),
    h(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "The comparison" },
      h(
        "table",
        { class: "compared" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Service"), chosen.map((code) => h("th", { scope: "col" }, h("a", { href: address("region", code) }, catalogue.regionName(code)), h("code", {}, code))))),
        tableBody(shown.map(({ code, name, has }) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: address("service", code) }, name)), has.map((offered) => h("td", { class: offered ? "yes" : "no" }, offered ? "yes" : "no"))))),
      ),
    ),
  ];
}

/** Which regions have all of these services? @param {Catalogue} catalogue @param {URLSearchParams} params */
export function where(catalogue, params) {
  const chosen = codes(params, "services").filter((code) => catalogue.services.has(code));
  const [chips, result] = [h("ul", { class: "chips" }), h("div", {})];
  const { box, input } = combobox(
    "services",
    "Add a service",
    allServices(catalogue),
    ({ code }) => {
      if (!chosen.includes(code)) chosen.push(code);
      render();
    },
    "Add a service, such as Lambda",
  );
  const render = () => {
    keep("where", { services: chosen.join(",") });
    chips.replaceChildren(
      ...chosen.map((code, index) =>
        h(
          "li",
          {},
          h("a", { href: address("service", code) }, catalogue.serviceName(code)),
          h(
            "button",
            {
              type: "button",
              "aria-label": `Remove ${catalogue.serviceName(code)}`,
              onclick: () => {
                chosen.splice(index, 1);
                render();
                input.focus();
              },
            },
            "×",
          ),
        ),
      ),
    );
    result.replaceChildren(...(chosen.length ? places(catalogue, chosen) : [h("p", { class: "quiet" }, "No service is chosen yet.")]));
  };
  render();
  return [h("h1", {}, "Which regions have all of these?"), h("p", { class: "lead" }, "Choose the services that you need."), box, chips, result];
}

/** @param {Catalogue} catalogue @param {string[]} chosen */
function places(catalogue, chosen) {
  const regions = [...catalogue.regions.values()]
    .map((region) => ({ ...region, lacks: chosen.filter((code) => !region.services.has(code)) }))
    .sort((a, b) => a.lacks.length - b.lacks.length || byName(a.name, b.name));
  const having = regions.filter(({ lacks }) => !lacks.length);
  const others = regions.filter(({ lacks }) => lacks.length);
  const row = (/** @type {typeof regions[number]} */ { code, name, area, lacks }) =>
    h("tr", {}, h("th", { scope: "row" }, h("a", { href: address("region", code) }, name)), h("td", {}, h("code", {}, code)), h("td", {}, lacks.length ? lacks.map((service) => catalogue.serviceName(service)).join(", ") : area));
  const table = (/** @type {string} */ last, /** @type {typeof regions} */ rows) =>
    h("table", {}, h("thead", {}, h("tr", {}, ["Region", "Code", last].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows.map(row)));
  return [
    h("div", { role: "status" }, h("h2", {}, having.length ? `${amount(having.length, "region")} ${having.length === 1 ? "has" : "have"} all of them` : "No region has all of them")),
    ...(having.length ? [copyButtons(() => formats(["region", "name", "geography"], having.map(({ code, name, area }) => [code, name, area]))), h("div", { class: "list" }, table("Geography", having))] : []),
    ...(having.length > 1 ? [h("p", {}, h("a", { href: addressOf("compare", { regions: having.slice(0, MOST).map(({ code }) => code).join(",") }) }, "Compare the first of them"))] : []),
    ...(others.length ? [h("h2", {}, "Not quite ", h("span", { class: "count" }, number(others.length))), h("div", { class: "list" }, table("Lacks", others))] : []),
  ];
}

/** @param {URLSearchParams} params @param {string} name */
const codes = (params, name) => [...new Set((params.get(name) ?? "").split(",").filter(Boolean))];

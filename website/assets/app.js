/** The page: reads the catalogue, shows the view that the address names, and looks for a newer release. */

import { Catalogue, first, load, newer } from "./catalogue.js";
import { changes } from "./changes.js";
import { compare, where } from "./compare.js";
import { region, service } from "./details.js";
import { developers } from "./developers.js";
import { add, afterFrame, age, amount, dayText, h, moment } from "./dom.js";
import { matrix } from "./matrix.js";
import { search } from "./search.js";
import { start } from "./start.js";

/** @typedef {(catalogue: Catalogue, params: URLSearchParams, code: string) => Node[]} View */
/** @type {Record<string, {view: View, title: string, alone?: boolean}>} `alone`: useful without the regions and services */
const PAGES = {
  "": { view: start, title: "", alone: true },
  matrix: { view: matrix, title: "Matrix" },
  where: { view: where, title: "Where" },
  compare: { view: compare, title: "Compare" },
  changes: { view: changes, title: "Changes", alone: true },
  developers: { view: developers, title: "Developers", alone: true },
  region: { view: region, title: "" },
  service: { view: service, title: "" },
};
const SITE = "AWS regions and services";
const POLL = 5 * 60_000;
const STALE = 2 * 86_400_000;

const main = element("main");
const notices = element("notices");
/** @type {Map<number, number>} how far down the reader was, by entry of the browser's history */
const scrolled = new Map();
let catalogue = new Catalogue();
let shown = 0;

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** Show what the address names. @param {{focus: boolean}} how */
function show({ focus }) {
  const [path, query = ""] = location.hash.slice(2).split("?");
  const [page, code = ""] = path.split("/").map(decoded);
  const { view, title, alone } = Object.hasOwn(PAGES, page) ? PAGES[page] : { view: unknown, title: "Not found", alone: true };
  shown = history.state?.id ?? performance.timeOrigin + performance.now();
  history.replaceState({ id: shown }, "");
  main.replaceChildren();
  add(main, catalogue.complete || alone ? view(catalogue, new URLSearchParams(query), code) : missing());
  const heading = main.querySelector("h1");
  document.title = page ? `${title || heading?.textContent} · ${SITE}` : SITE;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${page}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (focus && heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  const before = scrolled.get(shown) ?? 0;
  scrollTo(0, before);
  if (scrollY < before) afterFrame(() => scrollTo(0, before)); // rows that come after the first frame make the page as long as it was
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @type {View} */
function unknown() {
  return [h("h1", {}, "There is no such page"), h("p", {}, "Try the ", h("a", { href: "#/" }, "first page"), ", or search with the key ", h("kbd", {}, "/"), ".")];
}

function missing() {
  return [
    h("h1", {}, "The catalogue can’t be read now"),
    h("p", {}, "This page needs complete-data.json. The ", h("a", { href: "#/changes" }, "changes"), " and the ", h("a", { href: "#/developers" }, "files"), " may still be there."),
    h("p", {}, h("button", { type: "button", onclick: () => refresh(load("no-cache")) }, "Try again")),
  ];
}

/** What the reader must know of the data: that they are old, or not all there. */
function notify() {
  notices.replaceChildren();
  const { time, problems, stale } = catalogue;
  if (time && Date.now() - time.getTime() > STALE) {
    notices.append(h("p", { class: "notice" }, h("strong", {}, `This data is old: it was made ${age(time)}`), ", on ", moment(time), ". AWS may have changed since."));
  }
  const works = { "complete-data.json": "changes and files still work", "services.json": "services are shown by their codes", "change-history.json": "what came and went is not told" };
  for (const { name, reason } of problems) {
    notices.append(h("p", { class: "notice" }, h("strong", {}, `${name} ${reason}`), `: ${works[/** @type {keyof works} */ (name)]}.`));
  }
  if (stale.size) {
    notices.append(h("p", { class: "notice" }, `${amount(stale.size, "region")} could not be read on that day and ${stale.size === 1 ? "is" : "are"} shown as last known: ${[...stale].join(", ")}.`));
  }
}

/** @param {Promise<Catalogue>} loading */
async function refresh(loading) {
  catalogue = await loading;
  notify();
  search(element("search"), catalogue);
  show({ focus: false });
}

/** Offer a newer release; the reader decides when it is shown. */
async function lookForNewer() {
  if (document.hidden || notices.querySelector(".offer")) return;
  const published = await newer(catalogue).catch(() => null);
  if (published === null) return;
  const offer = h(
    "p",
    { class: "notice offer" },
    `A newer catalogue was published${published && ` (${dayText(published)})`}. `,
    h("button", { type: "button", onclick: () => refresh(load("no-cache")) }, "Show it"),
  );
  notices.append(offer);
}

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#/") || !location.hash) show({ focus: true });
});
addEventListener("scroll", () => scrolled.set(shown, scrollY), { passive: true });
document.addEventListener("visibilitychange", lookForNewer);
setInterval(lookForNewer, POLL);
/** @type {HTMLElement} */ (document.querySelector(".skip")).addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
history.scrollRestoration = "manual";
await refresh(first);

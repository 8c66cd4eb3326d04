/** The first page: how much there is, how fresh it is, what changed lately, and every pair at a glance. */

import { Catalogue } from "./catalogue.js";
import { timeOf, wording } from "./changes.js";
import { address, afterFrame, age, amount, byName, h, moment, number, seenOn } from "./dom.js";

const LATEST = 4;

/** @param {Catalogue} catalogue */
export function start(catalogue) {
  return [
    h(
      "section",
      { class: "hero" },
      h("h1", {}, "Which AWS services each region has"),
      h("p", { class: "lead" }, "Every service in every region, from AWS’s own public parameters, and what came and went since the last look."),
      figures(catalogue),
      freshness(catalogue),
    ),
    ...(catalogue.complete ? [picture(catalogue)] : []),
    h("div", { class: "columns" }, latest(catalogue), ...(catalogue.complete ? [regions(catalogue)] : [])),
  ];
}

/** @param {Catalogue} catalogue */
function figures({ counts }) {
  if (!counts) return null;
  const figure = (/** @type {number} */ count, /** @type {string} */ what, /** @type {string} */ href) =>
    h("li", {}, h("a", { href }, h("strong", {}, number(count)), h("span", {}, what)));
  return h(
    "ul",
    { class: "figures" },
    figure(counts.regions, "regions", "#/matrix"),
    figure(counts.services, "services", "#/matrix"),
    figure(counts.regionServices, "pairs of both", "#/matrix"),
  );
}

/** @param {Catalogue} catalogue */
function freshness({ time, manifest }) {
  if (!time) return h("p", { class: "quiet" }, "How old the data are is not known: no file could be read.");
  const next = manifest?.nextExpected ? new Date(manifest.nextExpected) : null;
  return h("p", { class: "quiet" }, `Made ${age(time)}, on `, moment(time), ".", next && next.getTime() > Date.now() && [" The next is due ", age(next), "."].join(""));
}

/** All pairs as one picture: a column a service, a row a region, both ordered by how much they have. @param {Catalogue} catalogue */
function picture(catalogue) {
  const regions = [...catalogue.regions.values()].sort((a, b) => b.services.size - a.services.size);
  const services = [...catalogue.services.values()].sort((a, b) => b.regions.length - a.regions.length || byName(a.code, b.code));
  const canvas = h("canvas", { "aria-hidden": "true" });
  const draw = () => {
    const paint = canvas.getContext("2d");
    if (!paint || !canvas.clientWidth) return;
    canvas.width = canvas.clientWidth * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    const [width, height] = [canvas.width / services.length, canvas.height / regions.length];
    const style = getComputedStyle(document.documentElement);
    const colours = ["--dot", "--has", "--new"].map((name) => style.getPropertyValue(name));
    for (const [row, region] of regions.entries()) {
      const states = services.map(({ code }) => (region.services.has(code) ? 1 + Number(catalogue.isNew(region.code, code)) : 0));
      const top = Math.round(row * height);
      for (let left = 0, right = 0; left < states.length; left = right) {
        while (states[right] === states[left]) right += 1; // cells of one colour side by side are one rectangle
        paint.fillStyle = colours[states[left]];
        paint.fillRect(Math.round(left * width), top, Math.round(right * width) - Math.round(left * width), Math.round((row + 1) * height) - top);
      }
    }
    const gap = width > 2 ? devicePixelRatio : 0; // where there is room for one
    for (let row = 1; row <= regions.length; row += 1) paint.clearRect(0, Math.round(row * height) - gap, canvas.width, gap);
    for (let column = 1; column <= services.length; column += 1) paint.clearRect(Math.round(column * width) - gap, 0, gap, canvas.height);
  };
  new ResizeObserver(() => afterFrame(draw)).observe(canvas); // the text need not wait for it
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return h(
    "figure",
    { class: "picture" },
    h("a", { href: "#/matrix", "aria-label": "The matrix of all regions and services" }, canvas),
    h("figcaption", { class: "quiet" }, "Each column is a service, each row a region, the fullest first. ", h("span", { class: "key new" }), " came in the last 30 days."),
  );
}

/** @param {Catalogue} catalogue */
function latest(catalogue) {
  const days = catalogue.changedDays.slice(0, LATEST);
  return h(
    "section",
    {},
    h("h2", {}, "Lately"),
    days.length ? null : h("p", { class: "quiet" }, "No change is known."),
    h("ol", { class: "days" }, days.map((entry) => h("li", {}, h("h3", {}, seenOn(timeOf(entry))), wording(catalogue, entry.changes, { most: 3 })))),
    h("p", {}, h("a", { href: "#/changes" }, "All changes")),
  );
}

/** @param {Catalogue} catalogue */
function regions(catalogue) {
  const areas = Map.groupBy([...catalogue.regions.values()].sort((a, b) => b.services.size - a.services.size), (region) => region.area);
  return h(
    "section",
    {},
    h("h2", {}, "Regions"),
    [...areas].sort(([a], [b]) => byName(a, b)).flatMap(([area, regions]) => [
      h("h3", {}, area),
      h(
        "ul",
        { class: "bars" },
        regions.map(({ code, name, services }) =>
          h(
            "li",
            {},
            h("a", { href: address("region", code) }, name),
            h("code", {}, code),
            h("meter", { min: 0, max: catalogue.services.size, value: services.size, "aria-label": `Services in ${name}` }),
            h("span", { class: "count" }, number(services.size), h("span", { class: "unseen" }, ` of ${amount(catalogue.services.size, "service")}`)),
          ),
        ),
      ),
    ]),
  );
}

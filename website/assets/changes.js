/** What came and went, day by day. */

import { Catalogue, dataAddress, readYear } from "./catalogue.js";
import { address, amount, byName, checkbox, day, dayText, h, keep, seenOn, textField } from "./dom.js";

const NAMES = 12;

/** @typedef {import("./catalogue.js").Changes} Changes @typedef {import("./catalogue.js").Entry} Entry @typedef {import("./catalogue.js").Pair} Pair */
/** @type {[string, string, (keyof Changes)[]][]} name in the address, label, lists of the log */
const KINDS = [
  ["regions", "Regions", ["newRegions", "removedRegions"]],
  ["services", "Services", ["newServices", "removedServices"]],
  ["pairs", "Services in regions", ["newRegionalServices", "removedRegionalServices"]],
  ["names", "Names", ["renamed"]],
  ["zones", "Zones", ["zoneChanges"]],
];

/** @param {Catalogue} catalogue @param {URLSearchParams} params */
export function changes(catalogue, params) {
  const kinds = new Set((params.get("kinds") ?? "").split(",").filter(Boolean));
  let text = params.get("text") ?? "";
  let entries = catalogue.entries;
  const [list, count] = [h("ol", { class: "days timeline" }), h("p", { class: "quiet", role: "status" })];
  const render = () => {
    const found = entries.map((entry) => ({ ...entry, changes: narrowed(catalogue, entry.changes, kinds, text) })).filter(({ changes }) => !isEmpty(changes));
    count.textContent = `${amount(found.length, "day")} with changes.`;
    list.replaceChildren(...found.map((entry) => h("li", { id: `day-${entry.date}` }, h("h2", {}, seenOn(timeOf(entry))), wording(catalogue, entry.changes, {}))));
  };
  const filter = () => {
    keep("changes", { kinds: [...kinds].join(","), text });
    render();
  };
  render();
  const created = catalogue.entries.at(-1)?.date;
  return [
    h("h1", {}, "Changes"),
    h("p", { class: "lead" }, "What came, went or was renamed, by day in UTC. Also as a ", h("a", { href: String(new URL("change-feed.json", dataAddress)) }, "feed"), " for feed readers."),
    h(
      "form",
      { class: "filters", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
      textField("Region or service", text, (value) => {
        text = value;
        filter();
      }),
      h(
        "fieldset",
        {},
        h("legend", {}, "Only"),
        KINDS.map(([kind, label]) =>
          checkbox(label, kinds.has(kind), (checked) => {
            if (checked) kinds.add(kind);
            else kinds.delete(kind);
            filter();
          }),
        ),
      ),
    ),
    count,
    list,
    ...(catalogue.earlier.length ? [older(catalogue, (year) => {
      entries = [...entries, ...year];
      render();
    })] : []),
    ...(created && !catalogue.earlier.length ? [h("p", { class: "quiet" }, "The log begins on ", day(created), ".")] : []),
  ];
}

/** A button for each year that has left the newest file. @param {Catalogue} catalogue @param {(entries: Entry[]) => void} take */
function older({ earlier }, take) {
  const said = h("span", { role: "status", class: "quiet" });
  const next = () => {
    const file = earlier[taken];
    button.textContent = file ? `Show ${dayText(file.oldest)} to ${dayText(file.newest)}` : "";
    button.hidden = !file;
  };
  let taken = 0;
  const button = h("button", {
    type: "button",
    onclick: async () => {
      try {
        take(await readYear(earlier[taken].file));
        taken += 1;
        said.textContent = "";
      } catch {
        said.textContent = `${earlier[taken].file} can’t be read now.`;
      }
      next();
    },
  });
  next();
  return h("p", {}, button, said);
}

/** Only those changes that the reader asked for. @param {Catalogue} catalogue @param {Changes} changes @param {Set<string>} kinds @param {string} text @returns {Changes} */
export function narrowed(catalogue, changes, kinds, text) {
  const wanted = text.trim().toLowerCase();
  const names = (/** @type {any} */ { code, name, region, service, from, to }) =>
    [code, name, region, region && catalogue.regionName(region), service, service && catalogue.serviceName(service), from, to].filter(Boolean).join(" ").toLowerCase();
  const lists = KINDS.filter(([kind]) => !kinds.size || kinds.has(kind)).flatMap(([, , lists]) => lists);
  return /** @type {Changes} */ (
    Object.fromEntries(
      KINDS.flatMap(([, , lists]) => lists).map((list) => [
        list,
        lists.includes(list) ? /** @type {any[]} */ (changes[list] ?? []).filter((change) => !wanted || names(change).includes(wanted)) : [],
      ]),
    )
  );
}

/** A day, or the time between two looks. @param {Entry} entry */
export const timeOf = ({ date, after }) => (after ? { after, before: date } : date);

/** @param {Changes} changes */
export const isEmpty = (changes) => Object.values(changes).every((list) => !list.length);

/**
 * A day's changes as a list of sentences.
 * @param {Catalogue} catalogue
 * @param {Changes} changes
 * @param {{most?: number}} limits `most`: how many lines, and names in a line
 */
export function wording(catalogue, changes, { most = Infinity }) {
  const region = (/** @type {string} */ code) => h("a", { href: address("region", code), title: code }, catalogue.regionName(code));
  const service = (/** @type {string} */ code) => h("a", { href: address("service", code), title: code }, catalogue.serviceName(code));
  /** @type {[string, string, (string | Node)[]][]} */
  const lines = [
    ...changes.newRegions.map(({ code }) => line("came", "New region: ", region(code))),
    ...changes.removedRegions.map(({ code, name }) => line("went", "Region gone: ", `${name} (${code})`)),
    ...changes.newServices.map(({ code }) => line("came", "New service: ", service(code))),
    ...changes.removedServices.map(({ code, name }) => line("went", "Service gone: ", `${name} (${code})`)),
    ...grouped(changes.newRegionalServices).map((group) => pairs("came", group, ["now has", "now in"])),
    ...grouped(changes.removedRegionalServices).map((group) => pairs("went", group, ["no longer has", "no longer in"])),
    ...changes.renamed.map(({ kind, code, from, to }) => line("named", `${from} is now called `, kind === "region" ? region(code) : service(code), to === (kind === "region" ? catalogue.regionName(code) : catalogue.serviceName(code)) ? "" : ` (then: ${to})`)),
    ...changes.zoneChanges.flatMap(({ region: code, kind, added, removed }) => [
      ...(added.length ? [line("came", `New ${kind} zone${added.length > 1 ? "s" : ""} in `, region(code), `: ${added.join(", ")}`)] : []),
      ...(removed.length ? [line("went", `${kind} zone${removed.length > 1 ? "s" : ""} gone from `, region(code), `: ${removed.join(", ")}`)] : []),
    ]),
  ];

  /** @param {string} sign @param {...(string | Node)} words @returns {[string, string, (string | Node)[]]} */
  function line(sign, ...words) {
    return [sign, { came: "New", went: "Gone", named: "Renamed" }[sign] ?? "", words];
  }

  /** @param {string} sign @param {{region?: string, service?: string, others: string[]}} group @param {[string, string]} words of a region, of a service */
  function pairs(sign, group, words) {
    const [link, other] = group.region ? [service, region(group.region)] : [region, service(group.service ?? "")];
    const limit = Math.min(most, NAMES);
    const links = (/** @type {string[]} */ codes) => codes.flatMap((code, index) => [index ? ", " : "", link(code)]);
    const [first, others] = [links(group.others.slice(0, limit)), group.others.slice(limit)];
    const count = `and ${amount(others.length, "other")}`;
    const rest = others.length && most >= NAMES ? h("details", {}, h("summary", {}, count), links(others)) : "";
    if (others.length && !rest) first.push(` ${count}`);
    return line(sign, other, ` ${words[group.region ? 0 : 1]} `, ...first, rest);
  }

  return h(
    "ul",
    { class: "lines" },
    lines.slice(0, most).map(([sign, spoken, words]) => h("li", { class: sign }, h("span", { class: "unseen" }, `${spoken}: `), words)),
    lines.length > most ? h("li", { class: "quiet" }, `and ${amount(lines.length - most, "more line")}`) : null,
  );
}

/** Pairs by the region or service that most of them share, so that a new region is one line. @param {Pair[]} pairs */
function grouped(pairs) {
  /** @type {{region?: string, service?: string, others: string[]}[]} */
  const groups = [];
  let rest = pairs;
  while (rest.length) {
    const sizes = new Map();
    for (const pair of rest) for (const key of [`service ${pair.service}`, `region ${pair.region}`]) sizes.set(key, (sizes.get(key) ?? 0) + 1);
    const [largest] = [...sizes].reduce((best, next) => (next[1] > best[1] ? next : best));
    const [kind, code] = largest.split(" ");
    const key = /** @type {keyof Pair} */ (kind);
    const others = rest.filter((pair) => pair[key] === code).map((pair) => (key === "region" ? pair.service : pair.region));
    groups.push({ [key]: code, others: others.sort(byName) });
    rest = rest.filter((pair) => pair[key] !== code);
  }
  return groups;
}

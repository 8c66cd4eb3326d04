/** A page for each region and each service. */

import { Catalogue, dataAddress, readAnnouncements } from "./catalogue.js";
import { isEmpty, timeOf, wording } from "./changes.js";
import { address, addressOf, afterFrame, byName, countryName, day, h, moment, number, outward, seenOn, tableBody, textField } from "./dom.js";

/** @typedef {import("./catalogue.js").Changes} Changes @typedef {import("./catalogue.js").Seen} Seen */

const REGION_PAGES = "https://aws.amazon.com/about-aws/global-infrastructure/regions_az/";

/** @param {Catalogue} catalogue @param {URLSearchParams} _params @param {string} code */
export function region(catalogue, _params, code) {
  const found = catalogue.regions.get(code);
  if (!found) return absent("region", code, catalogue.lastSeen(code, ""));
  const { zones } = found;
  const launched = new Date(found.launchDate ?? "");
  return [
    h("p", { class: "kind" }, "Region"),
    h("h1", {}, found.name),
    h(
      "dl",
      { class: "facts" },
      fact("Code", h("code", {}, code)),
      fact("Services", `${number(found.services.size)} of ${number(catalogue.services.size)}`),
      fact("Country", [countryName(found.country), found.geography].filter(Boolean).join(", ")),
      fact("Partition", found.partition),
      fact("Domain", found.domain),
      fact("Launched", Number.isNaN(launched.getTime()) ? "" : [day(launched.toISOString().slice(0, 10)), found.blogUrl ? " · " : "", found.blogUrl ? outward(found.blogUrl, "announcement") : ""]),
      ...["availability", "local", "wavelength"].map((kind) => fact(`${kind[0].toUpperCase()}${kind.slice(1)} zones`, zones?.[kind]?.length ? `${number(zones[kind].length)}: ${zones[kind].join(", ")}` : "")),
      fact("First seen", seenOn(catalogue.since(code, ""))),
      fact("Last read", found.lastFetched ? moment(new Date(found.lastFetched)) : ""),
    ),
    links(
      h("a", { href: addressOf("compare", { regions: code }) }, "Compare with another region"),
      h("a", { href: addressOf("matrix", { region: code }) }, "In the matrix"),
      outward(REGION_PAGES, "AWS on its regions"),
      json(catalogue, "regions.json"),
      ...own(catalogue, "regions", code),
    ),
    list(
      "Services here",
      "Since",
      [...found.services].map((service) => ({ code: service, name: catalogue.serviceName(service), href: address("service", service), seen: catalogue.since(code, service), isNew: catalogue.isNew(code, service) })),
      catalogue,
    ),
    list(
      "Not here",
      "Last seen",
      [...catalogue.services.values()].filter((service) => !found.services.has(service.code)).map(({ code, name }) => ({ code, name, href: address("service", code), seen: catalogue.lastSeen(found.code, code) })),
      catalogue,
    ),
    past(catalogue, (changes) => ({
      newRegions: changes.newRegions.filter((change) => change.code === code),
      removedRegions: changes.removedRegions.filter((change) => change.code === code),
      newServices: [],
      removedServices: [],
      newRegionalServices: changes.newRegionalServices.filter((pair) => pair.region === code),
      removedRegionalServices: changes.removedRegionalServices.filter((pair) => pair.region === code),
      renamed: changes.renamed.filter((change) => change.kind === "region" && change.code === code),
      zoneChanges: changes.zoneChanges.filter((change) => change.region === code),
    })),
  ];
}

/** @param {Catalogue} catalogue @param {URLSearchParams} _params @param {string} code */
export function service(catalogue, _params, code) {
  const found = catalogue.services.get(code);
  if (!found) return absent("service", code, catalogue.lastSeen("", code));
  const item = (/** @type {import("./catalogue.js").Region} */ region) => ({ code: region.code, name: region.name, href: address("region", region.code), seen: catalogue.since(region.code, code) ?? catalogue.lastSeen(region.code, code), isNew: catalogue.isNew(region.code, code) });
  const regions = [...catalogue.regions.values()];
  return [
    h("p", { class: "kind" }, "Service"),
    h("h1", {}, found.name),
    h(
      "dl",
      { class: "facts" },
      fact("Code", h("code", {}, code)),
      fact("Regions", `${number(found.regions.length)} of ${number(catalogue.regions.size)}`),
      fact("First seen", seenOn(catalogue.since("", code))),
    ),
    links(
      found.homeUrl ? outward(found.homeUrl, "Its page at AWS") : null,
      h("a", { href: addressOf("where", { services: code }) }, "Where, together with others"),
      h("a", { href: addressOf("matrix", { service: code }) }, "In the matrix"),
      json(catalogue, "services.json"),
      ...own(catalogue, "services", code),
    ),
    list("Regions that have it", "Since", regions.filter((region) => region.services.has(code)).map(item), catalogue),
    list("Regions that have it not", "Last seen", regions.filter((region) => !region.services.has(code)).map(item), catalogue),
    announced(catalogue.itemPath("services", code)),
    past(catalogue, (changes) => ({
      newRegions: [],
      removedRegions: [],
      newServices: changes.newServices.filter((change) => change.code === code),
      removedServices: changes.removedServices.filter((change) => change.code === code),
      newRegionalServices: changes.newRegionalServices.filter((pair) => pair.service === code),
      removedRegionalServices: changes.removedRegionalServices.filter((pair) => pair.service === code),
      renamed: changes.renamed.filter((change) => change.kind === "service" && change.code === code),
      zoneChanges: [],
    })),
  ];
}

/** What AWS announced lately. Read once the page is seen; if it can't be read, or is nothing, nothing is said. @param {string} path */
function announced(path) {
  const list = h("ol", { class: "days" });
  const section = h("section", { hidden: true }, h("h2", {}, "What AWS announced lately"), list);
  const fill = async () => {
    const announcements = await readAnnouncements(path);
    list.append(...announcements.map(({ title, link, pubDate }) => h("li", {}, h("h3", {}, day(pubDate.slice(0, 10))), outward(link, title))));
    section.hidden = !announcements.length;
  };
  if (path) afterFrame(() => section.isConnected && fill().catch(() => {}));
  return section;
}

/** @param {string} kind @param {string} code @param {Seen | undefined} last */
function absent(kind, code, last) {
  return [
    h("h1", {}, `No ${kind} is called ${code}`),
    h("p", {}, last ? ["It was last seen ", seenOn(last), ": the "] : "AWS may have taken it back: the ", h("a", { href: addressOf("changes", { text: code }) }, "changes"), last ? " tell more." : " would say so."),
  ];
}

/** @param {string} name @param {import("./dom.js").Child | import("./dom.js").Child[]} value */
const fact = (name, value) => (value ? h("div", {}, h("dt", {}, name), h("dd", {}, value)) : null);

/** @param {...(Node | string | null)} all */
const links = (...all) => h("ul", { class: "links" }, all.filter((link) => link).map((link) => h("li", {}, link)));

/** @param {Catalogue} catalogue @param {string} file */
const json = ({ manifest }, file) => h("a", { href: String(new URL((manifest?.path ?? "") + file, dataAddress)) }, file);

/** The file of this item alone and its feed. @param {Catalogue} catalogue @param {"regions" | "services"} folder @param {string} code */
function own(catalogue, folder, code) {
  const path = catalogue.itemPath(folder, code);
  const link = (/** @type {string} */ name, /** @type {string} */ text) => h("a", { href: String(new URL(name, dataAddress)) }, text);
  return path ? [link(`${path}.json`, `${path.split("/")[1]}.json`), link(`${path}.feed.json`, "Feed of its changes")] : [];
}

/** @param {string} title @param {"Since" | "Last seen"} head @param {{code: string, name: string, href: string, seen?: Seen, isNew?: boolean}[]} items @param {Catalogue} catalogue */
function list(title, head, items, catalogue) {
  items.sort((a, b) => byName(a.name, b.name));
  const dated = items.some((item) => item.seen);
  const rows = items.map(({ code, name, href, seen, isNew }) =>
    h("tr", {}, h("th", { scope: "row" }, h("a", { href }, name)), h("td", {}, h("code", {}, code)), dated && h("td", { class: isNew ? "fresh" : "" }, seenOn(seen))),
  );
  const narrow = (/** @type {string} */ text) => {
    for (const row of rows) row.hidden = !row.textContent?.toLowerCase().includes(text.trim().toLowerCase());
  };
  const begins = catalogue.entries.at(-1)?.date;
  return h(
    "section",
    { class: "list" },
    h("h2", {}, `${title} `, h("span", { class: "count" }, number(items.length))),
    items.length > 12 ? textField(`Narrow down: ${title.toLowerCase()}`, "", narrow) : null,
    items.length
      ? h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Code"), dated && h("th", { scope: "col" }, head))), tableBody(rows))
      : h("p", { class: "quiet" }, "None."),
    items.some(({ seen }) => typeof seen === "object" && seen.after) ? h("p", { class: "quiet" }, "Two days are those of two looks: it happened between them.") : null,
    dated && head === "Since" && begins && !items.every((item) => item.seen) ? h("p", { class: "quiet" }, "What has no date came before the log tells: it begins on ", day(begins), ".") : null,
  );
}

/** @param {Catalogue} catalogue @param {(changes: Changes) => Changes} narrow */
function past(catalogue, narrow) {
  const days = catalogue.entries.map((entry) => ({ ...entry, changes: narrow(entry.changes) })).filter(({ changes }) => !isEmpty(changes));
  return h(
    "section",
    {},
    h("h2", {}, "What came and went"),
    days.length ? h("ol", { class: "days" }, days.map((entry) => h("li", {}, h("h3", {}, seenOn(timeOf(entry))), wording(catalogue, entry.changes, {})))) : h("p", { class: "quiet" }, "Nothing that the log tells of."),
  );
}

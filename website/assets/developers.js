/** The files behind this page, for programs. */

import { Catalogue, dataAddress } from "./catalogue.js";
import { h, moment, number } from "./dom.js";

const FILES = [
  ["complete-data.json", "everything in one file"],
  ["regions.json", "regions with name, partition, country and zones"],
  ["services.json", "services with name, home page and number of regions"],
  ["service-regions.json", "which regions each service has"],
  ["change-history.json", "what changed, by day"],
  ["change-feed.json", "the same for feed readers"],
  ["manifest.json", "the newest release: which files belong together"],
];
/** Since 1.4.0: name, what it holds, and of which kind it is. */
const ITEMS = [
  ["index.json", "every region and service that there is or was, and where its files are"],
  ["regions/us-east-1.json", "one region, with its changes", "region.json"],
  ["services/s3.json", "one service, with its changes and what AWS announced of it", "service.json"],
  ["services/s3.feed.json", "the changes of one region or service for feed readers", "change-feed.json"],
  ["aws-whats-new.json", "what AWS announced in the last 14 days, on sites that read it"],
];

/** @param {Catalogue} catalogue */
export function developers(catalogue) {
  const { manifest } = catalogue;
  const bytes = new Map(manifest?.files.map((file) => [file.name, file.bytes]));
  const url = (/** @type {string} */ name) => String(new URL(name, dataAddress));
  return [
    h("h1", {}, "For developers"),
    h("p", { class: "lead" }, "All of this is JSON, made once a day. No key, no account."),
    h("h2", {}, "Files"),
    h(
      "ul",
      { class: "files" },
      [...FILES, ...(catalogue.itemPath("services", "s3") ? ITEMS : [])].map(([name, what, kind = name]) =>
        h(
          "li",
          {},
          h("h3", {}, h("a", { href: url(name) }, name)),
          h("p", {}, what, bytes.has(name) ? h("span", { class: "quiet" }, ` · ${number(bytes.get(name) ?? 0)} bytes`) : null, " · ", h("a", { href: url(kind.replace(".json", ".schema.json")) }, "schema")),
          code(`curl -fsS --compressed ${url(name)}`),
        ),
      ),
    ),
    h("h2", {}, "Files that belong together"),
    ...(manifest
      ? [
          h("p", {}, "The files of one run are kept together, and never change there. The newest release is ", h("a", { href: url(`${manifest.path}manifest.json`) }, h("code", {}, manifest.release)), ", made on ", moment(new Date(manifest.time)), "."),
          code(`curl -fsS --compressed ${url(`${manifest.path}complete-data.json`)}`),
        ]
      : [h("p", {}, "This site names no release, so read complete-data.json alone if it matters.")]),
    h("h2", {}, "Poll politely"),
    h("p", {}, "With the ETag of the last answer you get no bytes while there is nothing new:"),
    code(`curl -fsS --etag-compare etag.txt --etag-save etag.txt -o manifest.json ${url("manifest.json")}`),
    h("h2", {}, "Examples"),
    h("p", {}, "The services of a region:"),
    code(`curl -fsS --compressed ${url("complete-data.json")} |\n  jq -r '.servicesByRegion.byRegion["eu-central-1"].services[]'`),
    h("p", {}, "The regions of a service, in JavaScript:"),
    code(`const { byService } = await (await fetch("${url("service-regions.json")}")).json();\nconsole.log(byService.s3.regions);`),
    h("h2", {}, "Terms"),
    h("p", {}, "The software that makes these files and this page is under the MIT licence. The facts are AWS’s own, from its public parameters in Systems Manager; what AWS offers, only AWS can promise."),
  ];
}

/** @param {string} text */
const code = (text) => h("pre", { tabindex: "0" }, h("code", {}, text));

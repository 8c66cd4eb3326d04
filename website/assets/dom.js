/** Elements, words and dates for all views. Text only ever becomes text: nothing here parses HTML. */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [props] attributes; `onNAME` is a listener
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

/**
 * @param {Element} element
 * @param {(Child | Child[])[]} children
 */
export function add(element, children) {
  for (const child of children.flat()) {
    if (child !== undefined && child !== null && child !== false) element.append(child instanceof Node ? child : String(child));
  }
}

/** Do it once the next frame is seen. @param {() => void} work */
export const afterFrame = (work) => requestAnimationFrame(() => setTimeout(work));

const SCREEN = 40; // rows

/** The body of a table: rows that fill a screen at once, the others when these are seen. @param {HTMLTableRowElement[]} rows */
export function tableBody(rows) {
  const body = h("tbody", {}, rows.slice(0, SCREEN));
  if (rows.length > SCREEN) afterFrame(() => body.append(...rows.slice(SCREEN)));
  return body;
}

const numbers = new Intl.NumberFormat();
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const times = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});
const ages = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const countries = new Intl.DisplayNames(undefined, { type: "region" });
const orders = new Intl.Collator(undefined, { numeric: true });

/** @param {number} number */
export const number = (number) => numbers.format(number);

/** "1 region", "1,200 regions". @param {number} count @param {string} noun */
export const amount = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A day of the log, which is a day in UTC. @param {string} date such as 2026-11-24 */
export const day = (date) => h("time", { datetime: date }, dayText(date));

/** @param {string} date */
export const dayText = (date) => (Number.isNaN(Date.parse(date)) ? date : days.format(new Date(date)));

/** "4 Mar 2025"; "3 – 7 Mar 2025", on one of these days; "12 Feb 2022 or earlier". @param {import("./catalogue.js").Seen} seen */
export function seenText(seen) {
  if (typeof seen === "string") return dayText(seen);
  return seen.after ? days.formatRange(new Date(seen.after), new Date(seen.before)) : `${dayText(seen.before)} or earlier`;
}

/** @param {import("./catalogue.js").Seen | undefined} seen */
export const seenOn = (seen) => (typeof seen === "string" ? day(seen) : seen ? seenText(seen) : "");

/** A moment, in the reader's time zone, which is named. @param {Date} time */
export const moment = (time) => h("time", { datetime: time.toISOString() }, times.format(time));

/** "3 days ago". @param {Date} time */
export function age(time) {
  const hours = (time.getTime() - Date.now()) / 3_600_000;
  if (Math.abs(hours) < 1) return ages.format(Math.round(hours * 60), "minute");
  return Math.abs(hours) < 48 ? ages.format(Math.round(hours), "hour") : ages.format(Math.round(hours / 24), "day");
}

/** @param {string} a @param {string} b */
export const byName = (a, b) => orders.compare(a, b);

/** @param {string | null | undefined} code of a country, such as CH */
export function countryName(code) {
  try {
    return code ? (countries.of(code) ?? code) : "";
  } catch {
    return code ?? "";
  }
}

/** A link that leaves the site, or just the text if the address is not one of the web. @param {string | null | undefined} url @param {string} text */
export const outward = (url, text) => (url && /^https?:\/\//.test(url) ? h("a", { href: url, rel: "noreferrer" }, text) : text);

/** @param {string} page @param {string} code */
export const address = (page, code) => `#/${page}/${encodeURIComponent(code)}`;

/** The address of a page with its filters; what is empty is left out. @param {string} page @param {Record<string, string>} [filters] */
export function addressOf(page, filters = {}) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return `#/${page}${query.size ? `?${query}`.replaceAll("%2C", ",") : ""}`;
}

/** Keep the filters in the address, without a new entry in the browser's history. @param {string} page @param {Record<string, string>} filters */
export const keep = (page, filters) => history.replaceState(history.state, "", addressOf(page, filters));

/**
 * A labelled choice.
 * @param {string} label
 * @param {[string, string][]} options value and text
 * @param {string} value
 * @param {(value: string) => void} choose
 */
export function select(label, options, value, choose) {
  const box = h(
    "select",
    { onchange: () => choose(box.value) },
    options.map(([value, text]) => h("option", { value }, text)),
  );
  box.value = value;
  return h("label", { class: "field" }, h("span", {}, label), box);
}

/** A labelled line of text. @param {string} label @param {string} value @param {(value: string) => void} enter */
export function textField(label, value, enter) {
  const box = h("input", { type: "search", value, autocomplete: "off", spellcheck: "false", oninput: () => enter(box.value) });
  return h("label", { class: "field" }, h("span", {}, label), box);
}

/** @param {string} label @param {boolean} checked @param {(checked: boolean) => void} choose */
export function checkbox(label, checked, choose) {
  const box = h("input", { type: "checkbox", checked, onchange: () => choose(box.checked) });
  return h("label", { class: "check" }, box, h("span", {}, label));
}

/**
 * Buttons that copy the same rows in three formats. Where the browser refuses, the text is shown, ready to be copied.
 * @param {() => Record<string, string>} texts by format
 */
export function copyButtons(texts) {
  const said = h("span", { role: "status", class: "quiet" });
  const shown = h("div", { class: "copied" });
  const copy = async (/** @type {string} */ format) => {
    const text = texts()[format];
    shown.replaceChildren();
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = `Copied as ${format}.`;
    } catch {
      said.textContent = "The browser did not let the page copy. Here is the text:";
      const area = h("textarea", { rows: 8, readonly: true, "aria-label": `As ${format}` });
      area.value = text;
      shown.append(area);
      area.select();
    }
  };
  const buttons = ["CSV", "JSON", "Markdown"].map((format) => h("button", { type: "button", onclick: () => copy(format) }, `Copy ${format}`));
  return h("div", { class: "copy" }, h("div", { class: "buttons" }, buttons, said), shown);
}

/** Rows as CSV, JSON and Markdown. @param {string[]} head @param {string[][]} rows */
export function formats(head, rows) {
  const quoted = (/** @type {string} */ cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const piped = (/** @type {string} */ cell) => cell.replaceAll("|", "\\|");
  return {
    CSV: `${[head, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n")}\r\n`,
    JSON: `${JSON.stringify(
      rows.map((row) => Object.fromEntries(row.map((cell, index) => [head[index], cell]))),
      null,
      2,
    )}\n`,
    Markdown: [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(piped).join(" | ")} |\n`).join(""),
  };
}

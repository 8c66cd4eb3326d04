/** Choosing a region or service by typing: a combobox, for the search in the header and for lists of choices. */

import { Catalogue } from "./catalogue.js";
import { address, byName, h } from "./dom.js";

/** @typedef {{kind: string, code: string, name: string}} Match */

const MOST = 12;

/** What best fits the text first: the code itself, then names and codes that begin with it, then words, then the rest. @param {Match[]} all @param {string} text */
export function find(all, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const words = wanted.split(/\s+/);
  const rank = (/** @type {Match} */ { code, name }) => {
    const [lowCode, lowName] = [code.toLowerCase(), name.toLowerCase()];
    const both = `${lowCode} ${lowName}`;
    if (lowCode === wanted) return 0;
    if (lowCode.startsWith(wanted) || lowName.startsWith(wanted)) return 1;
    if (lowName.replace(/^(amazon|aws) /, "").startsWith(wanted)) return 1;
    if (words.every((word) => new RegExp(`(^|[^a-z0-9])${word.replaceAll(/\W/g, "\\$&")}`).test(both))) return 2;
    return words.every((word) => both.includes(word)) ? 3 : 4;
  };
  return all
    .map((match) => ({ match, rank: rank(match) }))
    .filter((found) => found.rank < 4)
    .sort((a, b) => a.rank - b.rank || byName(a.match.name, b.match.name))
    .slice(0, MOST)
    .map((found) => found.match);
}

/** @param {Catalogue} catalogue @returns {Match[]} */
export const allRegions = (catalogue) => [...catalogue.regions.values()].map(({ code, name }) => ({ kind: "region", code, name }));

/** @param {Catalogue} catalogue @returns {Match[]} */
export const allServices = (catalogue) => [...catalogue.services.values()].map(({ code, name }) => ({ kind: "service", code, name }));

/**
 * @param {string} id unique on the page
 * @param {string} label
 * @param {Match[]} all
 * @param {(match: Match) => void} choose
 * @param {string} [hint]
 */
export function combobox(id, label, all, choose, hint = "") {
  /** @type {Match[]} */
  let matches = [];
  let active = 0;
  const list = h("ul", { id: `${id}-list`, role: "listbox", "aria-label": label, hidden: true });
  const said = h("span", { role: "status", class: "unseen" });
  const input = h("input", {
    id: `${id}-text`,
    type: "search",
    role: "combobox",
    "aria-label": label,
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: hint || label,
    oninput: () => open(find(all, input.value)),
    onblur: () => open([]),
    onfocus: () => open(find(all, input.value)),
    onkeydown: (/** @type {KeyboardEvent} */ event) => press(event),
  });

  /** @param {Match[]} found */
  function open(found) {
    [matches, active] = [found, 0];
    list.hidden = !found.length && !(input.value.trim() && document.activeElement === input);
    list.replaceChildren(
      ...found.map((match, index) =>
        h(
          "li",
          {
            id: `${id}-${index}`,
            role: "option",
            onmousedown: (/** @type {MouseEvent} */ event) => event.preventDefault(),
            onclick: () => pick(match),
          },
          h("span", { class: "what" }, match.name),
          h("code", {}, match.code),
          h("span", { class: "kind" }, match.kind),
        ),
      ),
    );
    if (!found.length && !list.hidden) list.append(h("li", { role: "option", "aria-disabled": "true", class: "quiet" }, "Nothing is called that"));
    said.textContent = list.hidden ? "" : `${found.length || "Nothing"} found`;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark();
  }

  function mark() {
    for (const [index, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(matches.length > 0 && index === active));
    if (matches.length) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    if (matches.length) list.children[active].scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  function press(event) {
    if (event.key === "Enter" && matches.length) pick(matches[active]);
    else if (event.key === "Escape" && input.value) {
      input.value = "";
      open([]);
    } else if (event.key === "Escape") input.blur();
    else if (event.key === "ArrowDown" && matches.length) active = (active + 1) % matches.length;
    else if (event.key === "ArrowUp" && matches.length) active = (active + matches.length - 1) % matches.length;
    else return;
    event.preventDefault();
    mark();
  }

  /** @param {Match} match */
  function pick(match) {
    input.value = "";
    open([]);
    choose(match);
  }

  return { box: h("div", { class: "combobox" }, input, list, said), input };
}

/** @type {HTMLInputElement | undefined} */
let searchInput;

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, select, textarea");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || !searchInput) return;
  event.preventDefault();
  searchInput.focus();
});

/** Search over everything; the key / goes there. @param {HTMLElement} place @param {Catalogue} catalogue */
export function search(place, catalogue) {
  const all = [...allRegions(catalogue), ...allServices(catalogue)];
  const { box, input } = combobox("search", "Search regions and services", all, ({ kind, code }) => (location.hash = address(kind, code)), "Search");
  searchInput = input;
  input.setAttribute("aria-keyshortcuts", "/");
  place.replaceChildren(box, h("kbd", { "aria-hidden": "true" }, "/"));
}

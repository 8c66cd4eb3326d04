/** The published files in, one catalogue out. The only module that reads from the network. */

/**
 * @typedef {{code: string, name: string, partition: string, country: string, geography: string, area: string, zones: Record<string, string[]>,
 *   launchDate: string, blogUrl: string, domain: string, services: Set<string>, lastFetched: string}} Region
 * @typedef {{code: string, name: string, homeUrl: string, regions: string[]}} Service
 * @typedef {{code: string, name: string}} Named
 * @typedef {{region: string, service: string}} Pair
 * @typedef {{newServices: Named[], removedServices: Named[], newRegions: Named[], removedRegions: Named[],
 *   newRegionalServices: Pair[], removedRegionalServices: Pair[], renamed: {kind: string, code: string, from: string, to: string}[],
 *   zoneChanges: {region: string, kind: string, added: string[], removed: string[]}[]}} Changes
 * @typedef {{date: string, after?: string, summary: string, changes: Changes}} Entry
 * @typedef {{name: string, bytes: number, sha256: string}} File
 * @typedef {{release: string, time: string, path: string, files: File[], counts: Counts, nextExpected: string | null}} Manifest
 * @typedef {{regions: number, services: number, regionServices: number}} Counts
 * @typedef {{name: string, reason: string}} Problem
 * @typedef {string | {after?: string, before: string}} Seen a day, or one between two looks; without `after` the first look of all
 * @typedef {{regions: Record<string, Seen>, services: Record<string, Seen>, pairs: Record<string, Record<string, Seen>>}} Sightings
 */

export const dataAddress = new URL(
  /** @type {HTMLMetaElement} */ (document.querySelector("meta[name=data]")).content,
  document.baseURI,
);

const COMPLETE = "complete-data.json";
const SERVICES = "services.json";
const HISTORY = "change-history.json";
const DAY = 86_400_000;
const NEW_DAYS = 30;
const LONGEST_NAME = 128; // characters; what is longer has a hash in its place
const utf8 = new TextEncoder();

/** Which part of the world a country is in: no file says it, and nobody looks for a region by 30 countries. */
const AREAS = new Map(
  Object.entries({
    Africa: "ZA KE NG EG MA",
    "Asia Pacific": "AU CN HK ID IN JP KR MY NZ PH SG TH TW VN",
    Europe: "AT BE CH CZ DE DK ES FI FR GB IE IT NL NO PL PT SE",
    "Middle East": "AE BH IL JO KW OM QA SA TR",
    "North America": "CA MX US",
    "South America": "AR BR CL CO PE",
  }).flatMap(([area, codes]) => codes.split(" ").map((code) => [code, area])),
);

export class Catalogue {
  /** @type {Map<string, Region>} */ regions = new Map();
  /** @type {Map<string, Service>} */ services = new Map();
  /** @type {Counts | null} */ counts = null;
  /** @type {Date | null} */ time = null;
  /** @type {Entry[]} */ entries = [];
  /** @type {{file: string, oldest: string, newest: string}[]} */ earlier = [];
  /** @type {Set<string>} regions whose list is of an earlier run */ stale = new Set();
  /** @type {Manifest | null} */ manifest = null;
  /** @type {Problem[]} */ problems = [];
  /** @type {Map<string, Map<string, string>>} by region and service, the day on which the pair came, if it is in the log */ #logged = new Map();
  /** @type {{knownSince?: string, firstSeen?: Sightings, lastSeen?: Sightings}} empty before version 1.4.0 */ #seen = {};

  /** The regions and services could be read. */
  get complete() {
    return this.regions.size > 0;
  }

  /**
   * When a service was first seen in a region where it is; undefined if nobody knows. Older files leave it to the log.
   * With one of the two empty, the other itself is meant, here and in `lastSeen`.
   * @param {string} region @param {string} service @returns {Seen | undefined}
   */
  since(region, service) {
    const [{ knownSince, firstSeen }, offer] = [this.#seen, this.regions.get(region)?.services];
    const there = region ? (service ? offer?.has(service) : offer?.size) : this.services.has(service);
    if (!there) return undefined;
    return knownSince ? (sighting(firstSeen, region, service) ?? { before: knownSince }) : this.#logged.get(region)?.get(service);
  }

  /** When it was last seen, if it went. @param {string} region @param {string} service */
  lastSeen(region, service) {
    return sighting(this.#seen.lastSeen, region, service);
  }

  /** It certainly came in the last thirty days before the data were made. @param {string} region @param {string} service */
  isNew(region, service) {
    const since = this.since(region, service);
    const earliest = typeof since === "object" ? since.after : since;
    return earliest !== undefined && this.time !== null && this.time.getTime() - Date.parse(earliest) < NEW_DAYS * DAY;
  }

  /**
   * Where the file of a region or service is, without `.json`; "" where it can't be told, or the data are older than such files.
   * @param {"regions" | "services"} folder @param {string} code
   */
  itemPath(folder, code) {
    const escaped = (/** @type {string} */ letter) => [...utf8.encode(letter)].map((byte) => `_${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
    const name = code.replace(/[^A-Za-z0-9-]/gu, escaped);
    return this.#seen.knownSince && name.length <= LONGEST_NAME ? `${folder}/${name}` : "";
  }

  /** What it is called, or its code. @param {string} code */
  serviceName(code) {
    return this.services.get(code)?.name ?? code;
  }

  /** @param {string} code */
  regionName(code) {
    return this.regions.get(code)?.name ?? code;
  }

  /** The newest day of the log on which anything changed comes first. */
  get changedDays() {
    return this.entries.filter(({ changes }) => Object.values(changes).some((list) => list.length));
  }

  /** @param {any} complete */
  addComplete(complete) {
    /** @type {Map<string, Region>} */ const regions = new Map();
    /** @type {Map<string, Service>} */ const services = new Map();
    for (const region of complete.regions.regions) {
      const offer = complete.servicesByRegion.byRegion[region.code] ?? { services: [], lastFetched: "" };
      regions.set(region.code, {
        ...region,
        name: region.name || region.code,
        area: AREAS.get(region.country) ?? "Elsewhere",
        services: new Set(offer.services),
        lastFetched: offer.lastFetched,
      });
    }
    for (const code of complete.services.services) services.set(code, { code, name: code, homeUrl: "", regions: [] });
    for (const region of regions.values()) for (const code of region.services) services.get(code)?.regions.push(region.code);
    const { counts, timestamp, staleRegions } = complete.metadata;
    const { knownSince, firstSeen, lastSeen } = complete.servicesByRegion;
    Object.assign(this, { regions, services, counts, time: new Date(timestamp), stale: new Set(staleRegions) });
    this.#seen = { knownSince, firstSeen, lastSeen };
  }

  /** @param {any} services */
  addNames(services) {
    for (const { code, name, homeUrl } of services.services) {
      const service = this.services.get(code);
      if (service) Object.assign(service, { name: name || code, homeUrl });
    }
  }

  /** @param {any} history */
  addHistory(history) {
    const since = new Map();
    for (const { date, changes } of [...history.changeLog].reverse()) {
      for (const { region, service } of changes.newRegionalServices) since.set(region, (since.get(region) ?? new Map()).set(service, date));
      for (const { region, service } of changes.removedRegionalServices) since.get(region)?.delete(service);
    }
    this.#logged = since;
    this.entries = history.changeLog;
    this.earlier = history.earlier ?? [];
  }
}

/** @param {Sightings | undefined} sightings @param {string} region @param {string} service */
function sighting(sightings, region, service) {
  const [kind, code] = region && service ? [sightings?.pairs[region], service] : region ? [sightings?.regions, region] : [sightings?.services, service];
  return kind && Object.hasOwn(kind, code) ? kind[code] : undefined;
}

/** Everything that can be read. Files of one release if there is a manifest; what can't be read is in `problems`. */
export async function load(cache = /** @type {RequestCache} */ ("default")) {
  const manifest = await readManifest(cache).catch(() => null);
  const catalogue = await assemble(manifest, cache);
  if (!manifest || !catalogue.problems.length) return catalogue;
  // The release may have expired on this site, or is on its way: the newest file of each name then is better than none.
  const newest = await assemble(null, cache);
  newest.manifest = manifest;
  return newest.problems.length < catalogue.problems.length ? newest : catalogue;
}

/**
 * When a newer catalogue than this was published, "" if that is not known, null if none was. Costs no bytes while there is
 * nothing new: the browser sends the manifest's ETag, and without a manifest asks for the head of the file alone.
 * @param {Catalogue} catalogue
 */
export async function newer({ manifest }) {
  if (manifest) {
    const { release, time } = await readManifest("no-cache");
    return release === manifest.release ? null : time;
  }
  const { ok, headers } = await fetch(new URL(COMPLETE, dataAddress), { method: "HEAD", cache: "no-cache" });
  return ok && tags.has(COMPLETE) && tagOf(headers) !== tags.get(COMPLETE) ? "" : null;
}

/** A year of the log that has left the newest file. @param {string} name @returns {Promise<Entry[]>} */
export const readYear = async (name) => (await read(name)).changeLog;

/** What AWS announced of a service. @param {string} path of its file @returns {Promise<{title: string, link: string, pubDate: string}[]>} */
export const readAnnouncements = async (path) => (await read(`${path}.json`)).announcements ?? [];

/** @param {RequestCache} cache @returns {Promise<Manifest>} */
async function readManifest(cache) {
  const manifest = await read("manifest.json", cache);
  if (!/^releases\/[\w-]+\/$/.test(manifest.path) || !Array.isArray(manifest.files)) throw new Error("is no manifest");
  return manifest;
}

/** @param {Manifest | null} manifest @param {RequestCache} cache */
async function assemble(manifest, cache) {
  const catalogue = new Catalogue();
  catalogue.manifest = manifest;
  catalogue.counts = manifest?.counts ?? null;
  catalogue.time = manifest ? new Date(manifest.time) : null;
  const named = new Set(manifest?.files.map((file) => file.name));
  const [complete, services, history] = await Promise.allSettled(
    [COMPLETE, SERVICES, HISTORY].map((name) => read(manifest && named.has(name) ? manifest.path + name : name, cache)),
  );
  const take = (/** @type {string} */ name, /** @type {PromiseSettledResult<any>} */ file, /** @type {(file: any) => void} */ add) => {
    try {
      if (file.status === "rejected") throw file.reason;
      add(file.value);
    } catch (error) {
      catalogue.problems.push({ name, reason: error instanceof ReadError ? error.message : "is not what it should be" });
    }
  };
  take(COMPLETE, complete, (file) => catalogue.addComplete(file));
  take(SERVICES, services, (file) => catalogue.addNames(file));
  take(HISTORY, history, (file) => catalogue.addHistory(file));
  return catalogue;
}

class ReadError extends Error {}

/** @type {Map<string, string>} by path, the ETag of the file last read */
const tags = new Map();

/** The ETag, whether the answer is compressed or not. @param {Headers} headers */
const tagOf = (headers) => (headers.get("ETag") ?? "").replace(/^W\//, "");

/** @param {string} path @param {RequestCache} [cache] @returns {Promise<any>} */
async function read(path, cache = "default") {
  const response = await fetch(new URL(path, dataAddress), { cache }).catch(() => {
    throw new ReadError("can’t be reached");
  });
  if (!response.ok) throw new ReadError([403, 404].includes(response.status) ? "is missing" : `was answered with HTTP ${response.status}`);
  tags.set(path, tagOf(response.headers));
  return response.json().catch(() => {
    throw new ReadError("is not JSON");
  });
}

/** The first reading, which begins while other modules are still on their way. */
export const first = load();

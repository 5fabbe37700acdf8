// The list of requests: newest first, and what a page loaded below that page, in the order it was asked for.

/** @import { Request } from '../types/wire.d.ts' */

/**
 * A row: a request, and how it stands in its page view.
 * @typedef {object} Row
 * @property {Request} request
 * @property {'page' | 'part' | 'single'} kind a page view, what it loaded, or neither
 * @property {boolean} last of its page view
 */

/** @typedef {{ id: string, page_id: string | null, trace_id: string | null, trigger: string | null }} Patch */

/** Requests that are held; older ones are asked for again when somebody scrolls to them. */
export const HELD_MAX = 5000;

export class Log {
  /** @type {Map<string, Request>} */
  #requests = new Map();
  /** @type {Row[]} */
  rows = [];
  /** @type {Map<string, number>} */
  #places = new Map();
  /** Whether older ones were let go. */
  cut = false;
  #order;

  /** @param {'newest' | 'slowest'} [order] what comes first */
  constructor(order = 'newest') {
    this.#order = order;
  }

  get size() {
    return this.#requests.size;
  }

  /** @param {string} id */
  get(id) {
    return this.#requests.get(id);
  }

  /** Where a request stands; -1: nowhere. @param {string | null} id */
  place(id) {
    return id === null ? -1 : this.#places.get(id) ?? -1;
  }

  /** When the oldest began. */
  get oldest() {
    let oldest = Infinity;
    for (const request of this.#requests.values()) oldest = Math.min(oldest, request.ts_us);
    return oldest;
  }

  /** Takes requests in; known ones are replaced. Gives how many are new. @param {Request[]} requests */
  add(requests) {
    const before = this.#requests.size;
    for (const request of requests) this.#requests.set(request.id, request);
    const added = this.#requests.size - before;
    if (requests.length > 0) this.#arrange();
    return added;
  }

  /**
   * More is known of requests: what is null stays as it was. Gives those that are not in the list.
   * @param {Patch[]} patches
   */
  patch(patches) {
    const others = patches.filter((patch) => !this.#requests.has(patch.id));
    for (const { id, page_id, trace_id, trigger } of patches) {
      const known = this.#requests.get(id);
      if (!known) continue;
      this.#requests.set(id, {
        ...known, page_id: page_id ?? known.page_id, trace_id: trace_id ?? known.trace_id, trigger: trigger ?? known.trigger,
      });
    }
    // Once for all of them: a busy site tells of many at a time.
    if (others.length < patches.length) this.#arrange();
    return others;
  }

  /** Lets go of what began before a moment; it is asked for again when somebody scrolls there. @param {number} us */
  letGo(us) {
    for (const { id, ts_us } of [...this.#requests.values()]) if (ts_us < us) this.#requests.delete(id);
    this.cut = true;
    this.#arrange();
  }

  #arrange() {
    const requests = [...this.#requests.values()];
    this.rows = this.#order === 'slowest' ? slowest(requests) : arrange(requests);
    if (this.rows.length > HELD_MAX) {
      // Whole page views only: what is cut in two would lose its head when the rest is asked for.
      let end = HELD_MAX;
      while (end > HELD_MAX / 2 && this.rows[end]?.kind === 'part') end -= 1;
      for (const { request } of this.rows.slice(end)) this.#requests.delete(request.id);
      this.rows.length = end;
      this.cut = true;
    }
    this.#places = new Map(this.rows.map(({ request }, index) => [request.id, index]));
  }
}

/**
 * Requests as rows. A part whose page is not here stands by itself.
 * @param {Request[]} requests
 * @returns {Row[]}
 */
export function arrange(requests) {
  const ids = new Set(requests.map((request) => request.id));
  /** @type {Map<string, Request[]>} */
  const parts = new Map();
  /** @type {Request[]} */
  const heads = [];
  for (const request of requests) {
    const page = request.page_id;
    if (page === null || page === request.id || !ids.has(page)) heads.push(request);
    else {
      const loaded = parts.get(page);
      if (loaded) loaded.push(request);
      else parts.set(page, [request]);
    }
  }
  heads.sort((a, b) => b.ts_us - a.ts_us || (a.id < b.id ? 1 : -1));
  return heads.flatMap((head) => {
    /** @type {Row['kind']} */
    const kind = head.page_id === head.id ? 'page' : 'single';
    const loaded = parts.get(head.id)?.sort((a, b) => a.ts_us - b.ts_us || (a.id < b.id ? -1 : 1)) ?? [];
    return [
      { request: head, kind, last: loaded.length === 0 },
      ...loaded.map((request, index) => ({ request, kind: /** @type {const} */ ('part'), last: index === loaded.length - 1 })),
    ];
  });
}

/**
 * Requests as rows, the slowest first; page views are not kept together.
 * @param {Request[]} requests
 * @returns {Row[]}
 */
export function slowest(requests) {
  return requests
    .sort((a, b) => b.dur_us - a.dur_us || (a.id < b.id ? 1 : -1))
    .map((request) => ({ request, kind: request.page_id === request.id ? 'page' : 'single', last: true }));
}

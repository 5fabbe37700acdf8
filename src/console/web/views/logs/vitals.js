// The web vitals of page views in the list: asked for when a row is seen, a few at a time, and again while they may still
// come, since a browser tells most of them when somebody leaves the page.

/** @import { Api } from '../../model/contract.js' */
/** @import { Request, Status, Vital } from '../../types/wire.d.ts' */
/** @typedef {{ vitals: Vital[], again: number }} Known `again`: when it may be asked again */

const READING_MAX = 2;
const WAITING_MAX = 60;
/** Traces whose vitals are kept. */
const KNOWN_MAX = 500;
/** A page that is so old tells nothing more, in milliseconds; until then it is asked again, the older the more seldom. */
const OVER_MS = 10 * 60_000;
const AGAIN_MS = 5_000;

export class Vitals {
  #api;
  #changed;
  /** @type {Map<string, Known>} */
  #known = new Map();
  /** Those that were seen last come first. @type {Map<string, Request>} */
  #waiting = new Map();
  /** @type {Set<string>} */
  #reading = new Set();
  #timer = 0;
  #ended = false;

  /** @param {Api} api @param {() => void} changed something became known */
  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  /** What is known of a request that is seen. @param {Request} request @returns {Vital[]} */
  of(request) {
    const { trace_id: trace, destination } = request;
    if (trace === null || destination !== 'document') return [];
    const known = this.#known.get(trace);
    if (!known || performance.now() > known.again) this.#ask(trace, request);
    return known?.vitals ?? [];
  }

  /** @param {string} trace @param {Request} request */
  #ask(trace, request) {
    if (this.#reading.has(trace)) return;
    this.#waiting.delete(trace);
    this.#waiting.set(trace, request);
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(/** @type {string} */ (this.#waiting.keys().next().value));
    this.#next();
  }

  #next() {
    const last = [...this.#waiting].at(-1);
    if (!last || this.#reading.size >= READING_MAX) return;
    const [trace, request] = last;
    this.#waiting.delete(trace);
    this.#reading.add(trace);
    void this.#read(trace, request).finally(() => {
      this.#reading.delete(trace);
      this.#next();
    });
    this.#next();
  }

  /** A list in which nothing happens is looked at again all the same, unless nobody sees it. */
  #lookAgain() {
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      if (document.hidden) this.#lookAgain();
      else this.#changed();
    }, AGAIN_MS);
  }

  /** @param {string} trace @param {Request} request */
  async #read(trace, { ts_us }) {
    const before = this.#known.get(trace)?.vitals.length ?? 0;
    const age = Date.now() - ts_us / 1000;
    /** @type {Known} */
    const known = { vitals: [], again: age > OVER_MS ? Infinity : performance.now() + Math.max(AGAIN_MS, age / 2) };
    try {
      known.vitals = /** @type {Status} */ (await this.#api.get(`/traces/${trace}/status`)).vitals;
    } catch {
      // It is listed without.
    }
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(trace, known);
    if (this.#ended) return;
    if (known.vitals.length !== before) this.#changed();
    if (known.again !== Infinity && !this.#timer) this.#lookAgain();
  }
}

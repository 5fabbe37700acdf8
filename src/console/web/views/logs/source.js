// Where the list's requests come from: pages of the API, and the stream. The stream knows no searches, so where there is
// one, an event only says that it is worth asking again.

import { HELD_MAX, Log } from '../../model/log.js';
import { rangeOf } from '../../model/range.js';

/** @import { Api, Live, LiveEvent, Query } from '../../model/contract.js' */
/** @import { Histogram, Request, Requests } from '../../types/wire.d.ts' */
/** @typedef {Readonly<Record<string, string | undefined>>} Address */
/**
 * What the screen is told.
 * @typedef {object} Told
 * @property {(added: number) => void} changed
 * @property {(excluded: Record<string, number> | null) => void} loaded the first page is here; null: it is not empty
 * @property {(error: unknown) => void} failed
 * @property {(histogram: Histogram) => void} histogram
 * @property {() => void} gap something was missed, and was asked for again
 */

const PAGE = 100;
const PAGE_MAX = 500;
/** Pages that are asked for at most to catch up. */
const CATCH_UP_PAGES = 10;
/** A search is asked again at most so often, and so is the histogram. */
const ASK_MS = 1000;
const HISTOGRAM_MS = 2000;
const BINS = 150;

export class Source {
  log = new Log();
  #api;
  #live;
  #told;
  /** @type {Address} */
  #query = {};
  /** @type {AbortController} */
  #asking = new AbortController();
  /** Where the list goes on. @type {string | null} */
  #next = null;
  #loadingMore = false;
  #loaded = false;
  /** Whether the first page could not be had: then nothing is listed, and nothing that comes is kept for it. */
  #failed = false;
  /** Events that came before the first page did. @type {LiveEvent[]} */
  #early = [];
  /** Ends following. */
  #unfollow = () => {};
  /** The earliest request that the stream told of and that was not asked for. */
  #since = Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #histogramAgain;
  /** Whether the stream told of a gap. */
  #missed = false;
  paused = false;

  /**
   * @param {Api} api
   * @param {Live} live
   * @param {Told} told
   */
  constructor(api, live, told) {
    this.#api = api;
    this.#live = live;
    this.#told = told;
  }

  close() {
    this.#asking.abort();
    this.#unfollow();
    clearTimeout(this.#again);
    clearTimeout(this.#histogramAgain);
    this.#again = this.#histogramAgain = undefined;
  }

  /** Shows something else. @param {Address} query */
  async open(query) {
    this.close();
    this.#asking = new AbortController();
    this.#query = query;
    this.log = new Log(query['sort'] === 'slow' ? 'slowest' : 'newest');
    this.#next = null;
    this.#loaded = false;
    this.#failed = false;
    this.#early = [];
    this.#since = Infinity;
    const range = rangeOf(query, Date.now() * 1000);
    if (range.slides) this.#follow();
    void this.#askHistogram();
    await this.#first();
  }

  /** What ends between the first page and the stream is in neither: it is asked for once the stream is open. */
  #follow() {
    const unfollow = this.#live.follow(['requests'], (events) => this.#heard(events));
    const unwatch = this.#live.watch((state) => {
      if (state !== 'open') return;
      if (this.#failed) void this.#first();
      else this.#expect(-Infinity);
    });
    this.#unfollow = () => {
      unwatch();
      unfollow();
    };
  }

  async #first() {
    const { signal } = this.#asking;
    this.#failed = false;
    try {
      const answer = await this.#ask({ limit: PAGE }, signal);
      this.#next = answer.next;
      const added = this.log.add(answer.items);
      this.#loaded = true;
      const early = this.#early;
      this.#early = [];
      this.#told.changed(added);
      this.#told.loaded(answer.items.length === 0 && this.log.size === 0 ? answer.excluded_by : null);
      if (early.length > 0) this.#heard(early);
      if (this.#query['sort'] === 'slow') await this.#all(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#failed = !this.#loaded;
      this.#early = [];
      this.#told.failed(error);
    }
  }

  /** The slowest of all may be the oldest: as many as are held. @param {AbortSignal} signal */
  async #all(signal) {
    while (this.#next !== null && this.log.size < HELD_MAX) {
      const answer = await this.#ask({ limit: PAGE_MAX, before: this.#next }, signal);
      this.#next = answer.next;
      this.log.add(answer.items);
    }
    this.#told.changed(0);
  }

  /** Older ones. */
  async more() {
    if (this.#query['sort'] === 'slow' || this.#loadingMore || !this.#loaded || (this.#next === null && !this.log.cut)) return;
    this.#loadingMore = true;
    const { signal } = this.#asking;
    try {
      // What was let go is asked for by time: the place where the list once went on is behind it.
      const where = this.log.cut ? { to: Math.ceil(this.log.oldest) + 1 } : { before: this.#next };
      const answer = await this.#ask({ limit: PAGE_MAX, ...where }, signal);
      this.#next = answer.next;
      this.log.cut = false;
      this.log.add(answer.items);
      this.#told.changed(0);
    } catch (error) {
      if (!signal.aborted) this.#told.failed(error);
    } finally {
      this.#loadingMore = false;
    }
  }

  /** Whether the stream's requests can be judged here. */
  get #isPlain() {
    const { q, browser, page, trace } = this.#query;
    return !q && !browser && !page && !trace;
  }

  /** @param {Request} request */
  #fits({ trace_id, session_id }) {
    const { traced, session } = this.#query;
    return (traced !== '1' || trace_id !== null) && (!session || session === session_id);
  }

  /** @param {LiveEvent[]} events */
  #heard(events) {
    if (this.#failed) return;
    if (!this.#loaded) return void this.#early.push(...events);
    if (events.some((event) => event.name === 'gap')) {
      this.#missed = true;
      this.#expect(-Infinity);
    }
    /** @type {Request[]} */
    const requests = events.filter((event) => event.name === 'request').map((event) => event.data);
    /** @type {import('../../model/log.js').Patch[]} */
    const patches = events.filter((event) => event.name === 'request.patch').map((event) => event.data);
    if (requests.length > 0) this.#histogramSoon();
    const others = this.log.patch(patches);
    const patched = others.length < patches.length;
    // It may fit now.
    if (this.#query['traced'] === '1' && others.some((patch) => patch.trace_id)) this.#expect(Date.now() * 1000 - 60e6);
    if (!this.#isPlain) {
      for (const request of requests) this.#expect(request.ts_us);
      if (patched) this.#told.changed(0);
      return;
    }
    const fitting = requests.filter((request) => this.#fits(request));
    const added = this.log.add(fitting);
    if (added > 0 || patched) this.#told.changed(added);
    if (added > 0) this.#told.loaded(null);
  }

  /** @param {number} us */
  #expect(us) {
    this.#since = Math.min(this.#since, us);
    this.#askSoon();
  }

  #askSoon() {
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      void this.#catchUp();
    }, ASK_MS);
  }

  /**
   * Asks for what is not listed yet, newest first, until a page has nothing new: what began long ago and ended just now
   * stands among older ones.
   */
  async #catchUp() {
    const { signal } = this.#asking;
    if (this.#failed) return;
    if (!this.#loaded) return this.#askSoon();
    const since = this.#since;
    this.#since = Infinity;
    try {
      /** @type {string | null} */
      let before = null;
      let pages = 0;
      let added = 0;
      let fresh = 0;
      do {
        const answer = await this.#ask({ before, limit: PAGE_MAX, ...(Number.isFinite(since) ? { from: Math.floor(since) } : {}) }, signal);
        if (signal.aborted) return;
        fresh = this.log.add(answer.items);
        added += fresh;
        pages += 1;
        before = answer.next;
        // What is older than so many new ones would have a hole before it.
        const last = answer.items.at(-1);
        if (pages === CATCH_UP_PAGES && fresh > 0 && before !== null && last) this.log.letGo(last.ts_us);
      } while (before !== null && fresh > 0 && pages < CATCH_UP_PAGES);
      this.#told.changed(added);
      if (this.#missed && added > 0) this.#told.gap();
      this.#missed = false;
      if (this.log.size > 0) this.#told.loaded(null);
    } catch {
      // Nobody answers: asked again when the stream is back.
      if (!signal.aborted) this.#since = Math.min(this.#since, since);
    }
  }

  /** @param {Query} more @param {AbortSignal} signal @returns {Promise<Requests>} */
  #ask(more, signal) {
    return this.#api.get('/requests', { query: { ...this.#choice(), ...more }, signal });
  }

  /** @returns {Query} */
  #choice() {
    const { q, session, browser, traced, page, trace } = this.#query;
    const { from, to } = rangeOf(this.#query, Date.now() * 1000);
    return { q, session, browser, traced, page, trace, from, to };
  }

  async #askHistogram() {
    const { signal } = this.#asking;
    try {
      const choice = this.#choice();
      /** @type {Histogram} */
      const histogram = await this.#api.get('/requests/histogram', { query: { bins: BINS, ...choice, to: choice['to'] ?? (choice['from'] ? Date.now() * 1000 : null) }, signal });
      this.#told.histogram(histogram);
    } catch {
      // The list says what is wrong.
    }
  }

  #histogramSoon() {
    if (this.paused) return;
    this.#histogramAgain ??= setTimeout(() => {
      this.#histogramAgain = undefined;
      void this.#askHistogram();
    }, HISTOGRAM_MS);
  }
}

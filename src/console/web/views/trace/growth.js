// How a trace is read, and read again while it grows: what is new of its spans, and the whole of what is read out of them
// (path, verdict); only where there is more than was told before, and the more seldom the longer that takes.

import { Trace } from '../../model/trace/columns.js';
import { complete, follow } from './source.js';

/** @import { Api, Live } from '../../model/contract.js' */
/** @import { Told } from '../../model/trace/columns.js' */
/** @import { Trace as Wire } from '../../types/wire.d.ts' */

/** A growing trace is asked for anew after so long at the earliest, and at the latest. */
const PAUSE_MS = { least: 250, most: 10_000 };
/** So many times as long as the last time took: reading a trace again is a small part of what the tab does. */
const PAUSE_TIMES = 5;

/** How long to wait before a trace is read again that took so long. @param {number} took milliseconds */
export function pause(took) {
  return Math.min(PAUSE_MS.most, Math.max(PAUSE_MS.least, took * PAUSE_TIMES));
}

export class Growth {
  #api;
  #id;
  #tag = '';
  /** What was told of it so far. @type {Told | null} */
  #known = null;
  #took = 0;
  #timer = 0;
  /** Something came while it was being read. */
  #missed = false;
  #ended = false;
  /** @type {(() => Promise<void>) | null} */
  #grow = null;
  /** @type {(() => void) | null} */
  #unfollow = null;

  /** @param {Api} api @param {string} id */
  constructor(api, id) {
    this.#api = api;
    this.#id = id;
  }

  /** The trace as it is now; null if that is how it was. */
  async read() {
    const began = performance.now();
    const told = await this.#api.renew(`/traces/${this.#id}`, this.#tag, { after: this.#known?.version });
    if (!told) return null;
    const known = new Trace(await this.#whole(/** @type {Wire} */ (told.value)));
    // Its columns are kept once.
    this.#known = { ...known.wire, spans: known.columns };
    this.#tag = told.tag;
    const trace = await complete(known);
    this.#took = performance.now() - began;
    return trace;
  }

  /** The whole, of what was told now and before. @param {Wire} told @returns {Promise<Wire>} */
  async #whole(told) {
    if (!told.since) return told;
    // A Waylight that was replaced meanwhile has no such file any more.
    const merge = await import('../../model/trace/merge.js').catch(() => null);
    return merge?.merged(this.#known, told) ?? this.#api.get(`/traces/${this.#id}`);
  }

  /** Has it grown whenever there may be more. @param {Live | null} live @param {() => Promise<void>} grow */
  follow(live, grow) {
    this.#unfollow?.();
    this.#grow = grow;
    this.#unfollow = live && follow(live, this.#id, () => this.#more());
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#unfollow?.();
  }

  #more() {
    if (this.#ended) return;
    if (this.#timer) this.#missed = true;
    else this.#timer = window.setTimeout(() => void this.#again(), pause(this.#took));
  }

  async #again() {
    this.#missed = false;
    const began = performance.now();
    await this.#grow?.();
    // With what it takes to show it.
    this.#took = performance.now() - began;
    this.#timer = 0;
    if (this.#missed) this.#more();
  }
}

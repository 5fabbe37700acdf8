// Where a trace comes from: the API, what the stream tells of it, and what the server finds in its attributes.

import { Trace } from '../../model/trace/columns.js';
import { asked } from '../../model/trace/find.js';

/** @import { Api, Live } from '../../model/contract.js' */
/** @import { Request as RequestItem, Requests, Trace as Wire } from '../../types/wire.d.ts' */
/** @import { Board } from './board.js' */

/** A stream that was open already follows a trace after so long at the latest. */
const OPEN_MS = 1500;
/** Requests of a trace that are read. */
const REQUESTS_MAX = 100;
/** A search is asked for when somebody has stopped writing for so long. */
const FIND_MS = 150;
/** A trace that ended less than this long ago is followed, though nothing more is awaited. */
const FRESH_US = 60e6;

/** @param {Api} api @param {string} id */
export async function readTrace(api, id) {
  return complete(new Trace(/** @type {Wire} */ (await api.get(`/traces/${id}`))));
}

/** A trace as it was told, with the rows that no process recorded, unless a Waylight that was replaced has no file for them any more. @param {Trace} trace */
export async function complete(trace) {
  if (trace.wire.network.length === 0 && trace.wire.state !== 'open') return trace;
  const rows = await import('../../model/trace/derived.js').catch(() => null);
  return rows?.derived(trace) ?? trace;
}

/** The requests of a trace; none where they cannot be had: spans tell enough by themselves. @param {Api} api @param {string} id @returns {Promise<RequestItem[]>} */
export async function readRequests(api, id) {
  try {
    return /** @type {Requests} */ (await api.get('/requests', { query: { trace: id, limit: REQUESTS_MAX } })).items;
  } catch {
    return [];
  }
}

/** Whether spans of a trace that is not there yet are on their way. @param {Api} api @param {string} id */
export async function isArriving(api, id) {
  try {
    return /** @type {{ state: string }} */ (await api.get(`/traces/${id}/status`)).state === 'open';
  } catch {
    return false;
  }
}

/** Whether spans may still come: apps send theirs some seconds later, and slow ones later still. @param {Trace} trace */
export function mayGrow(trace) {
  return trace.wire.state !== 'done' || Date.now() * 1000 - (trace.wire.start_us + trace.length) < FRESH_US;
}

/**
 * Tells whenever there may be more of a trace. Gives what ends it.
 * @param {Live} live
 * @param {string} id
 * @param {() => void} grow
 */
export function follow(live, id, grow) {
  const ending = live.follow([`trace:${id}`], (events) => {
    const concerns = events.some(({ name, data }) => name === 'gap' || (name.startsWith('trace.') && data.trace_id === id));
    if (concerns) grow();
  });
  // What came after the trace was read and before the stream was open, nobody told of.
  const unwatch = live.watch((state) => state === 'open' && grow());
  const late = window.setTimeout(grow, OPEN_MS);
  return () => {
    ending();
    unwatch();
    clearTimeout(late);
  };
}

/** Asks the server which attributes say what is looked for. */
export class Finder {
  #api;
  #board;
  #pause = 0;
  #ended = false;

  /** @param {Api} api @param {Board} board */
  constructor(api, board) {
    this.#api = api;
    this.#board = board;
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#pause);
  }

  ask() {
    clearTimeout(this.#pause);
    const board = this.#board;
    const missing = asked(board.query).filter((text) => text.length > 1 && !board.found.has(text));
    if (missing.length > 0) this.#pause = window.setTimeout(() => void this.#find(missing), FIND_MS);
  }

  /** @param {string[]} missing */
  async #find(missing) {
    const board = this.#board;
    const { trace } = board;
    const answers = await Promise.all(missing.map(async (text) => {
      try {
        return /** @type {{ spans: string[] }} */ (await this.#api.get(`/traces/${trace.id}/spans`, { query: { q: text } })).spans;
      } catch {
        return [];
      }
    }));
    // Of a trace that has grown meanwhile it is asked for again.
    if (this.#ended || board.trace !== trace) return;
    answers.forEach((spans, index) => board.found.set(/** @type {string} */ (missing[index]), new Set(spans.map((id) => trace.row(id)))));
    board.searched();
  }
}

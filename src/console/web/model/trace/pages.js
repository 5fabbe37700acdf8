// A trace that lives for hours, one page at a time. A page's trace id is used as long as the page is open: each
// navigation, and each request after a long silence, begins a page of its own here, so that none is squeezed to a hair.

import { FLAG } from './columns.js';

/** @import { Trace } from './columns.js' */
/** @typedef {{ first: number, from: number, to: number, rows: number }} Page its first row, its time in microseconds, how many rows */

/** A silence of so many microseconds ends a page. */
const SILENCE_US = 10e6;
/** The most pages. What comes after belongs to the last. */
const PAGES_MAX = 500;

/**
 * @param {Trace} trace
 * @returns {{ pages: Page[], of: Uint16Array }} the pages, and the page of each row
 */
export function pages(trace) {
  const of = new Uint16Array(trace.count);
  /** @type {Page[]} */
  const list = [];
  const heads = headsOf(trace);
  const order = [...heads.keys()].sort((a, b) => trace.at(trace.start, a) - trace.at(trace.start, b) || a - b);
  let busyUntil = -Infinity;
  for (const row of order) {
    const start = trace.at(trace.start, row);
    const last = list.at(-1);
    const begins = !last || ((trace.endsByInactivity(row) || start - busyUntil > SILENCE_US) && list.length < PAGES_MAX);
    if (begins) list.push({ first: row, from: start, to: start, rows: 0 });
    heads.set(row, list.length - 1);
    busyUntil = Math.max(busyUntil, heads.size > 1 ? until(trace, row, heads) : trace.at(trace.end, row));
  }
  for (let row = 0; row < trace.count; row++) {
    const own = heads.get(row);
    of[row] = own ?? trace.at(of, trace.at(trace.parent, row));
    const page = list[trace.at(of, row)];
    if (!page) continue;
    if (!trace.has(row, FLAG.DERIVED)) page.rows++;
    page.from = Math.min(page.from, trace.at(trace.start, row));
    // The end of what ends by inactivity says nothing of the page, unless there is nothing else.
    if (!trace.endsByInactivity(row) || trace.at(trace.size, row) === 1) page.to = Math.max(page.to, trace.at(trace.end, row));
  }
  for (const page of list) page.to = Math.max(page.to, Math.min(trace.at(trace.end, page.first), page.from + SILENCE_US));
  return { pages: list, of };
}

/**
 * Rows at which a page may begin: roots, and those that began after their parent had ended.
 * @param {Trace} trace
 * @returns {Map<number, number>}
 */
function headsOf(trace) {
  /** @type {Map<number, number>} */
  const heads = new Map();
  for (let row = 0; row < trace.count; row++) {
    const parent = trace.at(trace.parent, row);
    const isLate = parent >= 0 && trace.at(trace.start, row) - trace.at(trace.end, parent) > SILENCE_US;
    if (parent < 0 || isLate || (trace.endsByInactivity(row) && row > 0)) heads.set(row, 0);
  }
  return heads;
}

/** When the last of a row's subtree ends, other heads apart. @param {Trace} trace @param {number} row @param {Map<number, number>} heads */
function until(trace, row, heads) {
  let end = trace.at(trace.end, row);
  const last = row + trace.at(trace.size, row);
  for (let below = row + 1; below < last;) {
    if (heads.has(below)) {
      below += trace.at(trace.size, below);
      continue;
    }
    end = Math.max(end, trace.at(trace.end, below));
    below++;
  }
  return end;
}

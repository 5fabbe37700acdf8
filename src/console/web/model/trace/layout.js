// Which rows are there, and in which order: a tree with folded subtrees, all spans by their start, or lanes in which spans
// that do not overlap share a line.

/** @import { Trace } from './columns.js' */

/** Lanes that are tried before one is begun at the bottom. */
const LANES_TRIED_MAX = 256;

/**
 * The rows of the tree that are seen.
 * @param {Trace} trace
 * @param {{ folded: Set<number>, shown: (row: number) => boolean }} how `shown`: whether a row is of the page in view
 */
export function treeRows(trace, { folded, shown }) {
  const rows = new Int32Array(trace.count);
  let count = 0;
  for (let row = 0; row < trace.count;) {
    if (shown(row)) rows[count++] = row;
    row += folded.has(row) ? trace.at(trace.size, row) : 1;
  }
  return rows.subarray(0, count);
}

/**
 * All rows by their start; what began together keeps the tree's order.
 * @param {Trace} trace
 * @param {(row: number) => boolean} shown
 */
export function startRows(trace, shown) {
  const rows = Int32Array.from({ length: trace.count }, (_, row) => row).filter(shown);
  return rows.sort((a, b) => trace.at(trace.start, a) - trace.at(trace.start, b) || a - b);
}

/**
 * Spans in lanes, below their parents, as close to them as they fit.
 * @param {Trace} trace
 * @param {(row: number) => boolean} shown
 * @returns {{ lane: Int32Array, lanes: number[][] }} the lane of each row (-1: not shown), and the rows of each lane
 */
export function packed(trace, shown) {
  const lane = new Int32Array(trace.count).fill(-1);
  /** @type {number[]} */
  const ends = [];
  /** @type {number[][]} */
  const lanes = [];
  for (const row of startRows(trace, shown)) {
    const parent = trace.at(trace.parent, row);
    const first = parent >= 0 ? trace.at(lane, parent) + 1 : 0;
    const start = trace.at(trace.start, row);
    let at = first;
    while (at < ends.length && /** @type {number} */ (ends[at]) > start) {
      if (at - first === LANES_TRIED_MAX) at = ends.length - 1;
      at++;
    }
    lane[row] = at;
    ends[at] = Math.max(trace.at(trace.end, row), start);
    const list = lanes[at];
    if (list) list.push(row);
    else lanes[at] = [row];
  }
  return { lane, lanes };
}

/**
 * Folds or unfolds one level: the deepest one that is open, or the topmost that is folded.
 * @param {Trace} trace
 * @param {Set<number>} folded changed in place
 * @param {'fold' | 'unfold'} how
 */
export function level(trace, folded, how) {
  if (how === 'unfold') {
    const depths = [...folded].map((row) => trace.at(trace.depth, row));
    const top = depths.reduce((least, depth) => Math.min(least, depth), Infinity);
    for (const row of [...folded]) if (trace.at(trace.depth, row) === top) folded.delete(row);
    return;
  }
  let deepest = -1;
  const seen = treeRows(trace, { folded, shown: () => true });
  for (const row of seen) {
    if (trace.at(trace.size, row) > 1 && !folded.has(row)) deepest = Math.max(deepest, trace.at(trace.depth, row));
  }
  for (const row of seen) {
    if (trace.at(trace.size, row) > 1 && trace.at(trace.depth, row) === deepest) folded.add(row);
  }
}

// One bar: the span's time, its own work solid and what its children did faded, the stretch of the critical path, events
// as diamonds, the length beside it. In pixels throughout, so that a bar never lies about a length that can be seen.

import { h } from '../../dom.js';
import { duration } from '../../model/format.js';
import { CAT_WORDS, FLAG } from '../../model/trace/columns.js';
import { delta } from '../../model/trace/words.js';

/** @import { Board } from './board.js' */

/** The narrowest bar. */
const WIDTH_MIN = 2;
/** A bar reaches so far out of sight. */
const BEYOND = 8;
/** Room for a label, and for one with a difference. */
const LABEL = 58;
const LABEL_WIDE = 128;
/** Pieces of one kind in a bar: closer ones are drawn as one. */
const PIECES_MAX = 24;

/** @typedef {{ left: number, width: number }} Piece */

/**
 * The lane of a row.
 * @param {Board} board
 * @param {number} row
 * @returns {HTMLElement[]}
 */
export function bar(board, row) {
  const { trace, axis, comparison } = board;
  const x0 = axis.x(trace.at(trace.start, row));
  const x1 = Math.max(axis.x(trace.at(trace.end, row)), x0 + WIDTH_MIN);
  const ghost = comparison ? ghostOf(board, row) : null;
  // Out of sight: on which side it is.
  if (x1 < -BEYOND || x0 > axis.width + BEYOND) return [h('i', { class: x1 < -BEYOND ? 'tr-off' : 'tr-off after' }), ...(ghost ? [ghost] : [])];
  const left = Math.max(x0, -BEYOND);
  const right = Math.min(x1, axis.width + BEYOND);
  const element = h('div', { class: classes(board, row, right - left) });
  place(element, { left, width: right - left });
  element.style.setProperty('--c', `var(--${trace.colour(row)})`);
  for (const piece of ownPieces(board, row, left, right)) element.append(placed('s', piece));
  /** @type {HTMLElement[]} */
  const list = [element];
  if (board.critical && !comparison) {
    for (const piece of pieces(board, trace.critical.get(row) ?? [], 0, axis.width)) list.push(placed('tr-cp', piece));
  }
  list.push(...diamonds(board, row), ...whisker(board, row));
  if (ghost) list.push(ghost);
  list.push(label(board, row, { left, right }));
  return list;
}

/** @param {Board} board @param {number} row @param {number} width */
function classes({ trace }, row, width) {
  const names = ['tr-bar', CAT_WORDS[trace.at(trace.cat, row)]];
  if (trace.failed(row)) names.push('err');
  if (trace.waits(row)) names.push('waits');
  if (trace.has(row, FLAG.RUNNING)) names.push('running');
  if (width < 10) names.push('tiny');
  return names.join(' ');
}

/**
 * The solid parts, from the bar's left edge.
 * @param {Board} board
 * @param {number} row
 * @param {number} left
 * @param {number} right
 */
export function ownPieces(board, row, left, right) {
  const { trace } = board;
  // Folded, it stands for all that is in it.
  if (trace.has(row, FLAG.RUNNING)) return [];
  const isClosed = board.folded.has(row) || trace.at(trace.size, row) === 1;
  if (isClosed) return [{ left: 0, width: right - left }];
  const shown = pieces(board, trace.ownParts(row), left, right);
  return shown.map((piece) => ({ left: piece.left - left, width: piece.width }));
}

/**
 * Stretches of time as pieces between two pixels; what is less than a pixel apart is one, and of more than fit the
 * shortest gaps close first.
 * @param {Board} board
 * @param {[number, number][]} parts in order
 * @param {number} low
 * @param {number} high
 * @returns {Piece[]}
 */
function pieces({ axis }, parts, low, high) {
  const isMany = parts.length > PIECES_MAX;
  /** @type {Piece[]} */
  let list = [];
  for (let at = firstFrom(parts, axis.time(low)); at < parts.length; at++) {
    const [from, to] = /** @type {[number, number]} */ (parts[at]);
    const left = Math.max(axis.x(from), low);
    if (left >= high) break;
    const right = Math.min(Math.max(axis.x(to), left + 0.5), high);
    if (right > low && right - left >= 0.3) join(list, { left, width: right - left }, isMany ? 1 : 0);
  }
  for (let apart = 3; list.length > PIECES_MAX; apart *= 3) {
    /** @type {Piece[]} */
    const joined = [];
    for (const piece of list) join(joined, piece, apart);
    list = joined;
  }
  return list;
}

/** Of stretches in order, the first that does not end before a moment. @param {[number, number][]} parts @param {number} time */
function firstFrom(parts, time) {
  let low = 0;
  for (let high = parts.length; low < high;) {
    const middle = (low + high) >> 1;
    if (/** @type {[number, number]} */ (parts[middle])[1] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Adds a piece, to the last one where it is closer than so many pixels. @param {Piece[]} list @param {Piece} piece @param {number} apart */
function join(list, { left, width }, apart) {
  const last = list.at(-1);
  if (last && left - (last.left + last.width) < apart) last.width = left + width - last.left;
  else list.push({ left, width });
}

/** @param {Board} board @param {number} row */
function diamonds(board, row) {
  const { axis, trace } = board;
  /** @type {HTMLElement[]} */
  const list = [];
  let last = -Infinity;
  for (const [at] of trace.events.get(row) ?? []) {
    const x = axis.x(at);
    if (x < -4 || x > axis.width + 4 || x - last < 6) continue;
    last = x;
    list.push(placed('tr-event', { left: x, width: 0 }));
    if (list.length === PIECES_MAX) break;
  }
  return list;
}

/** So many runs say what is usual. */
export const USUAL_RUNS_MIN = 3;

/** How long a row takes otherwise: from what half of the runs took at most to what 95 of 100 did. @param {Board} board @param {number} row */
export function usualOf({ trace, usual }, row) {
  const told = trace.endsByInactivity(row) ? undefined : usual[trace.id_(row)];
  return told && told[0] >= USUAL_RUNS_MIN ? told : null;
}

/** @param {Board} board @param {number} row */
function whisker(board, row) {
  const { axis, trace } = board;
  const told = usualOf(board, row);
  if (!told) return [];
  const start = trace.at(trace.start, row);
  const left = Math.max(axis.x(start + told[2]), -BEYOND);
  const right = Math.min(axis.x(start + told[3]), axis.width + BEYOND);
  return right < -BEYOND || left > axis.width + BEYOND ? [] : [placed('tr-whisker', { left, width: Math.max(1, right - left) })];
}

/** The same span in the older trace. @param {Board} board @param {number} row */
function ghostOf({ axis, comparison }, row) {
  const other = comparison?.pair[row] ?? -1;
  if (!comparison || other < 0) return null;
  const { before, shift } = comparison;
  const left = Math.max(axis.x(before.at(before.start, other) + shift), -BEYOND);
  const right = Math.min(axis.x(before.at(before.end, other) + shift), axis.width + BEYOND);
  if (right < -BEYOND || left > axis.width + BEYOND) return null;
  return placed('tr-ghost', { left, width: Math.max(WIDTH_MIN, right - left) });
}

/**
 * @param {Board} board
 * @param {number} row
 * @param {{ left: number, right: number }} bar
 */
function label(board, row, { left, right }) {
  const { axis, comparison, trace } = board;
  const way = trace.has(row, FLAG.DERIVED) ? trace.ways.get(row) : undefined;
  const isRunning = trace.has(row, FLAG.RUNNING);
  const text = h('span', { class: 'tr-length' }, duration(trace.duration(row)), isRunning && h('b', { class: 'noise' }, 'so far'), way && h('b', { class: 'noise' }, `\u00b1${duration(way.error)}`));
  const room = comparison || way || isRunning ? LABEL_WIDE : LABEL;
  if (comparison) text.append(...difference(board, row));
  if (right + room < axis.width) text.style.left = `${right + 7}px`;
  else if (left > room) {
    text.style.right = `${axis.width - left + 7}px`;
  } else {
    // Within the bar, where it is always seen.
    text.classList.add('inside');
    text.style.right = `${Math.max(8, axis.width - right + 8)}px`;
  }
  return text;
}

/** @param {Board} board @param {number} row @returns {HTMLElement[]} */
function difference({ comparison, trace }, row) {
  if (!comparison) return [];
  const verdict = comparison.verdicts[row];
  if (verdict === 'same') return [];
  if (verdict === 'new') return [h('b', { class: 'up' }, 'new')];
  const other = comparison.pair[row] ?? -1;
  const change = delta(trace.duration(row) - comparison.before.duration(other));
  if (verdict === 'noise') return [h('b', { class: 'noise' }, `${change}, within noise`)];
  return [h('b', { class: verdict === 'slower' ? 'up' : 'down' }, change)];
}

/** Where spans of an app should be. @param {Board} board @param {number} row */
export function holeBar(board, row) {
  const { axis, trace } = board;
  const left = Math.max(axis.x(trace.at(trace.start, row)), -BEYOND);
  const right = Math.min(Math.max(axis.x(trace.at(trace.end, row)), left + WIDTH_MIN), axis.width + BEYOND);
  if (right < -BEYOND || left > axis.width + BEYOND) return [];
  return [placed('tr-hole', { left, width: right - left })];
}

/** @param {HTMLElement} element @param {Piece} piece */
export function place(element, { left, width }) {
  element.style.left = `${left.toFixed(2)}px`;
  element.style.width = `${width.toFixed(2)}px`;
}

/** @param {string} name @param {Piece} piece */
function placed(name, piece) {
  const element = h('i', { class: name });
  place(element, piece);
  return element;
}

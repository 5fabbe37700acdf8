// The ruler above the rows: round moments, marks of the browser's vitals, folded gaps; and the lines below each of them.

import { h } from '../../dom.js';
import { duration } from '../../model/format.js';
import { ticks } from '../../model/trace/axis.js';

/** @import { Board } from './board.js' */

/** A mark has so much room before its length is left out, and its name needs so much: nearer ones stand in one flag. */
const MARK_ROOM = 92;
const MARK_NAME = 40;
/** The length beside a line needs so much. */
const TICK_ROOM = 46;

/**
 * @param {Board} board
 * @param {{ ruler: HTMLElement, grid: HTMLElement }} into
 */
export function drawRuler(board, { ruler, grid }) {
  const { axis } = board;
  /** @type {HTMLElement[]} */
  const top = [];
  /** @type {HTMLElement[]} */
  const lines = [];
  const first = board.pages.length > 1 ? (board.pages[board.page]?.from ?? 0) : 0;
  for (const time of ticks(axis, { origin: first }).times) {
    const x = axis.x(time);
    const text = time - first === 0 ? '0' : duration(time - first).replace(/(\.\d*?)0+ s$/, '$1 s').replace('. s', ' s');
    // A length that is cut off is another length.
    top.push(at('tr-tick', x, axis.width - x < TICK_ROOM ? '' : text));
    lines.push(at('tr-line', x));
  }
  for (const gap of axis.folding.gaps) {
    const from = axis.x(gap.from);
    const to = axis.x(gap.to);
    if (to < 0 || from > axis.width) continue;
    const band = at('tr-gap', from);
    band.style.width = `${Math.max(3, to - from)}px`;
    band.title = `${duration(gap.to - gap.from)} in which nothing ran`;
    lines.push(band);
    top.push(at('tr-gap-length', (from + to) / 2, duration(gap.to - gap.from)));
  }
  const marks = [...vitals(board), ...limits(board)].sort((a, b) => a.time - b.time);
  const flags = near(board, marks);
  flags.forEach(({ marks: [head, ...more], x, rating }, index) => {
    if (!head) return;
    const room = (flags[index + 1]?.x ?? axis.width) - x;
    const isLimit = rating.startsWith('limit');
    const says = (/** @type {{ name: string, time: number }} */ mark) => `${mark.name} ${duration(mark.time - first)}`;
    const name = [head, ...more].map((mark) => mark.name).join(' \u00b7 ');
    const isOne = !isLimit && more.every((mark) => mark.time === head.time) && room >= MARK_ROOM + more.length * MARK_NAME;
    const flag = at(`tr-flag ${rating}`, x, isOne ? `${name} ${duration(head.time - first)}` : name);
    flag.title = [head, ...more].map(says).join(', ');
    if (axis.width - x < 44 * (more.length + 1) || (isLimit && room < MARK_ROOM + 30 && x > MARK_ROOM)) flag.classList.add('before');
    top.push(flag);
  });
  for (const { time, rating } of marks) {
    const x = axis.x(time);
    if (x >= -1 && x <= axis.width) lines.push(at(`tr-vital ${rating}`, x));
  }
  ruler.replaceChildren(...top);
  grid.replaceChildren(...lines);
}

/**
 * Marks in view; those that would lie on each other are one, of the worst of their ratings.
 * @param {Board} board
 * @param {{ name: string, time: number, rating: string }[]} marks
 */
function near({ axis }, marks) {
  /** @type {{ marks: { name: string, time: number, rating: string }[], x: number, rating: string }[]} */
  const flags = [];
  for (const mark of marks) {
    const { time, rating } = mark;
    const x = axis.x(time);
    if (x < -1 || x > axis.width) continue;
    const last = flags.at(-1);
    const isFar = !last || x - last.x > MARK_NAME * last.marks.length;
    if (isFar || rating.startsWith('limit') || last.rating.startsWith('limit')) flags.push({ marks: [mark], x, rating });
    else {
      last.marks.push(mark);
      if (RATINGS.indexOf(rating) > RATINGS.indexOf(last.rating)) last.rating = rating;
    }
  }
  return flags;
}

/** From no judgement to the worst. */
const RATINGS = ['plain', 'good', 'mid', 'poor'];

/** The heads of the tree's columns. @param {HTMLElement} ruler */
export function drawHeads(ruler) {
  ruler.replaceChildren(...['Starts at', 'Duration', 'Own time', 'Own share', 'Service'].map((text, index) =>
    h('span', { class: `tr-cell${index === 3 ? ' wide' : index === 4 ? ' rest' : ''}` }, text)));
}

/**
 * Marks in the order of their times.
 * @param {Board} board
 * @returns {{ name: string, time: number, rating: string }[]}
 */
export function vitals({ trace }) {
  const known = trace.wire.vitals.filter((vital) => typeof vital.at_us === 'number');
  const list = known.map((vital) => ({ name: vital.name, time: vital.at_us ?? 0, rating: tone(vital.rating) }));
  return list.sort((a, b) => a.time - b.time);
}

/** Budgets that have a moment. @param {Board} board */
function limits({ trace, budgets }) {
  if (trace.entry < 0) return [];
  const from = trace.at(trace.start, trace.entry);
  return budgets.flatMap(({ text, met, limit }) => (limit ? [{ name: text, time: from + limit.us, rating: `limit ${met ? 'good' : 'poor'}` }] : []));
}

/** @param {string | undefined} rating */
function tone(rating) {
  if (rating === 'good') return 'good';
  if (rating === 'needs-improvement' || rating === 'needs improvement') return 'mid';
  return rating === 'poor' ? 'poor' : 'plain';
}

/** @param {string} name @param {number} x @param {string} [text] */
function at(name, x, text) {
  const element = h('span', { class: name }, text);
  element.style.left = `${x.toFixed(1)}px`;
  return element;
}

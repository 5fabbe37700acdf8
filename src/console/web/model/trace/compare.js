// Two traces of the same thing, span by span: which span of one is which of the other, what took longer, what is new, what
// is gone; and, where there are more runs, which differences are no more than noise.

import { duration } from '../format.js';
import { FLAG } from './columns.js';
import { delta } from './words.js';

/** @import { Trace } from './columns.js' */
/** @import { Runs } from '../../types/wire.d.ts' */
/** @typedef {{ low: number, high: number, runs: number }} Spread durations seen in other runs */

/** Differences below this are none, in microseconds, unless they are a large part. */
const LEAST_US = 500;

/**
 * A name for each row by which its counterpart is found: the names on the way from the root, and which of several of the
 * same name under one parent it is. Numbers in names are ids more often than not, so they do not count.
 * @param {Trace} trace
 * @param {Map<string, number>} numbers short numbers for long names, shared by all traces that are compared
 * @returns {string[]}
 */
function signatures(trace, numbers) {
  /** @type {string[]} */
  const list = [];
  /** @type {Map<string, number>} */
  const seen = new Map();
  for (let row = 0; row < trace.count; row++) {
    // A browser's half may be missing: what is compared begins with the request at the edge.
    const parent = row === trace.entry ? -1 : trace.at(trace.parent, row);
    const above = parent >= 0 ? String(numbers.get(/** @type {string} */ (list[parent]))) : '';
    const name = `${above}\n${trace.service(row)}\n${trace.stage(row)}\n${trace.nameOf(row).replace(/\d+/g, '#')}`;
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    const signature = `${name}\n${count}`;
    if (!numbers.has(signature)) numbers.set(signature, numbers.size);
    list.push(signature);
  }
  return list;
}

/** @typedef {'new' | 'slower' | 'faster' | 'same' | 'noise'} Verdict */
/**
 * @typedef {object} Comparison
 * @property {Trace} now
 * @property {Trace} before
 * @property {Int32Array} pair for each row its row in the older trace; -1: new
 * @property {number[]} gone rows of the older trace that have no counterpart
 * @property {number} shift what to add to the older trace's times so that both entries begin together
 * @property {Map<number, Spread>} spreads
 * @property {Verdict[]} verdicts by row
 * @property {string} sentence
 */

/**
 * @param {Trace} now
 * @param {Trace} before
 * @param {Runs['spans']} [usual] how long spans of the older one take in its runs
 * @returns {Comparison}
 */
export function compare(now, before, usual = {}) {
  /** @type {Map<string, number>} */
  const numbers = new Map();
  const byName = (/** @type {Trace} */ trace) => new Map(signatures(trace, numbers).map((name, row) => [name, row]));
  const old = byName(before);
  const names = signatures(now, numbers);
  const pair = Int32Array.from(names, (signature) => old.get(signature) ?? -1);
  for (const signature of names) old.delete(signature);
  const shift = offset(now, before);
  const spreads = spreadsOf({ before, pair }, usual);
  /** @type {Verdict[]} */
  const verdicts = names.map((_, row) => {
    const other = /** @type {number} */ (pair[row]);
    if (other < 0) return 'new';
    // How long those are says nothing.
    if (now.endsByInactivity(row)) return 'same';
    const difference = now.duration(row) - before.duration(other);
    const least = Math.max(LEAST_US, before.duration(other) * 0.05);
    if (Math.abs(difference) < least + (now.ways.get(row)?.error ?? 0) * Number(now.has(row, FLAG.DERIVED))) return 'same';
    const spread = spreads.get(row);
    if (spread && now.duration(row) >= spread.low && now.duration(row) <= spread.high) return 'noise';
    return difference > 0 ? 'slower' : 'faster';
  });
  const compared = { now, before, pair, gone: [...old.values()].filter((row) => !before.has(row, FLAG.DERIVED)), shift, spreads, verdicts };
  return { ...compared, sentence: sentence(compared) };
}

/** @param {Trace} now @param {Trace} before */
function offset(now, before) {
  if (now.entry < 0 || before.entry < 0) return 0;
  return now.at(now.start, now.entry) - before.at(before.start, before.entry);
}

/**
 * @param {{ before: Trace, pair: Int32Array }} compared
 * @param {Runs['spans']} usual
 */
function spreadsOf({ before, pair }, usual) {
  /** @type {Map<number, Spread>} */
  const spreads = new Map();
  pair.forEach((other, row) => {
    const told = other < 0 ? undefined : usual[before.id_(other)];
    if (told) spreads.set(row, { runs: told[0], low: told[1], high: told[4] });
  });
  return spreads;
}

/**
 * The difference in words. Told from the entries: never from the length of a page load or a navigation.
 * @param {Omit<Comparison, 'sentence'>} comparison
 * @returns {string}
 */
function sentence({ now, before, pair, gone, verdicts, spreads }) {
  if (now.entry < 0 || before.entry < 0) return 'One of them has no span to compare.';
  if (now.endsByInactivity(now.entry) || before.endsByInactivity(before.entry)) return told('There is no request to compare.');
  const difference = now.duration(now.entry) - before.duration(before.entry);
  const both = `${duration(now.duration(now.entry))} against ${duration(before.duration(before.entry))}`;
  const verdict = verdicts[now.entry];
  const runs = Math.max(0, ...[...spreads.values()].map((spread) => spread.runs));
  const head = verdict === 'noise' ? `Within the noise of ${runs} runs: ${both}.`
    : verdict === 'same' ? `As quick as before: ${both}.`
      : `${difference > 0 ? 'Slower' : 'Faster'} by ${duration(Math.abs(difference))} (${both}).`;
  return told(head);

  /** @param {string} head */
  function told(head) {
    // What is below a new span is new as well, and a parent is slower because of its child: the ends of the tree tell.
    const fresh = rowsWhere((row) => verdicts[row] === 'new' && isTop(row), (row) => now.duration(row));
    const changed = rowsWhere((row) => (verdicts[row] === 'slower' || verdicts[row] === 'faster') && isCause(row),
      (row) => Math.abs(change(row)));
    const parts = [head];
    if (fresh.length > 0) parts.push(`New: ${list(fresh, (row) => `${now.nameOf(row)} ${delta(now.duration(row))}`)}.`);
    if (changed.length > 0) parts.push(`Changed: ${list(changed, (row) => `${now.nameOf(row)} ${delta(change(row))}`)}.`);
    if (gone.length > 0) parts.push(`${gone.length === 1 ? '1 span is' : `${gone.length} spans are`} gone.`);
    if (fresh.length + changed.length + gone.length === 0) parts.push('No span differs.');
    return parts.join(' ');
  }

  /** @param {number} row */
  function change(row) {
    return now.duration(row) - before.duration(/** @type {number} */ (pair[row]));
  }

  /** @param {number} row */
  function isTop(row) {
    const parent = now.at(now.parent, row);
    return parent < 0 || verdicts[parent] !== 'new';
  }

  /** @param {number} row */
  function isCause(row) {
    if (row === now.entry || now.endsByInactivity(row)) return false;
    return !now.children(row).some((child) => verdicts[child] === 'new' || verdicts[child] === verdicts[row]);
  }

  /** @param {(row: number) => boolean} holds @param {(row: number) => number} weight */
  function rowsWhere(holds, weight) {
    /** @type {number[]} */
    const rows = [];
    // What no process recorded is no news.
    for (let row = 0; row < now.count; row++) if (!now.has(row, FLAG.DERIVED) && holds(row)) rows.push(row);
    return rows.sort((a, b) => weight(b) - weight(a));
  }
}

/** @param {number[]} rows @param {(row: number) => string} name */
function list(rows, name) {
  const shown = rows.slice(0, 3).map(name).join(', ');
  return rows.length > 3 ? `${shown} and ${rows.length - 3} more` : shown;
}

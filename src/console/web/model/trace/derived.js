// Rows that no process recorded, and that a reader looks for all the same: the network between browser and edge, which is
// what is left of one when the other is taken away; and, while a trace is open, the spans that still run, of which only
// those below them are here. They are this viewer's alone: never stored, never exported, in no count and in no verdict.

import { duration } from '../format.js';
import { FLAG, Trace, wayIds } from './columns.js';

/** @import { Told } from './columns.js' */
/**
 * @typedef {object} Added
 * @property {string} id
 * @property {string | null} parent
 * @property {string} name
 * @property {string} note
 * @property {string} svc
 * @property {string} stage
 * @property {number} from
 * @property {number} to
 * @property {number} flags
 */

/** Spans that still run, at most. */
const RUNNING_MAX = 200;

/**
 * The trace with these rows; itself where there are none.
 * @param {Trace} trace as it was told
 */
export function derived(trace) {
  const order = Array.from({ length: trace.count }, (_, row) => /** @type {number | Added} */ (row));
  const running = trace.wire.state === 'open' ? run(trace, order) : new Map();
  const ways = network(trace);
  if (running.size === 0 && ways.size === 0) return trace;
  return new Trace(written(trace, order.flatMap((entry) => (typeof entry === 'number' ? [...(ways.get(entry) ?? []), entry] : [entry]))
    .concat(ways.get(trace.count) ?? []), running));
}

/**
 * What lies between browser and edge, by the row before which it stands.
 * @param {Trace} trace
 */
function network(trace) {
  /** @type {Map<number, Added[]>} */
  const found = new Map();
  const add = (/** @type {number} */ before, /** @type {Added} */ added) => {
    const list = found.get(before);
    if (list) list.push(added);
    else found.set(before, [added]);
  };
  for (const [browser, edge, out, back, error] of trace.wire.network) {
    const [row, half] = [trace.row(browser), trace.row(edge)];
    if (row < 0 || half < 0) continue;
    const [there, home] = wayIds(browser);
    const from = trace.at(trace.start, row);
    const end = trace.at(trace.end, row);
    const last = row + trace.at(trace.size, row);
    const way = { parent: browser, note: `derived, \u00b1${duration(error)}`, svc: trace.service(row), flags: FLAG.DERIVED };
    if (out > 0) add(row + 1, { ...way, id: there, name: 'Network \u00b7 request', stage: 'network.request', from, to: from + out });
    // Siblings stand in the order in which they began.
    const later = trace.children(row).find((child) => trace.at(trace.start, child) > end - back);
    if (back > 0) add(later ?? last, { ...way, id: home, name: 'Network \u00b7 response', stage: 'network.response', from: end - back, to: end });
  }
  return found;
}

/**
 * Puts what still runs above the spans that say they hang under it.
 * @param {Trace} trace
 * @param {(number | Added)[]} order rows; changed in place
 */
function run(trace, order) {
  /** Rows at the top, by the parent that is not here yet. @type {Map<string, number[]>} */
  const running = new Map();
  for (let row = 0; row < trace.count; row += trace.at(trace.size, row)) {
    const parent = trace.columns.parent[row];
    if (!parent || !trace.has(row, FLAG.ORPHAN)) continue;
    const list = running.get(parent);
    if (list) list.push(row);
    else if (running.size < RUNNING_MAX) running.set(parent, [row]);
  }
  if (running.size === 0) return running;
  const heads = new Map([...running].map(([parent, rows]) => [rows[0], parent]));
  const moved = new Set([...running.values()].flatMap((rows) => rows.slice(1)));
  /** @type {(number | Added)[]} */
  const list = [];
  const take = (/** @type {number} */ top) => {
    for (let row = top; row < top + trace.at(trace.size, top); row++) list.push(row);
  };
  for (let row = 0; row < trace.count; row += trace.at(trace.size, row)) {
    const parent = heads.get(row);
    if (parent !== undefined) {
      const rows = running.get(parent) ?? [];
      list.push(still(trace, parent, rows));
      rows.forEach(take);
    } else if (!moved.has(row)) take(row);
  }
  order.splice(0, order.length, ...list);
  return running;
}

/** @param {Trace} trace @param {string} id @param {number[]} rows those right below it @returns {Added} */
function still(trace, id, rows) {
  const first = /** @type {number} */ (rows[0]);
  const isEdge = trace.has(first, FLAG.EDGE) || trace.kind[first] === 2;
  return {
    id, parent: null, note: 'still running', stage: isEdge && trace.has(first, FLAG.EDGE) ? 'request' : '',
    name: isEdge ? 'Edge request' : 'A span', svc: isEdge ? 'waylight' : trace.service(first),
    from: Math.min(...rows.map((row) => trace.at(trace.start, row))), to: trace.length,
    flags: FLAG.DERIVED | FLAG.RUNNING | (isEdge ? FLAG.EDGE : 0),
  };
}

/**
 * As the API would tell it.
 * @param {Trace} trace
 * @param {(number | Added)[]} order
 * @param {Map<string, number[]>} running
 * @returns {Told}
 */
function written(trace, order, running) {
  const { wire, columns: spans } = trace;
  const strings = [...wire.strings];
  /** @type {Map<string, number>} */
  const known = new Map(strings.map((text, place) => [text, place]));
  const place = (/** @type {string} */ text) => {
    const at = known.get(text) ?? strings.push(text) - 1;
    known.set(text, at);
    return at;
  };
  const own = spans.own_us.slice();
  for (const [browser, , out, back] of wire.network) {
    const row = trace.row(browser);
    if (row >= 0) own[row] = Math.max(0, (own[row] ?? 0) - out - back);
  }
  const found = new Set([...running.values()].flat());
  /**
   * @template T
   * @param {ArrayLike<T>} column
   * @param {(added: Added) => T} of
   */
  const made = (column, of) => order.map((entry) => (typeof entry === 'number' ? /** @type {T} */ (column[entry]) : of(entry)));
  const at = new Map(order.map((entry, row) => [entry, row]));
  return {
    ...wire, strings,
    events: wire.events.map(([row, time, name]) => [at.get(row) ?? row, time, name]),
    spans: {
      id: made(spans.id, ({ id }) => id),
      parent: made(spans.parent, ({ parent }) => parent),
      name: made(spans.name, ({ name }) => place(name)),
      kind: made(spans.kind, () => 1),
      svc: made(spans.svc, ({ svc }) => place(svc)),
      stage: made(spans.stage, ({ stage }) => place(stage)),
      note: made(spans.note, ({ note }) => place(note)),
      tag: made(spans.tag, () => place('')),
      start_us: made(spans.start_us, ({ from }) => from),
      dur_us: made(spans.dur_us, ({ from, to }) => to - from),
      own_us: made(own, ({ from, to, flags }) => (flags & FLAG.RUNNING ? 0 : to - from)),
      status: made(spans.status, () => 0),
      flags: order.map((entry) => (typeof entry === 'number' ? (spans.flags[entry] ?? 0) & (found.has(entry) ? ~FLAG.ORPHAN : ~0) : entry.flags)),
    },
  };
}

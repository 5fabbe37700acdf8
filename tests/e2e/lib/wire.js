// Traces as the API tells them, made by hand for tests of the console's model: spans as short rows, columns out of them.

/** @import { Trace as Wire } from '../../../src/console/web/types/wire.d.ts' */

/**
 * @typedef {object} Made
 * @property {string} id
 * @property {string} [parent]
 * @property {string} [name]
 * @property {string} [svc]
 * @property {string} [stage]
 * @property {string} [note]
 * @property {string} [tag]
 * @property {number} [kind]
 * @property {number} from microseconds
 * @property {number} to microseconds
 * @property {number} [own]
 * @property {number} [status]
 * @property {number} [flags]
 */

/**
 * @param {Made[]} made in the order of the tree
 * @param {Partial<Wire>} [more]
 * @returns {Wire}
 */
export function wire(made, more = {}) {
  /** @type {string[]} */
  const strings = [];
  const place = (/** @type {string} */ text) => {
    const at = strings.indexOf(text);
    return at >= 0 ? at : strings.push(text) - 1;
  };
  return {
    trace_id: '0123456789abcdef0123456789abcdef', version: '1-1', start_us: 1.7e15, state: 'done', waiting_for: [],
    entry: made[0]?.id ?? null, clock: null, clocks: [], verdict: null, critical: [], repeats: [], holes: [], vitals: [], network: [],
    events: [], strings,
    spans: {
      id: made.map((span) => span.id),
      parent: made.map((span) => span.parent ?? null),
      name: made.map((span) => place(span.name ?? span.id)),
      kind: made.map((span) => span.kind ?? 1),
      svc: made.map((span) => place(span.svc ?? 'shop')),
      stage: made.map((span) => place(span.stage ?? '')),
      note: made.map((span) => place(span.note ?? '')),
      tag: made.map((span) => place(span.tag ?? '')),
      start_us: made.map((span) => span.from),
      dur_us: made.map((span) => span.to - span.from),
      own_us: made.map((span) => span.own ?? span.to - span.from),
      status: made.map((span) => span.status ?? 0),
      flags: made.map((span) => span.flags ?? 0),
    },
    ...more,
  };
}

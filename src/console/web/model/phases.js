// Where a request's time went, from the moments that are kept of every request.

/** @import { Request } from '../types/wire.d.ts' */

/** Each kind's name, and who works meanwhile: the edge itself, the network, the upstream. */
const KINDS = /** @type {const} */ ({
  route: ['Routing', 'edge'],
  choose: ['Choosing an endpoint', 'edge'],
  // A connection, and where it was asleep the upstream's process.
  connect: ['Reaching the upstream', 'net'],
  send: ['Sending the request', 'edge'],
  wait: ['Waiting for the upstream', 'app'],
  respond: ['Sending the response', 'edge'],
});

/** @typedef {{ kind: string, name: string, by: 'edge' | 'net' | 'app', start: number, length: number }} Phase times in microseconds */

/**
 * @param {Pick<Request, 'phases' | 'upstream'>} request
 * @returns {Phase[]}
 */
export function phasesOf({ phases, upstream }) {
  return phases.map(([kind, start, length]) => {
    const [name, by] = KINDS[/** @type {keyof typeof KINDS} */ (kind)] ?? [kind, 'edge'];
    // Without an upstream it is Waylight's own answer that is written.
    const own = kind === 'respond' && upstream === '' ? 'Answering' : name;
    const named = upstream ? own.replace('the upstream', upstream) : own;
    return { kind, name: named, by, start, length };
  });
}

/**
 * The phases of a bar that has room for few: those side by side of one maker are one.
 * @param {Phase[]} phases
 * @returns {Pick<Phase, 'by' | 'length'>[]}
 */
export function joined(phases) {
  /** @type {Pick<Phase, 'by' | 'length'>[]} */
  const parts = [];
  for (const { by, length } of phases) {
    const last = parts.at(-1);
    if (last?.by === by) last.length += length;
    else if (length > 0) parts.push({ by, length });
  }
  return parts;
}

/** The least and the most that the length of a bar tells, in microseconds. */
const LEAST = 500;
const MOST = 10_000_000;

/**
 * How much of its column a request's bar fills: by the logarithm of its length, so that 2 ms and 2 s can stand side by
 * side. Within the bar, parts are in proportion.
 * @param {number} us
 */
export function fill(us) {
  const share = Math.log(Math.max(us, LEAST) / LEAST) / Math.log(MOST / LEAST);
  return 0.04 + 0.96 * Math.min(1, share);
}

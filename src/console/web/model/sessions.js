// Sessions as they are listed: those that live and those of which something is kept are one list. And what one of them
// holds: its page views, in the order in which they were made.

import { arrange } from './log.js';

/** @import { Request, Sessions } from '../types/wire.d.ts' */
/**
 * One session; times in microseconds since the Unix epoch.
 * @typedef {object} Session
 * @property {string} id
 * @property {string} person of a visitor, whoever invited him
 * @property {string} host
 * @property {'session' | 'page' | 'guest' | ''} kind '': not known any more
 * @property {boolean} active
 * @property {number} from
 * @property {number} to its last request
 * @property {number | null} ends while it is active
 * @property {number} spans
 * @property {number | null} spansMax while it is active
 * @property {number} requests
 * @property {number} pages
 * @property {number} traces
 * @property {number} failed
 */
/** @typedef {'latest' | 'spans'} Sort */
/**
 * A page view with what it loaded, or requests that belong to none.
 * @typedef {object} Visit
 * @property {boolean} isPage
 * @property {Request} head the page itself; of others, the first
 * @property {Request[]} requests in order, the head included
 * @property {number} failed
 * @property {string | null} trace
 */

/**
 * @param {Sessions} known
 * @returns {Session[]}
 */
export function sessionsOf({ live, kept }) {
  /** @type {Map<string, Session>} */
  const all = new Map();
  for (const { id, person, host, first_us: from, last_us: to, spans, requests, pages, traces, failed } of kept) {
    all.set(id, { id, person, host, kind: '', active: false, from, to, ends: null, spans, spansMax: null, requests, pages, traces, failed });
  }
  for (const { id, person, host, kind, since, expires_at, spans_used, spans_max } of live) {
    const old = all.get(id);
    const from = Math.min(since * 1e6, old?.from ?? Infinity);
    all.set(id, {
      requests: 0, pages: 0, traces: 0, failed: 0, to: from, ...old, id, person, host, from,
      kind: /** @type {Session['kind']} */ (['session', 'page', 'guest'].includes(kind) ? kind : ''),
      active: true, ends: expires_at * 1e6, spans: Math.max(spans_used, old?.spans ?? 0), spansMax: spans_max,
    });
  }
  return [...all.values()];
}

/**
 * @param {Session[]} sessions
 * @param {Sort} sort
 */
export function sorted(sessions, sort) {
  const latest = (/** @type {Session} */ a, /** @type {Session} */ b) => Number(b.active) - Number(a.active) || b.to - a.to || (a.id < b.id ? -1 : 1);
  return sessions.toSorted(sort === 'spans' ? (a, b) => b.spans - a.spans || latest(a, b) : latest);
}

/**
 * The list in the order in which it stands already: what is new waits, what is gone stays out.
 * @param {Session[]} sessions
 * @param {string[]} order ids
 */
export function held(sessions, order) {
  const byId = new Map(sessions.map((session) => [session.id, session]));
  return order.flatMap((id) => byId.get(id) ?? []);
}

/**
 * What a session did, first things first. Requests between page views that belong to none are one entry.
 * @param {Request[]} requests
 * @returns {Visit[]}
 */
export function visits(requests) {
  /** @type {Visit[]} */
  const groups = [];
  for (const { request, kind } of arrange(requests)) {
    if (kind === 'part') groups.at(-1)?.requests.push(request);
    else groups.push({ isPage: kind === 'page', head: request, requests: [request], failed: 0, trace: null });
  }
  /** @type {Visit[]} */
  const told = [];
  for (const visit of groups.toReversed()) {
    const last = told.at(-1);
    if (!visit.isPage && last && !last.isPage) last.requests.push(...visit.requests);
    else told.push(visit);
  }
  for (const visit of told) {
    visit.failed = visit.requests.filter(({ status }) => status >= 500 || status === 0).length;
    visit.trace = visit.head.trace_id ?? visit.requests.find(({ trace_id }) => trace_id !== null)?.trace_id ?? null;
  }
  return told;
}

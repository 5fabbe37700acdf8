// The house in numbers and words: who there is, who did what, what the month went to.

/** @import { Audit, Quota } from '../types/wire.d.ts' */
/** @import { Session } from './sessions.js' */
/** @typedef {Audit['items'][number]} Entry */
/** @typedef {{ name: string, role: string, ways: string[], seen: number, sessions: number, visitors: number, out: boolean }} Person `seen`: seconds since the Unix epoch; `out`: his name was revoked, and nobody let it in again */

/** What was done, in words. @type {Record<string, string>} */
const DEEDS = {
  sign_in: 'signed in', sign_out: 'signed out', link_made: 'made a sign-in link for', session_start: 'started session',
  session_stop: 'stopped session', page_trace: 'had a page traced in session', trace_link_made: 'made a trace link to',
  trace_link_used: 'is shown a visitor’s session', export: 'exported', share: 'shared', keep: 'kept', purge: 'purged', revoke: 'revoked', lift: 'let in again', erase: 'erased',
  replay: 'sent again', settings: 'changed settings:',
};

/** @param {string} deed */
export function deed(deed) {
  return DEEDS[deed] ?? deed.replaceAll('_', ' ');
}

/**
 * Who there is: whoever did something or is traced now, the last one first.
 * @param {Entry[]} entries newest first
 * @param {Session[]} sessions
 * @returns {Person[]}
 */
export function people(entries, sessions) {
  /** @type {Map<string, Person>} */
  const all = new Map();
  const of = (/** @type {string} */ name) => {
    const known = all.get(name) ?? { name, role: '', ways: [], seen: 0, sessions: 0, visitors: 0, out: false };
    all.set(name, known);
    return known;
  };
  /** @type {Set<string>} */
  const told = new Set();
  for (const { deed, subject } of entries) {
    const name = subject.startsWith('person ') ? subject.slice(7) : '';
    if (name === '' || told.has(name) || (deed !== 'revoke' && deed !== 'lift')) continue;
    told.add(name);
    if (deed === 'revoke') of(name).out = true;
  }
  for (const { person, role, way, at } of entries) {
    if (person === '' || role === 'guest') continue;
    const one = of(person);
    one.role ||= role;
    one.seen = Math.max(one.seen, at);
    if (way && !one.ways.includes(way)) one.ways.push(way);
  }
  for (const { person, active, kind, from, to } of sessions) {
    if (!active) continue;
    const one = of(person);
    if (kind === 'guest') one.visitors += 1;
    else {
      one.sessions += 1;
      one.seen = Math.max(one.seen, Math.floor(Math.max(from, to) / 1e6));
    }
  }
  return [...all.values()].sort((a, b) => b.seen - a.seen || (a.name < b.name ? -1 : 1));
}

/**
 * What the month's spans went to: sessions by their person, and the rest. Sessions that began before this month count for
 * the time they are in it only as a whole, so shares never exceed what was used.
 * @param {Quota} quota
 * @param {Session[]} sessions
 * @returns {{ name: string, spans: number }[]} most first, the rest last
 */
export function spentOn({ used, resets_at: reset }, sessions) {
  const begin = monthBefore(reset) * 1e6;
  /** @type {Map<string, number>} */
  const byPerson = new Map();
  for (const { person, spans, to } of sessions) if (to >= begin) byPerson.set(person, (byPerson.get(person) ?? 0) + spans);
  let left = used;
  const parts = [...byPerson].sort((a, b) => b[1] - a[1]).flatMap(([name, spans]) => {
    const share = Math.min(spans, left);
    left -= share;
    return share > 0 ? [{ name, spans: share }] : [];
  });
  return left > 0 ? [...parts, { name: '', spans: left }] : parts;
}

/**
 * When the month's spans end at this pace, in seconds since the Unix epoch; null: not within the month, or too early to tell.
 * @param {Quota} quota
 * @param {number} now seconds since the Unix epoch
 */
export function endsAt({ used, limit, resets_at: reset }, now) {
  const begin = monthBefore(reset);
  const passed = now - begin;
  if (passed < 86_400 || used === 0 || used >= limit) return null;
  const end = begin + (passed * limit) / used;
  return end < reset ? Math.round(end) : null;
}

/** When the month began that ends at this moment (UTC). @param {number} reset */
function monthBefore(reset) {
  const end = new Date(reset * 1000);
  return Date.UTC(end.getUTCFullYear(), end.getUTCMonth() - 1, 1) / 1000;
}

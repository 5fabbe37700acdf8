// Header fields on their way through the edge: what it added, changed and took away; and a request as a command.

/** @import { Request } from '../types/wire.d.ts' */
/** @typedef {string[][]} Fields pairs of name and value, in order */
/** @typedef {{ mark: 'same' | 'added' | 'removed', name: string, value: string }} Line */

/**
 * What became of fields between two places. Those with one name are compared in order; what was changed is taken away
 * and added.
 * @param {Fields} before
 * @param {Fields} after
 * @returns {Line[]}
 */
export function difference(before, after) {
  const left = byName(before);
  const right = byName(after);
  /** @type {Line[]} */
  const lines = [];
  const line = (/** @type {Line['mark']} */ mark, /** @type {string} */ name, /** @type {string} */ value) => lines.push({ mark, name, value });
  for (const [name, values] of right) {
    const old = left.get(name) ?? [];
    const kept = values.filter((value) => old.includes(value));
    old.filter((value) => !kept.includes(value)).forEach((value) => line('removed', name, value));
    values.forEach((value) => line(old.includes(value) ? 'same' : 'added', name, value));
  }
  for (const [name, values] of left) if (!right.has(name)) values.forEach((value) => line('removed', name, value));
  return lines;
}

/** @param {Fields} fields */
function byName(fields) {
  /** @type {Map<string, string[]>} */
  const map = new Map();
  for (const [name = '', value = ''] of fields) map.set(name.toLowerCase(), [...(map.get(name.toLowerCase()) ?? []), value]);
  return map;
}

/** What curl says by itself, or better than a copy would. */
const CURL_KNOWS = new Set(['host', 'content-length', 'connection', 'accept-encoding', 'transfer-encoding', 'waylight-force']);

/** What stands where a value was hidden. */
const HIDDEN = 'REDACTED';

/**
 * A request as a command for a shell, and what it goes without: fields whose values were hidden would say nothing.
 * @param {Pick<Request, 'method' | 'scheme' | 'host' | 'path' | 'query'>} request
 * @param {{ port?: string, fields?: Fields | null }} [more]
 */
export function curl({ method, scheme, host, path, query }, { port = '', fields = null } = {}) {
  const url = `${scheme}://${host}${port ? `:${port}` : ''}${path}${query ? `?${query}` : ''}`;
  const parts = ['curl', shell(url)];
  // curl reads patterns in an address, and takes its dots away.
  if (/[[\]{}]/.test(url)) parts.push('--globoff');
  if (/\/\.{1,2}(\/|$)/.test(path)) parts.push('--path-as-is');
  const hidden = new Set(query.includes(HIDDEN) ? ['values of the query'] : []);
  if (method === 'HEAD') parts.push('--head');
  else if (method !== 'GET') parts.push('--request', shell(method));
  for (const [name = '', value = ''] of fields ?? []) {
    if (CURL_KNOWS.has(name.toLowerCase()) || name.startsWith(':')) continue;
    if (value.includes(HIDDEN)) hidden.add(name);
    else parts.push('--header', shell(value ? `${name}: ${value}` : `${name};`));
  }
  return { command: [...parts, '--compressed'].join(' '), hidden: [...hidden] };
}

/** A word as shells take it, whatever is in it. @param {string} text */
function shell(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

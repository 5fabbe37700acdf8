// The search grammar, as far as the browser needs it: which term somebody writes, what may come next, and terms put in
// and taken out by buttons. What a search means is decided by the server, `rules/find`.

/** @typedef {{ text: string, at: number }} Term a term as written, and where it begins */
/** @typedef {{ insert: string, label: string, hint: string }} Suggestion */

/**
 * Fields, with what they are and values that are always possible.
 * @type {Record<string, { hint: string, values?: string[] }>}
 */
const FIELDS = {
  'status:': { hint: '500, 5xx, error, >=400', values: ['2xx', '3xx', '4xx', '5xx', 'error', '404', '>=400'] },
  'path:': { hint: '/api/*' },
  'method:': { hint: 'GET, POST', values: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] },
  '>': { hint: 'slower than: >200ms', values: ['50ms', '200ms', '1s'] },
  '<': { hint: 'quicker than: <2s', values: ['50ms', '200ms', '1s'] },
  'cache:': { hint: 'hit, miss, stale', values: ['hit', 'miss', 'stale', 'revalidated', 'bypass'] },
  'host:': { hint: 'the host asked for' },
  'route:': { hint: 'a route by its name' },
  'upstream:': { hint: 'an upstream by its name' },
  'error:': { hint: '* for any error', values: ['*'] },
  'person:': { hint: 'who was signed in' },
  'ttfb>': { hint: 'first octet later than: ttfb>100ms', values: ['100ms', '500ms'] },
  'bytes>': { hint: 'larger than: bytes>1MiB', values: ['100kB', '1MiB'] },
  'svc:': { hint: 'a service within the trace' },
  'trace:': { hint: 'first digits of a trace id' },
  'id:': { hint: 'first digits of a request id' },
};

/** An id out of some log, or a `traceparent` that has one. */
const ID = /^(?:00-)?([\da-f]{8,32})(?:-[\da-f-]*)?$/i;

/** The whole id in a text that is nothing but it, or a `traceparent`; else null. @param {string} text */
export function wholeId(text) {
  const id = ID.exec(text.trim())?.[1];
  return id?.length === 32 ? id.toLowerCase() : null;
}

/**
 * The terms of a search. Quotes hold blanks together.
 * @param {string} text
 * @returns {Term[]}
 */
export function terms(text) {
  return [...text.matchAll(/(?:"(?:\\.|[^"\\])*"?|\S)+/g)].map((match) => ({ text: match[0], at: match.index }));
}

/**
 * The term at a place, where somebody writes.
 * @param {string} text
 * @param {number} at
 * @returns {Term}
 */
export function termAt(text, at) {
  return terms(text).find((term) => term.at <= at && at <= term.at + term.text.length) ?? { text: '', at };
}

/**
 * What may be meant by the term at a place. `seen` gives values of a field that stand in the list right now.
 * @param {string} text
 * @param {number} at
 * @param {(field: string) => string[]} seen
 * @returns {Suggestion[]}
 */
export function suggestions(text, at, seen) {
  const term = termAt(text, at);
  const typed = term.text.slice(0, at - term.at);
  const minus = typed.startsWith('-') ? '-' : '';
  const bare = typed.slice(minus.length);
  const id = ID.exec(bare)?.[1]?.toLowerCase();
  if (id) return ['trace:', 'id:'].map((name) => ({ insert: minus + name + id, label: minus + name + id.slice(0, 12), hint: FIELDS[name]?.hint ?? '' }));
  const field = Object.keys(FIELDS).find((name) => bare.startsWith(name));
  if (field) {
    const begun = bare.slice(field.length).toLowerCase();
    const values = new Set([...(FIELDS[field]?.values ?? []), ...seen(field.replace(/[:<>]$/, ''))]);
    return [...values]
      .filter((value) => value.toLowerCase().startsWith(begun) && value.toLowerCase() !== begun)
      .slice(0, 8)
      .map((value) => ({ insert: `${minus}${field}${quoted(value)}`, label: `${field}${value}`, hint: '' }));
  }
  return Object.entries(FIELDS)
    .filter(([name]) => name.startsWith(bare.toLowerCase()))
    .slice(0, bare === '' ? 8 : 6)
    .map(([name, { hint }]) => ({ insert: minus + name, label: minus + name, hint }));
}

/**
 * The search with another term in the place of the one at `at`, and where one goes on.
 * @param {string} text
 * @param {number} at
 * @param {string} insert
 */
export function complete(text, at, insert) {
  const term = termAt(text, at);
  const isOpen = /[:<>]$/.test(insert);
  const after = text.slice(term.at + term.text.length);
  const next = `${text.slice(0, term.at)}${insert}${isOpen || after.startsWith(' ') ? '' : ' '}${after}`;
  return { text: next, at: term.at + insert.length + (isOpen ? 0 : 1) };
}

/**
 * The search with a term, or without it where it has it already.
 * @param {string} text
 * @param {string} term
 */
export function toggled(text, term) {
  const all = terms(text).map((other) => other.text);
  return (all.includes(term) ? all.filter((other) => other !== term) : [...all, term]).join(' ');
}

/** @param {string} value */
function quoted(value) {
  return /[\s"]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
}

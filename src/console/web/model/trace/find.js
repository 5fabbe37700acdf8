// What is typed into the find field: words, `svc:redis`, `status:error`, `kind:edge`, `name:"a b"`, `>50ms`, `<1s`, any
// other `key:value` as an attribute, and `-` before each of them. All must hold.

import { CAT_WORDS } from './columns.js';

/** @import { Trace } from './columns.js' */
/** @typedef {{ not: boolean, kind: 'word' | 'svc' | 'status' | 'kind' | 'name' | 'longer' | 'shorter' | 'attr', text: string, us: number }} Term */
/** @typedef {{ terms: Term[], fault: string | null }} Query */

const UNITS = { us: 1, 'µs': 1, ms: 1e3, s: 1e6, m: 60e6, min: 60e6 };
/** Terms of one query. */
const TERMS_MAX = 12;

/** @param {string} text @returns {Query} */
export function parse(text) {
  /** @type {Term[]} */
  const terms = [];
  for (const raw of text.match(/-?(?:[^\s":]+:)?"[^"]*"?|\S+/g) ?? []) {
    if (terms.length === TERMS_MAX) return { terms, fault: `At most ${TERMS_MAX} terms.` };
    const not = raw.startsWith('-') && raw.length > 1;
    const body = not ? raw.slice(1) : raw;
    if (body.startsWith('>') || body.startsWith('<')) {
      const match = /^[<>]=?(\d+(?:\.\d+)?)(us|µs|ms|s|min|m)?$/.exec(body);
      if (!match) return { terms, fault: `\u201c${body}\u201d: a length such as >50ms is expected.` };
      const unit = /** @type {keyof typeof UNITS} */ (match[2] ?? 'ms');
      terms.push({ not, kind: body[0] === '>' ? 'longer' : 'shorter', text: body, us: Number(match[1]) * UNITS[unit] });
      continue;
    }
    const colon = body.startsWith('"') ? -1 : body.indexOf(':');
    const key = colon > 0 ? body.slice(0, colon).toLowerCase() : '';
    const value = (colon > 0 ? body.slice(colon + 1) : body).replaceAll('"', '').toLowerCase();
    if (value === '') continue;
    if (key === 'svc' || key === 'service') terms.push({ not, kind: 'svc', text: value, us: 0 });
    else if (key === 'status' || key === 'kind' || key === 'name') terms.push({ not, kind: key, text: value, us: 0 });
    else if (key !== '') terms.push({ not, kind: 'attr', text: `${key}:${value}`, us: 0 });
    else terms.push({ not, kind: 'word', text: value, us: 0 });
  }
  return { terms, fault: null };
}

/** What the server is asked for: texts that may stand in attributes. @param {Query} query */
export function asked(query) {
  return query.terms.filter((term) => term.kind === 'attr' || term.kind === 'word').map((term) => term.text);
}

/**
 * Which rows match.
 * @param {Trace} trace
 * @param {Query} query
 * @param {Map<string, Set<number>>} found rows whose attributes say a text, as far as that is known
 */
export function match(trace, query, found = new Map()) {
  const hits = new Uint8Array(trace.count).fill(1);
  for (const term of query.terms) {
    const holds = test(trace, term, found.get(term.text));
    for (let row = 0; row < trace.count; row++) if (hits[row] && holds(row) === term.not) hits[row] = 0;
  }
  return hits;
}

/**
 * @param {Trace} trace
 * @param {Term} term
 * @param {Set<number> | undefined} found
 * @returns {(row: number) => boolean}
 */
function test(trace, term, found) {
  // Texts repeat: each of the table is looked at once.
  /** @type {(Int8Array)} */
  const known = new Int8Array(trace.strings.length).fill(-1);
  const says = (/** @type {number} */ place) => {
    if (known[place] === -1) known[place] = trace.text(place).toLowerCase().includes(term.text) ? 1 : 0;
    return known[place] === 1;
  };
  const { at } = trace;
  switch (term.kind) {
    case 'svc': return (row) => says(at(trace.svc, row));
    case 'name': return (row) => says(at(trace.name, row));
    case 'kind': return (row) => (CAT_WORDS[at(trace.cat, row)] ?? '') === term.text;
    case 'longer': return (row) => trace.duration(row) > term.us;
    case 'shorter': return (row) => trace.duration(row) < term.us;
    case 'attr': return (row) => found?.has(row) ?? false;
    case 'status':
      if (term.text === 'error') return (row) => trace.failed(row);
      if (term.text === 'ok') return (row) => !trace.failed(row);
      return (row) => trace.tag(row).startsWith(term.text.replace(/x+$/, ''));
    default:
      return (row) => says(at(trace.name, row)) || says(at(trace.svc, row)) || says(at(trace.noteAt, row))
        || says(at(trace.tagAt, row)) || (found?.has(row) ?? false);
  }
}

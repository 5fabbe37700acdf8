// What the server tells of a span: why it went as it did, its figures by kind, then attributes in groups, events, links,
// the process and the library that made it.

import { copy, h } from '../../dom.js';
import { icon as pictogram } from '../../icons.js';
import { bytes, duration, things } from '../../model/format.js';
import { difference } from '../../model/headers.js';
import { phasesOf } from '../../model/phases.js';
import { FLAG } from '../../model/trace/columns.js';
import { cut } from '../../model/trace/words.js';
import { tone } from './rows.js';

/** @import { Api } from '../../model/contract.js' */
/** @import { Fields } from '../../model/headers.js' */
/** @import { Request as RequestItem, RequestDetail, Span as SpanDetail } from '../../types/wire.d.ts' */
/** @import { Board } from './board.js' */
/** @import { Does } from './side.js' */

const VALUE_LETTERS_MAX = 4_000;
const EVENTS_MAX = 100;

/** What each kind shows first: its label, its attribute, and how to read it. @type {Record<string, [string, string, ((value: unknown) => string)?][]>} */
const FACTS = {
  'request': [
    ['Client', 'client.address'], ['Protocol', 'network.protocol.version', (value) => `HTTP/${value}`], ['Route', 'http.route'],
    ['Answer', 'http.response.status_code'], ['Octets sent', 'http.response.body.size', size], ['Octets received', 'http.request.body.size', size],
    ['Traced because', 'waylight.trigger'], ['Ended by', 'error.type'], ['Fault', 'waylight.error.detail'],
  ],
  'route': [['Rule', 'waylight.route.name'], ['Near misses', 'waylight.route.missed']],
  'middleware': [
    ['Rule', 'waylight.middleware.name'], ['Redirects to', 'waylight.redirect.to'], ['Rewritten to', 'waylight.rewrite.path'],
    ['Coding', 'waylight.compress.coding'], ['Not compressed', 'waylight.compress.skipped'],
    ['Request', 'waylight.headers.request'], ['Response', 'waylight.headers.response'],
  ],
  'cache': [
    ['Key', 'cache.key'], ['Reason', 'cache.reason'], ['Age', 'cache.age', seconds], ['Fresh for', 'cache.ttl', seconds], ['Tier', 'cache.tier'],
    ['Size', 'cache.item_size', size],
  ],
  'upstream.start': [['Command', 'process.command'], ['Process', 'process.pid'], ['Port', 'server.port'], ['Last stop', 'waylight.upstream.last_stop'], ['Failed with', 'error.type']],
  'upstream.dns': [['Name', 'dns.question.name'], ['Failed with', 'error.type']],
  'upstream.connect': [['Address', 'network.peer.address'], ['Port', 'network.peer.port'], ['Failed with', 'error.type']],
  'tls_handshake': [['Name', 'tls.client.server_name'], ['Resumed', 'tls.resumed']],
  'upstream.tls': [['Name', 'tls.server.name'], ['Version', 'tls.protocol.version'], ['Cipher', 'tls.cipher'], ['Resumed', 'tls.resumed']],
  'upstream.request': [
    ['Upstream', 'waylight.upstream'], ['Address', 'server.address'], ['Connection reused', 'waylight.upstream.connection_reused'],
    ['Sent again', 'http.request.resend_count'], ['Request sent', 'waylight.upstream.request_sent_us', after], ['First octet', 'waylight.upstream.first_byte_us', after],
    ['Answer', 'http.response.status_code'], ['Pieces', 'waylight.body.pieces'], ['Waited for the app', 'waylight.body.upstream_us', micros],
    ['Longest pause', 'waylight.body.stall_us', micros], ['Waited for the client', 'waylight.body.client_us', micros], ['Failed with', 'error.type'],
  ],
  'inject': [
    ['Result', 'waylight.inject.result'], ['Reason', 'waylight.inject.reason'], ['Place', 'waylight.inject.place'],
    ['At octet', 'waylight.inject.offset'], ['Added', 'waylight.inject.bytes', size], ['Toolbar', 'waylight.inject.toolbar'],
    ['Nonce', 'waylight.inject.nonce'], ['Policy', 'waylight.inject.csp'], ['Header fields changed', 'waylight.inject.headers_changed'],
  ],
  'resource': [
    ['Address', 'url.full'], ['Size', 'http.response.body.size', size], ['On the wire', 'http.response.size', size],
    ['Blocks rendering', 'resource.render_blocking_status'], ['Protocol', 'network.protocol.version'],
  ],
  'call': [['Address', 'url.full'], ['Answer', 'http.response.status_code'], ['Failed with', 'error.type']],
  'query': [['System', 'db.system.name'], ['Statement', 'db.query.text'], ['Rows', 'db.response.returned_rows']],
};

/** @param {unknown} value */
function seconds(value) {
  return typeof value === 'number' ? duration(value * 1e6) : String(value);
}

/** @param {unknown} value */
function micros(value) {
  return typeof value === 'number' ? duration(value) : String(value);
}

/** @param {unknown} value */
function after(value) {
  return `after ${micros(value)}`;
}

/** @param {unknown} value */
function size(value) {
  return typeof value === 'number' ? bytes(value) : String(value);
}

/**
 * @param {Board} board
 * @param {number} row
 * @param {SpanDetail} span
 * @param {{ api: Api, does: Does }} parts
 * @returns {HTMLElement[]}
 */
export function details(board, row, span, { api, does }) {
  const { trace } = board;
  const stage = trace.stage(row);
  const output = span.events.filter((event) => event.name === 'output');
  const events = span.events.filter((event) => event.name !== 'output');
  /** @type {(HTMLElement | null)[]} */
  const sections = [
    fault(span),
    why(span, trace.tag(row)),
    facts(trace, row, span),
    output.length > 0 ? section('Output during the start', things(output.length, 'line'), h('pre', { class: 'tr-output', tabIndex: 0 }, output.map((event) =>
      `+${((event.ts_us - span.start_us) / 1e6).toFixed(3)}  ${cut(String(event.attributes['line'] ?? ''), 500)}`).join('\n'))) : null,
    stage === 'request' ? request(span, api) : null,
    events.length > 0 ? section('Events', String(events.length), ...events.slice(0, EVENTS_MAX).map((event) =>
      h('div', { class: 'tr-event-item' }, h('p', null, h('b', null, h('bdi', null, cut(event.name, 200))), ' ', h('span', { class: 'muted' }, `at +${duration(Math.max(0, event.ts_us - span.start_us))}`)),
        list(pairs(event.attributes))))) : null,
    span.links.length > 0 ? section('Links', String(span.links.length), ...span.links.slice(0, EVENTS_MAX).map((link) => {
      const reason = link.attributes['waylight.link.reason'] ?? link.attributes['sentry.link.type'] ?? '';
      return h('p', null, h('button', { class: 'link-button mono', type: 'button', onclick: () => does.open(link.trace_id, link.span_id) }, `${link.trace_id.slice(0, 16)}\u2026`), ' ',
        h('bdi', { class: 'muted' }, cut(String(reason).replaceAll('_', ' '), 200)));
    })) : null,
    ...groups(span.attributes).map(([name, values]) => section(name, String(values.length), list(values))),
    span.dropped_attributes > 0 ? section('Left out', '', h('p', null, `${things(span.dropped_attributes, 'attribute')} did not fit and ${span.dropped_attributes === 1 ? 'was' : 'were'} dropped where the span was made.`)) : null,
    section('Process', String(Object.keys(span.resource).length), list(pairs(span.resource))),
    span.scope?.name ? section('Library', '', list([['Name', cut(span.scope.name, 200)], ...(span.scope.version ? /** @type {[string, string][]} */ ([['Version', span.scope.version]]) : []), ...pairs(span.scope.attributes)])) : null,
    identity(span),
  ];
  return /** @type {HTMLElement[]} */ (sections.filter(Boolean));
}

/** What failed, first of all. @param {SpanDetail} span */
function fault(span) {
  if (span.status.code !== 2) return null;
  const exception = span.events.find((event) => event.name === 'exception');
  const type = String(exception?.attributes['exception.type'] ?? span.attributes['error.type'] ?? '');
  const message = span.status.message || String(exception?.attributes['exception.message'] ?? span.attributes['waylight.error.detail'] ?? '');
  const trail = exception?.attributes['exception.stacktrace'];
  return h('section', { class: 'tr-section' }, h('div', { class: 'tr-why err', role: 'note' },
    h('p', null, h('b', null, pictogram('warn'), h('bdi', null, cut(type, 200) || 'It failed.'))),
    message && h('p', null, h('bdi', null, cut(message, VALUE_LETTERS_MAX))),
    trail ? h('details', null, h('summary', null, 'Where'), h('pre', { tabIndex: 0 }, cut(String(trail), VALUE_LETTERS_MAX))) : null));
}

/** Why a cache did what it did. @param {SpanDetail} span @param {string} verdict */
function why(span, verdict) {
  const reason = span.attributes['cache.explanation'] ?? span.attributes['cache.collapsed'];
  if (!reason) return null;
  return h('section', { class: 'tr-section' }, h('h3', null, verdict === 'MISS' ? 'Why was it a miss?' : 'Why?'),
    h('div', { class: `tr-why${tone(verdict)}`, role: 'note' }, h('p', null, h('bdi', null, cut(String(reason), VALUE_LETTERS_MAX)))));
}

/**
 * @param {Board['trace']} trace
 * @param {number} row
 * @param {SpanDetail} span
 */
export function facts(trace, row, span) {
  const stage = trace.stage(row);
  const kind = stage in FACTS ? stage : stage.startsWith('cache.') ? 'cache' : stage.startsWith('resource') ? 'resource'
    : stage.startsWith('upstream.') ? 'upstream.start' : trace.has(row, FLAG.QUERY) ? 'query' : trace.has(row, FLAG.CALL) ? 'call' : '';
  /** @type {[string, string | HTMLElement][]} */
  const rows = (FACTS[kind] ?? []).flatMap(([label, key, read]) => {
    const value = span.attributes[key];
    return value === undefined || value === '' ? [] : [/** @type {[string, string]} */ ([label, cut(read ? read(value) : plain(value), VALUE_LETTERS_MAX)])];
  });
  if (stage === 'upstream.start') for (const child of trace.children(row)) rows.push([trace.nameOf(child), duration(trace.duration(child))]);
  return rows.length > 0 ? section('In short', '', list(rows)) : null;
}

/** The request's phases and headers, as far as they were written down. @param {SpanDetail} span @param {Api} api */
function request(span, api) {
  if (typeof span.attributes['waylight.request_id'] !== 'string') return null;
  const into = h('section', { class: 'tr-section tr-request' }, h('h3', null, 'Phases'), h('p', { class: 'muted' }, 'Reading the request\u2026'));
  readRequest(into, span, api);
  return into;
}

/** Reads a request into its section: what is not known of it may be known later. @param {HTMLElement} into @param {SpanDetail} span @param {Api} api */
export function readRequest(into, span, api) {
  const id = String(span.attributes['waylight.request_id']);
  api.get(`/requests/${id.replaceAll('-', '')}`).then((/** @type {RequestItem & RequestDetail} */ told) => {
    const rows = phasesOf(told).map(({ name, length }) => /** @type {[string, string]} */ ([name, duration(length)]));
    into.hidden = false;
    into.replaceChildren(h('h3', null, 'Phases'), list(rows),
      ...(told.why_not_cached ? [h('h3', null, 'Cache'), h('p', null, told.why_not_cached)] : []), ...headers(told.headers));
  }, () => {
    into.hidden = !into.querySelector('dl');
  });
}

/** @param {RequestDetail['headers']} sets */
function headers(sets) {
  if (!sets) return [h('p', { class: 'muted' }, 'Header fields of this request were not kept.')];
  return [changes('Request headers', sets.received, sets.forwarded), changes('Response headers', sets.upstream, sets.sent)];
}

/** What the edge did to header fields. @param {string} name @param {Fields} [before] @param {Fields} [after] */
function changes(name, before = [], after = []) {
  const lines = difference(before, after);
  const changed = lines.filter(({ mark }) => mark !== 'same').length;
  return h('details', { class: 'tr-headers' },
    h('summary', null, name, ' ', h('span', { class: 'muted' }, changed === 0 ? `${lines.length}, unchanged` : `${lines.length}, ${changed} changed`)),
    h('table', null, h('tbody', null, ...lines.map((line) => h('tr', { class: line.mark },
      h('td', null, line.mark === 'added' ? '+' : line.mark === 'removed' ? '\u2212' : ''),
      h('th', { scope: 'row' }, h('bdi', null, line.name)), h('td', null, h('bdi', null, cut(line.value, VALUE_LETTERS_MAX))))))));
}

/** Prefixes of keys, and what stands above them. @type {[RegExp, string][]} */
const GROUPS = [
  [/^waylight\.|^sentry\./, 'Waylight'], [/^http\.|^url\.|^user_agent\./, 'HTTP'], [/^db\./, 'Database'], [/^cache\./, 'Cache'],
  [/^network\.|^server\.|^client\.|^tls\.|^net\./, 'Network'], [/^messaging\.|^rpc\./, 'Messages'], [/^code\.|^thread\.|^process\./, 'Code'],
];

/** @param {Record<string, unknown>} attributes @returns {[string, [string, string][]][]} */
function groups(attributes) {
  /** @type {Map<string, [string, string][]>} */
  const found = new Map();
  for (const [key, value] of pairs(attributes)) {
    const name = GROUPS.find(([pattern]) => pattern.test(key))?.[1] ?? 'Attributes';
    const rows = found.get(name);
    if (rows) rows.push([key, value]);
    else found.set(name, [[key, value]]);
  }
  const order = ['Attributes', ...GROUPS.map(([, name]) => name).toReversed()];
  return [...found].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
}

/** @param {Record<string, unknown>} values @returns {[string, string][]} */
function pairs(values) {
  return Object.entries(values).map(([key, value]) => [cut(key, 200), cut(plain(value), VALUE_LETTERS_MAX)]);
}

/** @param {unknown} value */
function plain(value) {
  return typeof value === 'string' ? value : Array.isArray(value) && value.every((item) => typeof item !== 'object') ? value.join(', ') : JSON.stringify(value);
}

/** @param {SpanDetail} span */
function identity(span) {
  const button = h('button', { class: 'button small', type: 'button' }, pictogram('copy'), 'Copy span id');
  button.addEventListener('click', () => copy(button, span.id, 'Span id copied'));
  return h('section', { class: 'tr-section' }, h('div', { class: 'row' }, h('code', null, span.id), button));
}

/**
 * A list of names and values.
 * @param {[string, string | HTMLElement][]} rows
 */
export function list(rows) {
  return h('dl', { class: 'tr-list' }, ...rows.flatMap(([name, value]) => [
    h('dt', null, h('bdi', null, name)), h('dd', null, typeof value === 'string' ? h('bdi', null, value) : value)]));
}

/**
 * @param {string} name
 * @param {string} count
 * @param {...(Node | null)} children
 */
export function section(name, count, ...children) {
  return h('section', { class: 'tr-section' }, h('h3', null, name, count && h('span', { class: 'muted' }, count)), ...children);
}

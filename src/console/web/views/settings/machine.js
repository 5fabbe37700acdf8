// How Waylight works now: what is kept and hidden, where spans go, what stands behind it.

import { h } from '../../dom.js';
import { bytes, clock, count, day, moment, things } from '../../model/format.js';
import { list, setting } from '../../model/toml.js';
import { facts, meter, named, nothing, table } from './parts.js';
import { purging } from './purge.js';

/** @import { Histogram, Settings } from '../../types/wire.d.ts' */
/** @import { Drawn } from './parts.js' */

const HOUR_US = 3600e6;

/** @param {Drawn} drawn */
export function keeping({ body, settings: { store }, config }) {
  const set = (/** @type {string} */ key) => setting(config, 'store', key);
  if (!store) return body.replaceChildren(nothing('Nothing is kept', 'There is no store: requests are listed while they are recent, and traces go to the back ends only.'));
  const size = octets(set('size_max'));
  const most = Number(set('requests_max'));
  body.replaceChildren(
    facts([
      ['Kept', store.kind === 'memory' ? 'in memory; a restart forgets it' : 'on disk'],
      ['Traces', [set('keep_traces') || '–', named('store.keep_traces')]],
      ['Requests without a trace', [set('keep_requests') || '–', named('store.keep_requests')]],
      ['Oldest', store.oldest_us === null ? 'nothing yet' : moment(store.oldest_us)],
    ]),
    h('h2', null, 'Space'), h('p', null, `${bytes(store.bytes)}${size ? ` of ${bytes(size)}` : ''} `, named('store.size_max')), size ? meter(store.bytes, size, 'Space used') : '',
    h('h2', null, 'Requests'), h('p', null, `${count(store.requests)}${most ? ` of ${count(most)}` : ''} `, named('store.requests_max')), most ? meter(store.requests, most, 'Requests kept') : '',
    h('h2', null, 'Spans'), h('p', null, things(store.spans, 'span')),
    h('p', { class: 'muted' }, 'What is older or more is removed, the oldest first; sessions and people can be erased before.'));
}

/** @param {Drawn} drawn */
export function redaction({ body, config }) {
  const lists = /** @type {const} */ ([['Query parameters', 'redact_query'], ['Header fields', 'redact_headers'], ['Attributes of spans', 'redact_attributes']]);
  const shown = (/** @type {string[]} */ names) => (names.length === 0 ? h('span', { class: 'muted' }, 'none beyond those') : names.map((name) => h('code', { class: 'chip-code' }, name)));
  body.replaceChildren(
    h('p', null, 'Values are replaced before anything is stored, listed or exported: they cannot be brought back.'),
    h('h2', null, 'Always hidden'),
    h('p', null, 'Cookies, authorisation and API keys in header fields; query parameters that are called like a token, secret, password, key, signature or session; user and password in addresses; and Waylight’s own tokens. Bodies are never recorded.'),
    h('h2', null, 'Hidden here, too'),
    facts(lists.map(([label, key]) => [label, [...[shown(list(config, 'trace', key))].flat(), named(`trace.${key}`)]])),
    h('h2', null, 'Addresses of clients'),
    facts([
      ['In requests and spans', [setting(config, 'privacy', 'client_address') || '–', named('privacy.client_address')]],
      ['In logs', [setting(config, 'privacy', 'client_address_log') || '–', named('privacy.client_address_log')]],
    ]));
}

/** @param {Drawn} drawn */
export function exports({ body, settings, config, again }) {
  const { exports: back, receiver } = settings;
  const protocol = (/** @type {string} */ name) => config.find((table) => table.name === 'export' && setting([table], 'export', 'name') === name)
    ?.settings.find(({ key }) => key === 'protocol')?.text;
  body.replaceChildren(
    receiver ? h('p', null, 'Applications send their spans to ', h('code', null, receiver), '.') : h('p', null, 'Spans of applications are not received.'),
    back.length === 0 ? nothing('No back ends', 'Spans stay here. With [[export]] they also go to Jaeger, Tempo, Sentry, or whatever speaks OTLP.')
      : h('div', { class: 'cards' }, ...back.map((one) => {
        const dropped = one.dropped_queue + one.dropped_failed + one.dropped_shutdown;
        const look = one.last_error ? (dropped > 0 ? ['err', 'Losing spans'] : ['warn', 'Had an error']) : ['ok', 'Fine'];
        return h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', null, one.name), h('span', { class: `tag ${look[0]}` }, look[1] ?? '')),
          facts([
            ['To', [one.authority, protocol(one.name)].filter(Boolean).join(', ')],
            ['Sent', things(one.sent, 'span')],
            ['Waiting', `${things(one.queue_spans, 'span')}, ${bytes(one.queue_bytes)}`],
            ['Dropped', dropped === 0 ? 'none' : [h('b', null, count(dropped)), `: ${count(one.dropped_queue)} for a full queue, ${count(one.dropped_failed)} refused, ${count(one.dropped_shutdown)} at an end`]],
            ['Refused by it', count(one.rejected)],
            ['Tried again', count(one.retries)],
            ['Last error', one.last_error ? [h('span', { class: 'fault' }, one.last_error.message), h('span', { class: 'muted' }, ` ${day(one.last_error.at_us)}, ${clock(one.last_error.at_us, 0)}`)] : 'none'],
          ]));
      })),
    h('div', { class: 'row' }, h('button', { class: 'button small', type: 'button', onclick: again }, 'Look again')));
}

/** @param {Drawn} drawn */
export async function upstreams({ place, body, settings, config, signal, again }) {
  const names = [...new Set(config.flatMap(({ name }) => /^upstream\.("?)([^".]+)\1/.exec(name)?.[2] ?? []))];
  if (names.length === 0) return body.replaceChildren(nothing('No upstreams', 'Every route answers by itself.'));
  const { api, router } = place;
  const from = Math.floor(Date.now() * 1e3 - HOUR_US);
  const cards = await Promise.all(names.map(async (name) => {
    /** @type {Histogram} */
    const hour = await api.get('/requests/histogram', { query: { q: `upstream:${name}`, from, bins: 1 }, signal });
    const sum = (/** @type {number[]} */ bins) => bins.reduce((all, one) => all + one, 0);
    const [all, failed] = [sum(hour.all), sum(hour.server_errors)];
    const process = settings.processes.find((one) => one.upstream === name);
    const endpoints = settings.endpoints.filter((one) => one.upstream === name);
    const state = process ? PROCESS[process.failed && process.state === 'idle' ? 'failed' : process.state] : null;
    const set = (/** @type {string} */ key) => setting(config, `upstream.${name}`, key);
    const down = endpoints.filter((one) => one.failed_in_a_row > 0).length;
    return h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', null, name),
      down > 0 ? h('span', { class: `tag ${down === endpoints.length ? 'err' : 'warn'}` }, down === endpoints.length ? 'Does not answer' : `${count(down)} of ${count(endpoints.length)} do not answer`) : null,
      state ? h('span', { class: `tag ${state[0]}` }, state[1]) : null, failed > 0 ? h('span', { class: 'tag err' }, `${count(failed)} failed`) : null),
    facts([
      ['Endpoints', h('ul', { class: 'endpoints' }, ...endpoints.map(endpoint))],
      ...(process ? /** @type {[string, import('../../dom.js').Child | import('../../dom.js').Child[]][]} */ ([
        ['Process', process.pid === null ? 'none runs' : `${process.pid} at port ${process.port}, ready since ${moment((process.since ?? 0) * 1e6)}`],
        ['Command', h('code', null, list(config, `upstream.${name}.start`, 'command').join(' '))],
        ['Started', things(process.starts, 'time')],
      ]) : []),
      ['Last hour', [h('a', { href: router.href(`/logs?q=upstream:${name}&range=1h`) }, things(all, 'request')), failed > 0 ? ', ' : '', failed > 0 ? h('a', { href: router.href(`/logs?q=upstream:${name}+status:5xx&range=1h`) }, `${count(failed)} failed`) : '']],
      ['Waits', `${set('timeout_connect')} to connect, ${set('timeout_first_byte')} for the first octet`],
      ['Attempts', set('attempts_max')],
    ]));
  }));
  body.replaceChildren(h('div', { class: 'cards' }, ...cards), h('div', { class: 'row' }, h('button', { class: 'button small', type: 'button', onclick: again }, 'Look again')));
}

/** How a process looks. @type {Record<string, [string, string]>} */
const PROCESS = {
  idle: ['', 'Asleep'], starting: ['warn', 'Starting'], ready: ['ok', 'Ready'], draining: ['warn', 'Stopping'], failed: ['err', 'Did not start'],
};

/** How one endpoint fared, in words. @param {Settings['endpoints'][number]} one */
function endpoint({ endpoint: place, attempts, failed, failed_in_a_row: row, last_failure: last }) {
  const look = row > 0 ? 'err' : attempts === 0 ? '' : 'ok';
  const says = row > 0 ? `no answer, ${things(row, 'time')} in a row` : attempts === 0 ? 'not asked yet' : 'answers';
  const of = attempts > 0 ? `, ${count(failed)} of ${things(attempts, 'attempt')} failed` : '';
  return h('li', null, h('code', { class: 'chip-code' }, place || 'its process'), ' ', h('span', { class: `tag ${look}` }, says), h('span', { class: 'muted' }, of,
    last ? `; last ${last.error.replaceAll('_', ' ')}, ${day(last.at * 1e6)}, ${clock(last.at * 1e6, 0)}` : ''));
}

const VERDICTS = /** @type {const} */ ([['hit', 'Answered from the cache'], ['stale', 'Answered with what was old'], ['revalidated', 'Asked whether it is still good'], ['collapsed', 'Waited for what another request was asking for'], ['miss', 'Asked the upstream'], ['bypass', 'Not to be cached']]);
/** So many of them were spared the upstream. */
const HELPFUL = 4;

/** @param {Drawn} drawn */
export async function cache({ place, body, config, signal }) {
  const { api, router, me } = place;
  const from = Math.floor(Date.now() * 1e3 - HOUR_US);
  const counts = await Promise.all(VERDICTS.map(async ([word]) => {
    /** @type {Histogram} */
    const hour = await api.get('/requests/histogram', { query: { q: `cache:${word}`, from, bins: 1 }, signal });
    return hour.all.reduce((all, one) => all + one, 0);
  }));
  const total = counts.reduce((all, one) => all + one, 0);
  const helped = counts.slice(0, HELPFUL).reduce((all, one) => all + one, 0);
  body.replaceChildren(
    ...(total === 0 ? [h('p', { class: 'muted' }, 'No request of the last hour met a cache.')] : [
      h('p', { class: 'big' }, h('b', null, `${Math.round((helped / total) * 100)} %`), ' of what met the cache in the last hour was answered with its help'),
      meter(helped, total, `${count(helped)} of ${count(total)} requests were answered with its help`),
      table('Requests of the last hour', ['Verdict', 'What it means', '#Requests'], VERDICTS.map(([word, text], index) =>
        [h('a', { href: router.href(`/logs?q=cache:${word}&range=1h`) }, word), text, count(counts[index] ?? 0)])),
    ]),
    ...(me.may.includes('purge') ? [h('h2', null, 'Purge'), purging(place)] : []),
    ...caches(config));
}

/** The settings of the cache, and of each route that is given it. @param {Drawn['config']} config */
function caches(config) {
  let route = '';
  const routes = config.flatMap(({ name, settings }) => {
    if (name === 'site.route') route = settings.find(({ key }) => key === 'name')?.text ?? '';
    return name === 'site.route.cache' ? [{ route, settings }] : [];
  });
  const shown = (/** @type {Drawn['config'][number]['settings']} */ settings) => facts(settings.map(({ key, text }) => [key, text || '–']));
  const whole = config.find(({ name }) => name === 'cache');
  return [
    ...(whole ? [h('h2', null, 'The cache'), shown(whole.settings)] : []),
    ...(routes.length === 0 ? [h('p', { class: 'muted' }, 'No route is given a cache.')] : routes.flatMap(({ route: name, settings }) => [h('h2', null, 'Route ', name), shown(settings)])),
  ];
}

/** A size as settings write it: `1GiB`. 0: none. @param {string} text */
function octets(text) {
  const [, number, unit] = /^([\d.]+)\s*([KMGT]i?B|B|kB)?$/.exec(text) ?? [];
  const scale = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
  return Number(number ?? 0) * (scale[/** @type {keyof typeof scale} */ (unit ?? 'B')] ?? 1);
}

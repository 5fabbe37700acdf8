// Sessions and settings: what is listed, in which order, and what is read out of it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { deed, endsAt, people, spentOn } from '../../../src/console/web/model/house.js';
import { held, sessionsOf, sorted, visits } from '../../../src/console/web/model/sessions.js';
import { vitalsOf } from '../../../src/console/web/model/vitals.js';
import { found, list, setting, tables } from '../../../src/console/web/model/toml.js';

/** @import { Request, Sessions } from '../../../src/console/web/types/wire.d.ts' */

/** @param {string} id @param {Partial<Sessions['live'][number]>} [more] @returns {Sessions['live'][number]} */
const live = (id, more = {}) => ({ id, person: 'Ada', host: 'a.test', kind: 'session', since: 100, expires_at: 200, spans_used: 5, spans_max: 10, mine: false, ...more });
/** @param {string} id @param {Partial<Sessions['kept'][number]>} [more] @returns {Sessions['kept'][number]} */
const kept = (id, more = {}) => ({ id, person: 'Ada', host: 'a.test', first_us: 50e6, last_us: 90e6, requests: 3, pages: 1, traces: 1, spans: 7, failed: 0, ...more });
/** @param {string} id @param {number} ts_us @param {Partial<Request>} [more] @returns {Request} */
const request = (id, ts_us, more = {}) => ({
  id, ts_us, method: 'GET', scheme: 'http', host: 'a.test', path: `/${id}`, query: '', status: 200, cache: { status: '', reason: '' },
  route: '', upstream: '', dur_us: 10, ttfb_us: null, bytes: 0, destination: '', page_id: null, session_id: null, person: '', trace_id: null,
  trigger: '', phases: [], error: '', ...more,
});

describe('sessions', () => {
  test('one that lives and of which something is kept is one', () => {
    const [both, ...others] = sessionsOf({ live: [live('a')], kept: [kept('a')] });
    assert.deepEqual(others, []);
    assert.deepEqual(
      [both?.active, both?.from, both?.to, both?.ends, both?.spans, both?.spansMax, both?.requests],
      [true, 50e6, 90e6, 200e6, 7, 10, 3],
    );
    const [fresh] = sessionsOf({ live: [live('b')], kept: [] });
    assert.deepEqual([fresh?.from, fresh?.to, fresh?.requests, fresh?.spans], [100e6, 100e6, 0, 5]);
    const [ended] = sessionsOf({ live: [], kept: [kept('c')] });
    assert.deepEqual([ended?.active, ended?.ends, ended?.spansMax], [false, null, null]);
  });

  test('those that live come first, then the latest; or the largest', () => {
    const all = sessionsOf({ live: [live('a', { since: 10 })], kept: [kept('b', { last_us: 80e6, spans: 9 }), kept('c', { last_us: 95e6, spans: 1 })] });
    const ids = (/** @type {typeof all} */ sessions) => sessions.map(({ id }) => id).join('');
    assert.equal(ids(sorted(all, 'latest')), 'acb');
    assert.equal(ids(sorted(all, 'spans')), 'bac');
    assert.equal(ids(held(all, ['b', 'x', 'a'])), 'ba', 'what is new waits, what is gone stays out');
  });

  test('page views stand in the order in which they were made, with what they loaded', () => {
    const told = visits([
      request('p2', 40, { page_id: 'p2', trace_id: 't2' }),
      request('a', 25), request('b', 30, { status: 502 }),
      request('i', 12, { page_id: 'p1', status: 0 }), request('j', 11, { page_id: 'p1' }),
      request('p1', 10, { page_id: 'p1', trace_id: 't1' }),
    ]);
    assert.deepEqual(
      told.map(({ isPage, requests, failed, trace }) => [isPage, requests.map(({ id }) => id).join(' '), failed, trace]),
      [[true, 'p1 j i', 1, 't1'], [false, 'a b', 1, null], [true, 'p2', 0, 't2']],
    );
    assert.deepEqual(visits([]), []);
  });

  test('vitals stand in one order, as the trace judges them', () => {
    const vital = (/** @type {'LCP' | 'CLS' | 'INP'} */ name, /** @type {number} */ value, /** @type {'good' | 'needs-improvement' | 'poor'} */ rating) =>
      ({ name, value, rating, at_us: null, span: '' });
    assert.deepEqual(vitalsOf([vital('CLS', 0.05, 'good'), vital('INP', 900, 'poor'), vital('LCP', 2600, 'needs-improvement')]), [
      { text: 'LCP 2.60 s', look: 'warn', says: 'needs improvement' }, { text: 'INP 900 ms', look: 'err', says: 'poor' }, { text: 'CLS 0.05', look: 'ok', says: 'good' },
    ]);
    const two = [vital('LCP', 900, 'good'), vital('INP', 40, 'good'), vital('LCP', 5000, 'poor'), vital('INP', 300, 'needs-improvement')];
    assert.deepEqual(vitalsOf(two, ['LCP', 'INP']).map(({ text }) => text), ['LCP 900 ms', 'INP 300 ms'], 'the first load, the worst interaction');
  });
});

describe('the house', () => {
  /** @param {number} at @param {string} person @param {string} [role] @param {string} [way] */
  const entry = (at, person, role = 'tracer', way = 'link') => ({ at, person, role, way, deed: 'sign_in', host: '', subject: '' });

  test('people are who did something, or are traced now', () => {
    const sessions = sessionsOf({ live: [live('a', { person: 'Bob', since: 500 }), live('b', { person: 'Ada', kind: 'guest' })], kept: [kept('c', { person: 'Old' })] });
    const known = people([entry(400, 'Ada', 'admin'), entry(300, 'Ada', 'tracer', 'token'), entry(200, ''), entry(100, 'Guest', 'guest')], sessions);
    assert.deepEqual(known, [
      { name: 'Bob', role: '', ways: [], seen: 500, sessions: 1, visitors: 0, out: false },
      { name: 'Ada', role: 'admin', ways: ['link', 'token'], seen: 400, sessions: 0, visitors: 1, out: false },
    ]);
  });

  test('who was revoked is out until he is let in again', () => {
    const about = (/** @type {string} */ deed, /** @type {string} */ name) => ({ ...entry(1, 'Ada', 'admin'), deed, subject: `person ${name}` });
    const known = people([about('lift', 'Bob'), about('revoke', 'Cleo'), about('revoke', 'Bob'), about('lift', 'Cleo'), { ...entry(1, 'Ada', 'admin'), deed: 'revoke', subject: 'session abc' }], []);
    assert.deepEqual(known.filter(({ out }) => out).map(({ name }) => name), ['Cleo']);
  });

  test('what the month went to never exceeds what was used', () => {
    const reset = Date.UTC(2026, 11, 1) / 1000;
    const at = Date.UTC(2026, 10, 20) * 1e3;
    const sessions = sessionsOf({ live: [], kept: [kept('a', { spans: 60, last_us: at }), kept('b', { person: 'Bob', spans: 30, last_us: at }), kept('c', { spans: 9, last_us: at - 40 * 86_400e6 })] });
    const quota = /** @type {const} */ ({ used: 100, limit: 1000, state: 'fine', resets_at: reset });
    assert.deepEqual(spentOn(quota, sessions), [{ name: 'Ada', spans: 60 }, { name: 'Bob', spans: 30 }, { name: '', spans: 10 }]);
    assert.deepEqual(spentOn({ ...quota, used: 70 }, sessions), [{ name: 'Ada', spans: 60 }, { name: 'Bob', spans: 10 }]);
    const tenth = Date.UTC(2026, 10, 11) / 1000;
    assert.equal(endsAt({ ...quota, used: 500 }, tenth), Date.UTC(2026, 10, 21) / 1000);
    for (const used of [0, 100, 1000]) assert.equal(endsAt({ ...quota, used }, tenth), null);
    assert.equal(endsAt({ ...quota, used: 500 }, Date.UTC(2026, 10, 1, 3) / 1000), null, 'too early to tell');
  });

  test('every deed has its words', () => {
    assert.equal(deed('session_start'), 'started session');
    assert.equal(deed('something_new'), 'something new');
  });
});

describe('the configuration', () => {
  const all = tables('workers = 2\n\n[store]\nkind = "disk"\nsize_max = "1GiB"\n\n[[export]]\nname = "a b"\nheaders = { x = "***" }\n\n[trace]\nredact_query = ["voucher", "x = y"]\n');

  test('is read as it is written', () => {
    assert.deepEqual(all.map(({ head, name, settings }) => [head, name, settings.length]), [['', '', 1], ['[store]', 'store', 2], ['[[export]]', 'export', 2], ['[trace]', 'trace', 1]]);
    assert.equal(setting(all, '', 'workers'), '2');
    assert.equal(setting(all, 'store', 'size_max'), '1GiB');
    assert.equal(setting(all, 'export', 'name'), 'a b');
    assert.equal(setting(all, 'export', 'headers'), '{ x = "***" }');
    assert.equal(setting(all, 'store', 'nothing'), '');
    assert.deepEqual(list(all, 'trace', 'redact_query'), ['voucher', 'x = y']);
    assert.deepEqual(list(all, 'trace', 'nothing'), []);
    assert.deepEqual(tables(''), []);
  });

  test('is searched by table, name and value', () => {
    const names = (/** @type {string} */ search) => found(all, search).flatMap(({ settings }) => settings.map(({ name, key }) => `${name}.${key}`));
    assert.deepEqual(names('store gib'), ['store.size_max']);
    assert.deepEqual(names('VOUCHER'), ['trace.redact_query']);
    assert.deepEqual(names('nothing'), []);
    assert.equal(found(all, ' ').length, 4);
  });
});

// The list of requests: order, page views, bounds; which rows are drawn, and what does not move.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HELD_MAX, Log, arrange } from '../../../src/console/web/model/log.js';
import { anchored, visible } from '../../../src/console/web/model/window.js';

/** @import { Request } from '../../../src/console/web/types/wire.d.ts' */

/** @param {string} id @param {number} ts_us @param {Partial<Request>} [more] @returns {Request} */
const request = (id, ts_us, more = {}) => ({
  id, ts_us, method: 'GET', scheme: 'http', host: 'a.test', path: `/${id}`, query: '', status: 200, cache: { status: '', reason: '' },
  route: '', upstream: '', dur_us: 10, ttfb_us: null, bytes: 0, destination: '', page_id: null, session_id: null, person: '', trace_id: null,
  trigger: '', phases: [], error: '', ...more,
});

/** @param {ReturnType<typeof arrange>} rows */
const told = (rows) => rows.map(({ request, kind, last }) => `${kind === 'part' ? ' ' : ''}${request.id}${kind === 'page' ? ':' : ''}${last ? '.' : ''}`);

test('newest first, and what a page loaded below it, in the order it was asked for', () => {
  const rows = arrange([
    request('css', 11, { page_id: 'page' }), request('old', 1), request('page', 10, { page_id: 'page' }),
    request('api', 13, { page_id: 'page' }), request('new', 12),
  ]);
  assert.deepEqual(told(rows), ['new.', 'page:', ' css', ' api.', 'old.']);
});

test('a part whose page is not listed stands by itself, until the page comes', () => {
  const log = new Log();
  log.add([request('css', 11, { page_id: 'page' }), request('b', 20)]);
  assert.deepEqual(told(log.rows), ['b.', 'css.']);
  assert.equal(log.add([request('page', 10, { page_id: 'page' })]), 1);
  assert.deepEqual(told(log.rows), ['b.', 'page:', ' css.']);
  assert.equal(log.place('css'), 2);
});

test('the slowest first, each for itself', () => {
  const log = new Log('slowest');
  log.add([request('page', 10, { page_id: 'page', dur_us: 5 }), request('css', 11, { page_id: 'page', dur_us: 50 }), request('b', 20, { dur_us: 20 })]);
  assert.deepEqual(told(log.rows), ['css.', 'b.', 'page:.']);
  log.add([request('c', 30, { dur_us: 90 })]);
  assert.equal(told(log.rows)[0], 'c.');
});

test('a request that comes twice is listed once', () => {
  const log = new Log();
  assert.equal(log.add([request('a', 1), request('b', 2)]), 2);
  assert.equal(log.add([request('b', 2), request('c', 3)]), 1);
  assert.deepEqual(told(log.rows), ['c.', 'b.', 'a.']);
});

test('a patch adds what became known and keeps the rest', () => {
  const log = new Log();
  log.add([request('a', 1, { trigger: 'session', trace_id: 'x' })]);
  const stranger = { id: 'z', page_id: 'a', trace_id: null, trigger: null };
  assert.deepEqual(log.patch([{ id: 'a', page_id: 'a', trace_id: null, trigger: null }, stranger]), [stranger]);
  const { rows } = log;
  assert.deepEqual(log.patch([stranger]), [stranger]);
  assert.equal(log.rows, rows, 'nothing is arranged for what is not here');
  assert.deepEqual([log.get('a')?.page_id, log.get('a')?.trace_id, log.get('a')?.trigger], ['a', 'x', 'session']);
});

test('the list is bounded, and ends with a whole page view', () => {
  const log = new Log();
  const page = (/** @type {number} */ at) => [request(`p${at}`, at * 10, { page_id: `p${at}` }), request(`q${at}`, at * 10 + 1, { page_id: `p${at}` }), request(`r${at}`, at * 10 + 2, { page_id: `p${at}` })];
  log.add(Array.from({ length: HELD_MAX }, (_, at) => page(at)).flat());
  assert.ok(log.rows.length <= HELD_MAX && log.rows.length > HELD_MAX - 4 && log.cut);
  assert.equal(log.rows.at(-1)?.last, true);
  assert.equal(log.size, log.rows.length);
  assert.equal(log.place(`p${HELD_MAX - 1}`), 0);
  assert.equal(log.oldest, log.rows.at(-3)?.request.ts_us);
});

test('what began before a moment is let go', () => {
  const log = new Log();
  log.add([request('a', 1), request('b', 2), request('c', 3)]);
  log.letGo(2);
  assert.deepEqual([told(log.rows), log.size, log.cut, log.oldest], [['c.', 'b.'], 2, true, 2]);
});

test('rows are drawn where they are seen, and a little ahead', () => {
  const view = { row: 32, height: 320, count: 1000, ahead: 8 };
  assert.deepEqual(visible({ ...view, top: 0 }), [0, 18]);
  assert.deepEqual(visible({ ...view, top: 3200 }), [92, 118]);
  assert.deepEqual(visible({ ...view, top: 31_680 }), [982, 1000]);
  assert.deepEqual(visible({ ...view, top: 99_999 }), [1000, 1000]);
  assert.deepEqual(visible({ ...view, count: 0, top: 0 }), [0, 0]);
});

test('what comes in above pushes nothing away', () => {
  assert.equal(anchored({ top: 100, row: 32, before: 5, after: 12 }), 100 + 7 * 32);
  assert.equal(anchored({ top: 100, row: 32, before: 5, after: 1 }), 0);
  assert.equal(anchored({ top: 100, row: 32, before: 5, after: -1 }), 100);
});

// When the vitals of page views in the list are asked for: once they are seen, a few at a time, and again while they may come.

import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { Vitals } from '../../../src/console/web/views/logs/vitals.js';

/** @import { Api } from '../../../src/console/web/model/contract.js' */
/** @import { Request, Vital } from '../../../src/console/web/types/wire.d.ts' */

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
  let now = 0;
  mock.method(performance, 'now', () => (now += 1));
  Object.assign(globalThis, { window: globalThis, document: { hidden: false } });
});

/** @param {number} number @param {number} [age] milliseconds */
const page = (number, age = 0) => /** @type {Request} */ (/** @type {unknown} */ ({ trace_id: `t${number}`, destination: 'document', ts_us: (Date.now() - age) * 1000 }));
const settled = () => new Promise(setImmediate);

/** @param {Vital[][]} answers */
function stage(answers) {
  /** @type {string[]} */
  const asked = [];
  /** @type {(() => void)[]} */
  const open = [];
  let changes = 0;
  const api = /** @type {Api} */ (/** @type {unknown} */ ({
    get: async (/** @type {string} */ path) => {
      asked.push(path);
      await new Promise((resolve) => open.push(() => resolve(undefined)));
      return { vitals: answers.shift() ?? [] };
    },
  }));
  const vitals = new Vitals(api, () => (changes += 1));
  return { vitals, asked, answer: async () => (open.shift()?.(), settled()), changes: () => changes };
}

const LCP = /** @type {Vital} */ ({ name: 'LCP', value: 742, rating: 'good', at_us: 742_000, span: '' });

test('two at a time are asked for, those that were seen last first, and each once', async () => {
  const { vitals, asked, answer, changes } = stage([[LCP]]);
  for (const number of [1, 2, 3, 4]) vitals.of(page(number));
  vitals.of(page(1));
  assert.deepEqual(asked, ['/traces/t1/status', '/traces/t2/status']);
  await answer();
  assert.equal(asked[2], '/traces/t4/status');
  assert.deepEqual(vitals.of(page(1)), [LCP]);
  assert.equal(changes(), 1);
  vitals.end();
});

test('what is no page view or was not traced is never asked for', () => {
  const { vitals, asked } = stage([]);
  vitals.of({ ...page(1), trace_id: null });
  vitals.of({ ...page(1), destination: 'image' });
  assert.deepEqual(asked, []);
});

test('a list in which nothing happens is looked at again while vitals may come, and not while nobody sees it', async () => {
  const { vitals, answer, changes } = stage([[]]);
  vitals.of(page(1));
  await answer();
  assert.equal(changes(), 0, 'nothing is known yet');
  mock.timers.tick(5_000);
  assert.equal(changes(), 1);
  vitals.of(page(2));
  await answer();
  Object.assign(globalThis, { document: { hidden: true } });
  mock.timers.tick(60_000);
  assert.equal(changes(), 1);
  vitals.end();
});

test('an old page is asked for once', async () => {
  const { vitals, asked, answer, changes } = stage([[]]);
  const old = page(1, 3_600_000);
  vitals.of(old);
  await answer();
  mock.timers.tick(3_600_000);
  vitals.of(old);
  assert.deepEqual([asked.length, changes()], [1, 0]);
});

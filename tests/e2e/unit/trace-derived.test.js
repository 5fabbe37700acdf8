// Rows that no process recorded: the network between browser and edge, and what still runs. And how a growing trace is read
// again.

import assert from 'node:assert/strict';
import { beforeEach, describe, mock, test } from 'node:test';

import { CAT, FLAG, Trace } from '../../../src/console/web/model/trace/columns.js';
import { compare } from '../../../src/console/web/model/trace/compare.js';
import { derived } from '../../../src/console/web/model/trace/derived.js';
import { pages } from '../../../src/console/web/model/trace/pages.js';
import { Growth, pause } from '../../../src/console/web/views/trace/growth.js';
import { wire } from '../lib/wire.js';

/** @import { Api, Live, LiveListener } from '../../../src/console/web/model/contract.js' */
/** @import { Made } from '../lib/wire.js' */

/** @param {Made[]} spans @param {Parameters<typeof wire>[1]} [more] */
const trace = (spans, more) => derived(new Trace(wire(spans, more)));
/** @param {Trace} it */
const rows = (it) => [...it.ids].map((id, row) => `${'  '.repeat(it.at(it.depth, row))}${id} ${it.at(it.start, row)}-${it.at(it.end, row)}`);

const FETCH = [
  { id: 'p', from: 0, to: 900, flags: FLAG.BROWSER, stage: 'pageload' },
  { id: 'f', parent: 'p', from: 100, to: 400, own: 80, flags: FLAG.BROWSER, stage: 'http.client' },
  { id: 'e', parent: 'f', from: 150, to: 370, flags: FLAG.EDGE, stage: 'request' },
  { id: 'a', parent: 'e', from: 160, to: 350 },
  { id: 'z', parent: 'p', from: 500, to: 600, flags: FLAG.BROWSER, stage: 'browser.paint' },
];
/** @type {Parameters<typeof wire>[1]} */
const WAY = { network: [['f', 'e', 50, 30, 6]] };

describe('the network between browser and edge', () => {
  test('stands before and after what the edge did', () => {
    const it = trace(FETCH, { ...WAY, events: [[3, 200, 0]] });
    assert.deepEqual(rows(it), ['p 0-900', '  f 100-400', '    f.out 100-150', '    e 150-370', '      a 160-350', '    f.back 370-400', '  z 500-600']);
    assert.equal(it.cat[2], CAT.NETWORK);
    assert.equal(it.colour(2), 'ink3');
    assert.deepEqual([it.nameOf(2), it.note(5)], ['Network \u00b7 request', 'derived, \u00b16 \u00b5s']);
    assert.deepEqual(it.ways.get(5), { out: 50, back: 30, error: 6 });
    assert.deepEqual([...it.events.keys()], [4], 'events stay with their span');
  });

  test('is no span that was recorded, and its time is not the browser\u2019s own', () => {
    const it = trace(FETCH, WAY);
    assert.deepEqual([it.count, it.spans], [7, 5]);
    assert.deepEqual(pages(it).pages.map((page) => page.rows), [5]);
    assert.equal(it.own[1], 0);
    assert.deepEqual(it.ownParts(1), []);
  });

  test('is not there where nothing was derived, where its spans are not, and where there was no time', () => {
    const plain = new Trace(wire(FETCH));
    assert.equal(derived(plain), plain);
    const gone = new Trace(wire(FETCH, { network: [['f', 'x', 1, 1, 1]] }));
    assert.equal(derived(gone), gone);
    assert.deepEqual(rows(trace(FETCH, { network: [['f', 'e', 0, 30, 6]] })).filter((row) => row.includes('f.')), ['    f.back 370-400']);
  });

  test('whose halves hang beside each other stands below the browser\u2019s', () => {
    const it = trace([
      { id: 'e', from: 10, to: 480, flags: FLAG.EDGE, stage: 'request' },
      { id: 'p', parent: 'e', from: 0, to: 900, flags: FLAG.BROWSER, stage: 'pageload' },
      { id: 'r', parent: 'p', from: 5, to: 500, flags: FLAG.BROWSER, stage: 'browser.request' },
    ], { network: [['r', 'e', 5, 20, 1]] });
    assert.deepEqual(rows(it), ['e 10-480', '  p 0-900', '    r 5-500', '      r.out 5-10', '      r.back 480-500']);
  });

  test('is no news in a comparison', () => {
    const it = compare(trace(FETCH, WAY), trace(FETCH));
    assert.equal(it.sentence, 'There is no request to compare. No span differs.');
    assert.deepEqual(compare(trace(FETCH), trace(FETCH, WAY)).gone, []);
  });
});

describe('what still runs', () => {
  const spans = [
    { id: 'x', parent: 'gone', from: 10, to: 40, flags: FLAG.EDGE | FLAG.ORPHAN, stage: 'route' },
    { id: 'y', parent: 'x', from: 12, to: 20, flags: FLAG.EDGE, stage: 'middleware' },
    { id: 'o', from: 20, to: 90 },
    { id: 'z', parent: 'gone', from: 30, to: 60, flags: FLAG.EDGE | FLAG.ORPHAN, stage: 'cache.lookup' },
  ];

  test('stands above what hangs under it, while the trace is open', () => {
    const it = trace(spans, { state: 'open' });
    assert.deepEqual(rows(it), ['gone 10-90', '  x 10-40', '    y 12-20', '  z 30-60', 'o 20-90']);
    assert.ok(it.has(0, FLAG.RUNNING) && it.has(0, FLAG.EDGE));
    assert.ok(!it.has(1, FLAG.ORPHAN), 'its parent is there');
    assert.deepEqual([it.spans, it.cat[0]], [4, CAT.EDGE]);
  });

  test('is not made up once nothing more is awaited', () => {
    assert.deepEqual(rows(trace(spans)), ['x 10-40', '  y 12-20', 'o 20-90', 'z 30-60']);
  });
});

describe('a trace that grows', () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ['setTimeout'] });
    Object.assign(globalThis, { window: globalThis });
  });

  test('is asked for the more seldom the longer that takes', () => {
    assert.deepEqual([0, 50, 400, 60_000].map(pause), [250, 250, 2000, 10_000]);
  });

  test('is asked for by the tag that it had, and once more if something came meanwhile', async () => {
    /** @type {string[]} */
    const tags = [];
    /** @type {LiveListener | null} */
    let listener = null;
    const api = /** @type {Api} */ (/** @type {any} */ ({
      renew: async (/** @type {string} */ _, /** @type {string} */ tag) => {
        tags.push(tag);
        return tags.length === 2 ? null : { value: wire(FETCH), tag: `"${tags.length}"` };
      },
    }));
    const live = /** @type {Live} */ (/** @type {any} */ ({ follow: (/** @type {any} */ _, /** @type {LiveListener} */ heard) => ((listener = heard), () => (listener = null)), watch: () => () => {} }));
    const growth = new Growth(api, 'id');
    assert.equal((await growth.read())?.count, 5);
    assert.equal(await growth.read(), null, 'nothing new');
    let grown = 0;
    /** @type {() => void} */
    let done = () => {};
    growth.follow(live, async () => {
      grown += 1;
      await growth.read();
      await new Promise((resolve) => (done = () => resolve(undefined)));
    });
    const says = () => listener?.([{ number: 1, name: 'trace.spans', data: { trace_id: 'id' } }]);
    says();
    says();
    mock.timers.tick(10_000);
    assert.equal(grown, 1, 'what comes together is one');
    says();
    mock.timers.tick(20_000);
    assert.equal(grown, 1, 'never two at once');
    await new Promise(setImmediate);
    done();
    await new Promise(setImmediate);
    mock.timers.tick(20_000);
    assert.equal(grown, 2);
    assert.deepEqual(tags, ['', '"1"', '"1"', '"3"']);
    growth.end();
    assert.equal(listener, null);
  });
});

// The model of the console's trace viewer: values in, values out.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Axis, foldIdle, ticks, VIEW_US_MIN } from '../../../src/console/web/model/trace/axis.js';
import { CAT, FLAG, Trace } from '../../../src/console/web/model/trace/columns.js';
import { compare } from '../../../src/console/web/model/trace/compare.js';
import { asked, match, parse } from '../../../src/console/web/model/trace/find.js';
import { level, packed, startRows, treeRows } from '../../../src/console/web/model/trace/layout.js';
import { pages } from '../../../src/console/web/model/trace/pages.js';
import { cut, delta, share } from '../../../src/console/web/model/trace/words.js';
import { wire } from '../lib/wire.js';

/** @import { Made } from '../lib/wire.js' */

/** @param {Made[]} spans @param {Parameters<typeof wire>[1]} [more] */
const trace = (spans, more) => new Trace(wire(spans, more));

const FAMILY = [
  { id: 'a', from: 0, to: 100 },
  { id: 'b', parent: 'a', from: 10, to: 40 },
  { id: 'c', parent: 'b', from: 12, to: 20 },
  { id: 'd', parent: 'a', from: 50, to: 90 },
];
const all = () => true;

test('what ends by inactivity is never told as slower', () => {
  const page = (/** @type {number} */ to) => trace([
    { id: 'p', from: 0, to, flags: FLAG.BROWSER, stage: 'pageload', name: '/' }, { id: 'e', parent: 'p', from: 10, to: 500_000, flags: FLAG.EDGE, stage: 'request', name: 'GET /' },
  ], { entry: 'e' });
  const { verdicts, sentence } = compare(page(9e6), page(1e6));
  assert.deepEqual(verdicts, ['same', 'same']);
  assert.match(sentence, /No span differs/);
});

describe('columns', () => {
  test('rows become a tree', () => {
    const it = trace(FAMILY);
    assert.deepEqual([...it.parent], [-1, 0, 1, 0]);
    assert.deepEqual([...it.depth], [0, 1, 2, 1]);
    assert.deepEqual([...it.size], [4, 2, 1, 1]);
    assert.deepEqual(it.children(0), [1, 3]);
    assert.deepEqual(it.ancestors(2), [0, 1]);
    assert.equal(it.length, 100);
  });

  test('what claims to be a tree and is none stays one', () => {
    const it = trace([
      { id: 'a', parent: 'c', from: 0, to: 10 },
      { id: 'b', parent: 'a', from: 1, to: 2 },
      { id: 'c', parent: 'b', from: 2, to: 3 },
      { id: 'x', parent: 'x', from: 4, to: 5 },
      { id: 'y', parent: 'gone', from: 6, to: 7, flags: FLAG.ORPHAN },
      { id: 'z', parent: 'b', from: 8, to: 9 },
    ]);
    assert.deepEqual([...it.parent], [-1, 0, 1, -1, -1, -1]);
    assert.deepEqual([...it.depth], [0, 1, 2, 0, 0, 0]);
  });

  test('a span that ends before it begins has no length', () => {
    const it = trace([{ id: 'a', from: 10, to: 4, flags: FLAG.BACKWARDS }]);
    assert.equal(it.duration(0), 0);
    assert.equal(it.length, 10);
  });

  test('nothing is a trace too', () => {
    const it = trace([]);
    assert.equal(it.entry, -1);
    assert.equal(it.length, 1);
    assert.deepEqual(pages(it).pages, []);
  });

  test('own parts are what no child covers', () => {
    const it = trace([
      { id: 'a', from: 0, to: 100 },
      { id: 'b', parent: 'a', from: -5, to: 10 },
      { id: 'c', parent: 'a', from: 20, to: 50 },
      { id: 'd', parent: 'a', from: 30, to: 40 },
      { id: 'e', parent: 'a', from: 45, to: 60 },
      { id: 'f', parent: 'a', from: 90, to: 200 },
    ]);
    assert.deepEqual(it.ownParts(0), [[10, 20], [60, 90]]);
    assert.deepEqual(it.ownParts(1), [[-5, 10]]);
  });

  test('colours: the edge has none, calls are sky, services in their order', () => {
    const it = trace([
      { id: 'e', from: 0, to: 9, flags: FLAG.EDGE },
      { id: 'a', from: 0, to: 9, svc: 'one' },
      { id: 'b', from: 0, to: 9, svc: 'two' },
      { id: 'c', from: 0, to: 9, svc: 'one', flags: FLAG.CALL },
      { id: 'p', from: 0, to: 9, flags: FLAG.BROWSER, stage: 'pageload' },
    ]);
    assert.deepEqual([...it.cat], [CAT.EDGE, CAT.APP, CAT.APP, CAT.FETCH, CAT.BROWSER]);
    assert.deepEqual([0, 1, 2, 3, 4].map((row) => it.colour(row)), ['ink', 'violet', 'teal', 'fetch', 'browser']);
    assert.equal(it.endsByInactivity(4), true);
  });

  test('whose clock was moved is known by who made a span', () => {
    const spans = [
      { id: 'b', from: 0, to: 50, flags: FLAG.BROWSER, svc: 'web', stage: 'http.client' },
      { id: 'e', parent: 'b', from: 5, to: 40, flags: FLAG.EDGE, svc: 'web', stage: 'request' },
      { id: 'a', parent: 'e', from: 6, to: 30 },
    ];
    const clock = { svc: 'web', maker: /** @type {const} */ ('browser'), instance: '', offset_us: -2000, err_us: 5, samples: 1, contradictions: 0 };
    const it = trace(spans, { clock, clocks: [clock, { ...clock, svc: 'shop', maker: 'app', offset_us: 20 }] });
    assert.deepEqual([0, 1, 2].map((row) => it.clocks(row).length), [1, 0, 1]);
    assert.deepEqual([0, 1, 2].map((row) => it.moved(row)), [-2000, 0, 0]);
  });

  test('a tree as deep as it is long costs no stack', () => {
    const deep = Array.from({ length: 50_000 }, (_, at) => (
      { id: String(at), ...(at > 0 ? { parent: String(at - 1) } : {}), name: 'x', from: at, to: 100_000 - at }));
    const it = trace(deep);
    assert.equal(it.maxDepth, 49_999);
    assert.equal(treeRows(it, { folded: new Set([10]), shown: all }).length, 11);
  });
});

describe('layout', () => {
  test('folding hides a subtree', () => {
    const it = trace(FAMILY);
    assert.deepEqual([...treeRows(it, { folded: new Set([1]), shown: all })], [0, 1, 3]);
    assert.deepEqual([...treeRows(it, { folded: new Set(), shown: (row) => row !== 0 })], [1, 2, 3]);
  });

  test('levels fold from the deepest, unfold from the top', () => {
    const it = trace(FAMILY);
    const folded = new Set();
    level(it, folded, 'fold');
    assert.deepEqual([...folded], [1]);
    level(it, folded, 'fold');
    assert.deepEqual([...folded].sort(), [0, 1]);
    level(it, folded, 'unfold');
    assert.deepEqual([...folded], [1]);
  });

  test('by start, whatever the tree', () => {
    const it = trace([{ id: 'a', from: 5, to: 9 }, { id: 'b', parent: 'a', from: 7, to: 8 }, { id: 'c', from: 6, to: 7 }]);
    assert.deepEqual([...startRows(it, all)], [0, 2, 1]);
  });

  test('spans share a lane unless they overlap, and stand below their parents', () => {
    const it = trace([
      { id: 'a', from: 0, to: 100 },
      { id: 'b', parent: 'a', from: 0, to: 50 },
      { id: 'c', parent: 'a', from: 40, to: 60 },
      { id: 'd', parent: 'a', from: 60, to: 70 },
    ]);
    assert.deepEqual([...packed(it, all).lane], [0, 1, 2, 1]);
  });
});

describe('axis', () => {
  test('zooming keeps the moment under the pointer', () => {
    const axis = new Axis([0, 1000]);
    axis.width = 500;
    for (const factor of [0.5, 0.3, 2, 0.01]) {
      const before = axis.time(123);
      axis.zoomAt(factor, 123);
      assert.ok(Math.abs(axis.time(123) - before) < 1e-6 || axis.isWhole);
      assert.ok(Math.abs(axis.x(before) - 123) < 1e-6 || axis.isWhole);
    }
  });

  test('it goes no closer than 10 us, and no further than all', () => {
    const axis = new Axis([0, 1e6]);
    axis.zoomAt(1e-9, 300);
    assert.equal(axis.view[1] - axis.view[0], VIEW_US_MIN);
    axis.zoomAt(1e12, 0);
    assert.deepEqual(axis.view, [0, 1e6]);
    axis.show(-50, 2e6);
    assert.equal(axis.isWhole, true);
    axis.show(NaN, 4);
    assert.equal(axis.isWhole, true);
  });

  test('what was done is undone', () => {
    const axis = new Axis([0, 1000]);
    axis.show(100, 200);
    axis.fit(120, 140);
    assert.deepEqual(axis.view, [115, 145]);
    assert.equal(axis.back(), true);
    assert.deepEqual(axis.view, [100, 200]);
    axis.back();
    assert.deepEqual(axis.view, [0, 1000]);
    assert.equal(axis.back(), false);
  });

  test('panning stops at the ends', () => {
    const axis = new Axis([0, 1000]);
    axis.show(100, 200);
    axis.pan(-5);
    assert.deepEqual(axis.view, [0, 100]);
    axis.pan(100);
    assert.deepEqual(axis.view, [900, 1000]);
  });

  test('a growing trace grows the view of whoever sees all of it', () => {
    const axis = new Axis([0, 1000]);
    axis.rebound([0, 2000], axis.folding);
    assert.deepEqual(axis.view, [0, 2000]);
    axis.show(100, 200);
    axis.rebound([0, 4000], axis.folding);
    assert.deepEqual(axis.view, [100, 200]);
  });

  test('idle gaps fold to a sliver, and every moment still has its place', () => {
    const folding = foldIdle([[0, 100], [50, 120], [10_000, 10_100]], [0, 10_100]);
    assert.equal(folding.gaps.length, 1);
    for (const time of [0, 60, 120, 5000, 10_000, 10_050, 10_100]) {
      assert.ok(Math.abs(folding.from(folding.to(time)) - time) < 1e-6, `${time}`);
    }
    assert.ok(folding.to(10_100) < 300);
    assert.ok(folding.to(5000) > folding.to(120) && folding.to(5000) < folding.to(10_000));
  });

  test('ticks are round, in order, and not too many', () => {
    const axis = new Axis([0, 1_283_000]);
    axis.width = 900;
    const { times, step } = ticks(axis);
    assert.equal(step, 200_000);
    assert.deepEqual(times, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000, 1_200_000]);
    assert.deepEqual(ticks(axis, { origin: 70_000 }).times.slice(0, 2), [70_000, 270_000]);
  });
});

describe('find', () => {
  const it = trace([
    { id: 'a', name: 'GET /cart', from: 0, to: 100_000, svc: 'waylight', flags: FLAG.EDGE, tag: '503', status: 2 },
    { id: 'b', parent: 'a', name: 'SELECT items', from: 0, to: 60_000, svc: 'redis' },
    { id: 'c', parent: 'a', name: 'render', from: 0, to: 4_000, svc: 'shop', note: 'cart.html' },
  ]);
  /** @param {string} text @param {Map<string, Set<number>>} [found] */
  const rows = (text, found) => [...match(it, parse(text), found)].flatMap((hit, row) => (hit ? [row] : []));
  const cases = /** @type {[string, number[]][]} */ ([
    ['cart', [0, 2]], ['CART render', [2]], ['svc:redis', [1]], ['status:error', [0]], ['status:5xx', [0]],
    ['status:ok', [1, 2]], ['>50ms', [0, 1]], ['<5ms', [2]], ['>0.05s -svc:redis', [0]], ['kind:edge', [0]],
    ['name:"get /c"', [0]], ['"get /cart"', [0]], ['', [0, 1, 2]], ['nothing', []], ['-cart', [1]],
  ]);
  for (const [text, expected] of cases) test(text || '(nothing)', () => assert.deepEqual(rows(text), expected));

  test('attributes are asked for, and count once they are known', () => {
    assert.deepEqual(asked(parse('db.rows:12 cart >5ms')), ['db.rows:12', 'cart']);
    assert.deepEqual(rows('db.rows:12'), []);
    assert.deepEqual(rows('db.rows:12', new Map([['db.rows:12', new Set([1])]])), [1]);
    assert.deepEqual(rows('cart', new Map([['cart', new Set([1])]])), [0, 1, 2]);
  });

  test('what cannot be understood is said', () => {
    assert.match(parse('>fast').fault ?? '', />fast/);
    assert.match(parse('a '.repeat(40)).fault ?? '', /12/);
    assert.equal(parse('svc: "').fault, null);
  });
});

describe('pages', () => {
  test('a short trace is one page', () => {
    assert.equal(pages(trace(FAMILY)).pages.length, 1);
  });

  test('a page that stays open for hours is one page a navigation', () => {
    const hour = 3600e6;
    const { pages: list, of } = pages(trace([
      { id: 'load', from: 0, to: 30e6, flags: FLAG.BROWSER, stage: 'pageload' },
      { id: 'doc', parent: 'load', from: 1000, to: 400_000, flags: FLAG.EDGE, stage: 'request' },
      { id: 'late', parent: 'doc', from: hour, to: hour + 50_000, flags: FLAG.EDGE, stage: 'request' },
      { id: 'app', parent: 'late', from: hour + 10, to: hour + 40_000 },
      { id: 'nav', parent: 'load', from: 2 * hour, to: 2 * hour + 1e6, flags: FLAG.BROWSER, stage: 'navigation' },
      { id: 'call', parent: 'nav', from: 2 * hour + 5, to: 2 * hour + 9000, flags: FLAG.EDGE, stage: 'request' },
    ]));
    assert.deepEqual([...of], [0, 0, 1, 1, 2, 2]);
    assert.deepEqual(list.map((page) => page.rows), [2, 2, 2]);
    assert.ok(list.every((page) => page.to - page.from < 60e6));
  });
});

describe('compare', () => {
  const before = trace([
    { id: '1', name: 'GET', from: 0, to: 100_000 },
    { id: '2', parent: '1', name: 'SELECT 17', from: 0, to: 10_000 },
    { id: '3', parent: '1', name: 'old', from: 0, to: 10_000 },
  ]);
  const now = trace([
    { id: 'a', name: 'GET', from: 500, to: 300_500 },
    { id: 'b', parent: 'a', name: 'SELECT 18', from: 500, to: 80_500 },
    { id: 'c', parent: 'a', name: 'start', from: 500, to: 120_500 },
    { id: 'd', parent: 'c', name: 'spawn', from: 500, to: 20_500 },
  ]);

  test('spans are paired by name and place', () => {
    const it = compare(now, before);
    assert.deepEqual([...it.pair], [0, 1, -1, -1]);
    assert.deepEqual(it.gone, [2]);
    assert.deepEqual(it.verdicts, ['slower', 'slower', 'new', 'new']);
    assert.equal(it.shift, 500);
    assert.equal(it.sentence,
      'Slower by 200 ms (300 ms against 100 ms). New: start +120 ms. Changed: SELECT 18 +70 ms. 1 span is gone.');
  });

  test('with more runs, what lies between them is noise', () => {
    const it = compare(now, before, { [before.id_(0)]: [2, 100_000, 100_000, 320_000, 320_000], [before.id_(1)]: [2, 10_000, 10_000, 12_000, 12_000] });
    assert.deepEqual(it.verdicts.slice(0, 2), ['noise', 'slower']);
    assert.match(it.sentence, /^Within the noise of 2 runs: 300 ms against 100 ms\./);
  });

  test('the longest run of all lies between them, too, whenever it began', () => {
    const longest = trace([{ id: 'a', name: 'GET', from: 7542.208, to: 7542.208 + 63_384.683 }]);
    const it = compare(longest, before, { [before.id_(0)]: [2, 100, 100, 63_384.683, 63_384.683] });
    assert.deepEqual(it.verdicts, ['noise']);
  });

  test('a page load is never what is compared', () => {
    const load = (/** @type {number} */ to) => trace([{ id: 'p', from: 0, to, flags: FLAG.BROWSER, stage: 'pageload' }]);
    assert.match(compare(load(5e6), load(1e6)).sentence, /^There is no request to compare/);
  });
});

describe('words', () => {
  test('differences, shares, and texts cut short', () => {
    assert.deepEqual([delta(72_900), delta(-251_000), delta(0)], ['+72.9 ms', '\u2212251 ms', '0']);
    assert.deepEqual([share(700, 1_283_000), share(178, 1283), share(5, 0)], ['0.05 %', '14 %', '\u2013']);
    assert.equal(cut('a'.repeat(9), 5), 'aaaaa\u2026');
    assert.equal(cut('\u{1f41d}'.repeat(9), 2), '\u{1f41d}\u{1f41d}\u2026');
  });
});

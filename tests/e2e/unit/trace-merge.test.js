// A trace that has grown, made of what is known and of what is told since: every figure by hand.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { merged } from '../../../src/console/web/model/trace/merge.js';
import { wire } from '../lib/wire.js';

/** @import { Trace as Wire } from '../../../src/console/web/types/wire.d.ts' */

/** Rows as their reader knows them, with their events. @param {Wire | null} it */
const rows = (it) => it?.spans.id.map((id, row) => {
  const text = (/** @type {number | undefined} */ place) => it.strings[place ?? -1];
  const events = it.events.filter(([of]) => of === row).map(([, at, name]) => `${text(name)}@${at}`);
  return [id, text(it.spans.name[row]), it.spans.start_us[row], it.spans.own_us[row], ...events].join(' ');
});

const KNOWN = wire([
  { id: 'a', name: 'GET /', from: 0, to: 100 }, { id: 'b', parent: 'a', name: 'query', from: 10, to: 20 },
  { id: 'c', parent: 'a', name: 'render', from: 30, to: 40 }, { id: 'd', parent: 'gone', name: 'query', from: 50, to: 60 },
], { events: [[1, 12, 1], [2, 33.5, 0]] });

/** @param {Parameters<typeof wire>[0]} made @param {Partial<Wire>} more */
const told = (made, more) => wire(made, { version: '2-2', ...more });

describe('a trace that has grown', () => {
  test('told as a whole is the whole', () => {
    const whole = told([{ id: 'x', from: 0, to: 1 }], {});
    assert.equal(merged(KNOWN, whole), whole);
    assert.equal(merged(null, whole), whole);
  });

  test('has what is new between what was known, and what changed in its place', () => {
    const it = merged(KNOWN, told(
      [{ id: 'a', name: 'GET /', from: 0, to: 100, own: 70 }, { id: 'n', parent: 'a', name: 'new', from: 5, to: 9 }],
      { since: { version: '1-1', shift_us: 0, kept: [[2, 1, 3]] }, events: [[1, 7, 1]], state: 'open' }));
    assert.deepEqual(rows(it), ['a GET / 0 70', 'n new 5 4 new@7', 'b query 10 10 query@12', 'c render 30 10 GET /@33.5', 'd query 50 10']);
    assert.deepEqual([it?.version, it?.state, it && 'since' in it], ['2-2', 'open', false]);
    assert.equal(new Set(it?.strings).size, it?.strings.length, 'each text once');
  });

  test('moves rows without sending them, and takes an earlier beginning into account', () => {
    const it = merged(KNOWN, told([{ id: 'p', name: 'parent', from: 0, to: 200 }], { since: { version: '1-1', shift_us: 20.25, kept: [[1, 3, 1], [2, 0, 3]] } }));
    assert.deepEqual(rows(it), ['p parent 0 200', 'd query 70.25 10', 'a GET / 20.25 100', 'b query 30.25 10 query@32.25', 'c render 50.25 10 GET /@53.75']);
  });

  test('is added to again and again', () => {
    let it = KNOWN;
    for (let turn = 0; turn < 5; turn++) {
      const count = it.spans.id.length;
      const next = told([{ id: `t${turn}`, name: `turn ${turn}`, from: 100 + turn, to: 101 + turn }],
        { version: `${turn + 2}-1`, since: { version: it.version, shift_us: 0, kept: [[0, 0, count]] } });
      it = merged(it, next) ?? KNOWN;
    }
    assert.deepEqual(rows(it)?.slice(4), [0, 1, 2, 3, 4].map((turn) => `t${turn} turn ${turn} ${100 + turn} 1`));
  });

  test('is not made of another trace than the one that is known', () => {
    const of = (/** @type {string} */ version, /** @type {[number, number, number][]} */ kept) => told([{ id: 'n', from: 0, to: 1 }], { since: { version, shift_us: 0, kept } });
    assert.equal(merged(null, of('1-1', [[0, 0, 4]])), null);
    assert.equal(merged(KNOWN, of('1-2', [[0, 0, 4]])), null);
    for (const kept of /** @type {[number, number, number][][]} */ ([[[0, 0, 5]], [[0, 2, 3]], [[2, 0, 2]], [[1, 0, 2], [2, 2, 1]], [[0, -1, 2]]])) {
      assert.equal(merged(KNOWN, of('1-1', kept)), null, JSON.stringify(kept));
    }
  });
});

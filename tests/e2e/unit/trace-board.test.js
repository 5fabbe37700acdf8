// What is on the table while a trace grows: what is chosen and looked at stays.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { Axis, UNFOLDED } from '../../../src/console/web/model/trace/axis.js';
import { FLAG, Trace } from '../../../src/console/web/model/trace/columns.js';
import { Board, DIRTY } from '../../../src/console/web/views/trace/board.js';
import { wire } from '../lib/wire.js';

/** @import { Made } from '../lib/wire.js' */

/** @param {Made[]} spans @param {Parameters<typeof wire>[1]} [more] */
const trace = (spans, more) => new Trace(wire(spans, more));
const EDGE = [{ id: 'e', from: 0, to: 100, flags: FLAG.EDGE, stage: 'request' }, { id: 'u', parent: 'e', from: 10, to: 90, flags: FLAG.EDGE | FLAG.HOLE, stage: 'upstream.request' }];
const SECOND = 1e6;

describe('a board whose trace grows', () => {
  /** What was drawn. @type {number[]} */ let drawn;
  beforeEach(() => {
    drawn = [];
    Object.assign(globalThis, { requestAnimationFrame: () => 1, cancelAnimationFrame: () => {} });
  });
  const draw = (/** @type {number} */ dirty) => void drawn.push(dirty);

  test('goes nowhere, though something is chosen', () => {
    const board = new Board(trace(EDGE), draw);
    board.select(1);
    board.flush();
    assert.ok((drawn.at(-1) ?? 0) & DIRTY.REACH, 'what somebody chooses is to be seen');
    board.put(trace([...EDGE, { id: 'z', parent: 'e', from: 95, to: 99 }]), null);
    board.flush();
    assert.equal((drawn.at(-1) ?? 0) & DIRTY.REACH, 0);
    board.reveal(1);
    board.flush();
    assert.ok((drawn.at(-1) ?? 0) & DIRTY.REACH, 'who asks for what is chosen already is led there');
  });

  test('has no hole any more where the app has told', () => {
    const board = new Board(trace(EDGE, { holes: [{ span: 'u', mend: 'LINE' }] }), draw);
    board.select(1, { hole: true });
    board.put(trace([...EDGE, { id: 'a', parent: 'u', from: 20, to: 80 }]), null);
    assert.deepEqual([board.selected, board.onHole], [1, false]);
  });

  test('stays on its page when another comes before it', () => {
    const page = (/** @type {string} */ id, /** @type {number} */ at) => ({ id, from: at * SECOND, to: at * SECOND + 1000, flags: FLAG.BROWSER, stage: 'navigation' });
    const board = new Board(trace([page('a', 0), page('c', 200)]), draw);
    board.turn(1);
    board.put(trace([page('a', 0), page('b', 100), page('c', 200)]), null);
    assert.equal(board.page, 2);
  });

  test('takes no zoom of another page back', () => {
    const page = (/** @type {string} */ id, /** @type {number} */ at) => ({ id, from: at * SECOND, to: at * SECOND + 1000, flags: FLAG.BROWSER, stage: 'navigation' });
    const board = new Board(trace([page('a', 0), page('c', 200)]), draw);
    board.axis.show(100, 300);
    board.turn(1);
    assert.equal(board.axis.back(), false);
    assert.ok(board.axis.isWhole);
  });

  test('shows the same when it turns out that its trace began earlier', () => {
    const board = new Board(trace(EDGE), draw);
    board.axis.show(20, 80);
    board.axis.show(30, 50);
    const earlier = EDGE.map((span) => ({ ...span, from: span.from + 500, to: span.to + 500 }));
    board.put(trace([{ id: 'b', from: 0, to: 700, flags: FLAG.BROWSER, stage: 'pageload' }, ...earlier], { start_us: 1.7e15 - 500 }), null);
    assert.deepEqual(board.axis.times, [530, 550]);
    board.axis.back();
    assert.deepEqual(board.axis.times, [520, 580]);
  });

  test('can take back a zoom that was made before', () => {
    const axis = new Axis([0, 1000]);
    axis.show(100, 300);
    axis.show(150, 200);
    axis.rebound([0, 2000], UNFOLDED);
    assert.ok(axis.back());
    assert.deepEqual(axis.view, [100, 300]);
    axis.show(1500, 1900);
    axis.show(1600, 1700);
    axis.rebound([0, 1000], UNFOLDED);
    assert.ok(axis.back());
    assert.deepEqual(axis.view, [600, 1000], 'not beyond what there is');
  });
});

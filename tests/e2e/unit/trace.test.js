// The tree, and what it must refuse.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Trace, tracesOf } from '../lib/trace.js';

/** @import { Span } from '../lib/otlp.js' */

/**
 * @param {string} id
 * @param {string} parent
 * @param {[number, number]} times
 * @param {Partial<Span>} [more]
 * @returns {Span}
 */
function span(id, parent, [start, end], more = {}) {
  return {
    traceId: 'a'.repeat(32), spanId: id, parentSpanId: parent, traceState: '', name: id, kind: 1,
    start: BigInt(start), end: BigInt(end), attributes: {}, events: [], links: [], status: { code: 0, message: '' },
    flags: 0, scope: 'waylight', resource: {}, service: 'edge', ...more,
  };
}

const root = () => span('root', '', [10, 90], { kind: 2, attributes: { 'waylight.stage': 'request' } });

test('a sound tree', () => {
  const trace = new Trace([span('b', 'root', [40, 80]), root(), span('a', 'root', [20, 30]), span('c', 'b', [50, 60])]);
  trace.assertSound();
  assert.ok(trace.complete);
  assert.deepEqual(trace.children(trace.root).map((child) => child.name), ['a', 'b']);
  assert.ok(trace.isBelow(trace.the('c'), trace.root));
  assert.match(trace.describe(), /root[^]*a[^]*b[^]*c/);
});

test('a child outside its parent is refused', () => {
  assert.throws(() => new Trace([root(), span('a', 'root', [5, 30])]).assertSound(), /starts before/);
  assert.throws(() => new Trace([root(), span('a', 'root', [20, 95])]).assertSound(), /ends after/);
});

test('clocks of two processes may differ a little', () => {
  new Trace([root(), span('a', 'root', [5, 95], { service: 'app' })]).assertSound();
});

test('a trace whose parents are still missing is not complete', () => {
  assert.ok(!new Trace([span('a', 'root', [20, 30])]).complete);
});

test('an id that stands twice is refused', () => {
  assert.throws(() => new Trace([root(), root()]).assertSound(), /stands twice/);
});

test('spans fall apart into traces', () => {
  const spans = [root(), { ...root(), traceId: 'b'.repeat(32) }];
  assert.deepEqual(tracesOf(spans).map((trace) => trace.id[0]), ['a', 'b']);
});

// The reader of envelopes, on envelopes made here.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browserSpans, parseEnvelope } from '../lib/envelope.js';

const transaction = {
  transaction: '/shop',
  contexts: { trace: { trace_id: 't', span_id: 's', parent_span_id: 'p', op: 'pageload' } },
  spans: [{ trace_id: 't', span_id: 'u', parent_span_id: 's', description: 'GET /api', op: 'http.client' }],
};
const streamed = {
  version: 2,
  items: [{ trace_id: 't', span_id: 's', parent_span_id: 'p', name: '/shop', is_segment: true,
    attributes: { 'sentry.op': { type: 'string', value: 'pageload' } } }],
};

test('items with and without a length', () => {
  const binary = 'two\nlines';
  const text = `{"sdk":{}}\n{"type":"attachment","length":${binary.length}}\n${binary}\n{"type":"session"}\n{}\n`;
  const { items } = parseEnvelope(Buffer.from(text));
  assert.deepEqual(items.map((item) => item.headers['type']), ['attachment', 'session']);
  assert.equal(items[0]?.payload.toString(), binary);
});

test('a cut item is refused', () => {
  assert.throws(() => parseEnvelope(Buffer.from('{}\n{"type":"a","length":9}\nshort')), /cut off/);
});

test('spans of both forms', () => {
  const text = `{}\n{"type":"transaction"}\n${JSON.stringify(transaction)}\n{"type":"span"}\n${JSON.stringify(streamed)}`;
  const spans = browserSpans(parseEnvelope(Buffer.from(text)));
  assert.deepEqual(spans.map((span) => [span.name, span.op, span.parentSpanId, span.isSegment]), [
    ['/shop', 'pageload', 'p', true],
    ['GET /api', 'http.client', 's', false],
    ['/shop', 'pageload', 'p', true],
  ]);
});

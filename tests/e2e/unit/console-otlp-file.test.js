// A trace out of a file: one message, or one on each line.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readOtlp } from '../../../src/console/web/model/otlp.js';

test('a file is one message, however it is indented', () => {
  const message = { resourceSpans: [{ scopeSpans: [] }] };
  assert.deepEqual(readOtlp(JSON.stringify(message)), message);
  assert.deepEqual(readOtlp(JSON.stringify(message, null, 2)), message);
});

test('or one message on each line, whose spans are of one file', () => {
  const line = (/** @type {string} */ name) => JSON.stringify({ resourceSpans: [{ name }] });
  assert.deepEqual(readOtlp(`${line('a')}\r\n\n${line('b')}\n`), { resourceSpans: [{ name: 'a' }, { name: 'b' }] });
  assert.deepEqual(readOtlp(`${line('a')}\n{"resourceLogs":[]}`), { resourceSpans: [{ name: 'a' }] });
});

test('what is no JSON is an error', () => {
  for (const text of ['', 'none', '{"resourceSpans":[]}\nnone']) assert.throws(() => readOtlp(text), SyntaxError, text);
});

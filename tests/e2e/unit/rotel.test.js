// Somebody else's collector, taken into service: what it gets arrives at our receiver.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Receiver } from '../lib/receiver.js';
import { Rotel } from '../lib/rotel.js';

test('rotel passes on what it gets', async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  const rotel = await Rotel.start(new URL(receiver.httpUrl).origin);
  t.after(() => rotel.stop());
  const span = {
    traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'GET /', kind: 2,
    startTimeUnixNano: '1000', endTimeUnixNano: '2000',
    attributes: [{ key: 'waylight.stage', value: { stringValue: 'request' } }],
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'edge' } }] };
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] });
  const sent = await fetch(rotel.httpUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  assert.equal(sent.status, 200);
  const trace = await receiver.trace('the span', (it) => it.complete);
  assert.equal(trace.root.service, 'edge');
  assert.deepEqual(receiver.faults, []);
});

// The strict receiver must refuse what is wrong, or its green means nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { request } from '../lib/net.js';
import { spansOfJson, spansOfProtobuf } from '../lib/otlp.js';
import { Receiver } from '../lib/receiver.js';

const TRACE = '5b8efff798038103d269b633813fc60c';
const SPAN = 'eee19b7ec3c1b174';

/** @param {Record<string, unknown>} [changes] */
function message(changes = {}) {
  const span = {
    traceId: TRACE,
    spanId: SPAN,
    name: 'GET /',
    kind: 2,
    startTimeUnixNano: '1000',
    endTimeUnixNano: '3000',
    attributes: [{ key: 'url.path', value: { stringValue: '/' } }, { key: 'n', value: { intValue: '7' } }],
    events: [{ name: 'seen', timeUnixNano: '2000' }],
    status: {},
    flags: 257,
    ...changes,
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'waylight' }, spans: [span] }] }] };
}

/** A length-delimited field, a varint field, and one of eight octets. */
const len = (/** @type {number} */ number, /** @type {Buffer | string} */ value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
const varint = (/** @type {number} */ number, /** @type {number} */ value) => Buffer.from([number << 3, value]);
const fixed64 = (/** @type {number} */ number, /** @type {bigint} */ value) => {
  const bytes = Buffer.alloc(9, (number << 3) | 1);
  bytes.writeBigUInt64LE(value, 1);
  return bytes;
};

/** @param {...Buffer} more */
function protobuf(...more) {
  const attribute = len(1, Buffer.concat([len(1, 'service.name'), len(2, len(1, 'shop'))]));
  const span = Buffer.concat([
    len(1, Buffer.from(TRACE, 'hex')),
    len(2, Buffer.from(SPAN, 'hex')),
    len(5, 'GET /'),
    varint(6, 2),
    fixed64(7, 1000n),
    fixed64(8, 3000n),
    ...more,
  ]);
  return len(1, Buffer.concat([len(1, attribute), len(2, len(2, span))]));
}

test('JSON and protobuf give the same span', () => {
  const [json] = spansOfJson(JSON.stringify(message({ attributes: [], events: [], flags: 0 })));
  const [binary] = spansOfProtobuf(protobuf());
  assert.ok(json && binary);
  assert.deepEqual({ ...json, scope: '' }, binary);
  assert.equal(json.start, 1000n);
  assert.equal(json.service, 'shop');
});

test('attributes keep their kinds', () => {
  const [span] = spansOfJson(JSON.stringify(message()));
  assert.deepEqual(span?.attributes, { 'url.path': '/', n: 7 });
});

const FAULTS = /** @type {[string, Record<string, unknown>, RegExp][]} */ ([
  ['an unknown field', { colour: 'red' }, /no such field/],
  ['an upper-case id', { traceId: TRACE.toUpperCase() }, /no hex/],
  ['a zero id', { traceId: '0'.repeat(32) }, /trace id/],
  ['a short id', { spanId: 'eee1' }, /span id/],
  ['no name', { name: '' }, /no name/],
  ['an unspecified kind', { kind: 0 }, /kind/],
  ['a kind by name', { kind: 'SPAN_KIND_SERVER' }, /no enum/],
  ['a time as a number', { startTimeUnixNano: 1000 }, /no fixed64/],
  ['an end before the start', { endTimeUnixNano: '999' }, /ends before/],
  ['itself as parent', { parentSpanId: SPAN }, /own parent/],
  ['a key twice', { attributes: [{ key: 'a', value: {} }, { key: 'a', value: {} }] }, /twice/],
  ['a message without an error', { status: { code: 1, message: 'fine' } }, /without an error/],
]);
for (const [what, changes, fault] of FAULTS) {
  test(`a span with ${what} is refused`, () => {
    assert.throws(() => spansOfJson(JSON.stringify(message(changes))), fault);
  });
}

test('protobuf with an unknown field or a cut is refused', () => {
  assert.throws(() => spansOfProtobuf(protobuf(varint(31 & 15, 1))), /wire type|no field/);
  assert.throws(() => spansOfProtobuf(protobuf().subarray(0, 40)), /cut off/);
});

test('the receiver takes gzip, answers in kind, and remembers faults', async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  const body = gzipSync(JSON.stringify(message()));
  const send = (/** @type {Buffer} */ bytes, /** @type {Record<string, string>} */ headers) =>
    fetch(receiver.httpUrl, { method: 'POST', headers, body: new Uint8Array(bytes) });
  const good = await send(body, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
  assert.equal(good.status, 200);
  assert.equal(good.headers.get('content-type'), 'application/json');
  assert.equal(receiver.spans.items.length, 1);
  const bad = await send(Buffer.from('{"resourceSpans":[]}'), { 'content-type': 'application/json' });
  assert.equal(bad.status, 400);
  assert.match(receiver.faults[0] ?? '', /no spans/);
  const strange = await request(receiver.httpUrl.replace('v1', 'v2'), { method: 'POST' });
  assert.equal(strange.status, 400);
});

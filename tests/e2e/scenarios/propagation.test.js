// What happens to trace context that comes in, under each policy, traced and not: docs/propagation.md.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { configuration } from '../lib/config.js';
import { edgeRoot } from '../lib/edge.js';
import { Receiver } from '../lib/receiver.js';
import { Upstream, htmlPage } from '../lib/upstream.js';
import { Visitor } from '../lib/visitor.js';
import { Waylight } from '../lib/waylight.js';

const PAGE = '<!doctype html><html><head><title>app</title></head><body>the app</body></html>';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const INCOMING = {
  traceparent: `00-${TRACE}-${PARENT}-01`,
  tracestate: 'vendor=1',
  'sentry-trace': `${TRACE}-${PARENT}-0`,
  baggage: `sentry-trace_id=${TRACE},sentry-sampled=false,user=7;p=1`,
};

describe('trace context that comes in', () => {
  /** @type {Receiver} */ let receiver;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Visitor} */ let stranger;

  before(async () => {
    receiver = await Receiver.start();
    upstream = await Upstream.start({ '*': htmlPage(PAGE) });
    const route = (/** @type {string} */ policy) => [
      '[[site.route]]',
      `path = "/${policy}/*"`,
      'upstream = "app"',
      `propagation = "${policy}"`,
      '[[site.route]]',
      `path = "/traced/${policy}/*"`,
      'upstream = "app"',
      `propagation = "${policy}"`,
      'trace = { ratio = 1.0 }',
    ];
    waylight = await Waylight.run(
      configuration({
        upstream: upstream.url,
        exports: [{ name: 'receiver', endpoint: receiver.httpUrl, protocol: 'http/json' }],
        extra: ['accept', 'restart', 'reject'].flatMap(route),
      }),
    );
    stranger = new Visitor(waylight.origin);
  });

  after(async () => {
    await waylight?.stop();
    upstream?.stop();
    receiver?.stop();
  });

  /** The four headers as the upstream got them. @param {string} path */
  const seenAt = (path) => {
    const headers = upstream.requestsTo(path)[0]?.headers ?? {};
    return {
      traceparent: headers['traceparent'],
      tracestate: headers['tracestate'],
      'sentry-trace': headers['sentry-trace'],
      baggage: headers['baggage'],
    };
  };

  for (const policy of ['accept', 'restart']) {
    test(`untraced, ${policy}: untouched`, async () => {
      const answer = await stranger.get(`/${policy}/a`, INCOMING);
      assert.equal(answer.text, PAGE);
      assert.deepEqual(seenAt(`/${policy}/a`), INCOMING);
    });
  }

  test('untraced, reject: gone', async () => {
    await stranger.get('/reject/a', INCOMING);
    assert.deepEqual(Object.values(seenAt('/reject/a')), [undefined, undefined, undefined, undefined]);
  });

  test('traced, accept: the trace goes on, only the span changes, and a 0 stays a 0', async () => {
    const answer = await stranger.get('/traced/accept/a', INCOMING);
    const trace = await receiver.trace('the continued trace', (it) => it.id === TRACE);
    const root = edgeRoot(trace, '/traced/accept/a');
    assert.equal(root.parentSpanId, PARENT);
    const seen = seenAt('/traced/accept/a');
    const [, , span] = String(seen.traceparent).split('-');
    assert.notEqual(span, PARENT);
    assert.ok(trace.isBelow(trace.the((it) => it.spanId === span), root), trace.describe());
    assert.equal(seen['sentry-trace'], `${TRACE}-${span}-0`);
    assert.equal(seen.tracestate, INCOMING.tracestate);
    assert.equal(seen.baggage, INCOMING.baggage);
    assert.ok(answer.text.includes(`content="${TRACE}-${root.spanId}-0"`), answer.text);
    assert.ok(!answer.text.includes('user=7'), 'only Sentry\'s members reach the page');
  });

  test('traced, restart: a new trace with a link; foreign state goes', async () => {
    await stranger.get('/traced/restart/a', INCOMING);
    const trace = await receiver.trace('the new trace', (it) => it.find((span) => span.attributes['url.path'] === '/traced/restart/a'));
    assert.notEqual(trace.id, TRACE);
    const root = edgeRoot(trace, '/traced/restart/a');
    assert.equal(root.parentSpanId, '');
    assert.deepEqual(root.links.map(({ traceId, spanId }) => [traceId, spanId]), [[TRACE, PARENT]]);
    const seen = seenAt('/traced/restart/a');
    assert.ok(String(seen.traceparent).startsWith(`00-${trace.id}-`));
    assert.equal(seen.tracestate, undefined);
    assert.equal(seen.baggage, 'user=7;p=1');
  });

  test('traced, reject: a new trace without a link', async () => {
    await stranger.get('/traced/reject/a', INCOMING);
    const trace = await receiver.trace('the new trace', (it) => it.find((span) => span.attributes['url.path'] === '/traced/reject/a'));
    assert.notEqual(trace.id, TRACE);
    assert.deepEqual(edgeRoot(trace, '/traced/reject/a').links, []);
    assert.equal(seenAt('/traced/reject/a').baggage, undefined);
  });

  test('a traced page answers to one visitor only', async () => {
    const answer = await stranger.get('/traced/restart/b');
    assert.match(answer.text, /<head><meta name="sentry-trace" content="[^"]+"\/><meta name="traceparent"/);
    assert.match(String(answer.headers['cache-control']), /private/);
    assert.match(String(answer.headers['cache-control']), /no-cache/);
    for (const name of ['etag', 'last-modified', 'accept-ranges']) assert.equal(answer.headers[name], undefined);
  });

  test('all that was exported is well formed', () => assert.deepEqual(receiver.faults, []));
});

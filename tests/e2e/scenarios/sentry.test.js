// A page with the real Sentry SDK continues the trace that the edge began.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { metaTags } from '../lib/browser.js';
import { edgeRoot, traceOf } from '../lib/edge.js';
import { scene } from '../lib/scene.js';
import { IMPORT_MAP, htmlPage, scriptFile } from '../lib/upstream.js';

/** @import { Page } from 'playwright-core' */
/** @import { EnvelopeCollector } from '../lib/envelope.js' */
/** @import { Receiver } from '../lib/receiver.js' */
/** @import { Scene } from '../lib/scene.js' */
/** @import { Upstream } from '../lib/upstream.js' */
/** @import { Waylight } from '../lib/waylight.js' */

/** @param {string} dsn @param {number} rate */
const shop = (dsn, rate) => htmlPage(`<!doctype html>
<html lang="en" data-dsn="${dsn}" data-rate="${rate}"><head><meta charset="utf-8"><title>Shop</title>
<script type="importmap">${IMPORT_MAP}</script><script type="module" src="/sentry.js"></script></head>
<body><h1>Shop</h1></body></html>`);

describe('a page with the Sentry SDK', () => {
  /** @type {Scene} */ let set;
  /** @type {Receiver} */ let receiver;
  /** @type {EnvelopeCollector} */ let collector;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Page} */ let page;

  before(async () => {
    set = await scene({
      sentry: true, receives: true, link: [], settings: { toolbar: false },
      pages: (dsn) => ({
        '/shop': shop(dsn, 1), '/quiet': shop(dsn, 0), '/sentry.js': scriptFile('sentry.js'),
        '/api/stock': (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"left":3}'),
      }),
    });
    ({ receiver, collector, upstream, waylight, page } = set);
  });
  after(() => set?.close());

  test('its envelope proves that it continues the injected trace', async () => {
    await page.goto(`${waylight.origin}/shop`);
    const tags = await metaTags(page);
    const id = traceOf(tags);
    assert.match(tags['baggage'] ?? '', new RegExp(`sentry-trace_id=${id}`));
    assert.match(tags['baggage'] ?? '', /sentry-public_key=e2e/);

    const pageload = await collector.span('the page load', (span) => span.isSegment && span.op === 'pageload');
    assert.equal(pageload.traceId, id);
    const trace = await receiver.trace('the edge of that page', (it) => it.id === id);
    assert.equal(pageload.parentSpanId, edgeRoot(trace, '/shop').spanId);
  });

  test('a fetch of that page carries the headers and stays in the trace', async () => {
    const id = traceOf(await metaTags(page));
    const left = await page.evaluate(async () => (await (await fetch('/api/stock')).json()).left);
    assert.equal(left, 3);
    const trace = await receiver.trace('the fetch in the page\'s trace', (it) => {
      return it.id === id && it.spans.some((span) => span.attributes['url.path'] === '/api/stock');
    });
    trace.assertSound();

    const [seen] = upstream.requestsTo('/api/stock');
    assert.ok(String(seen?.headers['sentry-trace']).startsWith(`${id}-`), 'the upstream sees the trace');
    assert.ok(String(seen?.headers['traceparent']).startsWith(`00-${id}-`), 'in both forms');
    assert.match(String(seen?.headers['baggage']), new RegExp(`sentry-trace_id=${id}`));
    const attempt = trace.the((span) => span.spanId === String(seen?.headers['sentry-trace']).split('-')[1]);
    assert.ok(trace.isBelow(attempt, edgeRoot(trace, '/api/stock')), trace.describe());

    // The edge hangs below the browser's span of the fetch, which the SDK reports itself.
    const parent = edgeRoot(trace, '/api/stock').parentSpanId;
    const fetched = await collector.span('the browser\'s span of the fetch', (span) => span.spanId === parent);
    assert.equal(fetched.op, 'http.client');
    assert.equal(fetched.traceId, id);
  });

  test('a page whose own rate is 0 follows the edge\'s decision', async () => {
    await page.goto(`${waylight.origin}/quiet`);
    const id = traceOf(await metaTags(page));
    const pageload = await collector.span('the page load', (span) => span.isSegment && span.traceId === id);
    assert.equal(pageload.op, 'pageload');
  });

  test('all that was exported is well formed', () => assert.deepEqual(receiver.faults, []));
});

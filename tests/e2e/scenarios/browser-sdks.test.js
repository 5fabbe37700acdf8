// Pages that have a tracer of their own: nothing is told twice, and theirs works as without us.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { describe as tree, hide, isOfBrowser, op, opOf, recorded, runs, toldAgent } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { isEdgeRoot } from '../lib/trace.js';
import { IMPORT_MAP, IMPORT_MAP_10, htmlPage, scriptFile } from '../lib/upstream.js';

/** @import { Page } from 'playwright-core' */
/** @import { EnvelopeCollector } from '../lib/envelope.js' */
/** @import { Scene } from '../lib/scene.js' */
/** @import { Upstream } from '../lib/upstream.js' */
/** @import { Waylight } from '../lib/waylight.js' */

/** What OpenTelemetry for the web does to a page: a provider that is registered, and a `fetch` around the page's. */
const OTEL = `
window[Symbol.for('opentelemetry.js.api.1')] = { version: '1.9.1', trace: {} };
const native = window.fetch;
window.fetch = function (input, init = {}) {
  const headers = new Headers(init.headers);
  headers.set('traceparent', '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01');
  return native.call(this, input, { ...init, headers });
};`;

describe('a page with a tracer of its own', () => {
  /** @type {Scene} */ let set;
  /** @type {EnvelopeCollector} */ let collector;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Page} */ let page;

  before(async () => {
    const shop = (/** @type {string} */ dsn, /** @type {string} */ map) => htmlPage(`<!doctype html><html data-dsn="${dsn}" data-rate="1"><head><meta charset="utf-8"><title>Shop</title>
<script type="importmap">${map}</script><script type="module" src="/sentry.js"></script></head><body><h1>Shop</h1></body></html>`);
    set = await scene({ sentry: true, pages: (dsn) => ({
      '/eleven': shop(dsn, IMPORT_MAP), '/ten': shop(dsn, IMPORT_MAP_10), '/sentry.js': scriptFile('sentry.js'),
      '/otel': htmlPage(`<!doctype html><html><head><title>a</title><script>${OTEL}</script></head><body>otel</body></html>`),
      '/full': htmlPage(`<!doctype html><html><head><title>a</title><script>fetch('/hangs', { method: 'POST', keepalive: true, body: 'x'.repeat(65_000) }).catch(() => {});</script></head><body>full</body></html>`),
      '/hangs': () => {}, '*': (_, response) => response.writeHead(200).end('{}'),
    }) });
    ({ collector, upstream, waylight, page } = set);
  });

  after(() => set?.close());

  for (const [path, version] of [['/eleven', /^11\./], ['/ten', /^10\./]]) {
    test(`@sentry/browser ${version} tells the page load and its calls; ours are the requests that the edge's spans hang under`, async () => {
      await page.goto(`${waylight.origin}${path}`);
      await page.waitForFunction(() => document.documentElement.dataset['sdk']);
      assert.match((await page.evaluate(() => document.documentElement.dataset['sdk'])) ?? '', /** @type {RegExp} */ (version));
      await runs(page);
      const { trace: id, edge } = await toldAgent(page);
      await page.evaluate((from) => fetch(`/api${from}`, { method: 'POST' }), path);
      const [asked] = upstream.requestsTo(`/api${path}`);
      assert.equal(String(asked?.headers['sentry-trace']).split(',').length, 1);
      assert.equal(String(asked?.headers['sentry-trace']).split('-')[0], id);
      assert.equal(String(asked?.headers['baggage']).match(/sentry-trace_id=/g)?.length, 1);
      const load = await collector.span('the page load', (span) => span.op === 'pageload' && span.traceId === id);
      assert.equal(load.parentSpanId, edge);
      await hide(page, waylight);
      const trace = await recorded(page, waylight, id, (it) => it.find(op('browser.request')) !== undefined && it.find(op('resource.script')) !== undefined);
      const text = tree(trace);
      const kinds = new Set(trace.spans.filter(isOfBrowser).map((span) => opOf(span).replace(/\..*/, '')));
      assert.deepEqual([...kinds].sort(), ['browser', 'resource'], text);
      for (const span of trace.spans.filter(isOfBrowser)) assert.equal(trace.children(span).filter(isEdgeRoot).length, 1, text);
      const request = trace.the(op('browser.request'));
      assert.equal(request.parentSpanId, '', text);
      assert.equal(trace.parent(/** @type {any} */ (trace.byId.get(edge))), request, text);
    });
  }

  test('OpenTelemetry keeps its headers, and its page load is its own', async () => {
    await page.goto(`${waylight.origin}/otel`);
    await runs(page);
    const { trace: id } = await toldAgent(page);
    await page.evaluate(() => fetch('/api/otel'));
    assert.match(String(upstream.requestsTo('/api/otel')[0]?.headers['traceparent']), /^00-0123456789abcdef0123456789abcdef-[0-9a-f]{16}-0[13]$/);
    await hide(page, waylight);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('browser.request')) !== undefined);
    assert.deepEqual(trace.spans.filter(isOfBrowser).filter((span) => !trace.children(span).some(isEdgeRoot)), [], tree(trace));
    assert.equal(trace.find(op('pageload')), undefined);
  });

  test('a page whose own requests take all the room that is kept for its end tells what it did all the same', async () => {
    await page.goto(`${waylight.origin}/full`);
    await runs(page);
    const { trace: id } = await toldAgent(page);
    await recorded(page, waylight, id, (it) => it.find(op('browser.request')) !== undefined && it.find(op('pageload')) !== undefined);
  });
});

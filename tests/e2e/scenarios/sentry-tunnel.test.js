// Pages with the real Sentry SDKs whose envelopes pass through Waylight: they reach the project, and in a traced session
// their spans stand in our trace.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { metaTags, press, signIn } from '../lib/browser.js';
import { edgeRoot, traceOf } from '../lib/edge.js';
import { within } from '../lib/events.js';
import { scene } from '../lib/scene.js';
import { IMPORT_MAP, IMPORT_MAP_10, htmlPage, scriptFile } from '../lib/upstream.js';

/** @import { Browser, BrowserContext, Page } from 'playwright-core' */
/** @import { EnvelopeCollector } from '../lib/envelope.js' */
/** @import { Receiver } from '../lib/receiver.js' */
/** @import { Scene } from '../lib/scene.js' */
/** @import { Waylight } from '../lib/waylight.js' */

const READABLE = '/monitoring';
const VERSIONS = /** @type {const} */ ([
  { version: '11', path: '/shop-11', map: IMPORT_MAP, tunnel: 'true' },
  { version: '10', path: '/shop-10', map: IMPORT_MAP_10, tunnel: READABLE },
]);
/** The flag of a browser's spans in the API. */
const BROWSER = 2;

/** @param {string} dsn @param {string} map @param {string} tunnel */
const shop = (dsn, map, tunnel) => htmlPage(`<!doctype html>
<html lang="en" data-dsn="${dsn}" data-rate="1" data-tunnel="${tunnel}"><head><meta charset="utf-8"><title>Shop</title>
<script type="importmap">${map}</script><script type="module" src="/sentry.js"></script></head>
<body><h1>Shop</h1><button onclick="fetch('/api/stock')">Stock</button></body></html>`);

describe('the tunnel of a site', () => {
  /** @type {Scene} */ let set;
  /** @type {Receiver} */ let receiver;
  /** @type {EnvelopeCollector} */ let collector;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {BrowserContext} */ let visitor;
  /** @type {Page} */ let page;

  before(async () => {
    set = await scene({
      sentry: true, receives: true, settings: { toolbar: false, sentry: [`tunnel_path = "${READABLE}"`] }, context: { viewport: { width: 1440, height: 900 } },
      pages: (dsn) => ({
        ...Object.fromEntries(VERSIONS.map(({ path, map, tunnel }) => [path, shop(dsn, map, tunnel)])),
        '/sentry.js': scriptFile('sentry.js'),
        '/api/stock': (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"left":3}'),
      }),
    });
    ({ receiver, collector, waylight, browser, context: visitor, page } = set);
    await visitor.addCookies([{ name: 'basket', value: 'full', url: waylight.origin }]);
  });

  after(() => set?.close());

  /** What the API says. @param {string} path @returns {Promise<any>} */
  const api = async (path) => {
    const answer = await visitor.request.get(`${waylight.origin}/_waylight/api/v1${path}`);
    assert.equal(answer.status(), 200, path);
    return answer.json();
  };

  for (const { version, path, tunnel } of VERSIONS) {
    test(`an SDK of version ${version} reports through it`, async () => {
      const posted = page.waitForRequest((request) => request.method() === 'POST');
      await page.goto(`${waylight.origin}${path}`);
      const sdk = await page.evaluate(() => document.documentElement.dataset['sdk']);
      assert.ok(sdk?.startsWith(`${version}.`), sdk);
      const id = traceOf(await metaTags(page));
      await page.evaluate(() => void setTimeout(() => { throw new Error(`spilled by ${document.documentElement.dataset['sdk']}`); }));
      await collector.envelopes.until('the error', () => collector.errors.includes(`spilled by ${sdk}`));
      const where = new URL((await posted).url());
      assert.equal(where.origin, waylight.origin);
      if (tunnel === 'true') assert.match(where.pathname, /^\/[0-9a-z]{1,7}$/);
      else assert.equal(where.pathname, READABLE);
      // One of its own, which it reports when it has ended.
      await page.getByRole('button', { name: 'Stock' }).click();
      const pageload = await collector.span('the page load', (span) => span.op === 'pageload' && span.traceId === id);

      const trace = await receiver.trace('the page load in our trace', (it) => it.id === id && it.find((span) => span.spanId === pageload.spanId));
      const load = trace.the((span) => span.spanId === pageload.spanId);
      assert.equal(load.parentSpanId, edgeRoot(trace, path).spanId, trace.describe());
      assert.equal(load.attributes['sentry.op'], 'pageload');

      // It is stored a little later than it is sent to back ends.
      const { strings, spans } = await eventually('the page load in the store', async () => {
        const told = await api(`/traces/${id}`);
        return told.spans.id.includes(pageload.spanId) && told;
      });
      const at = spans.id.indexOf(pageload.spanId);
      assert.equal(spans.parent[at], edgeRoot(trace, path).spanId);
      assert.ok((spans.flags[at] & BROWSER) > 0, 'it is a browser\'s');
      assert.deepEqual([strings[spans.svc[at]], strings[spans.stage[at]]], ['browser', 'pageload']);
      const detail = await api(`/traces/${id}/spans/${pageload.spanId}`);
      assert.equal(detail.resource['service.name'], 'browser', JSON.stringify(detail));
      assert.equal(detail.resource['telemetry.sdk.name'], 'sentry.javascript.browser');
      assert.equal(detail.resource['telemetry.sdk.version'], sdk);
    });
  }

  test('nothing of the site reaches the project but what it has to', () => {
    assert.ok(collector.posts.length >= VERSIONS.length);
    for (const { url, headers } of collector.posts) {
      assert.equal(url, '/api/42/envelope/?sentry_version=7&sentry_key=e2e');
      assert.equal(headers['x-sentry-forwarded-for'], '127.0.0.1');
      assert.equal(headers['content-type'], 'application/x-sentry-envelope');
      assert.equal(headers['cookie'], undefined);
      assert.match(headers['user-agent'] ?? '', /Chrome/);
      assert.equal(headers['traceparent'] ?? headers['via'] ?? headers['x-forwarded-for'], undefined);
    }
  });

  test('a visitor without a session reports, too, and leaves no trace', async () => {
    const stranger = await browser.newPage();
    const known = new Set(collector.spans.map((span) => span.traceId));
    await stranger.goto(`${waylight.origin}/shop-11`);
    const load = await collector.span('his page load', (span) => span.op === 'pageload' && !known.has(span.traceId));
    const answer = await visitor.request.get(`${waylight.origin}/_waylight/api/v1/traces/${load.traceId}`);
    assert.equal(answer.status(), 404);
    await stranger.close();
  });

  test('a foreign DSN is refused, and one that is foreign to traces adds nothing', async () => {
    const post = (/** @type {string} */ text) => page.evaluate(
      async ([path, body]) => (await fetch(path ?? '', { method: 'POST', body: body ?? '' })).status, [READABLE, text],
    );
    const before = collector.posts.length;
    assert.equal(await post('{"dsn":"https://e2e@sentry.invalid/42"}\n{"type":"event"}\n{}'), 403);
    assert.equal(await post('{"dsn":7}'), 400);
    assert.equal(collector.posts.length, before);
    // A trace of another session.
    const others = createHash('md5').update('others').digest('hex');
    const span = { trace_id: others, span_id: 'b7ad6b7169203331', name: 'x', start_timestamp: 1, end_timestamp: 2 };
    await tell(others);
    const item = JSON.stringify({ type: 'span', content_type: 'application/vnd.sentry.items.span.v2+json' });
    assert.equal(await post(`${JSON.stringify({ dsn: collector.dsn })}\n${item}\n${JSON.stringify({ items: [span] })}`), 200);
    const refused = await counter('waylight_browser_spans_refused_total');
    assert.equal(refused, 1);
  });

  /** A trace of somebody else. @param {string} trace */
  const tell = async (trace) => {
    const stranger = await visitor.browser()?.newContext();
    assert.ok(stranger);
    const other = await stranger.newPage();
    await signIn(other, await waylight.link('--role', 'admin'));
    await other.goto(`${waylight.origin}/_waylight/plain`);
    await press(other, /^start/i);
    const answer = await stranger.request.get(`${waylight.origin}/api/stock`, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
    assert.equal(answer.status(), 200);
    await stranger.close();
  };

  /** A counter that has counted. @param {string} name */
  const counter = async (name) => {
    const admin = await waylight.matchLine('the admin listener', /admin listener ready.*?(127\.0\.0\.1:\d+)/);
    return eventually(`${name} to count`, async () => {
      const text = await (await fetch(`http://${admin[1]}/metrics`)).text();
      return Number(text.match(new RegExp(`^${name} (\\d+)`, 'm'))?.[1]);
    });
  };
});

/**
 * Asks until there is an answer.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} ask
 * @returns {Promise<NonNullable<T>>}
 */
async function eventually(what, ask) {
  let waits = true;
  const asking = async () => {
    for (;;) {
      const answer = await ask();
      if (answer || !waits) return /** @type {NonNullable<T>} */ (answer);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return within(asking(), what).finally(() => (waits = false));
}

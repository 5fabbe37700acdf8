// A page that OpenTelemetry for the web traces already, as npm delivers it: its spans continue our trace by the page's tags,
// nothing is told twice, and nothing of ours stands in its way.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Inbox } from '../lib/events.js';
import { readAll } from '../lib/net.js';
import { spansOfJson } from '../lib/otlp.js';
import { command, describe as tree, hide, isOfBrowser, op, opOf, recorded, runs, toldAgent } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { Toolbar } from '../lib/toolbar.js';
import { describeSpan, isEdgeRoot } from '../lib/trace.js';
import { bundle, htmlPage } from '../lib/upstream.js';

/** @import { Span } from '../lib/otlp.js' */
/** @import { Scene } from '../lib/scene.js' */

const PAGE = '<!doctype html><html><head><meta charset="utf-8"><title>Shop</title><script src="/otel.js"></script></head><body><h1>Shop</h1><img src="/a.svg" alt=""></body></html>';
const PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';

describe('a page with OpenTelemetry for the web', () => {
  /** @type {Scene} */ let set;
  /** What its own back end was sent. @type {Inbox<Span>} */ const theirs = new Inbox(describeSpan);
  /** @type {string[]} */ const faults = [];

  before(async () => {
    set = await scene({
      pages: {
        '/shop': htmlPage(PAGE), '/otel.js': await bundle('otel.js'),
        '/a.svg': (_, response) => response.writeHead(200, { 'content-type': 'image/svg+xml' }).end(PICTURE),
        '/otel/v1/traces': async (request, response) => {
          // It writes 64 bits as a number; ours is stricter.
          theirs.push(...spansOfJson((await readAll(request)).toString().replace(/"intValue":(-?\d+)/g, '"intValue":"$1"')));
          response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
        },
        '*': (_, response) => response.writeHead(200).end('{}'),
      },
    });
    set.page.on('pageerror', (error) => faults.push(String(error.stack)));
  });

  after(() => set?.close());

  /** Their span of this name in a trace. @param {string} trace @param {string} name @param {(span: Span) => boolean} [fits] */
  const their = (trace, name, fits = () => true) => theirs.until(`${name} of ${trace}`, (spans) => spans.find((span) => span.traceId === trace && span.name === name && fits(span)));

  test('is continued by it, and told once', async () => {
    const { page, waylight, upstream, at } = set;
    await page.goto(at('/shop'));
    await runs(page);
    const { trace: id, edge } = await toldAgent(page);
    const load = await their(id, 'documentLoad');
    assert.equal(load.parentSpanId, edge, 'the tag named the edge\'s span');
    const fetched = await their(id, 'documentFetch');
    assert.equal(fetched.parentSpanId, load.spanId);
    await their(id, 'resourceFetch', (span) => String(span.attributes['http.url'] ?? span.attributes['url.full']).endsWith('/a.svg'));

    await page.evaluate(() => fetch('/api/stock', { method: 'POST' }));
    const [asked] = upstream.requestsTo('/api/stock');
    assert.equal(String(asked?.headers['traceparent']).split(',').length, 1);
    const their_ = await theirs.until('their call', (spans) => spans.find((span) => String(span.attributes['http.url'] ?? span.attributes['url.full']).endsWith('/api/stock')));

    await hide(page, waylight);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('browser.request')) !== undefined && it.find(op('resource.img')) !== undefined && it.find(op('resource.script')) !== undefined);
    const text = tree(trace), ours = trace.spans.filter(isOfBrowser);
    assert.deepEqual([...new Set(ours.map((span) => opOf(span).replace(/\..*/, '')))].sort(), ['browser', 'resource'], text);
    for (const span of ours) assert.equal(trace.children(span).filter(isEdgeRoot).length, 1, text);
    const call = await recorded(page, waylight, their_.traceId, (it) => it.spans.some((span) => isEdgeRoot(span) && span.attributes['url.path'] === '/api/stock'));
    const half = call.the((span) => isEdgeRoot(span) && span.attributes['url.path'] === '/api/stock');
    assert.equal(half.parentSpanId, their_.spanId, 'the edge\'s half hangs under their span');
    assert.deepEqual(faults, []);
  });

  test('hears nothing of what the toolbar asks, while it follows a trace', async () => {
    const { page, waylight, at } = set, toolbar = new Toolbar(page);
    await command(page, waylight, 'session', { action: 'stop' });
    await page.goto(at('/shop'));
    await Promise.all([page.waitForEvent('load'), toolbar.choose('Run page trace')]);
    await toolbar.until('the trace', async () => /^Trace ready/.test(await toolbar.toast()));
    await page.evaluate(() => fetch('/api/last'));
    await theirs.until('their call', (spans) => spans.some((span) => String(span.attributes['http.url'] ?? span.attributes['url.full']).endsWith('/api/last')));
    const told = theirs.items.filter(({ name, attributes }) => name !== 'resourceFetch' && /\/_waylight\/api\/v1\/traces\//.test(JSON.stringify(attributes)));
    assert.deepEqual(told.map(describeSpan), []);
    assert.deepEqual(faults, []);
  });

  test('keeps an interaction that was armed to us, and its calls to them', async () => {
    const { page, waylight, at } = set, toolbar = new Toolbar(page);
    await page.goto(at('/shop'));
    await toolbar.choose('Arm next interaction');
    await toolbar.until('the armed bar', async () => /^Armed/.test(await toolbar.pill()));
    await toolbar.open();
    assert.ok(!(await toolbar.entries()).includes('Arm next interaction'), 'once is enough');
    await page.keyboard.press('Escape');
    await page.locator('h1').click();
    await toolbar.until('the trace', async () => /^Trace ready/.test(await toolbar.toast()));
    const id = (await toolbar.link('View trace'))?.split('/').at(-1) ?? '';
    const trace = await recorded(page, waylight, id, (it) => it.find(op('ui.action.click')) !== undefined);
    assert.equal(trace.root.name, 'click body > h1', tree(trace));
    assert.deepEqual(faults, []);
  });
});

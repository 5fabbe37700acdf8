// The demo in a real browser: what the README's first command promises.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch, metaTags, press, signIn } from '../lib/browser.js';
import { Receiver } from '../lib/receiver.js';
import { Rotel } from '../lib/rotel.js';
import { assertEdgeTrace, edgeRoot, stagesOf, traceOf } from '../lib/edge.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */

describe('the demo, seen by a person', () => {
  /** @type {Receiver} */ let receiver;
  /** @type {Rotel} */ let rotel;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {Page} */ let page;

  before(async () => {
    receiver = await Receiver.start();
    rotel = await Rotel.start(new URL(receiver.httpUrl).origin);
    waylight = await Waylight.demo(['--otlp', rotel.httpUrl]);
    browser = await launch();
    page = await browser.newPage();
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    await rotel?.stop();
    receiver?.stop();
  });

  test('a visitor gets the page as the app wrote it', async () => {
    const response = await page.goto(waylight.origin);
    assert.equal(response?.status(), 200);
    assert.deepEqual(await metaTags(page), { 'sentry-trace': undefined, traceparent: undefined, baggage: undefined });
    assert.deepEqual(await page.context().cookies(), []);
  });

  test('the sign-in link leads to the console, and the plain page is beside it', async () => {
    await signIn(page, waylight.signInLink);
    assert.match(new URL(page.url()).pathname, /^\/_waylight\//);
    assert.ok(await page.getByRole('navigation', { name: 'Screens' }).isVisible());
    await page.goto(`${waylight.origin}/_waylight/plain`);
    assert.ok(await page.getByRole('button', { name: /^start/i }).isVisible());
  });

  test('after Start, a page carries the tags of its own trace', async () => {
    await press(page, /^start/i);
    await page.goto(`${waylight.origin}/products/harbour-lantern`);
    const tags = await metaTags(page);
    const id = traceOf(tags);
    assert.match(tags['sentry-trace'] ?? '', /^[0-9a-f]{32}-[0-9a-f]{16}-1$/);
    assert.match(tags['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]$/);

    const trace = await receiver.trace('the page, app included', (it) => it.id === id && it.find(/^render page$/));
    assertEdgeTrace(trace, { path: '/products/harbour-lantern', tags });
    assert.ok(stagesOf(trace).includes('inject'), trace.describe());
    assert.notEqual(trace.the('render page').service, edgeRoot(trace, '/products/harbour-lantern').service, 'the app is a service of its own');
  });

  test('each request has a trace; the page\'s own fetch stays in the page\'s', async () => {
    await page.reload();
    const id = traceOf(await metaTags(page));
    const whole = await receiver.trace('page and fetch together', (it) => {
      return it.id === id && it.spans.some((span) => span.attributes['url.path'] === '/api/products/harbour-lantern/reviews');
    });
    whole.assertSound();
  });

  test('Restart begins anew', async () => {
    await page.goto(`${waylight.origin}/_waylight/plain`);
    await press(page, /^restart/i);
    await page.goto(`${waylight.origin}/slow`);
    const id = traceOf(await metaTags(page));
    await receiver.trace('a trace after Restart', (it) => it.id === id);
  });

  test('after Stop nothing is recorded', async () => {
    await page.goto(`${waylight.origin}/_waylight/plain`);
    await press(page, /^stop/i);
    await page.goto(`${waylight.origin}/products/storm-lantern`);
    assert.deepEqual(await metaTags(page), { 'sentry-trace': undefined, traceparent: undefined, baggage: undefined });
    // Everything is flushed when Waylight is gone, so what has not arrived then was never recorded.
    assert.equal(await waylight.stop(), 0);
    await receiver.trace('the slow page, at least', (it) => it.find((span) => span.attributes['url.path'] === '/slow'));
    const recorded = receiver.spans.items.filter((span) => span.attributes['url.path'] === '/products/storm-lantern');
    assert.deepEqual(recorded, []);
  });

  test('every span was well formed, and no token was ever printed', () => {
    assert.deepEqual(receiver.faults, []);
    const token = new URL(waylight.signInLink).search.slice(1).split('=')[1] ?? '';
    assert.ok(token.length > 20, 'the link carries a token');
    assert.ok(!waylight.log.join('\n').includes(token), 'the token stands in the log');
  });
});

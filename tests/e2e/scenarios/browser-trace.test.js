// The browser's half of a trace: what it did for a page stands in the page's trace, and what it asked for has the edge's half
// below it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { signIn } from '../lib/browser.js';
import { isEdgeRoot } from '../lib/trace.js';
import { stageOf } from '../lib/edge.js';
import { KIND } from '../lib/otlp.js';
import { describe as tree, hide, isOfBrowser, op, opOf, recorded, runs, toldAgent, traceIn } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { Upstream, htmlPage } from '../lib/upstream.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { Scene } from '../lib/scene.js' */
/** @import { Waylight } from '../lib/waylight.js' */

/** @param {string} head @param {string} body */
const html = (head, body) => htmlPage(`<!doctype html><html><head><meta charset="utf-8"><title>a</title>${head}</head><body>${body}</body></html>`);
const missing = (/** @type {unknown} */ _, /** @type {import('node:http').ServerResponse} */ response) => response.writeHead(404).end();
const json = (/** @type {unknown} */ _, /** @type {import('node:http').ServerResponse} */ response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
/** A page that goes before all of it has come. @param {unknown} _ @param {import('node:http').ServerResponse} response */
const goes = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.write('<!doctype html><html><head><title>a</title><script>dispatchEvent(new PageTransitionEvent("pagehide"))</script></head><body>gone');
  setTimeout(() => response.end('</body></html>'), 400);
};

describe('a page of the demo', () => {
  /** @type {Scene} */ let set;
  /** @type {Waylight} */ let waylight;
  /** @type {Page} */ let page;

  before(async () => {
    set = await scene({});
    ({ waylight, page } = set);
  });
  after(() => set?.close());

  test('is one tree, from the page load down to the database', async () => {
    await page.goto(`${waylight.origin}/products/harbour-lantern`);
    const told = await toldAgent(page);
    await page.locator('#reviews li').first().waitFor();
    await page.waitForFunction(() => performance.getEntriesByType('resource').some((entry) => entry.name.endsWith('/reviews')));
    await hide(page, waylight);
    const trace = await recorded(page, waylight, told.trace, (it) => it.find(op('ui.webvital.cls')) !== undefined && it.find(op('pageload')) !== undefined && it.find(/reviews$/) !== undefined);
    const text = tree(trace);
    trace.assertSound();
    const root = trace.root;
    assert.equal(opOf(root), 'pageload', text);
    assert.equal(root.name, '/products/:slug', text);
    assert.equal(root.attributes['http.route'], '/products/:slug');

    const request = trace.the(op('browser.request'));
    assert.equal(request.kind, KIND.client);
    assert.equal(trace.parent(request), root, text);
    const edge = trace.byId.get(told.edge);
    assert.ok(edge && isEdgeRoot(edge) && trace.parent(edge) === request, text);
    const app = trace.the('render page');
    assert.ok(trace.isBelow(app, edge), text);

    for (const [kind, name] of [['resource.link', '/shop.css'], ['resource.script', '/shop.js'], ['resource.img', '/pictures/harbour-lantern.svg']]) {
      const file = trace.the(op(kind ?? '', name));
      assert.equal(trace.parent(file), root, text);
      assert.equal(file.attributes['http.response.status_code'], 200);
      const half = trace.children(file).filter(isEdgeRoot);
      assert.deepEqual(half.map((span) => span.attributes['url.path']), [name], text);
    }
    const call = trace.the(op('http.client'));
    assert.match(call.name, /^GET 127\.0\.0\.1:\d+$/);
    assert.equal(call.attributes['network.protocol.version'], '1.1', 'joined to what the browser measured');
    assert.deepEqual(trace.children(call).map((span) => [stageOf(span), span.attributes['url.path']]), [['request', '/api/products/harbour-lantern/reviews']], text);

    for (const name of ['ttfb', 'fcp', 'fp']) assert.ok(Number(root.attributes[`browser.web_vital.${name}.value`]) > 0, `${name}\n${text}`);
    for (const name of ['browser.paint', 'ui.webvital.lcp', 'ui.webvital.cls', 'browser.dom_content_loaded_event']) trace.the(op(name));
    const attributes = JSON.stringify(trace.spans.filter(isOfBrowser).flatMap((span) => Object.keys(span.attributes)));
    assert.doesNotMatch(attributes, /waylight\./);
  });

  test('has the vitals that the console lists, once each', async () => {
    await page.goto(`${waylight.origin}/products/storm-light`);
    const { trace: id } = await toldAgent(page);
    await runs(page);
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length);
    await hide(page, waylight);
    await recorded(page, waylight, id, (it) => it.find(op('ui.webvital.cls')) !== undefined && it.find(op('pageload')) !== undefined);
    const { vitals } = await (await page.request.get(`${waylight.origin}/_waylight/api/v1/traces/${id}`)).json();
    assert.deepEqual(vitals.map((/** @type {any} */ vital) => vital.name).sort(), ['CLS', 'FCP', 'LCP', 'TTFB']);
  });
});

describe('what scripts of a page ask for', () => {
  /** @type {Scene} */ let set;
  /** @type {Upstream} */ let upstream;
  /** @type {Upstream} */ let stranger;
  /** @type {Upstream} */ let friend;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {Page} */ let page;

  before(async () => {
    const open = () => Upstream.start({ '*': (_, response) => response.writeHead(200, { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }).end('{}') });
    [stranger, friend] = [await open(), await open()];
    const pages = {
      '/app': html('', '<p>app</p><button>go</button>'), '/goes': goes, '/redirects': html('<script>history.replaceState(null, "", "/app?landed")</script>', 'sent on'),
      '/silent': html('<meta name="referrer" content="no-referrer">', `<img src="/silent.png" alt=""><img src="${stranger.url}/far.png" alt="">`), '/missing': missing, '/hangs': () => {}, '*': json,
    };
    set = await scene({ pages, sentry: true, settings: { extra: ['[[site.route]]', 'path = "/products/:slug"', 'upstream = "app"', '[toolbar]', `propagate_to = ["${friend.url}"]`] } });
    ({ upstream, waylight, browser, page } = set);
  });

  after(async () => {
    await set?.close();
    for (const each of [stranger, friend]) each?.stop();
  });

  test('has no agent while nothing is traced, and nothing of it is patched', async () => {
    const context = await browser.newContext();
    const tab = await context.newPage();
    await signIn(tab, await waylight.link());
    await tab.addInitScript(() => { Object.assign(window, { before: [fetch, history.pushState, XMLHttpRequest.prototype.open, XMLHttpRequest.prototype.send] }); });
    await tab.goto(`${waylight.origin}/app`);
    assert.equal(await toldAgent(tab), null);
    assert.equal(await tab.evaluate(() => document.querySelectorAll('script[src*="/_waylight/"]').length), 1, 'the toolbar alone');
    const same = await tab.evaluate(() => [fetch, history.pushState, XMLHttpRequest.prototype.open, XMLHttpRequest.prototype.send].every((each, at) => each === /** @type {any} */ (window).before[at]));
    assert.ok(same);
    await context.close();
  });

  test('is joined to the trace, whichever way it is asked for', async () => {
    await page.goto(`${waylight.origin}/app`);
    const { trace: id } = await toldAgent(page);
    await page.evaluate(async () => {
      await fetch('/api/fetch');
      await fetch(new Request('/api/request', { method: 'POST', body: 'text', headers: { 'x-own': '1' } }));
      await fetch(new URL('/api/url', location.href), { method: 'put', headers: [['x-own', '2']] });
      await new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open('GET', '/api/xhr');
        request.setRequestHeader('x-own', '3');
        request.onloadend = resolve;
        request.send();
      });
      await fetch('/missing');
    });
    const calls = ['/api/fetch', '/api/request', '/api/url', '/api/xhr', '/missing'];
    const trace = await recorded(page, waylight, id, (it) => it.spans.filter(op('http.client')).length === calls.length && it.find(op('pageload')) !== undefined);
    const text = tree(trace);
    for (const path of calls) {
      const call = trace.the((span) => op('http.client')(span) && String(span.attributes['url.full']).endsWith(path));
      assert.deepEqual(trace.children(call).filter(isEdgeRoot).map((span) => span.attributes['url.path']), [path], text);
      assert.equal(trace.parent(call), trace.root, text);
      const [seen] = upstream.requestsTo(path);
      assert.equal(seen?.headers['traceparent']?.toString().split('-')[1], id, path);
      assert.match(String(seen?.headers['sentry-trace']), new RegExp(`^${id}-[0-9a-f]{16}-1$`));
      assert.match(String(seen?.headers['baggage']), new RegExp(`sentry-trace_id=${id}`));
      assert.match(String(seen?.headers['baggage']), /sentry-transaction=\/\*/);
    }
    assert.deepEqual(['/api/request', '/api/url', '/api/xhr'].map((path) => upstream.requestsTo(path)[0]?.headers['x-own']), ['1', '2', '3']);
    assert.equal(trace.the((span) => String(span.attributes['url.full']).endsWith('/missing')).status.code, 2);
  });

  test('keeps the headers that are there', async () => {
    await page.goto(`${waylight.origin}/app`);
    const { trace: id } = await toldAgent(page);
    await page.evaluate(async () => {
      await fetch('/api/own', { headers: { traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01' } });
      await fetch('/api/baggage', { headers: { baggage: 'a=b' } });
    });
    assert.equal(upstream.requestsTo('/api/own')[0]?.headers['traceparent']?.toString().split('-')[1], '0123456789abcdef0123456789abcdef');
    assert.equal(upstream.requestsTo('/api/baggage')[0]?.headers['baggage'], 'a=b');
    const trace = await recorded(page, waylight, id, (it) => it.find(op('http.client')) !== undefined);
    assert.equal(trace.spans.filter(op('http.client')).length, 1, tree(trace));
  });

  test('of other origins is told nothing, unless they are configured', async () => {
    await page.goto(`${waylight.origin}/app`);
    await page.evaluate(([one, two]) => Promise.all([fetch(`${one}/x`), fetch(`${two}/x`)]), [stranger.url, friend.url]);
    assert.deepEqual(stranger.seen.map(({ method }) => method), ['GET'], 'nothing that a preflight would be needed for');
    for (const name of ['traceparent', 'sentry-trace', 'baggage']) {
      assert.equal(stranger.seen[0]?.headers[name], undefined, name);
      assert.ok(friend.seen.find(({ method }) => method === 'GET')?.headers[name], name);
    }
  });

  test('reaches the page unchanged: promises, errors, requests, streams, abort signals', async () => {
    await page.goto(`${waylight.origin}/app`);
    const seen = await page.evaluate(async () => {
      /** @type {string[]} */ const unhandled = [];
      window.addEventListener('unhandledrejection', (event) => { unhandled.push(event.reason.name); event.preventDefault(); });
      await fetch(new Request('/api/quiet', { referrerPolicy: 'no-referrer' }));
      await fetch(new Request('/api/quieter', { referrerPolicy: 'no-referrer' }), {});
      await fetch('/api/like', new Request('/api/other', { method: 'POST', headers: { 'x-own': '4' } }));
      const request = new Request('/api/stream', { method: 'POST', body: 'text' });
      const made = fetch(request);
      const answer = await made;
      const abort = new AbortController();
      const aborted = fetch('/hangs', { signal: abort.signal }).catch((error) => error === abort.signal.reason);
      abort.abort(new Error('enough'));
      const invalid = await fetch('http://').catch((error) => error.name);
      void fetch('/hangs', { signal: AbortSignal.abort() });
      await new Promise((resolve) => setTimeout(resolve));
      await new Promise((resolve) => setTimeout(resolve));
      return {
        isPromise: made instanceof Promise, isResponse: answer instanceof Response, read: (await answer.body?.getReader().read())?.value?.length, used: request.bodyUsed,
        told: request.headers.get('traceparent'), aborted: await aborted, invalid, unhandled, looks: /native code/.test(`${fetch}`) && fetch.name === 'fetch' && fetch.length === 1,
        sends: /native code/.test(`${XMLHttpRequest.prototype.send}`), own: Object.keys(window).filter((name) => /waylight/i.test(name)),
      };
    });
    assert.deepEqual(seen, {
      isPromise: true, isResponse: true, read: 2, used: true, told: null, aborted: true, invalid: 'TypeError', unhandled: ['AbortError'], looks: true, sends: true, own: [],
    });
    const [quiet, quieter, like] = ['/api/quiet', '/api/quieter', '/api/like'].map((path) => upstream.requestsTo(path)[0]);
    assert.deepEqual([quiet?.headers.referer, quieter?.headers.referer, like?.method, like?.headers['x-own']], [undefined, undefined, 'POST', '4']);
    assert.ok(quiet?.headers['traceparent'] && quieter?.headers['traceparent']);
  });

  for (const api of ['the Navigation API', 'patched history']) {
    test(`after a navigation within the page belongs to a trace of its own, by ${api}`, async () => {
      const tab = await page.context().newPage();
      if (api === 'patched history') await tab.addInitScript(() => { Object.defineProperty(window, 'navigation', { value: undefined }); });
      await tab.goto(`${waylight.origin}/app`);
      const { trace: first } = await toldAgent(tab);
      await recorded(page, waylight, first, (it) => it.find(op('pageload')) !== undefined);
      const path = `/api/${api.replaceAll(' ', '-')}`;
      await tab.evaluate(async (address) => {
        history.pushState(null, '', '/products/7');
        await fetch(address);
      }, path);
      const id = traceIn(upstream.requestsTo(path)[0]);
      assert.notEqual(id, first);
      const trace = await recorded(page, waylight, id, (it) => it.find(op('navigation')) !== undefined && it.find(op('http.client')) !== undefined);
      const { root } = trace;
      assert.deepEqual([opOf(root), root.name], ['navigation', '/products/:slug'], tree(trace));
      assert.deepEqual(root.links.map(({ traceId, attributes }) => [traceId, attributes['sentry.link.type']]), [[first, 'previous_trace']]);
      assert.deepEqual(Object.keys(root.attributes).filter((key) => /vital/.test(key)), []);
      assert.deepEqual(trace.children(trace.the(op('http.client'))).filter(isEdgeRoot).map((span) => span.attributes['url.path']), [path]);
      assert.match(String(upstream.requestsTo(path)[0]?.headers['baggage']), new RegExp(`sentry-trace_id=${id}`));
      await tab.close();
    });
  }

  test('of files after a navigation belongs to the navigation, once the edge was told of it', async () => {
    const tab = await page.context().newPage();
    await tab.goto(`${waylight.origin}/app`);
    const { trace: first } = await toldAgent(tab);
    await recorded(page, waylight, first, (it) => it.find(op('pageload')) !== undefined);
    const told = tab.waitForResponse((answer) => answer.request().headers()['waylight-page'] !== undefined);
    await tab.evaluate(() => { history.pushState(null, '', '/products/8'); });
    const id = (await told).request().headers()['waylight-page'] ?? '';
    await tab.evaluate(() => new Promise((resolve) => {
      const picture = document.createElement('img');
      picture.onload = picture.onerror = resolve;
      picture.src = '/picture-of-a-route';
      document.body.append(picture);
    }));
    const trace = await recorded(page, waylight, id, (it) => it.find(op('navigation')) !== undefined && it.find(op('resource.img')) !== undefined);
    const file = trace.the(op('resource.img', '/picture-of-a-route'));
    assert.equal(trace.parent(file), trace.root, tree(trace));
    assert.deepEqual(trace.children(file).filter(isEdgeRoot).map((span) => span.attributes['url.path']), ['/picture-of-a-route'], tree(trace));
    await tab.close();
  });

  test('of files that do not say whose they are is linked to the traces that they have of their own', async () => {
    const tab = await page.context().newPage();
    await tab.goto(`${waylight.origin}/silent`);
    const { trace: id } = await toldAgent(tab);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('pageload')) !== undefined && it.spans.filter(op('resource.img')).length === 2);
    const file = trace.the(op('resource.img', '/silent.png')), [link] = file.links;
    assert.equal(trace.parent(file), trace.root, tree(trace));
    assert.deepEqual([trace.children(file).length, file.links.length, link?.attributes['sentry.link.type']], [0, 1, 'request_trace'], tree(trace));
    assert.notEqual(link?.traceId, id);
    assert.deepEqual(trace.the(op('resource.img', `${stranger.url}/far.png`)).links, [], 'another origin knows nothing of it');
    const own = await recorded(page, waylight, link?.traceId ?? '', (it) => it.byId.has(link?.spanId ?? ''));
    const half = own.byId.get(link?.spanId ?? '');
    assert.ok(half && isEdgeRoot(half), tree(own));
    assert.deepEqual([half.attributes['url.path'], own.root], ['/silent.png', half], tree(own));
    await tab.close();
  });

  test('of a page is linked to the one before it in its tab, for an hour', async () => {
    const tab = await page.context().newPage();
    await tab.goto(`${waylight.origin}/app`);
    await runs(tab);
    for (const [ago, links] of [[3_590_000, 1], [3_610_000, 0]]) {
      await tab.evaluate((ms) => sessionStorage.setItem('waylight.previous', JSON.stringify(['a'.repeat(32), 'b'.repeat(16), Date.now() - ms])), ago ?? 0);
      await tab.goto(`${waylight.origin}/app`);
      const { trace: id } = await toldAgent(tab);
      const trace = await recorded(page, waylight, id, (it) => it.find(op('pageload')) !== undefined);
      assert.deepEqual(trace.root.links.map(({ traceId }) => traceId), links ? ['a'.repeat(32)] : [], `${ago}`);
    }
    await tab.close();
  });

  test('is told of a page that is left at once, and what the edge\'s span hangs under', async () => {
    const tab = await page.context().newPage();
    await tab.goto(`${waylight.origin}/app`);
    const { trace: id, edge } = await toldAgent(tab);
    await tab.goto(`${waylight.origin}/_waylight/plain`);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('pageload')) !== undefined && it.byId.has(edge));
    const request = trace.the(op('browser.request'));
    assert.equal(trace.root, trace.the(op('pageload')), tree(trace));
    assert.deepEqual([trace.parent(request), trace.parent(/** @type {any} */ (trace.byId.get(edge)))], [trace.root, request], tree(trace));
    await tab.close();
  });

  test('of a page that came back from the back/forward cache is a navigation', async () => {
    await page.goto(`${waylight.origin}/app`);
    const { trace: first } = await toldAgent(page);
    await recorded(page, waylight, first, (it) => it.find(op('pageload')) !== undefined);
    await page.evaluate(async () => {
      window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      await fetch('/api/back');
    });
    const id = traceIn(upstream.requestsTo('/api/back')[0]);
    assert.notEqual(id, first);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('navigation')) !== undefined);
    assert.equal(trace.root.links[0]?.traceId, first);
  });

  test('a page that sends on at once has been redirected, not navigated', async () => {
    await page.goto(`${waylight.origin}/redirects`);
    const { trace: id } = await toldAgent(page);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('pageload')) !== undefined);
    const redirect = trace.the(op('navigation.redirect'));
    assert.equal(redirect.start, redirect.end);
    assert.equal(trace.parent(redirect), trace.root);
  });

  test('is told when the page goes before its second half had a turn', async () => {
    await page.goto(`${waylight.origin}/goes`);
    const { trace: id } = await toldAgent(page);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('pageload')) !== undefined);
    const load = trace.the(op('pageload'));
    assert.equal(load.attributes['sentry.idle_span_finish_reason'], 'documentHidden');
    const request = trace.the(op('browser.request'));
    assert.equal(trace.parent(request), load);
    assert.ok(request.end > request.start, 'its answer was still coming');
  });

  test('is told when the page goes, or is closed', async () => {
    await page.goto(`${waylight.origin}/app`);
    const { trace: gone } = await toldAgent(page);
    await runs(page);
    await page.evaluate(() => { void fetch('/hangs'); });
    await page.goto(`${waylight.origin}/_waylight/plain`);
    const left = await recorded(page, waylight, gone, (it) => it.find(op('pageload')) !== undefined && it.find(op('http.client')) !== undefined);
    assert.equal(left.the(op('pageload')).attributes['sentry.idle_span_finish_reason'], 'documentHidden');
    assert.equal(left.the(op('http.client')).attributes['sentry.status'], 'cancelled');

    await page.goto(`${waylight.origin}/app`);
    const { trace: late } = await toldAgent(page);
    await recorded(page, waylight, late, (it) => it.find(op('pageload')) !== undefined);
    await page.evaluate(() => { void fetch('/hangs'); });
    await page.goto(`${waylight.origin}/_waylight/plain`);
    const call = await recorded(page, waylight, late, (it) => it.find(op('http.client')) !== undefined);
    assert.equal(call.the(op('http.client')).attributes['sentry.status'], 'cancelled', 'it began when the page load was over');

    const tab = await page.context().newPage();
    await tab.goto(`${waylight.origin}/app`);
    const { trace: closed } = await toldAgent(tab);
    await runs(tab);
    await tab.close();
    await recorded(page, waylight, closed, (it) => it.find(op('pageload')) !== undefined);
  });
});

// Pages that mean harm, and uploads that do: nothing of a page breaks, and nothing is stored that should not be.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { configuration } from '../lib/config.js';
import { command, op, opOf, recorded, runs, startSession, toldAgent } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { htmlPage } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { Scene } from '../lib/scene.js' */
/** @import { Upstream } from '../lib/upstream.js' */

/** What a page does first of all. @type {Record<string, string>} */
const HOSTILE = {
  'replaces what arrays and texts can do': `for (const owner of [Array, String, Map, Set]) for (const name of Object.getOwnPropertyNames(owner.prototype)) if (name !== 'constructor') try { owner.prototype[name] = () => { throw new Error('hostile'); }; } catch {}`,
  'replaces globals': `for (const name of ['Headers', 'Request', 'URL', 'Promise', 'Proxy', 'Reflect', 'JSON', 'WeakMap', 'TextEncoder', 'PerformanceObserver', 'sessionStorage', 'crypto', 'setTimeout']) try { Object.defineProperty(window, name, { configurable: true, get() { throw new Error('hostile'); } }); } catch {}`,
  'pollutes prototypes': `for (const name of ['headers', 'method', 'told', 'trace', 'body', 'get', 'set', 'value', 'once', 'signal', 'keepalive', 'id']) Object.defineProperty(Object.prototype, name, { configurable: true, get() { return undefined; }, set() {} }); Object.prototype.toJSON = () => 'hostile'; Array.prototype.toJSON = () => 'hostile';`,
  'has a fetch that throws': `window.fetch = () => { throw new TypeError('hostile'); }; XMLHttpRequest.prototype.send = () => { throw new TypeError('hostile'); };`,
  'freezes everything': `for (const each of [window.fetch, XMLHttpRequest.prototype, History.prototype, Function.prototype, Object.prototype, Array.prototype, Promise.prototype, performance, history]) Object.freeze(each);`,
  'breaks time': `performance.now = () => NaN; Date.now = () => { throw new Error('hostile'); }; performance.getEntriesByType = () => { throw new Error('hostile'); };`,
  'removes every script and every unknown element': `new MutationObserver(() => { for (const each of document.querySelectorAll('script[src], waylight-toolbar')) each.remove(); }).observe(document, { childList: true, subtree: true });`,
  'says that it has tracers of its own': `Object.defineProperty(window, '__SENTRY__', { get() { throw new Error('hostile'); } }); window[Symbol.for('opentelemetry.js.api.1')] = 7;`,
};

/** What every page does then: what goes wrong stands in an attribute, which is read from outside. @param {number} at @param {boolean} asks */
const ordinary = (at, asks) => `
const root = document.documentElement;
(async () => {
  if (${asks}) await fetch('/api/fetch${at}', { method: 'POST', body: 'x' });
  history.pushState(null, '', '/elsewhere');
  history.replaceState(null, '', '/elsewhere?again');
  if (!${asks}) return root.setAttribute('data-done', 'fine');
  const request = new XMLHttpRequest();
  request.open('GET', '/api/xhr${at}');
  request.onloadend = () => root.setAttribute('data-done', 'fine');
  request.send();
})().catch((error) => root.setAttribute('data-done', error.stack));`;

describe('a hostile page', () => {
  /** @type {Scene} */ let set;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {Page} */ let page;
  /** @type {string[]} */ const faults = [];
  const asks = (/** @type {number} */ at) => Object.keys(HOSTILE)[at] !== 'has a fetch that throws';

  before(async () => {
    const page_ = (/** @type {string} */ code, /** @type {number} */ at) => htmlPage(`<!doctype html><html><head><script>${code}</script></head><body><button>go</button><script>${ordinary(at, asks(at))}</script></body></html>`);
    const pages = Object.values(HOSTILE).map((code, at) => [`/${at}`, page_(code, at)]);
    set = await scene({ pages: { ...Object.fromEntries(pages), '/app': htmlPage('<!doctype html><html><head></head><body>app</body></html>'), '*': (_, response) => response.writeHead(200).end('{}') } });
    ({ upstream, waylight, browser, page } = set);
    page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.stack}`));
  });

  after(() => set?.close());

  Object.keys(HOSTILE).forEach((what, at) => {
    test(`that ${what} gets no exception of ours`, async () => {
      await page.goto(`${waylight.origin}/${at}`);
      await page.waitForSelector('html[data-done]', { state: 'attached' });
      assert.equal(await page.locator('html').getAttribute('data-done'), 'fine');
      for (const path of asks(at) ? [`/api/fetch${at}`, `/api/xhr${at}`] : []) assert.equal(upstream.requestsTo(path).length, 1, path);
      await page.mouse.click(20, 20);
      await page.keyboard.press('a');
      await page.goto(`${waylight.origin}/app`);
      assert.deepEqual(faults.splice(0).filter((fault) => /\/_waylight\//.test(fault)), []);
    });
  });

  test('uploads that are forged, too large, of another kind or of another origin store nothing', async () => {
    await page.goto(`${waylight.origin}/app`);
    const { trace: id, upload, edge } = await toldAgent(page);
    const span = (/** @type {string} */ spanId, more = {}) => ({ traceId: id, spanId, parentSpanId: edge, name: 'forged', kind: 1, startTimeUnixNano: '1', endTimeUnixNano: '2', attributes: [], ...more });
    const send = async (/** @type {any} */ spans, /** @type {Record<string, string>} */ headers = {}, /** @type {string | undefined} */ data = undefined) => {
      const answer = await page.request.post(`${waylight.origin}/_waylight/api/v1/spans`, {
        headers: { 'content-type': 'application/json', 'waylight-request': '1', 'waylight-upload': upload, origin: waylight.origin, ...headers },
        data: data ?? JSON.stringify({ resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }, scopeSpans: [{ spans }] }] }),
      });
      return { status: answer.status(), text: await answer.text() };
    };
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => letter.repeat(16));
    assert.equal((await send([span(ids[0] ?? '')], { 'waylight-upload': '' })).status, 403);
    assert.equal((await send([span(ids[1] ?? '')], { 'waylight-upload': `${upload.slice(0, -2)}aa` })).status, 403);
    assert.equal((await send([span(ids[2] ?? '')], { origin: 'https://evil.example' })).status, 403);
    assert.equal((await send([span(ids[3] ?? '')], { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await send([], {}, `{"resourceSpans":"${'x'.repeat(80_000)}"}`)).status, 413);
    assert.equal((await send([], {}, '{"resourceSpans":7}')).status, 400);
    const partly = await send([span(ids[4] ?? '', { kind: 2 }), span(ids[5] ?? '', { attributes: [{ key: 'waylight.stage', value: { stringValue: 'request' } }] })]);
    assert.match(partly.text, /"rejectedSpans":"1"/);
    const trace = await recorded(page, waylight, id, (it) => it.byId.has(ids[5] ?? '') && it.find(op('pageload')) !== undefined);
    assert.deepEqual(ids.filter((each) => trace.byId.has(each)), [ids[5]]);
    const [taken] = trace.spans.filter((each) => each.name === 'forged');
    assert.deepEqual([taken?.service, opOf(/** @type {any} */ (taken))], ['browser', '']);

    // A page that stays open after its session does not go on.
    await command(page, waylight, 'session', { action: 'restart' });
    assert.equal((await send([span('1'.repeat(16))])).status, 403);
    await command(page, waylight, 'session', { action: 'stop' });
    assert.equal((await send([span('2'.repeat(16))])).status, 403);
    await page.evaluate(() => fetch('/api/after'));
    await page.goto(`${waylight.origin}/app`);
    assert.equal(await toldAgent(page), null);
  });

  test('with browser_spans = false there is no agent, and the edge traces as before', async () => {
    const quiet = await Waylight.run(configuration({ upstream: upstream.url, extra: ['[toolbar]', 'browser_spans = false'] }));
    const tab = await (await browser.newContext()).newPage();
    await startSession(tab, quiet);
    await tab.goto(`${quiet.origin}/app`);
    assert.equal(await toldAgent(tab), null);
    assert.match(await tab.evaluate(() => document.querySelector('script[data-waylight]')?.getAttribute('data-waylight') ?? ''), /"trace"/);
    assert.equal(await tab.evaluate(() => performance.getEntriesByType('resource').filter((entry) => /agent/.test(entry.name)).length), 0);
    await quiet.stop();
  });

  test('the agent runs where nothing is hostile, so that the above means something', async () => {
    await startSession(page, waylight);
    await page.goto(`${waylight.origin}/app`);
    await runs(page);
    const { trace: id } = await toldAgent(page);
    await recorded(page, waylight, id, (it) => it.find(op('pageload')) !== undefined);
  });
});

// Pages that a browser keeps for the way back: the toolbar and the agent in them, with the back/forward cache that people's
// browsers have.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { command, describe as tree, hide, op, opOf, recorded, runs, toldAgent, traceIn } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { Toolbar } from '../lib/toolbar.js';
import { isEdgeRoot } from '../lib/trace.js';
import { htmlPage } from '../lib/upstream.js';

/** @import { Page } from 'playwright-core' */
/** @import { Scene } from '../lib/scene.js' */

const KEEPS = `<script>addEventListener('pageshow', (event) => { window.shown = [...(window.shown ?? []), event.persisted]; });</script>`;
/** @param {string} body */
const html = (body) => htmlPage(`<!doctype html><html><head><meta charset="utf-8"><title>a</title>${KEEPS}</head><body>${body}</body></html>`);
const PAGES = {
  '/app': html('<h1>app</h1><button>go</button>'), '/other': html('<h1>other</h1>'),
  '/strict': htmlPage(`<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="content-security-policy" content="connect-src 'none'"><title>a</title>${KEEPS}</head><body>strict</body></html>`),
  '*': /** @type {import('../lib/upstream.js').Handler} */ ((_, response) => response.writeHead(200).end('{}')),
};

/** Goes to another page and back; gives what the page was told of that. @param {Page} page @param {string} there @param {() => Promise<unknown>} [meanwhile] */
async function thereAndBack(page, there, meanwhile) {
  await page.evaluate(() => { Object.assign(window, { mark: 1 }); });
  await page.goto(there);
  await meanwhile?.();
  await page.evaluate(() => { history.back(); });
  await page.waitForFunction(() => location.pathname === '/app');
  return page.evaluate(() => {
    const { mark, shown } = /** @type {any} */ (window);
    return { mark, shown, reasons: JSON.stringify(/** @type {any} */ (performance.getEntriesByType('navigation')[0]).notRestoredReasons) };
  });
}

describe('a page that a browser keeps', () => {
  /** @type {Scene} */ let set;

  before(async () => { set = await scene({ pages: PAGES, who: 'person', browser: { keepsPages: true } }); });
  after(() => set?.close());

  test('is kept with the toolbar in it, and shows a session that began meanwhile', async () => {
    const { page, waylight, at } = set, toolbar = new Toolbar(page);
    await page.goto(at('/app'));
    await toolbar.until('the bar', () => toolbar.part('.pill b'));
    const { mark, shown, reasons } = await thereAndBack(page, at('/other'), async () => {
      await command(page, waylight, 'session', { action: 'start' });
      await page.reload();
      const other = new Toolbar(page);
      await other.until('the blue bar', async () => /^Tracing/.test(await other.pill()));
    });
    assert.deepEqual([mark, shown], [1, [false, true]], reasons);
    await toolbar.until('the blue bar', async () => /^Tracing/.test(await toolbar.pill()));
    await toolbar.open();
    await page.keyboard.press('Escape');
  });

  test('is kept with the agent in it, and what it does then is a navigation of its own', async () => {
    const { page, waylight, at, upstream } = set;
    await page.goto(at('/app'));
    const { trace: first } = await toldAgent(page);
    await runs(page);
    await page.mouse.click(20, 20);
    let between = '';
    const { mark, shown, reasons } = await thereAndBack(page, at('/other'), async () => {
      between = (await toldAgent(page)).trace;
      await runs(page);
    });
    assert.deepEqual([mark, shown], [1, [false, true]], reasons);
    await page.evaluate(() => { document.querySelector('h1')?.before(Object.assign(document.createElement('p'), { style: 'height:200px' })); });
    await page.evaluate(() => fetch('/api/back'));
    const id = traceIn(upstream.requestsTo('/api/back')[0]);
    assert.notEqual(id, first);
    await hide(page, waylight);
    const load = await recorded(page, waylight, first, (it) => it.find(op('pageload')) !== undefined && it.find(op('ui.webvital.cls')) !== undefined);
    assert.equal(load.the(op('pageload')).attributes['sentry.idle_span_finish_reason'], 'documentHidden', tree(load));
    assert.deepEqual(load.spans.filter(op('ui.webvital.cls')).map((span) => span.attributes['browser.web_vital.cls.value']), [0], 'what shifts later is no page load\'s');
    const back = await recorded(page, waylight, id, (it) => it.find(op('navigation')) !== undefined && it.find(op('http.client')) !== undefined);
    assert.equal(opOf(back.root), 'navigation', tree(back));
    assert.equal(back.root.links[0]?.traceId, between, 'the trace before it, of this tab');
    assert.deepEqual(back.children(back.the(op('http.client'))).filter(isEdgeRoot).map((span) => span.attributes['url.path']), ['/api/back']);
  });

  test('is kept though a command led away from it, and takes commands again', async () => {
    const { page, at } = set, toolbar = new Toolbar(page);
    await page.goto(at('/strict'));
    await toolbar.until('the blue bar', async () => /^Tracing/.test(await toolbar.pill()));
    await page.evaluate(() => { Object.assign(window, { mark: 1 }); });
    await Promise.all([page.waitForEvent('load'), toolbar.choose('Restart tracing session')]);
    await toolbar.until('the new session', async () => /^Tracing/.test(await toolbar.pill()));
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).mark), undefined);
    await page.evaluate(() => { history.back(); });
    await page.waitForFunction(() => /** @type {any} */ (window).mark === 1 && /** @type {any} */ (window).shown.at(-1) === true);
    await toolbar.until('the bar of before', async () => /^Tracing/.test(await toolbar.pill()));
    assert.ok((await toolbar.open(), await toolbar.entries()).includes('Restart tracing session'));
  });
});

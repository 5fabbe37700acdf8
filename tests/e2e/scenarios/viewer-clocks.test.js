// What the trace viewer tells that no process recorded: whose clock was moved and how sure that is, the network between
// browser and edge, what still runs; and what a trace is held against, budgets and other runs. With pictures, in `results/`.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { SHOP, spanId } from '../lib/made.js';
import { Desk } from '../lib/viewer.js';

/** @import { MadeSpan } from '../lib/made.js' */

const RESULTS = resolve(import.meta.dirname, '../results');
const ids = (/** @type {number} */ number) => number.toString(16).padStart(2, '0').repeat(16);
const SHOP_TRACE = ids(0xd1);

/** @type {MadeSpan[]} */
const FETCHES = [
  { id: '1', name: '/cart', from: 0, to: 900, maker: 'browser', stage: 'pageload' },
  { id: '2', parent: '1', name: 'GET shop.example', from: 100, to: 200, maker: 'browser', stage: 'http.client' },
  { id: '3', parent: '2', name: 'GET /api/cart', from: 120, to: 190, maker: 'edge', stage: 'request', kind: 2, attributes: { 'url.path': '/api/cart', 'http.response.status_code': 200 } },
  { id: '4', parent: '1', name: 'GET shop.example', from: 300, to: 350, maker: 'browser', stage: 'http.client' },
  { id: '5', parent: '4', name: 'GET /api/stock', from: 304, to: 344, maker: 'edge', stage: 'request', kind: 2, attributes: { 'url.path': '/api/stock', 'http.response.status_code': 200 } },
];

describe('what no process recorded', () => {
  /** @type {Desk} */ let desk;
  before(async () => {
    await mkdir(RESULTS, { recursive: true });
    desk = await Desk.start();
    await desk.import(SHOP_TRACE, SHOP);
  });
  after(() => desk?.close());

  /** @param {string} name */
  const shoot = async (name) => {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await desk.page.emulateMedia({ colorScheme });
      await desk.judge(`${name}, ${colorScheme}`);
      await desk.page.screenshot({ path: join(RESULTS, `${name}-${colorScheme}.png`) });
    }
    await desk.page.emulateMedia({ colorScheme: null });
  };

  test('a browser that is three seconds ahead is moved, and the network stands before and after the edge', async () => {
    const trace = ids(0xd2);
    await desk.import(trace, FETCHES, { shift: { browser: 3000 } });
    await desk.show(trace, `?span=${spanId('4')}`);
    assert.deepEqual((await desk.names()).slice(1), [
      'GET shop.example', 'Network · request', 'Edge request', 'Network · response',
      'GET shop.example', 'Network · request', 'Edge request', 'Network · response',
    ]);
    assert.match((await desk.page.locator('.tr-notes').textContent()) ?? '', /Times of browser are moved by −3\.00 s, right to ±5\.1 ms \(2 samples\)/);
    const side = (await desk.page.locator('.tr-side').textContent()) ?? '';
    assert.match(side, /On the way there5 ms/);
    assert.match(side, /Together10 ms/);
    assert.match(side, /Clock error±5\.1 ms/);
    assert.match(side, /ClockTimes are moved by −3\.00 s, right to ±5\.1 ms \(2 samples\)/);
    const said = await desk.page.locator('.tr-row:not([hidden]) .unseen').allTextContents();
    const network = said.find((text) => text.startsWith('Network'));
    assert.match(network ?? '', /derived, right to plus or minus 5\.1/);
    assert.ok(said.some((text) => /^GET shop\.example.*clock moved by minus 3/.test(text)), said.join('\n'));
    // Where one ends the other begins.
    const edges = await desk.page.evaluate(() => [...document.querySelectorAll('.tr-row:not([hidden])')].map((row) => {
      const { left, right } = /** @type {Element} */ (row.querySelector('.tr-bar')).getBoundingClientRect();
      return { top: row.getBoundingClientRect().top, left, right };
    }).sort((a, b) => a.top - b.top));
    const [, fetch, out, edge, back] = edges;
    assert.ok(fetch && out && edge && back);
    for (const [one, other] of [[fetch.left, out.left], [out.right, edge.left], [edge.right, back.left], [back.right, fetch.right]]) {
      assert.ok(Math.abs(Number(one) - Number(other)) <= 2.1, `${one} and ${other}`);
    }
    await shoot('viewer-network');
  });

  test('a derived row says what it is, asks for nothing, and is in no count', async () => {
    const asked = [];
    desk.page.on('request', (request) => request.url().includes('/spans/') && asked.push(request.url()));
    await desk.page.keyboard.press('Escape');
    await desk.row('Network · request').click();
    await desk.page.locator('.tr-what', { hasText: 'Derived from two clocks, not recorded' }).waitFor();
    assert.equal(asked.length, 0);
    assert.match((await desk.page.locator('.tr-meta').textContent()) ?? '', /5 spans/);
    assert.doesNotMatch((await desk.page.locator('.tr-legend').textContent()) ?? '', /Network/);
    await desk.page.getByRole('group', { name: 'Kinds' }).getByRole('button', { name: /^Network/ }).click();
    await desk.page.locator('.tr-row:not([hidden]) .tr-text', { hasText: 'Network ·' }).first().waitFor({ state: 'detached' });
  });

  test('samples that contradict each other are told, and what contradicts has no network', async () => {
    const trace = ids(0xd3);
    await desk.import(trace, [...FETCHES,
      { id: '6', parent: '1', name: 'GET wrong.example', from: 500, to: 510, maker: 'browser', stage: 'http.client' },
      { id: '7', parent: '6', name: 'GET /wrong', from: 700, to: 710, maker: 'edge', stage: 'request', kind: 2 },
    ]);
    await desk.show(trace);
    assert.match((await desk.page.locator('.tr-notes').textContent()) ?? '', /\(2 samples, 1 contradicts\)/);
    assert.equal(await desk.page.locator('.tr-row:not([hidden]) .tr-text', { hasText: 'Network ·' }).count(), 4);
  });

  test('what still runs is drawn above what hangs under it, and moves only for those who like that', async () => {
    const trace = ids(0xd4);
    await desk.import(trace, [
      { id: '2', parent: '1', name: 'Route', from: 0, to: 2, maker: 'edge', stage: 'route' },
      { id: '3', parent: '1', name: 'Cache lookup', from: 3, to: 5, maker: 'edge', stage: 'cache.lookup' },
    ], { began: Date.now() - 20 });
    await desk.show(trace);
    assert.deepEqual(await desk.names(), ['Edge request', 'Routing', 'Cache lookup']);
    await desk.page.getByText('Still arriving').waitFor();
    const moving = () => desk.page.locator('.tr-bar.running').evaluate((bar) => getComputedStyle(bar, '::before').animationName);
    assert.equal(await moving(), 'tr-run');
    assert.match((await desk.row('Edge request').locator('.unseen').textContent()) ?? '', /still running/);
    await shoot('viewer-running');
    await desk.page.emulateMedia({ reducedMotion: 'reduce' });
    assert.equal(await moving(), 'none');
    await desk.page.emulateMedia({ reducedMotion: null });
    // It ends, and takes its own place; whoever looked at it still does.
    await desk.row('Edge request').click();
    await desk.settled();
    await desk.import(trace, [{ id: '1', name: 'GET /', from: 0, to: 9, maker: 'edge', stage: 'request', kind: 2, attributes: { 'url.path': '/' } }], { began: Date.now() - 20 });
    await desk.page.reload();
    await desk.page.locator('.tr-bar').first().waitFor();
    assert.equal(await desk.page.locator('.tr-bar.running').count(), 0);
    assert.equal(desk.parameter('span'), spanId('1'));
  });

  test('budgets are kept in this browser, judged in the head, and drawn on the ruler', async () => {
    await desk.show(SHOP_TRACE);
    await desk.page.getByRole('button', { name: 'Budgets' }).click();
    const field = desk.page.getByRole('textbox', { name: 'Budgets, one a line' });
    await field.fill('duration<1s\nspeed<3');
    await desk.page.getByRole('button', { name: 'Keep' }).click();
    await desk.page.getByRole('alert').filter({ hasText: 'there is no "speed"' }).waitFor();
    await field.fill('duration<300ms\nstatus=200\nspan(/products/:slug).duration<1s');
    await desk.page.getByRole('button', { name: 'Keep' }).click();
    const notes = desk.page.locator('.tr-notes');
    await notes.getByText('Not met, 464 ms.').waitFor();
    assert.match((await notes.textContent()) ?? '', /status=200 Met, 200\./);
    assert.match((await notes.textContent()) ?? '', /the length of a page load says nothing/);
    const { lane } = await desk.geometry();
    const line = await desk.page.locator('.tr-vital.limit').boundingBox();
    const scale = (lane.width - 74) / 1_283;
    assert.equal(await desk.page.locator('.tr-flag.limit').textContent(), 'duration<300ms');
    assert.ok(line && Math.abs(line.x - lane.left - 332 * scale) < 1.5, `${line?.x}`);
    await shoot('viewer-budgets');
    await desk.show(ids(0xd2));
    await desk.page.locator('.tr-notes').getByText('Met, 70.0 ms.').waitFor();
    await desk.page.getByRole('button', { name: 'Budgets' }).click();
    await desk.page.getByRole('textbox', { name: 'Budgets, one a line' }).fill('');
    await desk.page.getByRole('button', { name: 'Keep' }).click();
    await desk.page.locator('.tr-flag.limit').waitFor({ state: 'detached' });
  });

  test('several runs of one page say what is usual, and what is noise', async () => {
    const started = await desk.post('/session', { action: 'start' });
    assert.equal(started.status, 200, started.text);
    for (let run = 0; run < 5; run++) {
      await desk.page.goto(`${desk.origin}/products/paper-moon?run=${run}`, { waitUntil: 'networkidle' });
      await desk.traced('/products/paper-moon', `run=${run}`);
    }
    const [first, last] = [await desk.traced('/products/paper-moon', 'run=0'), await desk.traced('/products/paper-moon', 'run=4')];
    await desk.show(last);
    await desk.page.locator('.tr-whisker').first().waitFor({ state: 'attached' });
    const request = desk.row('Edge request');
    assert.match((await request.locator('.unseen').textContent()) ?? '', /usually .* to /);
    await request.click();
    await desk.page.locator('.tr-side', { hasText: '95 of 100 within' }).waitFor();
    assert.match((await desk.page.locator('.tr-side').textContent()) ?? '', /Usually5 runs/);
    await shoot('viewer-runs');
    await desk.page.goto(`${desk.origin}/_waylight/t/${first}?vs=${last}`);
    await desk.page.locator('.tr-ghost').first().waitFor({ state: 'attached' });
    const say = (await desk.page.locator('.tr-say').textContent()) ?? '';
    assert.match(say, /Within the noise of 5 runs|As quick as before/, `it lies between them, being one of them: ${say}`);
  });

  test('the vitals of a page view stand in the Logs, and with its session', async () => {
    const trace = await desk.traced('/products/paper-moon', 'run=4');
    const load = { id: 'f1', name: '/products/:slug', from: 0, to: 3000, maker: /** @type {const} */ ('browser'), stage: 'pageload' };
    await desk.import(trace, [
      { ...load, attributes: { 'browser.web_vital.ttfb.value': 41.5, 'browser.web_vital.fcp.value': 300 } },
      { ...load, id: 'f2', parent: 'f1', name: 'LCP', from: 742, to: 742, stage: 'ui.webvital.lcp', attributes: { 'browser.web_vital.lcp.value': 742 } },
      { ...load, id: 'f3', parent: 'f1', name: 'CLS', from: 900, to: 900, stage: 'ui.webvital.cls', attributes: { 'browser.web_vital.cls.value': 0.3 } },
      { ...load, id: 'f4', parent: 'f1', name: 'button', from: 1000, to: 1248, stage: 'ui.interaction.click', attributes: { 'browser.web_vital.inp.value': 248 } },
    ]);
    const told = ['LCP 742 ms, good', 'INP 248 ms, needs improvement', 'CLS 0.30, poor'];
    await desk.page.goto(`${desk.origin}/_waylight/logs?q=path:/products/paper-moon`);
    const row = desk.page.locator('.log-row', { hasText: '?run=4' });
    await row.locator('.vitals .tag').nth(2).waitFor();
    assert.deepEqual(await row.locator('.vitals .tag').allTextContents(), told);
    await shoot('logs-vitals');
    await desk.page.goto(`${desk.origin}/_waylight/sessions`);
    await desk.page.locator('.session-table tbody tr').first().click();
    const visit = desk.page.locator('.visit', { hasText: 'INP 248' });
    await visit.waitFor();
    assert.deepEqual((await visit.locator('.vitals .tag').allTextContents()).slice(2), told);
    await shoot('sessions-vitals');
    await desk.post('/session', { action: 'stop' });
  });
});

// The live list: 200 requests a second, a restart, six tabs. What somebody looks at stays where it is, and nothing is
// missing or there twice.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { ConsolePage, traffic, visit } from '../lib/console.js';
import { freePort } from '../lib/net.js';
import { Upstream } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page, Request } from 'playwright-core' */

describe('the live list', () => {
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {ConsolePage} */ let console;
  let port = 0;
  const toml = () => configuration({ upstream: upstream.url, port });

  before(async () => {
    upstream = await Upstream.start({ '*': (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('ok') });
    port = await freePort();
    waylight = await Waylight.run(toml());
    browser = await launch();
    console = await ConsolePage.open(browser, waylight);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    upstream?.stop();
  });

  test('200 requests a second hold the selection and the scroll position', async () => {
    const { page } = console;
    await visit(waylight.origin, Array.from({ length: 80 }, (_, at) => `/before/${at}`));
    await console.goto('/logs');
    await page.locator('.log-row').nth(20).waitFor();
    const stream = traffic(waylight.origin, 200, (at) => `/live/${at}`);
    try {
      // At the top, with nothing chosen and no pointer near, the newest are shown as they come.
      await page.mouse.move(700, 10);
      await page.waitForFunction(() => document.querySelector('.log-row[aria-rowindex="2"] .path')?.textContent?.startsWith('/live/'));

      // Under the pointer nothing moves.
      const box = await page.locator('.log-row[aria-rowindex="6"]').boundingBox();
      assert.ok(box);
      await page.mouse.move(box.x + 300, box.y + 10);
      const under = await page.evaluate(([x, y]) => document.elementFromPoint(x ?? 0, y ?? 0)?.closest('.log-row')?.id, [box.x + 300, box.y + 10]);
      await newOnes(page, 150);
      assert.equal(await page.evaluate(([x, y]) => document.elementFromPoint(x ?? 0, y ?? 0)?.closest('.log-row')?.id, [box.x + 300, box.y + 10]), under);

      // A chosen row stays where it is, with the pointer gone.
      await page.mouse.click(box.x + 300, box.y + 10);
      await page.getByRole('complementary', { name: 'Request' }).waitFor();
      await page.mouse.move(700, 10);
      await newOnes(page, 150);
      const chosen = (await console.rows()).find((row) => row.selected);
      assert.ok(chosen && `row-${chosen.id}` === under);
      await newOnes(page, (await waiting(page)) + 200);
      const later = (await console.rows()).find((row) => row.selected);
      assert.equal(later?.id, chosen.id);
      assert.ok(Math.abs((later?.top ?? 0) - chosen.top) < 1, `it moved from ${chosen.top} to ${later?.top}`);
      await page.keyboard.press('Escape');

      // So does what somebody scrolled to.
      await page.locator('.log-scroll').evaluate((list) => list.scrollBy(0, 640));
      await page.mouse.move(700, 10);
      const first = await firstSeen(page);
      await newOnes(page, (await waiting(page)) + 200);
      assert.deepEqual(await firstSeen(page), first);

      // The pill leads back to the newest.
      await page.locator('.new-pill').click();
      await page.mouse.move(700, 10);
      await page.waitForFunction(() => document.querySelector('.log-scroll')?.scrollTop === 0);
      assert.ok((await page.locator('.log-row').count()) < 80, 'only what is seen is in the document');
    } finally {
      await stream.stop();
    }
    await same(console, 400);
  });

  test('P holds everything, and goes on', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.mouse.move(700, 10);
    await page.keyboard.press('p');
    await page.getByRole('button', { name: 'Paused' }).waitFor();
    const before = (await console.rows())[0]?.id;
    await visit(waylight.origin, ['/paused/1', '/paused/2', '/paused/3']);
    await newOnes(page, 3);
    assert.equal((await console.rows())[0]?.id, before);
    await page.keyboard.press('p');
    await page.waitForFunction(() => document.querySelector('.log-row[aria-rowindex="2"] .path')?.textContent === '/paused/3');
  });

  test('a search is live, too', async () => {
    const { page } = console;
    await console.goto('/logs?q=path:/wanted/*');
    await page.getByRole('heading', { name: 'Nothing matches the search' }).waitFor();
    await visit(waylight.origin, ['/unwanted', '/wanted/1', '/unwanted', '/wanted/2']);
    await page.locator('.log-row', { hasText: '/wanted/2' }).waitFor();
    assert.deepEqual((await console.rows()).map((row) => row.path), ['/wanted/2', '/wanted/1']);
  });

  test('after a restart nothing is missing and nothing is there twice', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.mouse.move(700, 10);
    await visit(waylight.origin, ['/restart/before']);
    await page.locator('.log-row', { hasText: '/restart/before' }).waitFor();
    const { directory } = waylight;
    await waylight.stop('keep');
    await page.getByRole('alert').filter({ hasText: 'Connection lost' }).waitFor();
    assert.ok(await page.locator('.log-row', { hasText: '/restart/before' }).isVisible(), 'what was there stays');
    await console.judgeBoth('connection lost');
    waylight = await Waylight.run(toml(), { directory });
    console.waylight = waylight;
    await visit(waylight.origin, Array.from({ length: 30 }, (_, at) => `/restart/${at}`));
    await page.locator('.log-row', { hasText: '/restart/29' }).waitFor();
    await page.getByText('Connection lost').waitFor({ state: 'detached' });
    await visit(waylight.origin, ['/restart/last']);
    await page.locator('.log-row', { hasText: '/restart/last' }).waitFor();
    await same(console, 100);
    // That nobody answered for a moment is what a browser says of it.
    console.complaints = console.complaints.filter((complaint) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/.test(complaint));
  });

  test('six tabs over HTTP/1.1 share one stream and leave the site its connections', async () => {
    /** @type {Set<Request>} */
    const streams = new Set();
    console.context.on('request', (request) => {
      if (request.url().includes('/api/v1/stream')) streams.add(request);
    });
    console.context.on('requestfinished', (request) => void streams.delete(request));
    console.context.on('requestfailed', (request) => void streams.delete(request));
    const open = () => [...streams].filter((request) => !request.frame().page().isClosed());
    /** @type {Page[]} */
    const tabs = [];
    for (let at = 0; at < 6; at += 1) tabs.push(await console.tab());
    await console.page.goto('about:blank');
    for (const tab of tabs) {
      await console.goto('/logs', tab);
      await tab.locator('.log-row').first().waitFor();
    }
    await visit(waylight.origin, ['/six/1']);
    for (const tab of tabs) await tab.locator('.log-row', { hasText: '/six/1' }).waitFor();
    assert.equal(open().length, 1, 'one stream for all of them');
    // A page of the site has its six connections less one.
    const seventh = await console.tab();
    await seventh.goto(`${waylight.origin}/site`);
    assert.equal(await seventh.evaluate(async () => (await Promise.all([1, 2, 3, 4].map((at) => fetch(`/site/${at}`)))).every((answer) => answer.ok)), true);

    // Whoever leads may go: another one takes over, and nobody misses anything.
    const leader = open()[0]?.frame().page();
    assert.ok(leader);
    await leader.close();
    const rest = tabs.filter((tab) => tab !== leader);
    await visit(waylight.origin, ['/six/2']);
    for (const tab of rest) await tab.locator('.log-row', { hasText: '/six/2' }).waitFor();
    assert.equal(open().length, 1);

    // Tabs that nobody sees hold nothing; when they are seen, they have all that happened meanwhile.
    for (const tab of rest) await show(tab, 'hidden');
    await until(() => open().length === 0, 'the last stream is closed');
    await visit(waylight.origin, ['/six/3', '/six/4']);
    const [one] = rest;
    assert.ok(one);
    await show(one, 'visible');
    await one.locator('.log-row', { hasText: '/six/4' }).waitFor();
    await one.locator('.log-row', { hasText: '/six/3' }).waitFor();
    assert.equal(open().length, 1);
    for (const tab of [...rest, seventh]) await tab.close();
  });

  test('the browser had nothing to complain of', () => console.assertQuiet());
});

/** How many are told to wait. @param {Page} page */
function waiting(page) {
  return page.evaluate(() => Number((document.querySelector('.new-pill:not([hidden])')?.textContent ?? '0').replace(/\D/g, '')));
}

/** @param {Page} page @param {number} least */
async function newOnes(page, least) {
  await page.waitForFunction((count) => Number((document.querySelector('.new-pill:not([hidden])')?.textContent ?? '0').replace(/\D/g, '')) >= count, least);
}

/** The first row that is seen, and where. @param {Page} page */
function firstSeen(page) {
  return page.evaluate(() => {
    const top = (document.querySelector('.log-head')?.getBoundingClientRect().bottom ?? 0) - 1;
    const rows = [...document.querySelectorAll('.log-row')].map((row) => ({ id: row.id, top: row.getBoundingClientRect().top })).filter((row) => row.top >= top);
    return rows.sort((a, b) => a.top - b.top)[0];
  });
}

/** The list is what the API says, as far as it is in the document. @param {ConsolePage} console @param {number} limit */
async function same(console, limit) {
  const { page } = console;
  await page.locator('.log-scroll').evaluate((list) => list.scrollTo(0, 0));
  await page.mouse.move(700, 10);
  const { items } = await console.api(`/requests?limit=${limit}`);
  /** @type {string[]} */
  const expected = items.map((/** @type {{ id: string }} */ item) => item.id);
  await page.waitForFunction((id) => document.getElementById(`row-${id}`) !== null, expected[0] ?? '');
  const rows = await console.rows();
  assert.ok(rows.length > 20);
  assert.equal(new Set(rows.map((row) => row.id)).size, rows.length, 'none is there twice');
  const listed = rows.map((row) => row.id).filter((id) => expected.includes(id));
  assert.deepEqual([...listed].sort(), expected.slice(0, listed.length).sort(), 'none is missing');
}

/** @param {Page} page @param {'visible' | 'hidden'} state */
function show(page, state) {
  return page.evaluate((now) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => now });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
}

/** @param {() => boolean} look @param {string} what */
async function until(look, what) {
  for (let turn = 0; !look(); turn += 1) {
    if (turn > 600) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// The Logs, as somebody uses them: first run, filters, the panel by keyboard, what stays where it is.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { launch } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { ConsolePage, visit } from '../lib/console.js';
import { Upstream } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser } from 'playwright-core' */

/** @param {import('node:http').ServerResponse} response @param {number} status @param {string} [body] @param {string} [type] */
const answer = (response, status, body = '', type = 'text/html') => response.writeHead(status, { 'content-type': type, 'x-powered-by': 'tests' }).end(body);

const PAGE = '<!doctype html><title>shop</title><link rel="stylesheet" href="/site.css"><script src="/app.js"></script><h1>Shop</h1>';

describe('the Logs', () => {
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {ConsolePage} */ let console;

  before(async () => {
    upstream = await Upstream.start({
      '/': (_, response) => answer(response, 200, PAGE),
      '/site.css': (_, response) => answer(response, 200, 'h1{color:red}', 'text/css'),
      '/app.js': (_, response) => answer(response, 200, 'fetch("/api/cart")', 'text/javascript'),
      '/api/cart': (_, response) => answer(response, 200, '{}', 'application/json'),
      '/api/broken': (_, response) => answer(response, 503, 'no'),
      '/gone': (_, response) => answer(response, 404, 'no'),
      '/big': (_, response) => response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(Buffer.alloc(32_000_000)),
      '*': (_, response) => answer(response, 200, 'ok'),
    });
    waylight = await Waylight.run(configuration({ upstream: upstream.url }));
    browser = await launch();
    console = await ConsolePage.open(browser, waylight);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    upstream?.stop();
  });

  test('the first run shows the real address, and flips to the list at the first request', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.getByRole('heading', { name: 'No requests yet' }).waitFor();
    assert.ok(await page.getByText(`curl ${waylight.origin}`).isVisible());
    await console.judgeBoth('first run');
    await page.getByRole('button', { name: 'Send a test request' }).click();
    await page.locator('.log-row').first().waitFor();
    assert.equal(await page.getByRole('heading', { name: 'No requests yet' }).isVisible(), false);
  });

  test('a page view has what it loaded below it, in the order it was asked for', async () => {
    const visitor = await browser.newPage();
    await visitor.goto(`${waylight.origin}/?view=1`, { waitUntil: 'networkidle' });
    await visitor.close();
    // What ends before its page does is listed first, and joined to it a moment later.
    for (const path of ['/site.css', '/app.js', '/api/cart']) {
      await console.page.locator('.log-row[aria-level="2"]', { hasText: path }).waitFor();
    }
    const rows = await console.rows();
    const at = rows.findIndex((row) => row.path === '/' && row.level === 1);
    const next = rows.findIndex((row, index) => index > at && row.level === 1);
    const parts = rows.slice(at + 1, next < 0 ? rows.length : next).map((row) => row.path).filter((path) => path !== '/favicon.ico');
    assert.deepEqual([...parts].sort(), ['/api/cart', '/app.js', '/site.css'], JSON.stringify(rows));
    assert.equal(parts.at(-1), '/api/cart', 'the script asked for it');
  });

  test('filters combine, stand in the address, and what they leave out is counted', async () => {
    const { page } = console;
    await visit(waylight.origin, ['/api/broken', '/api/broken', '/gone', '/x/1', '/x/2']);
    await console.goto('/logs?q=status:5xx');
    await page.locator('.log-row').nth(1).waitFor();
    assert.deepEqual((await console.rows()).map((row) => [row.path, row.status]), [['/api/broken', '503'], ['/api/broken', '503']]);

    // Only traced ones of these: there are none, and the lightning is to blame for two.
    await page.getByRole('button', { name: 'Traced requests only' }).click();
    await page.getByRole('heading', { name: 'No traced requests here' }).waitFor();
    assert.match(new URL(page.url()).search, /traced=1/);
    assert.match(new URL(page.url()).search, /q=status:5xx/);
    assert.ok(await page.getByText('2 requests match the other filters').isVisible());
    await console.judgeBoth('a filter leaves nothing');
    const told = await console.api('/requests?q=status:5xx&traced=1');
    assert.equal(told.excluded_by.traced, 2);
    await page.getByRole('button', { name: 'Show untraced' }).click();
    await page.locator('.log-row').nth(1).waitFor();
    assert.doesNotMatch(new URL(page.url()).search, /traced/);

    // A reload shows the same.
    await page.reload();
    await page.locator('.log-row').nth(1).waitFor();
    assert.equal((await console.rows()).length, 2);
  });

  test('the slowest come first where one wants them', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.getByRole('button', { name: 'Total' }).click();
    await page.waitForFunction(() => location.search === '?sort=slow');
    await page.getByRole('treegrid', { name: 'Requests, slowest first' }).waitFor();
    const { items } = await console.api('/requests?limit=500');
    const slowest = items.map((/** @type {{ dur_us: number, id: string }} */ item) => item).sort((/** @type {any} */ a, /** @type {any} */ b) => b.dur_us - a.dur_us);
    await page.waitForFunction((id) => document.querySelector('.log-row[aria-rowindex="2"]')?.id === `row-${id}`, slowest[0].id);
    assert.deepEqual((await console.rows()).slice(0, 5).map((row) => row.id), slowest.slice(0, 5).map((/** @type {{ id: string }} */ item) => item.id));
    await console.judgeBoth('slowest first');
    await page.keyboard.press('s');
    await page.getByRole('treegrid', { name: 'Requests, newest first' }).waitFor();
  });

  test('the histogram chooses a time, by dragging and by keys, and the way back undoes it', async () => {
    const { page } = console;
    await visit(waylight.origin, ['/just-now']);
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    const drawing = await page.locator('wl-histogram svg').boundingBox();
    assert.ok(drawing);
    await page.mouse.move(drawing.x + drawing.width * 0.8, drawing.y + 20);
    await page.mouse.down();
    await page.mouse.move(drawing.x + drawing.width * 0.9, drawing.y + 20, { steps: 3 });
    await page.locator('.histogram-say', { hasText: /^(3 min|2 min 5\d s|3 min \d s)$/ }).waitFor();
    await page.mouse.up();
    await page.waitForURL(/from=\d+&to=\d+/);
    const chosen = () => ['from', 'to'].map((name) => Number(new URL(page.url()).searchParams.get(name)));
    const [from = 0, to = 0] = chosen();
    assert.ok(Math.abs(to - from - 180e6) < 4e6, `${to - from}`);
    assert.equal(await page.getByRole('button', { name: 'Not live' }).isDisabled(), true);
    await page.getByRole('heading', { name: 'Nothing in this time' }).waitFor();
    await page.goBack();
    await page.locator('.log-row').first().waitFor();
    assert.equal(new URL(page.url()).search, '');
    await page.locator('wl-histogram').focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('Enter');
    await page.waitForURL(/from=\d+&to=\d+/);
    const [first = 0, last = 0] = chosen();
    assert.ok(Math.abs(last - first - 24e6) < 1e6, 'two bars of 150 in half an hour');
    await page.locator('.log-row').first().waitFor();
  });

  test('only what this browser sent, and only of one session', async () => {
    const { page } = console;
    await visit(waylight.origin, ['/a-stranger']);
    await console.goto('/logs');
    await page.evaluate(() => fetch('/my-own'));
    await page.locator('.log-row', { hasText: '/my-own' }).waitFor();
    await page.getByRole('button', { name: 'My browser only' }).click();
    await page.locator('.log-row', { hasText: '/a-stranger' }).waitFor({ state: 'detached' });
    // The list is asked for anew.
    await page.locator('.log-row', { hasText: '/my-own' }).waitFor();
    assert.equal(new URL(page.url()).search, '?browser=me');
    await page.mouse.move(700, 10);
    await page.keyboard.press('m');
    await page.locator('.log-row', { hasText: '/a-stranger' }).waitFor();
    await page.getByRole('button', { name: 'Start tracing' }).click();
    await page.getByRole('button', { name: 'Tracing' }).waitFor();
    await page.evaluate(() => fetch('/of-my-session'));
    await page.locator('.log-row', { hasText: '/of-my-session' }).click();
    await page.getByRole('region', { name: 'Facts' }).getByRole('link').first().click();
    await page.locator('.chip', { hasText: 'session' }).waitFor();
    await page.locator('.log-row', { hasText: '/my-own' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Remove the filter: session' }).click();
    await page.locator('.log-row', { hasText: '/my-own' }).waitFor();
    await page.getByRole('button', { name: 'Tracing' }).click();
    await page.getByRole('menuitem', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Start tracing' }).waitFor();
  });

  test('keys go to the ends of the list and by screens', async () => {
    const { page } = console;
    await visit(waylight.origin, Array.from({ length: 60 }, (_, at) => `/many/${at}`));
    await console.goto('/logs?q=path:/many/*');
    await page.locator('.log-row').nth(30).waitFor();
    await page.mouse.move(700, 10);
    const chosen = async () => (await console.rows()).find((row) => row.selected)?.path;
    const press = async (/** @type {string} */ key, /** @type {string} */ path) => {
      await page.keyboard.press(key);
      await page.waitForFunction((wanted) => document.querySelector('.log-row[aria-selected="true"] .path')?.textContent === wanted, path);
    };
    await press('Home', '/many/59');
    await press('End', '/many/0');
    await page.keyboard.press('PageUp');
    await page.waitForFunction(() => /\/many\/\d\d$/.test(document.querySelector('.log-row[aria-selected="true"] .path')?.textContent ?? ''));
    const above = Number((await chosen())?.split('/').at(-1));
    assert.ok(above > 10 && above < 50, `${above}`);
    await press('PageDown', '/many/0');
  });

  test('a request is copied as a command and as a link, without what was hidden', async () => {
    const { page } = console;
    await console.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await visit(waylight.origin, ['/copy-me?a=1']);
    await console.goto('/logs?q=path:/copy-me');
    await page.locator('.log-row').first().click();
    await page.getByRole('button', { name: 'Copy as cURL' }).click();
    await page.getByText('Copied as cURL', { exact: true }).waitFor();
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    assert.equal(await copied(), `curl '${waylight.origin}/copy-me?a=1' --compressed`);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('Link copied').waitFor();
    assert.match(await copied(), new RegExp(`^${waylight.origin}/_waylight/logs/[0-9a-f]{32}$`));
  });

  test('an address stands as people write it, and is found so', async () => {
    const { page } = console;
    await visit(waylight.origin, ['/caf%C3%A9/men%C3%BC', '/caf%C3%A9%2Fb']);
    await console.goto('/logs');
    await page.getByRole('combobox', { name: 'Search requests' }).fill('path:caf\u00e9 men\u00fc');
    await page.locator('.log-row', { hasText: '/caf\u00e9/men\u00fc' }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.log-row').length === 1);
    assert.match((await page.locator('.log-row .request').getAttribute('title')) ?? '', /\/caf%C3%A9\/men%C3%BC$/);
    await page.getByRole('combobox', { name: 'Search requests' }).fill('');
    await page.locator('.log-row', { hasText: '/caf\u00e9%2Fb' }).waitFor();
  });

  test('a search offers what may come next, and says what it cannot read', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('st');
    await page.getByRole('option', { name: /^status:/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.type('4');
    await page.getByRole('option', { name: 'status:4xx' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.log-row', { hasText: '/gone' }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.log-row').length === 1);
    await page.getByRole('combobox', { name: 'Search requests' }).fill('path:/x >9parsecs');
    await page.getByRole('alert').filter({ hasText: '9parsecs' }).waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'Search requests' }).getAttribute('aria-invalid'), 'true');
    await page.getByRole('heading', { name: 'The search cannot be read' }).waitFor();
    await console.judgeBoth('a search that cannot be read');
    await page.getByRole('combobox', { name: 'Search requests' }).fill('');
    await page.waitForFunction(() => document.querySelectorAll('.log-row').length > 3);
  });

  test('the panel, by keyboard alone', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.keyboard.press('j');
    const panel = page.getByRole('complementary', { name: 'Request' });
    await panel.waitFor();
    const first = (await console.rows()).find((row) => row.selected);
    assert.ok(first);
    assert.match(page.url(), new RegExp(`/_waylight/logs/${first.id}$`));
    await page.keyboard.press('j');
    await page.waitForFunction((id) => !location.pathname.endsWith(id), first.id);
    assert.equal((await console.rows()).find((row) => row.selected)?.at, first.at + 1);
    await page.keyboard.press('k');
    await page.waitForFunction((id) => location.pathname.endsWith(id), first.id);
    await panel.getByText('Kept for traced requests only').waitFor();
    await panel.getByText('Total').waitFor();
    await console.judgeBoth('the panel of an untraced request');
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
    assert.match(page.url(), /\/_waylight\/logs$/);
    // The browser's way back leads to the request before.
    await page.goBack();
    await panel.waitFor({ state: 'detached' });
  });

  test('a panel that was closed before it was read is read when it is opened again', async () => {
    const { page } = console;
    await console.goto('/logs');
    const row = page.locator('.log-row').first();
    await row.waitFor();
    await page.route('**/api/v1/requests/*', () => {}, { times: 1 });
    const asked = page.waitForRequest(/\/api\/v1\/requests\/[0-9a-f]{32}$/);
    await row.click();
    await asked;
    await page.keyboard.press('Escape');
    await row.click();
    await page.getByRole('complementary', { name: 'Request' }).getByText('Total').waitFor();
  });

  test('a menu is used by keyboard: arrows, letters, and the space bar', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.getByRole('button', { name: 'Filter' }).focus();
    await page.keyboard.press('Enter');
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    await page.waitForFunction(() => document.activeElement?.getAttribute('role') === 'menuitem');
    await page.keyboard.press('w');
    assert.match(await focused(), /^Writes/);
    await page.keyboard.press('c');
    assert.match(await focused(), /^Client errors/, 'round the end');
    await page.keyboard.press('x');
    assert.match(await focused(), /^Client errors/, 'nothing begins so');
    await page.keyboard.press('Space');
    await page.waitForFunction(() => location.search === '?q=status:4xx');
  });

  test('one request that comes in beside an open panel waits, and is called one', async () => {
    const { page } = console;
    await console.goto('/logs?q=-path:favicon');
    await page.locator('.log-row').first().click();
    await page.getByRole('complementary', { name: 'Request' }).getByText('Total').waitFor();
    await visit(waylight.origin, ['/one-more']);
    await page.getByRole('button', { name: 'Show 1 new request', exact: true }).waitFor();
    await console.judgeBoth('a request that waits');
    await page.keyboard.press('Escape');
  });

  test('a traced request has its header fields compared, and its trace', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.getByRole('button', { name: 'Start tracing' }).click();
    await page.getByRole('button', { name: 'Tracing' }).waitFor();
    const visitor = await console.tab();
    await visitor.goto(`${waylight.origin}/traced?token=secret`);
    await visitor.close();
    await page.locator('.log-row', { hasText: '/traced' }).click();
    const panel = page.getByRole('complementary', { name: 'Request' });
    await panel.locator('ins', { hasText: 'traceparent: ' }).waitFor();
    await panel.getByRole('link', { name: 'Open full page' }).waitFor();
    assert.equal(await panel.getByText('=secret').count(), 0, 'what looks like a token is shown nowhere');
    assert.ok((await console.rows()).some((row) => row.path === '/traced' && row.traced));
    await console.judgeBoth('the panel of a traced request');
    await panel.getByRole('button', { name: 'Copy as cURL' }).click();
    await page.getByText(/^Copied as cURL, without what is hidden: values of the query, cookie$/).waitFor();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    assert.doesNotMatch(command, /cookie/i);
    assert.match(command, /--header 'user-agent: /i);
    // A trace's way back leads to the list as it was.
    await page.keyboard.press('t');
    await page.waitForFunction(() => location.search === '?traced=1');
    await page.keyboard.press('o');
    await page.waitForURL(/\/_waylight\/t\/[0-9a-f]{32}/);
    await page.getByRole('button', { name: 'Back to the logs' }).click();
    await page.waitForURL(/\/_waylight\/logs\/[0-9a-f]{32}\?traced=1$/);
    await panel.waitFor();
    await page.keyboard.press('t');
    await page.waitForFunction(() => location.search === '');
    await page.keyboard.press('Escape');
    await page.keyboard.press('t');
    await page.waitForFunction(() => [...document.querySelectorAll('.log-row')].every((row) => row.querySelector('.bolt svg')));
    await page.keyboard.press('t');
    await page.getByRole('button', { name: 'Tracing' }).click();
    await page.getByRole('menuitem', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Start tracing' }).waitFor();
  });

  test('an id or a traceparent out of a log is looked for by Enter alone', async () => {
    const { page } = console;
    const [{ trace_id: trace }] = (await console.api('/requests?q=path:/traced')).items;
    await console.goto('/logs');
    await page.locator('.log-row').nth(1).waitFor();
    const search = page.getByRole('combobox', { name: 'Search requests' });
    for (const text of [` ${trace} `, `00-${trace}-b7ad6b7169203331-01`]) {
      await search.fill(text);
      await search.press('Enter');
      await page.waitForFunction((q) => new URLSearchParams(location.search).get('q') === q, `trace:${trace}`);
      await page.locator('.log-row', { hasText: '/traced' }).waitFor();
      await page.locator('.log-row', { hasText: '/gone' }).first().waitFor({ state: 'detached' });
    }
    // A trace that no request belongs to.
    await search.fill('ef'.repeat(16));
    await search.press('Enter');
    await page.getByRole('button', { name: 'Open the trace' }).click();
    await page.getByRole('heading', { name: 'This trace is not here' }).waitFor();
    assert.equal(new URL(page.url()).pathname, `/_waylight/t/${'ef'.repeat(16)}`);
  });

  test('a client that takes its answer in slowly is told of', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.getByRole('button', { name: 'Start tracing' }).click();
    await page.getByRole('button', { name: 'Tracing' }).waitFor();
    const cookie = (await console.context.cookies(waylight.origin)).map(({ name, value }) => `${name}=${value}`).join('; ');
    await new Promise((resolve, reject) => {
      http.get(`${waylight.origin}/big`, { headers: { cookie } }, (response) => {
        // It is the client that lets pass this time.
        setTimeout(() => response.resume().on('end', resolve), 1500);
      }).on('error', reject);
    });
    await page.locator('.log-row', { hasText: '/big' }).click();
    await page.getByRole('link', { name: 'Trace', exact: true }).click();
    await page.locator('.tr-notes li', { hasText: 'Slow client.' }).getByRole('button', { name: 'Show' }).click();
    await page.locator('.tr-side .tr-tag', { hasText: '200 \u00b7 slow client' }).waitFor();
    await page.getByRole('button', { name: 'Tracing' }).click();
    await page.getByRole('menuitem', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Start tracing' }).waitFor();
  });

  test('an untraced request is kept by a click', async () => {
    const { page } = console;
    await visit(waylight.origin, ['/keep-me']);
    await console.goto('/logs?q=path:/keep-me');
    await page.locator('.log-row').first().click();
    await page.getByRole('button', { name: 'Keep' }).click();
    await page.getByText('somebody kept it').waitFor();
    await page.locator('wl-trace .tr-row', { hasText: 'Upstream request' }).waitFor();
    assert.equal(await page.locator('wl-trace .tr-icon.hole').count(), 0, 'nothing is missing of an app that was asked untraced');
    assert.ok(await page.getByRole('link', { name: 'Trace', exact: true }).isVisible());
  });

  test('a request is sent again, traced, by a click', async () => {
    const { page } = console;
    await visit(waylight.origin, ['/again?x=1']);
    await console.goto('/logs?q=path:/again');
    await page.locator('.log-row').first().click();
    await page.getByRole('button', { name: 'Replay traced' }).click();
    await page.waitForURL(/\/_waylight\/t\/[0-9a-f]{32}/);
    await page.getByText('Sent again: 200').waitFor();
    await page.locator('wl-trace').getByText('/again').first().waitFor();
  });

  test('a request that is not known any more says so, and so does an address that leads nowhere', async () => {
    const { page } = console;
    await console.goto(`/logs/${'0'.repeat(31)}1`);
    await page.getByRole('heading', { name: 'This request is not known any more' }).waitFor();
    await console.judgeBoth('an unknown request');
  });

  test('names of strangers stay text', async () => {
    const { page } = console;
    const hostile = ['/%3Cimg%20src=x%20onerror=alert(1)%3E', '/%E2%80%AEevil', `/${'a'.repeat(900)}`, '/%F0%9F%92%A5?q=%3Cscript%3E'];
    await visit(waylight.origin, hostile);
    await console.goto('/logs');
    await page.locator('.log-row', { hasText: 'onerror' }).click();
    await page.getByRole('complementary', { name: 'Request' }).getByText('Total').waitFor();
    assert.equal(await page.locator('main img, main script').count(), 0);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false, 'nothing pushes the page apart');
  });

  test('who may only read is offered nothing else', async () => {
    const reader = await ConsolePage.open(browser, waylight, { role: 'viewer' });
    await reader.goto('/logs?range=all&q=path:/gone');
    await reader.page.locator('.log-row', { hasText: '/gone' }).first().click();
    await reader.page.getByRole('complementary', { name: 'Request' }).getByText('Not traced.', { exact: true }).waitFor();
    for (const name of ['Keep', 'Start tracing', 'Replay traced']) assert.equal(await reader.page.getByRole('button', { name }).count(), 0, name);
    reader.assertQuiet();
    await reader.close();
  });

  test('a sign-in that ends says so, and leaves what is there', async () => {
    const other = await ConsolePage.open(browser, waylight);
    const { page } = other;
    await other.goto('/logs?range=all&q=path:/gone');
    await page.locator('.log-row', { hasText: '/gone' }).first().waitFor();
    const plain = await other.tab();
    await other.goto('/plain', plain);
    await plain.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Total' }).click();
    await page.getByRole('alert').filter({ hasText: 'Your sign-in has ended' }).waitFor();
    await other.close();
  });

  test('the browser had nothing to complain of: no violation of the policy, no exception', () => {
    // It says itself that an answer was 400, for the search that cannot be read, and 404, for the request that is not there.
    console.assertQuiet(/status of 40[04]/);
  });
});

describe('the Logs on a site\u2019s own origin', () => {
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;

  before(async () => {
    upstream = await Upstream.start({ '*': (_, response) => answer(response, 200, 'ok') });
    waylight = await Waylight.run(configuration({ upstream: upstream.url, onSite: 'session' }));
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    upstream?.stop();
  });

  test('show this browser\u2019s requests and nobody else\u2019s, and say where all of them are', async () => {
    const console = await ConsolePage.open(browser, waylight);
    const { page } = console;
    await console.goto('/logs');
    await page.getByRole('status').filter({ hasText: 'Here you reach your own sessions only' }).waitFor();
    await visit(waylight.origin, ['/somebody-elses']);
    await page.evaluate(() => fetch('/mine'));
    await page.locator('.log-row', { hasText: '/mine' }).waitFor();
    assert.equal(await page.locator('.log-row', { hasText: '/somebody-elses' }).count(), 0);
    await console.judgeBoth('on a site\u2019s own origin');
    await page.getByRole('status').getByRole('button', { name: 'Close' }).click();
    await page.reload();
    await page.locator('.log-row', { hasText: '/mine' }).waitFor();
    assert.equal(await page.getByText('Here you reach your own sessions only').count(), 0);
    console.assertQuiet();
  });
});

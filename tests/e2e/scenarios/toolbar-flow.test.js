// The toolbar in a real browser, from the click to the trace.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch, press, signIn } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { Toolbar } from '../lib/toolbar.js';
import { Upstream } from '../lib/upstream.js';
import { Visitor } from '../lib/visitor.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */

describe('the toolbar, over the demo', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {Page} */ let page;
  /** @type {Toolbar} */ let toolbar;
  const product = () => `${waylight.origin}/products/harbour-lantern`;
  const idle = () => toolbar.until('the idle bar', async () => / TTFB/.test(await toolbar.pill()));

  before(async () => {
    waylight = await Waylight.demo();
    browser = await launch();
    page = await (await browser.newContext()).newPage();
    toolbar = new Toolbar(page);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
  });

  test('who is not signed in has none, and cannot fetch it', async () => {
    await page.goto(product());
    assert.equal(await toolbar.exists(), 0);
    assert.equal(await page.evaluate(() => document.querySelectorAll('script[data-waylight]').length), 0);
  });

  test('who signs in sees how long the page took', async () => {
    await signIn(page, waylight.signInLink);
    await page.goto(product());
    await idle();
    const script = await page.evaluate(() => document.querySelector('script[data-waylight]')?.getAttribute('src'));
    assert.match(script ?? '', /^\/_waylight\/assets\/[0-9a-f]+\/toolbar\/toolbar\.js$/);
    const stranger = await new Visitor(waylight.origin).get(script ?? '');
    assert.doesNotMatch(stranger.text, /waylight-toolbar/);
    await toolbar.open();
    const entries = await toolbar.entries();
    assert.deepEqual(entries, ['Run page trace', 'Run it 5 times', 'Run without cache', 'Arm next interaction', 'Start tracing session', 'View previous session traces', 'Hide on this page', 'Hide for this session', 'Start hidden']);
    await page.keyboard.press('Escape');
  });

  for (const what of ['Waylight cannot be reached', 'You are signed out']) {
    test(`a command that cannot be loaded says so: ${what}`, async () => {
      const context = await browser.newContext({ storageState: await page.context().storageState() });
      const tab = await context.newPage(), bar = new Toolbar(tab);
      await tab.goto(product());
      await bar.open();
      if (what === 'You are signed out') await context.clearCookies();
      else await context.route(/\/_waylight\//, (route) => route.abort());
      await bar.choose('Start tracing session');
      const toast = await bar.until('the toast', () => bar.toast());
      assert.ok(toast.startsWith(what), toast);
      assert.equal(await bar.link('Open the plain page'), '/_waylight/plain');
      await context.close();
    });
  }

  for (const status of [404, 200]) {
    test(`who is signed out on a site whose own server answers ${status} and JSON is told so`, async () => {
      const context = await browser.newContext({ storageState: await page.context().storageState() });
      const tab = await context.newPage(), bar = new Toolbar(tab);
      await tab.goto(product());
      await bar.open();
      await Promise.all([tab.waitForEvent('load'), bar.choose('Start tracing session')]);
      // What commands do is loaded with the first of them.
      await bar.choose('Stop tracing session');
      await bar.until('the end', async () => /^Tracing session stopped/.test(await bar.toast()));
      await context.clearCookies();
      await context.route(/\/_waylight\/api\//, (route) => route.fulfill({ status, contentType: 'application/json', body: '{"state":"none"}' }));
      await bar.choose('Start tracing session');
      await bar.until('the toast', async () => /^You are signed out/.test(await bar.toast()));
      await context.close();
    });
  }

  test('Run page trace: the page is loaded again, collected, and ready', async () => {
    await Promise.all([page.waitForEvent('load'), toolbar.choose('Run page trace')]);
    const toast = await toolbar.until('the trace', async () => /^Trace ready/.test(await toolbar.toast()) && toolbar.toast());
    assert.match(toast, /^Trace ready \d+ spans\. /);
    const path = await toolbar.link('View trace');
    const told = await page.evaluate(() => JSON.parse(document.querySelector('script[data-waylight]')?.getAttribute('data-waylight') ?? '{}'));
    assert.equal(path, `/_waylight/t/${told.trace}`);
    const [tab] = await Promise.all([page.context().waitForEvent('page'), toolbar.click('.toast a', 'View trace')]);
    await tab.waitForLoadState();
    assert.equal(new URL(tab.url()).pathname, path);
    await tab.close();
  });

  test('a session starts, is blue, and survives navigation, reload and a second tab', async () => {
    await page.goto(product());
    await Promise.all([page.waitForEvent('load'), toolbar.choose('Start tracing session')]);
    const isBlue = async (/** @type {Toolbar} */ bar) => {
      await bar.until('the blue bar', async () => /^Tracing \d+ requests?/.test(await bar.pill()));
      assert.match((await bar.part('.pill'))?.kinds ?? '', /\bon\b/);
    };
    await isBlue(toolbar);
    await page.goto(waylight.origin);
    await isBlue(toolbar);
    await page.reload();
    await isBlue(toolbar);
    const tab = await page.context().newPage();
    await tab.goto(product());
    await isBlue(new Toolbar(tab));
    await tab.close();
    await toolbar.open();
    const entries = await toolbar.entries();
    assert.deepEqual(entries.slice(0, 8), ['View page trace', 'View session traces', 'Run it 5 times', 'Run without cache', 'Arm next interaction', 'Restart tracing session', 'Stop tracing session', 'View previous session traces']);
    assert.match((await toolbar.link('View page trace')) ?? '', /^\/_waylight\/t\/[0-9a-f]{32}$/);
    await page.keyboard.press('Escape');
  });

  test('Restart gives a new session, Stop ends it at once in every tab', async () => {
    const session = async () => {
      await toolbar.open();
      const path = await toolbar.link('View session traces');
      await page.keyboard.press('Escape');
      return path;
    };
    const first = await session();
    assert.match(first ?? '', /^\/_waylight\/logs\?traced=1&session=[0-9a-f]{32}$/);
    await Promise.all([page.waitForEvent('load'), toolbar.choose('Restart tracing session')]);
    await toolbar.until('the blue bar', async () => /^Tracing/.test(await toolbar.pill()));
    assert.notEqual(await session(), first);

    const other = await page.context().newPage();
    await other.goto(product());
    const there = new Toolbar(other);
    await there.until('the blue bar', async () => /^Tracing/.test(await there.pill()));
    await page.bringToFront();
    await toolbar.click('.pill button:last-child');
    await toolbar.until('the end', async () => /^Tracing session stopped/.test(await toolbar.toast()));
    await idle();
    await there.until('the end in the other tab', async () => / TTFB/.test(await there.pill()));
    await other.close();
    await page.reload();
    await idle();
  });

  test('Run without cache traces the page too', async () => {
    await Promise.all([page.waitForEvent('load'), toolbar.choose('Run without cache')]);
    await toolbar.until('the trace', async () => /^Trace ready/.test(await toolbar.toast()));
  });

  test('five runs tell their times', async () => {
    await toolbar.choose('Run it 5 times');
    await toolbar.until('five runs', async () => /^5 runs of this page First byte: half of them within/.test(await toolbar.toast()));
  });

  test('after signing out there is none', async () => {
    await page.goto(`${waylight.origin}/_waylight/plain`);
    await press(page, /^sign out/i);
    await page.goto(product());
    assert.equal(await toolbar.exists(), 0);
  });
});

describe('caching, validators and what a stranger gets', () => {
  const PAGE = '<!doctype html><html><head><title>a</title></head><body>text</body></html>';
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Visitor} */ let visitor;

  before(async () => {
    upstream = await Upstream.start({
      '*': (request, response) => {
        const fields = { 'content-type': 'text/html', etag: '"1"', 'cache-control': 'max-age=60', 'content-security-policy': "script-src 'none'", vary: 'accept' };
        if (request.headers['if-none-match'] === '"1"') response.writeHead(304, fields).end();
        else if (request.url === '/skipped') response.writeHead(200, { ...fields, 'waylight-toolbar': 'off' }).end(PAGE);
        else response.writeHead(200, fields).end(PAGE);
      },
    });
    waylight = await Waylight.run(configuration({ upstream: upstream.url }));
    visitor = new Visitor(waylight.origin);
  });

  after(async () => {
    await waylight?.stop();
    upstream?.stop();
  });

  /** @param {Visitor} who @param {string} path @param {Record<string, string>} [headers] */
  const ask = (who, path, headers = {}) => who.get(path, { 'sec-fetch-dest': 'document', ...headers });

  test('a stranger gets what the upstream sent, before and after somebody was there', async () => {
    const stranger = () => ask(new Visitor(waylight.origin), '/');
    const before = await stranger();
    assert.equal(before.text, PAGE);
    assert.equal(before.headers['etag'], '"1"');
    assert.equal(before.headers['cache-control'], 'max-age=60');
    assert.equal(before.headers['content-security-policy'], "script-src 'none'");
    await visitor.signIn(await waylight.link());
    assert.match((await ask(visitor, '/')).text, /<head><script async /);
    const after = await stranger();
    assert.deepEqual({ ...after.headers, date: '' }, { ...before.headers, date: '' });
    assert.equal(after.text, PAGE);
    assert.equal((await ask(new Visitor(waylight.origin), '/', { 'if-none-match': '"1"' })).status, 304);
  });

  test('somebody signed in gets a page of his own, whatever he had before', async () => {
    const answer = await ask(visitor, '/', { 'if-none-match': '"1"' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['etag'], undefined);
    assert.equal(answer.headers['cache-control'], 'private, no-cache');
    assert.match(String(answer.headers['content-security-policy']), /^script-src http:\/\/127\.0\.0\.1:\d+\/_waylight\/assets\/(?:[0-9a-f]+|live)\/toolbar\/$/);
    for (const dest of ['iframe', 'empty', 'image']) {
      assert.equal((await visitor.get('/', { 'sec-fetch-dest': dest })).text, PAGE, dest);
    }
    assert.equal((await ask(visitor, '/skipped')).text, PAGE);
  });

  test('after signing out, validators count again', async () => {
    await visitor.submit('/_waylight/plain', /^sign out/i);
    const answer = await ask(visitor, '/');
    assert.equal(answer.text, PAGE);
    assert.equal(answer.headers['etag'], '"1"');
    assert.equal((await ask(visitor, '/', { 'if-none-match': '"1"' })).status, 304);
  });
});
